// SPDX-License-Identifier: Apache-2.0
// Which ids tenants and tunnels have.
#ifndef RAMPART_CONTROLLER_STORE_IDS_H_
#define RAMPART_CONTROLLER_STORE_IDS_H_

#include <cstdint>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "controller/model/resources.h"

namespace rampart {

// The id of every name that ever had one: 1, 2, 3, ... in the order in which
// they came. A name keeps its id after its object is gone: an apply that has
// to be taken back must find what live flows still say.
struct Ids {
  absl::flat_hash_map<std::string, uint32_t> tenants;
  // (tenant, tunnel).
  absl::flat_hash_map<std::pair<std::string, std::string>, uint32_t> tunnels;
};

// Fills in all ids of `resources`; names that have none get the next ones.
// Errors: ResourceExhausted.
absl::Status AssignIds(Resources& resources, Ids& ids);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_STORE_IDS_H_

// SPDX-License-Identifier: Apache-2.0
// Which ids tenants and tunnels have.
#ifndef RAMPART_CONTROLLER_STORE_IDS_H_
#define RAMPART_CONTROLLER_STORE_IDS_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
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

// A name that got its id just now.
struct NewId {
  std::string tenant;
  std::string tunnel;  // empty: the tenant's own
  uint32_t id = 0;
};

// Fills in all ids of `resources`; names that have none get the next ones,
// which are added to `ids` and returned. Tenants that `known` shares have their
// ids. Errors: ResourceExhausted, and `ids` is as before.
absl::StatusOr<std::vector<NewId>> AssignIds(Resources& resources,
                                             const Resources& known, Ids& ids);

// As if they had not been given.
void TakeBack(const std::vector<NewId>& given, Ids& ids);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_STORE_IDS_H_

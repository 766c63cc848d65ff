// SPDX-License-Identifier: Apache-2.0
// Which ids tenants and tunnels get.
#ifndef RAMPART_CONTROLLER_STORE_IDS_H_
#define RAMPART_CONTROLLER_STORE_IDS_H_

#include <cstdint>

#include "absl/status/status.h"
#include "controller/model/resources.h"

namespace rampart {

// The lowest ids that were never given to anything.
struct NextIds {
  int64_t tenant = 1;
  int64_t tunnel = 1;
};

// Gives each tenant and tunnel of `to` the id that its namesake has in `from`,
// or the next one. A name that went away and comes back gets a new id: flows
// of its earlier life may still name the old one. Errors: ResourceExhausted.
absl::Status AssignIds(const Resources& from, Resources& to, NextIds& next);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_STORE_IDS_H_

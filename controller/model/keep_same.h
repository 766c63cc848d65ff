// SPDX-License-Identifier: Apache-2.0
#ifndef RAMPART_CONTROLLER_MODEL_KEEP_SAME_H_
#define RAMPART_CONTROLLER_MODEL_KEEP_SAME_H_

#include <string>

#include "absl/container/flat_hash_map.h"
#include "controller/model/resources.h"

namespace rampart {

// Takes over from `old` each tenant that is equal, so that a file in which one
// tenant differs changes one tenant.
inline void KeepSame(const Resources& old, Resources& resources) {
  absl::flat_hash_map<std::string, const Shared<Tenant>*> known;
  for (const Shared<Tenant>& tenant : old.tenants)
    known.emplace(tenant->name, &tenant);
  for (Shared<Tenant>& tenant : resources.tenants) {
    const auto it = known.find(tenant->name);
    if (it != known.end() && *it->second == tenant) tenant = *it->second;
  }
}

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_MODEL_KEEP_SAME_H_

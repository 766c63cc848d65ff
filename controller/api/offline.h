// SPDX-License-Identifier: Apache-2.0
// The documents of the API without a controller: of the resources as they are
// stored, and of flows, NAT mappings, devices and status as the pinned maps
// tell them. Same schemas; what only the controller knows is null.
#ifndef RAMPART_CONTROLLER_API_OFFLINE_H_
#define RAMPART_CONTROLLER_API_OFFLINE_H_

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"
#include "controller/api/http.h"
#include "controller/api/json.h"
#include "controller/dataplane/offline.h"
#include "controller/store/store.h"

namespace rampart {

struct OfflineInput {
  std::string_view edge;
  // Null: not readable. Without resources, vnets and tunnels are shown by
  // their numbers.
  const MapReader* maps = nullptr;
  const StoredResources* state = nullptr;
  uint32_t now = 0;  // tick
};

// What GET path?query would answer. Errors: as the API; Unavailable if what it
// needs is null; FailedPrecondition for a path that needs the controller.
absl::StatusOr<Json> OfflineDocument(const OfflineInput& input,
                                     std::string_view path, const Query& query);

// Whether the answer is made of the state file, not of the maps.
bool NeedsState(std::string_view path);

// Parts of it.
absl::StatusOr<Json> OfflineFlows(const OfflineInput& input,
                                  const Query& query);
absl::StatusOr<Json> OfflineNatSessions(const OfflineInput& input,
                                        const Query& query);
absl::StatusOr<Json> OfflineDevices(const OfflineInput& input);
absl::StatusOr<Json> OfflineStatus(const OfflineInput& input);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_API_OFFLINE_H_

// SPDX-License-Identifier: Apache-2.0
// Maps and drop counters as documents. They need the pins only, so xdpctl
// makes the same ones when no controller runs.
#ifndef RAMPART_CONTROLLER_API_MAPS_H_
#define RAMPART_CONTROLLER_API_MAPS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "controller/api/json.h"
#include "controller/dataplane/offline.h"

namespace rampart {

// Every map: name, types of key and value, entries in use, capacity.
absl::StatusOr<Json> MapListDocument(const MapReader& maps, uint32_t now);

// The part of GET /v1/counters that is about maps, for when there is no
// controller: entries are counted, and nobody knows what was refused.
absl::StatusOr<Json> MapPressureDocument(const MapReader& maps, uint32_t now);

// The entries of one map, at most `limit`; "truncated" tells if there are
// more. now: tick, for idle times. Errors: NotFound that lists the maps.
absl::StatusOr<Json> MapDumpDocument(const MapReader& maps,
                                     std::string_view name, size_t limit,
                                     uint32_t now);

// Drops per device and reason, and those of the slow path, device "slow-path".
// all: also reasons that were never counted.
absl::StatusOr<Json> DropsDocument(const MapReader& maps, bool all);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_API_MAPS_H_

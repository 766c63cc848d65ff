// SPDX-License-Identifier: Apache-2.0
// A scene as the tables of the real data plane.
#ifndef RAMPART_PERF_TRAFFIC_TABLES_H_
#define RAMPART_PERF_TRAFFIC_TABLES_H_

#include <cstdint>

#include "absl/status/status.h"
#include "controller/dataplane/data_plane.h"
#include "perf/traffic/scene.h"

namespace rampart::perf {

inline constexpr uint32_t kTunnelIn = 10;   // where packets come on
inline constexpr uint32_t kTunnelOut = 11;  // where they leave, if not plain

// Device slots, and whether packets leave to a tenant's own network.
struct Ways {
  uint32_t slot_in = 0, slot_out = 0;
  bool access_out = false;
};

// Writes everything but the flows: configuration, peers, grants, addresses,
// next hops there and back.
absl::Status WriteTables(const Maps& maps, const Scene& scene,
                         const Ways& ways);

// Writes both entries of every flow of the scene.
absl::Status WriteFlows(const Maps& maps, const Scene& scene, const Ways& ways);

}  // namespace rampart::perf

#endif  // RAMPART_PERF_TRAFFIC_TABLES_H_

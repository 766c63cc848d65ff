// SPDX-License-Identifier: Apache-2.0
// rp_slow_drops: packets that the controller was handed and dropped.
#ifndef RAMPART_CONTROLLER_FLOW_SLOW_DROPS_H_
#define RAMPART_CONTROLLER_FLOW_SLOW_DROPS_H_

#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "controller/dataplane/map.h"
#include "maps/outcomes.h"

namespace rampart {

// Counts here and writes the map now and then: the map's only writer.
class SlowDrops {
 public:
  // map: outlives this.
  explicit SlowDrops(const Map<uint32_t, rp_counter>& map) : map_(map) {}

  // Goes on counting where an earlier run stopped.
  absl::Status Load();
  // ip_length: of the packet, bytes.
  void Count(rp_outcome reason, size_t ip_length);
  absl::Status Flush();
  // Packets since the start of this run.
  uint64_t counted() const { return counted_; }

 private:
  const Map<uint32_t, rp_counter>& map_;
  std::array<rp_counter, RP_OUTCOME_COUNT> counters_ = {};
  std::bitset<RP_OUTCOME_COUNT> changed_;
  uint64_t counted_ = 0;
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_FLOW_SLOW_DROPS_H_

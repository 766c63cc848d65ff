// SPDX-License-Identifier: Apache-2.0
// Packets that the controller was handed and dropped: rp_slow_drops,
// rp_slow_tenants, and the last ones of each reason in rp_slow_samples.
#ifndef RAMPART_CONTROLLER_FLOW_SLOW_DROPS_H_
#define RAMPART_CONTROLLER_FLOW_SLOW_DROPS_H_

#include <array>
#include <bitset>
#include <cstdint>
#include <source_location>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/types/span.h"
#include "controller/base/clock.h"
#include "controller/dataplane/data_plane.h"
#include "maps/outcomes.h"

namespace rampart {

// Counts here and writes the maps now and then: their only writer.
class SlowDrops {
 public:
  // Both outlive this.
  SlowDrops(const SlowMaps& maps, const Clock& clock)
      : maps_(maps), clock_(clock) {}

  // Goes on counting where an earlier run stopped.
  absl::Status Load();
  // packet: from its IP header on. where: what is shown as the place of the
  // drop. Cost: some 10 ns, and a copy of 128 bytes for the first few of a
  // reason between two Flush().
  void Count(rp_outcome reason, const rp_punt& punt,
             absl::Span<const uint8_t> packet,
             std::source_location where = std::source_location::current());
  absl::Status Flush();
  // Packets since the start of this run.
  uint64_t counted() const { return counted_; }

 private:
  struct Reason {
    rp_counter counter = {};
    rp_drop_ring ring = {};
    int kept = 0;  // samples since Flush()
  };
  void Keep(Reason& of, const rp_punt& punt, absl::Span<const uint8_t> packet,
            const std::source_location& where) const;

  const SlowMaps& maps_;
  const Clock& clock_;
  std::array<Reason, RP_OUTCOME_COUNT> reasons_ = {};
  std::bitset<RP_OUTCOME_COUNT> changed_;
  struct Tenant {
    rp_counter counter = {};
    bool changed = false;
  };
  absl::flat_hash_map<std::pair<uint32_t, uint32_t>, Tenant>
      tenants_;  // by tenant and reason
  uint64_t counted_ = 0;
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_FLOW_SLOW_DROPS_H_

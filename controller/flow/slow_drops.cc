// SPDX-License-Identifier: Apache-2.0
#include "controller/flow/slow_drops.h"

#include <net/ethernet.h>

#include "controller/base/status.h"

namespace rampart {

absl::Status SlowDrops::Load() {
  return map_.ForEach([&](uint32_t reason, const rp_counter& counter) {
    if (reason < counters_.size()) counters_[reason] = counter;
  });
}

void SlowDrops::Count(rp_outcome reason, size_t ip_length) {
  ++counters_[reason].packets;
  counters_[reason].bytes += ip_length + ETHER_HDR_LEN;
  changed_.set(reason);
  ++counted_;
}

absl::Status SlowDrops::Flush() {
  if (changed_.none()) return absl::OkStatus();
  for (uint32_t reason = 0; reason < counters_.size(); ++reason) {
    if (!changed_[reason]) continue;
    RETURN_IF_ERROR(map_.Put(reason, counters_[reason]));
    changed_.reset(reason);
  }
  return absl::OkStatus();
}

}  // namespace rampart

// SPDX-License-Identifier: Apache-2.0
// How many punts each tenant may have, so that one that starts flows as fast
// as it can gets what the others leave, and no more.
#ifndef RAMPART_CONTROLLER_FLOW_PUNT_SHARE_H_
#define RAMPART_CONTROLLER_FLOW_PUNT_SHARE_H_

#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"

namespace rampart {

// The largest limit with which the sum of min(demand, limit) is at most
// `capacity`. Whoever has `limit_before` or more may have been stopped by it,
// and is taken to want anything.
uint32_t FairLimit(std::vector<uint32_t> demands, uint32_t limit_before,
                   uint32_t capacity);

// Counts punts by tenant, learns what one costs, and says what the limit of
// every tenant is. Without a clock: time comes in from outside.
class PuntShare {
 public:
  // Punts a tick that every tenant may have in any case: 30 000 a second.
  static constexpr uint32_t kLimitMin = 512;

  void Count(uint32_t tenant) { ++punts_[tenant]; }
  // How long the punts took that were counted since.
  void AddTime(absl::Duration busy) { busy_ += busy; }
  // Punts a tick that a tenant may have from now on. `ticks` since the last
  // call, at least 1.
  uint32_t Next(uint32_t ticks);

 private:
  absl::flat_hash_map<uint32_t, uint32_t> punts_;  // by tenant, since Next()
  absl::Duration busy_;                            // the same
  absl::Duration cost_ = absl::Microseconds(2);    // of a punt
  uint32_t limit_ = kLimitMin;
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_FLOW_PUNT_SHARE_H_

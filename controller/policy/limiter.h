// SPDX-License-Identifier: Apache-2.0
// What flows of one rule may do together, and those of one source address.
#ifndef RAMPART_CONTROLLER_POLICY_LIMITER_H_
#define RAMPART_CONTROLLER_POLICY_LIMITER_H_

#include <cstdint>
#include <optional>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "controller/base/ip.h"
#include "controller/model/resources.h"

namespace rampart {

// A rate is a bucket of tokens for one second.
class Limiter {
 public:
  enum class Verdict { kGranted, kRate, kConcurrent };

  // From now on. What is counted stays.
  void Use(const PolicyLimits& limits) { limits_ = limits; }

  // Whether a flow may begin. Flows that were granted and have not begun count
  // as such as long as `now` stays the same: they begin before it moves, or
  // not at all. again: a flow that was granted before, and had to wait.
  Verdict Ask(const IpAddress& source, absl::Time now, bool again);
  // tick: when it began.
  void Begin(const IpAddress& source, uint32_t tick);
  void End(const IpAddress& source, uint32_t tick);

  uint64_t flows() const { return all_.flows; }
  size_t sources() const { return sources_.size(); }

 private:
  struct Count {
    uint32_t flows = 0;
    uint32_t granted = 0;  // at `asked`, and not begun
    double tokens = 0;
    absl::Time asked = absl::InfinitePast();
  };
  static Verdict Check(Count& count, uint32_t rate, uint32_t concurrent,
                       absl::Time now, bool again);
  static void Take(Count& count, uint32_t rate, bool again);
  bool by_source() const {
    return limits_.source_rate != 0 || limits_.source_concurrent != 0;
  }
  // Forgets sources that are as if they had never been there.
  void Prune(absl::Time now);

  PolicyLimits limits_;
  Count all_;
  absl::flat_hash_map<IpAddress, Count> sources_;
  size_t prune_at_ = 1024;
  // Ticks since which flows are counted: who began before is not in it.
  std::optional<uint32_t> counted_;
  std::optional<uint32_t> sources_counted_;
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_POLICY_LIMITER_H_

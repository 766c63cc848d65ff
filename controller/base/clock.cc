// SPDX-License-Identifier: Apache-2.0
#include "controller/base/clock.h"

#include <time.h>

#include <algorithm>

#include "absl/time/clock.h"
#include "maps/realm.h"

namespace rampart {
namespace {

constexpr int64_t kTickNanoseconds = int64_t{1} << RP_TICK_SHIFT;

class RealClock final : public Clock {
 public:
  uint32_t Tick() const override {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return static_cast<uint32_t>(
        (uint64_t{1000000000} * now.tv_sec + now.tv_nsec) >> RP_TICK_SHIFT);
  }
  absl::Time Now() const override { return absl::Now(); }
};

}  // namespace

const Clock& Clock::Real() {
  static const RealClock clock;
  return clock;
}

uint32_t ToTicks(absl::Duration duration) {
  // Clamped before any arithmetic: a duration may be infinite.
  const int64_t ns = std::clamp<int64_t>(absl::ToInt64Nanoseconds(duration), 1,
                                         kTickNanoseconds << 31);
  return static_cast<uint32_t>((ns + kTickNanoseconds - 1) / kTickNanoseconds);
}

absl::Duration FromTicks(uint32_t ticks) {
  return absl::Nanoseconds(kTickNanoseconds * ticks);
}

}  // namespace rampart

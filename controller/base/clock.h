// SPDX-License-Identifier: Apache-2.0
// Time comes in from outside, so that a test can move it.
#ifndef RAMPART_CONTROLLER_BASE_CLOCK_H_
#define RAMPART_CONTROLLER_BASE_CLOCK_H_

#include <cstdint>

#include "absl/time/time.h"

namespace rampart {

class Clock {
 public:
  virtual ~Clock() = default;
  // Ticks of maps/realm.h (2^24 ns of CLOCK_MONOTONIC_COARSE), the clock of
  // every time stamp in maps. Wraps: subtract unsigned.
  virtual uint32_t Tick() const = 0;
  // Wall-clock time, for people and logs.
  virtual absl::Time Now() const = 0;

  // The kernel's clocks.
  static const Clock& Real();
};

// Ticks in `duration`, rounded up; at least 1, at most 2^31 (ages are told from
// wrapped differences).
uint32_t ToTicks(absl::Duration duration);
absl::Duration FromTicks(uint32_t ticks);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_BASE_CLOCK_H_

// SPDX-License-Identifier: Apache-2.0
#include "controller/base/clock.h"

#include <gtest/gtest.h>

namespace rampart {
namespace {

constexpr absl::Duration kTick = absl::Nanoseconds(1 << 24);

TEST(ClockTest, TicksAreRoundedUp) {
  EXPECT_EQ(ToTicks(kTick), 1u);
  EXPECT_EQ(ToTicks(kTick + absl::Nanoseconds(1)), 2u);
  EXPECT_EQ(ToTicks(absl::Seconds(300)), 17882u);
}

TEST(ClockTest, NoDurationIsLessThanATickOrMoreThanHalfTheCounter) {
  EXPECT_EQ(ToTicks(absl::ZeroDuration()), 1u);
  EXPECT_EQ(ToTicks(-absl::InfiniteDuration()), 1u);
  EXPECT_EQ(ToTicks(absl::InfiniteDuration()), uint32_t{1} << 31);
}

TEST(ClockTest, TicksBecomeTheirDurationAgain) {
  for (const uint32_t ticks : {1u, 2u, 17882u, uint32_t{1} << 31})
    EXPECT_EQ(ToTicks(FromTicks(ticks)), ticks);
}

TEST(ClockTest, TheRealClockMovesForward) {
  const uint32_t start = Clock::Real().Tick();
  const absl::Time wall = Clock::Real().Now();
  const absl::Time deadline = wall + absl::Seconds(10);
  while (Clock::Real().Tick() == start)
    ASSERT_LT(Clock::Real().Now(), deadline);
  EXPECT_LT(Clock::Real().Tick() - start, 1000u);
}

}  // namespace
}  // namespace rampart

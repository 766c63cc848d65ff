// SPDX-License-Identifier: Apache-2.0
#include "controller/policy/limiter.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace rampart {
namespace {

using Verdict = Limiter::Verdict;

IpAddress Host(int i) {
  return IpAddress::Parse(absl::StrCat("fd00::", absl::Hex(i + 1))).value();
}

class LimiterTest : public testing::Test {
 protected:
  // How many of `count` flows begin.
  int Begin(int count, const IpAddress& source = Host(0)) {
    int begun = 0;
    for (int i = 0; i < count; ++i) {
      if (limiter_.Ask(source, now_, false) != Verdict::kGranted) continue;
      limiter_.Begin(source, tick_);
      ++begun;
    }
    return begun;
  }
  void Pass(absl::Duration time) {
    now_ += time;
    tick_ += 60 * absl::ToDoubleSeconds(time);
  }

  Limiter limiter_;
  absl::Time now_ = absl::FromUnixSeconds(1700000000);
  uint32_t tick_ = 0xfffffff0;  // wraps on the way
};

TEST_F(LimiterTest, WithoutLimitsEverythingBeginsAndIsCounted) {
  EXPECT_EQ(Begin(1000), 1000);
  EXPECT_EQ(limiter_.flows(), 1000u);
}

TEST_F(LimiterTest, ARateIsWhatBeginsInASecond) {
  limiter_.Use({.rate = 10});
  EXPECT_EQ(Begin(1000), 10);
  EXPECT_EQ(limiter_.Ask(Host(1), now_, false), Verdict::kRate);
  Pass(absl::Milliseconds(500));
  EXPECT_EQ(Begin(1000), 5);
  Pass(absl::Hours(1));
  EXPECT_EQ(Begin(1000), 10);
  Pass(-absl::Hours(1));  // the clock was set back
  EXPECT_EQ(Begin(1000), 0);
}

TEST_F(LimiterTest, ASourceHasItsOwnRate) {
  limiter_.Use({.rate = 15, .source_rate = 10});
  EXPECT_EQ(Begin(1000, Host(0)), 10);
  EXPECT_EQ(Begin(1000, Host(1)), 5);  // those are all for this second
}

TEST_F(LimiterTest, AsManyLiveAsMay) {
  limiter_.Use({.concurrent = 3, .source_concurrent = 2});
  EXPECT_EQ(Begin(9, Host(0)), 2);
  EXPECT_EQ(Begin(9, Host(1)), 1);
  EXPECT_EQ(limiter_.Ask(Host(2), now_, false), Verdict::kConcurrent);
  limiter_.End(Host(0), tick_);
  EXPECT_EQ(Begin(9, Host(0)), 1);
}

// Many are decided about before the first of them is written.
TEST_F(LimiterTest, FlowsOfOneMomentCountBeforeTheyBegin) {
  limiter_.Use({.concurrent = 3, .source_concurrent = 2});
  const auto ask = [&](int host) {
    return limiter_.Ask(Host(host), now_, false);
  };
  EXPECT_EQ(ask(0), Verdict::kGranted);
  EXPECT_EQ(ask(0), Verdict::kGranted);
  EXPECT_EQ(ask(0), Verdict::kConcurrent);
  EXPECT_EQ(ask(1), Verdict::kGranted);
  EXPECT_EQ(ask(1), Verdict::kConcurrent);
  Pass(absl::Milliseconds(1));  // none of them has begun
  EXPECT_EQ(ask(0), Verdict::kGranted);
}

TEST_F(LimiterTest, WhoHadToWaitPaysNoRateTwiceButMustStillFit) {
  limiter_.Use({.rate = 1, .concurrent = 1});
  EXPECT_EQ(limiter_.Ask(Host(0), now_, false), Verdict::kGranted);
  Pass(absl::Milliseconds(1));
  EXPECT_EQ(limiter_.Ask(Host(0), now_, true), Verdict::kGranted);
  EXPECT_EQ(limiter_.Ask(Host(0), now_, true), Verdict::kConcurrent);
}

TEST_F(LimiterTest, FlowsFromBeforeTheCountAreNotTakenOffIt) {
  const uint32_t before = tick_;
  Pass(absl::Seconds(1));
  limiter_.Use({.concurrent = 2});
  EXPECT_EQ(Begin(2), 2);
  limiter_.End(Host(0), before);
  EXPECT_EQ(limiter_.flows(), 2u);
  // Sources are counted from here on.
  limiter_.Use({.source_concurrent = 1});
  Pass(absl::Seconds(1));
  EXPECT_EQ(Begin(2), 1);
  limiter_.End(Host(0), before + 60);
  EXPECT_EQ(Begin(2), 0);
}

TEST_F(LimiterTest, SourcesThatAreGoneTakeNoMemory) {
  limiter_.Use({.source_rate = 5});
  for (int i = 0; i < 50000; ++i) {
    Pass(absl::Milliseconds(10));
    limiter_.Ask(Host(i), now_, false);
  }
  EXPECT_LT(limiter_.sources(), 3000u);
}

}  // namespace
}  // namespace rampart

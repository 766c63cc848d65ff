// SPDX-License-Identifier: Apache-2.0
#include "controller/flow/punt_share.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace rampart {
namespace {

constexpr uint32_t kNoLimit = UINT32_MAX;

TEST(FairLimitTest, OneTenantMayHaveEverything) {
  EXPECT_EQ(FairLimit({}, 500, 1000), 1000u);
  EXPECT_EQ(FairLimit({100}, 500, 1000), 1000u);
  EXPECT_EQ(FairLimit({500}, 500, 1000), 1000u);  // stopped by the limit
  EXPECT_EQ(FairLimit({5000}, kNoLimit, 1000), 1000u);
}

TEST(FairLimitTest, WhoFloodsGetsWhatOthersLeave) {
  EXPECT_EQ(FairLimit({5000, 100}, kNoLimit, 1000), 900u);
  EXPECT_EQ(FairLimit({5000, 100, 8000}, kNoLimit, 1000), 450u);
  EXPECT_EQ(FairLimit({5000, 5000, 5000, 5000}, kNoLimit, 1000), 250u);
}

// The definition, tried out: the demands that are met fit, and with one more
// they would not.
TEST(FairLimitTest, IsTheLargestThatFits) {
  std::mt19937 random(1);
  for (int i = 0; i < 2000; ++i) {
    std::vector<uint32_t> demands(1 + random() % 6);
    for (uint32_t& demand : demands) demand = random() % 1000;
    const uint32_t capacity = 1 + random() % 2000;
    const auto met = [&](uint32_t limit) {
      uint64_t sum = 0;
      for (const uint32_t demand : demands) sum += std::min(demand, limit);
      return sum;
    };
    const uint32_t limit = FairLimit(demands, kNoLimit, capacity);
    ASSERT_LE(met(limit), capacity);
    if (met(kNoLimit) > capacity) {
      ASSERT_GT(met(limit + 1), capacity);
    }
  }
}

// One tick in which tenants ask for so much and each punt takes `cost`.
uint32_t Tick(PuntShare& share, uint32_t limit,
              const std::vector<uint32_t>& demands,
              absl::Duration cost = absl::Microseconds(1)) {
  uint32_t total = 0;
  for (uint32_t tenant = 0; tenant < demands.size(); ++tenant) {
    const uint32_t punts = std::min(demands[tenant], limit);
    for (uint32_t i = 0; i < punts; ++i) share.Count(tenant);
    total += punts;
  }
  share.AddTime(total * cost);
  return share.Next(1);
}

TEST(PuntShareTest, AFloodIsLimitedToWhatThisControllerCanDo) {
  PuntShare share;
  uint32_t limit = share.Next(1);
  for (int i = 0; i < 50; ++i) limit = Tick(share, limit, {1'000'000});
  EXPECT_NEAR(limit, 0.75 * 16777, 100);
  for (int i = 0; i < 50; ++i)
    limit = Tick(share, limit, {1'000'000}, absl::Microseconds(4));
  EXPECT_NEAR(limit, 0.75 * 16777 / 4, 100);
}

TEST(PuntShareTest, AnotherTenantGetsThroughAFlood) {
  PuntShare share;
  uint32_t limit = share.Next(1);
  for (int i = 0; i < 50; ++i) limit = Tick(share, limit, {1'000'000, 3000});
  EXPECT_GT(limit, 3000u);
  EXPECT_NEAR(limit, 0.75 * 16777 - 3000, 100);
  for (int i = 0; i < 50; ++i)
    limit = Tick(share, limit, {1'000'000, 1'000'000, 3000});
  EXPECT_NEAR(limit, (0.75 * 16777 - 3000) / 2, 100);
}

TEST(PuntShareTest, AFewSlowPuntsTeachNothing) {
  PuntShare share;
  const uint32_t before = share.Next(1);
  EXPECT_EQ(Tick(share, before, {10}, absl::Milliseconds(1)), before);
  EXPECT_GE(before, PuntShare::kLimitMin);
}

}  // namespace
}  // namespace rampart

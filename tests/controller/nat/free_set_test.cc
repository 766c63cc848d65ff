// SPDX-License-Identifier: Apache-2.0
#include "controller/nat/free_set.h"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <vector>

namespace rampart {
namespace {

TEST(FreeSetTest, TakesTheNthSmallestMemberLikeASortedSet) {
  std::mt19937 random(1);
  for (const uint32_t size : {1u, 63u, 64u, 65u, 126u, 512u, 1000u, 65536u}) {
    FreeSet set(size);
    std::set<uint32_t> model;
    for (uint32_t i = 0; i < size; ++i) model.insert(i);
    for (uint32_t i = 0; i < 1000; ++i) {
      if (!model.empty() && random() % 3 != 0) {
        const uint32_t nth = random() % model.size();
        const auto expected = std::next(model.begin(), nth);
        ASSERT_EQ(set.TakeNth(nth), *expected) << "size " << size;
        model.erase(expected);
      } else {
        const uint32_t number = random() % size;
        if (model.insert(number).second) set.Return(number);
        ASSERT_TRUE(set.Take(number));
        ASSERT_FALSE(set.Take(number));
        model.erase(number);
      }
      ASSERT_EQ(set.count(), model.size());
    }
  }
}

TEST(FreeSetTest, EveryMemberCanBeTakenAndReturned) {
  FreeSet set(65);
  for (int i = 0; i < 65; ++i) set.TakeNth(set.count() - 1);
  EXPECT_EQ(set.count(), 0u);
  for (uint32_t i = 0; i < 65; ++i) {
    EXPECT_FALSE(set.complete());
    set.Return(i);
  }
  EXPECT_TRUE(set.complete());
}

TEST(FreeSetDeathTest, ReturningWhatIsFreeIsABrokenInvariant) {
  FreeSet set(8);
  EXPECT_DEATH(set.Return(3), "broken invariant");
  EXPECT_DEATH(set.Take(8), "broken invariant");
}

}  // namespace
}  // namespace rampart

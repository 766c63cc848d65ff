// SPDX-License-Identifier: Apache-2.0
#include "controller/api/http.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rampart {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

TEST(TargetTest, PathAndParametersAreDecoded) {
  const auto target =
      ParseTarget("/v1/x%20y?vnet=acme%2Fa+b&not-src=10.0.0.0%2F8&q&a=1=2&&");
  ASSERT_TRUE(target.ok()) << target.status();
  EXPECT_EQ(target->first, "/v1/x y");
  EXPECT_THAT(target->second, ElementsAre(Pair("vnet", "acme/a b"),
                                          Pair("not-src", "10.0.0.0/8"),
                                          Pair("q", ""), Pair("a", "1=2")));
}

TEST(TargetTest, BrokenTargetsAreRefused) {
  for (const char* target :
       {"", "x", "*", "/%", "/%2", "/%zz", "/x?a=%f", "/x?%=1"})
    EXPECT_FALSE(ParseTarget(target).ok()) << target;
}

TEST(TargetTest, WhatIsFormattedParsesToTheSame) {
  const Query query = {{"a b", "&=?#/%+"}, {"ü", "\x01\xff"}, {"e", ""}};
  const auto target = ParseTarget(FormatTarget("/v1/x", query));
  ASSERT_TRUE(target.ok()) << target.status();
  EXPECT_EQ(target->first, "/v1/x");
  EXPECT_EQ(target->second, query);
}

}  // namespace
}  // namespace rampart

// SPDX-License-Identifier: Apache-2.0
#include "controller/metrics/exposition.h"

#include <gtest/gtest.h>

namespace rampart {
namespace {

TEST(ExpositionTest, AFamilyIsFollowedByItsSamples) {
  Exposition out;
  out.Family("rampart_drops_total", Exposition::Type::kCounter, "Drops.");
  out.Sample({{"id", "RP-PRS-001"}, {"path", "fast"}}, uint64_t{7});
  out.Family("rampart_fill_ratio", Exposition::Type::kGauge, "Fill.");
  out.Sample({}, 0.25);
  out.Sample({{"map", "a"}}, int64_t{-3});
  EXPECT_EQ(out.Take(),
            "# HELP rampart_drops_total Drops.\n"
            "# TYPE rampart_drops_total counter\n"
            "rampart_drops_total{id=\"RP-PRS-001\",path=\"fast\"} 7\n"
            "# HELP rampart_fill_ratio Fill.\n"
            "# TYPE rampart_fill_ratio gauge\n"
            "rampart_fill_ratio 0.25\n"
            "rampart_fill_ratio{map=\"a\"} -3\n");
}

TEST(ExpositionTest, NamesCannotEndALabel) {
  Exposition out;
  out.Family("x", Exposition::Type::kGauge, "X.");
  out.Sample({{"name", "a\"b\\c\nd"}}, uint64_t{UINT64_MAX});
  EXPECT_TRUE(out.Take().ends_with(
      "x{name=\"a\\\"b\\\\c\\nd\"} 18446744073709551615\n"));
}

}  // namespace
}  // namespace rampart

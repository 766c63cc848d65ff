// SPDX-License-Identifier: Apache-2.0
#include "tools/xdpctl/rates.h"

#include <gtest/gtest.h>

namespace rampart::xdpctl {
namespace {

Json Counters(int forwarded, int entries) {
  const Json none = {{"packets", 0}, {"bytes", 0}};
  return {
      {"devices",
       {{{"name", "eth0"},
         {"rx", forwarded},
         {"forwarded", {{"packets", forwarded}, {"bytes", 100 * forwarded}}},
         {"passed", none},
         {"gap", 0}}}},
      {"drops",
       {{{"id", "RP-TUN-001"}, {"device", "eth0"}, {"packets", 5}},
        {{"id", "RP-PRS-001"},
         {"device", "eth0"},
         {"packets", forwarded / 10}}}},
      {"maps",
       {{{"name", "rp_flows4"}, {"entries", entries}, {"capacity", 1000}}}},
      {"cpus", {{{"forwarded", {{"packets", forwarded}}}}}}};
}

TEST(RatesTest, CountersBecomeRates) {
  const Json rows = DeviceRates({Counters(100, 0), Counters(300, 0), 2});
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0]["rx_ps"], 100.0);
  EXPECT_EQ(rows[0]["forwarded_ps"], 100.0);
  EXPECT_EQ(rows[0]["bits_ps"], 80000.0);
  EXPECT_EQ(rows[0]["punted_ps"], 0.0);  // an answer of another version
}

TEST(RatesTest, WhatBeganAnewOrWasNotThereCountsFromZero) {
  EXPECT_EQ(DeviceRates({Counters(500, 0), Counters(40, 0), 1})[0]["rx_ps"],
            40.0);
  EXPECT_EQ(DeviceRates({Json::object(), Counters(40, 0), 1})[0]["rx_ps"],
            40.0);
}

TEST(RatesTest, TheBusiestDropComesFirst) {
  const Json rows = DropRates({Counters(0, 0), Counters(100, 0), 1});
  EXPECT_EQ(rows[0]["id"], "RP-PRS-001");
  EXPECT_EQ(rows[0]["packets_ps"], 10.0);
  EXPECT_EQ(rows[1]["packets_ps"], 0.0);
}

TEST(RatesTest, AMapIsFullWhenTheRestIsUsedUp) {
  const Json rows = MapRates({Counters(0, 100), Counters(0, 200), 2});
  EXPECT_EQ(rows[0]["fill"], 0.2);
  EXPECT_EQ(rows[0]["entries_ps"], 50.0);
  EXPECT_EQ(rows[0]["full_in_s"], 16.0);
  EXPECT_TRUE(MapRates({Counters(0, 200), Counters(0, 100), 2})[0]["full_in_s"]
                  .is_null());
}

TEST(RatesTest, SoftirqsAreAShareOfTheCpu) {
  const Json rows =
      CpuRates({Counters(0, 0), Counters(10, 0), 1},
               "cpu  1 1 1 1 1 1 1 1\ncpu0 10 0 0 80 0 0 10 0 0 0\nintr 1\n",
               "cpu  1 1 1 1 1 1 1 1\ncpu0 20 0 0 120 0 0 60 0 0 0\nintr 1\n");
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0]["softirq"], 50.0);
  EXPECT_EQ(rows[0]["forwarded_ps"], 10.0);
}

}  // namespace
}  // namespace rampart::xdpctl

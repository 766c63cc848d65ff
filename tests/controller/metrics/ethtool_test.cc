// SPDX-License-Identifier: Apache-2.0
#include "controller/dataplane/ethtool.h"

#include <gtest/gtest.h>

#include "tests/controller/dataplane/fixture.h"

namespace rampart {
namespace {

TEST(XdpCountsTest, Mlx5LeavesOutWhatXdpConsumed) {
  const XdpCounts counts = XdpCountsOf({"mlx5_core",
                                        {{"rx_packets", 1000},
                                         {"rx_xdp_drop", 1},
                                         {"rx_xdp_redirect", 20},
                                         {"rx_xdp_tx_xmit", 300},
                                         {"rx_xdp_tx_full", 4000},
                                         {"tx_xdp_full", 7},
                                         {"rx0_xdp_drop", 1},
                                         {"tx0_xdp_full", 7}}});
  EXPECT_EQ(counts.unseen_rx, 4321u);
  EXPECT_EQ(counts.xmit_full, 7u);
}

TEST(XdpCountsTest, QueuesOfVethAreAddedUp) {
  const XdpCounts counts = XdpCountsOf({"veth",
                                        {{"tx_queue_0_xdp_xmit_errors", 3},
                                         {"tx_queue_1_xdp_xmit_errors", 4},
                                         {"tx_queue_1_xdp_xmit", 9},
                                         {"rx_queue_0_xdp_redirect", 9}}});
  EXPECT_EQ(counts.unseen_rx, 0u);
  EXPECT_EQ(counts.xmit_full, 7u);
}

TEST(XdpCountsTest, OtherDriversAreNotGuessedAt) {
  const XdpCounts counts = XdpCountsOf({"other", {{"tx_xdp_full", 3}}});
  EXPECT_EQ(counts.xmit_full, 0u);
}

using EthtoolTest = DataPlaneTest;

TEST_F(EthtoolTest, TheKernelsOwnNamesAreFound) {
  MakeVeth("up0");
  const EthtoolStatistics statistics = ReadEthtool("up0");
  EXPECT_EQ(statistics.driver, "veth");
  bool found = false;
  for (const auto& [name, value] : statistics.counters)
    found |= name.ends_with("_xdp_xmit_errors");
  EXPECT_TRUE(found);
  EXPECT_TRUE(ReadEthtool("nosuch0").driver.empty());
}

}  // namespace
}  // namespace rampart

// SPDX-License-Identifier: Apache-2.0
#include "controller/health/peer_choice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <vector>

namespace rampart {
namespace {

using ::testing::ElementsAre;

constexpr int kFlows = 20000;

Tunnel Weighted(const std::vector<uint32_t>& weights) {
  Tunnel tunnel;
  for (const uint32_t weight : weights) {
    Peer peer;
    peer.weight = weight;
    tunnel.peers.push_back(peer);
  }
  return tunnel;
}

// Of a hundred new flows, how many each peer gets.
std::vector<double> Shares(const Tunnel& tunnel, const std::vector<bool>& up) {
  std::mt19937 random(3);
  std::vector<double> shares(tunnel.peers.size());
  for (int i = 0; i < kFlows; ++i)
    shares[PickPeer(tunnel, static_cast<uint32_t>(random()),
                    [&](uint32_t peer) { return up[peer]; })] += 100.0 / kFlows;
  return shares;
}

testing::Matcher<double> About(double percent) {
  return testing::DoubleNear(percent, 1);
}

TEST(PickPeerTest, TheShareOfAPeerIsItsWeight) {
  EXPECT_THAT(Shares(Weighted({90, 10}), {true, true}),
              ElementsAre(About(90), About(10)));
  EXPECT_THAT(Shares(Weighted({1, 1, 2}), {true, true, true}),
              ElementsAre(About(25), About(25), About(50)));
}

TEST(PickPeerTest, TheOthersShareWhatIsOfADeadOne) {
  EXPECT_THAT(Shares(Weighted({50, 30, 20}), {false, true, true}),
              ElementsAre(0, About(60), About(40)));
}

TEST(PickPeerTest, AWeightOfZeroIsForWantOfOthers) {
  EXPECT_THAT(Shares(Weighted({1, 0, 0}), {true, true, true}),
              ElementsAre(About(100), 0, 0));
  EXPECT_THAT(Shares(Weighted({1, 0, 0}), {false, true, true}),
              ElementsAre(0, About(50), About(50)));
}

TEST(PickPeerTest, IfAllAreDownTheyShareAsIfAllWereUp) {
  EXPECT_THAT(Shares(Weighted({90, 10}), {false, false}),
              ElementsAre(About(90), About(10)));
}

TEST(PickPeerTest, TheEndsOfTheRangeAreOfTheFirstAndTheLast) {
  const Tunnel tunnel = Weighted({1, 1, 1000000});
  const auto all = [](uint32_t) { return true; };
  EXPECT_EQ(PickPeer(tunnel, 0, all), 0u);
  EXPECT_EQ(PickPeer(tunnel, UINT32_MAX, all), 2u);
}

TEST(PeerOrderTest, APeerThatIsUpKeepsItsFlows) {
  const Tunnel tunnel = Weighted({1, 0, 5});
  for (uint32_t first = 0; first < 3; ++first)
    for (uint32_t spread = 0; spread < kSpreads; ++spread)
      EXPECT_EQ(PeerOrder(tunnel, first, spread, [](uint32_t) { return true; })
                    .front(),
                first);
}

TEST(PeerOrderTest, TheFlowsOfADeadPeerAreSharedByWeight) {
  const Tunnel tunnel = Weighted({7, 3, 1, 0});
  std::map<uint32_t, int> heirs;
  for (uint32_t spread = 0; spread < kSpreads; ++spread)
    ++heirs[PeerOrder(tunnel, 0, spread, [](uint32_t peer) {
              return peer != 0;
            }).front()];
  EXPECT_EQ(heirs[1], 6);
  EXPECT_EQ(heirs[2], 2);
  EXPECT_EQ(heirs[3], 0);
}

TEST(PeerOrderTest, IfAllAreDownNothingMoves) {
  const Tunnel tunnel = Weighted({1, 1, 1});
  for (uint32_t first = 0; first < 3; ++first)
    EXPECT_EQ(
        PeerOrder(tunnel, first, 4, [](uint32_t) { return false; }).front(),
        first);
}

// Whatever is up: each peer once, those that are up before those that are not,
// and the flow's own first of its kind.
TEST(PeerOrderTest, IsAPermutationWithTheLivingFirst) {
  std::mt19937 random(5);
  for (int round = 0; round < 5000; ++round) {
    std::vector<uint32_t> weights(1 + random() % 9);
    for (uint32_t& weight : weights) weight = random() % 4;
    const Tunnel tunnel = Weighted(weights);
    const uint32_t alive = random();
    const auto is_up = [&](uint32_t peer) { return (alive >> peer & 1) != 0; };
    const uint32_t first = random() % weights.size();
    const auto order = PeerOrder(tunnel, first, random() % kSpreads, is_up);
    ASSERT_TRUE(std::is_partitioned(order.begin(), order.end(), is_up));
    auto sorted = order;
    std::sort(sorted.begin(), sorted.end());
    for (uint32_t i = 0; i < weights.size(); ++i) ASSERT_EQ(sorted[i], i);
    const auto same = std::find_if(
        order.begin(), order.end(),
        [&](uint32_t peer) { return is_up(peer) == is_up(first); });
    ASSERT_EQ(*same, first);
  }
}

TEST(SpreadTest, TwoPeersNeedNone) {
  EXPECT_EQ(SpreadOf(Weighted({1, 1}), 5), 0u);
  EXPECT_EQ(SpreadOf(Weighted({1, 1, 1}), 5), 5u);
}

}  // namespace
}  // namespace rampart

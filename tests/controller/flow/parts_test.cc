// SPDX-License-Identifier: Apache-2.0
// The small parts of the slow path that need no kernel.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controller/flow/expiry.h"
#include "controller/flow/pending.h"
#include "controller/flow/rate_limit.h"
#include "tests/controller/flow/packets.h"

namespace rampart {
namespace {

constexpr uint8_t Reverse(uint8_t bits) { return bits << RP_TCP_REVERSE; }
constexpr uint16_t kForwardMarks = RP_FLOW_FORWARD << RP_FLOW_KIND_SHIFT;

TEST(ExpiryTest, TcpIsEstablishedOnceBothSidesHaveOpenedAndAcknowledged) {
  struct {
    uint8_t tcp;
    rp_timeout timeout;
  } const cases[] = {
      {0, RP_TIMEOUT_TCP_OPENING},
      {RP_TCP_SYN, RP_TIMEOUT_TCP_OPENING},
      {RP_TCP_SYN | Reverse(RP_TCP_SYN), RP_TIMEOUT_TCP_OPENING},
      {RP_TCP_SYN | RP_TCP_ACK | Reverse(RP_TCP_SYN), RP_TIMEOUT_TCP_OPENING},
      {0x33, RP_TIMEOUT_TCP_ESTABLISHED},
      {0x33 | RP_TCP_FIN, RP_TIMEOUT_TCP_ESTABLISHED},  // half closed
      {0x33 | RP_TCP_FIN | Reverse(RP_TCP_FIN), RP_TIMEOUT_TCP_CLOSING},
      {0x33 | RP_TCP_RST, RP_TIMEOUT_TCP_CLOSING},
      {0x33 | Reverse(RP_TCP_RST), RP_TIMEOUT_TCP_CLOSING},
      {RP_TCP_ACK | Reverse(RP_TCP_ACK), RP_TIMEOUT_TCP_OPENING},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(TimeoutOf(IPPROTO_TCP, kForwardMarks, c.tcp), c.timeout)
        << int{c.tcp};
    EXPECT_EQ(TimeoutOf(IPPROTO_TCP, kForwardMarks, SwapTcp(c.tcp)), c.timeout)
        << int{c.tcp};
  }
}

TEST(ExpiryTest, TheProtocolChoosesTheTimeout) {
  EXPECT_EQ(TimeoutOf(IPPROTO_UDP, kForwardMarks, 0), RP_TIMEOUT_UDP_UNREPLIED);
  EXPECT_EQ(TimeoutOf(IPPROTO_UDP, kForwardMarks, RP_TCP_ACK),
            RP_TIMEOUT_UDP_UNREPLIED);
  EXPECT_EQ(
      TimeoutOf(IPPROTO_UDP, kForwardMarks, RP_TCP_ACK | Reverse(RP_TCP_ACK)),
      RP_TIMEOUT_UDP);
  EXPECT_EQ(TimeoutOf(IPPROTO_UDP, kForwardMarks | RP_FLOW_BRIEF,
                      RP_TCP_ACK | Reverse(RP_TCP_ACK)),
            RP_TIMEOUT_UDP_BRIEF);
  EXPECT_EQ(TimeoutOf(IPPROTO_ICMP, kForwardMarks, 0), RP_TIMEOUT_ICMP);
  EXPECT_EQ(TimeoutOf(IPPROTO_ICMPV6, kForwardMarks, 0), RP_TIMEOUT_ICMP);
  EXPECT_EQ(TimeoutOf(IPPROTO_SCTP, kForwardMarks, 0), RP_TIMEOUT_OTHER);
  EXPECT_EQ(TimeoutOf(IPPROTO_TCP, RP_FLOW_REFUSED << RP_FLOW_KIND_SHIFT, 0x33),
            RP_TIMEOUT_DENIED);
}

TEST(ExpiryTest, IdleTimeSurvivesTheWrapAndAClockAhead) {
  EXPECT_EQ(IdleTicks(5, 0xfffffffe), 7u);
  EXPECT_EQ(IdleTicks(100, 101), 0u);
  EXPECT_EQ(IdleTicks(100, 40), 60u);
}

TEST(RateLimitTest, ABurstIsAllowedAndThenTheRate) {
  RateLimit limit(100, 50);
  int taken = 0;
  for (int i = 0; i < 200; ++i) taken += limit.Take(1001, 1000);
  EXPECT_EQ(taken, 50);
  EXPECT_TRUE(limit.Take(1002, 1000));  // a realm's share is its own
  // 60 ticks are 1.007 s, but a bucket holds 50.
  for (uint32_t tick = 1001; tick <= 1060; ++tick)
    for (int i = 0; i < 10; ++i) taken += limit.Take(1001, tick);
  EXPECT_NEAR(taken, 150, 2);
  taken = 0;
  for (int i = 0; i < 200; ++i) taken += limit.Take(1001, 100000);
  EXPECT_EQ(taken, 50);
}

Pending::Waiting Waiting(uint32_t next_hop, uint16_t port, uint32_t since = 0) {
  Pending::Waiting waiting;
  waiting.next_hop = next_hop;
  waiting.tuple = {
      1001, {Ip("10.1.0.5"), port}, {Ip("10.2.0.5"), 53}, IPPROTO_UDP};
  waiting.packet = {static_cast<uint8_t>(port)};
  waiting.since = since;
  return waiting;
}

std::vector<int> PacketsOf(const std::vector<Pending::Waiting>& taken) {
  std::vector<int> packets;
  for (const Pending::Waiting& waiting : taken)
    packets.push_back(waiting.packet[0]);
  return packets;
}

TEST(PendingTest, PacketsLeaveInOrderWhenTheirNextHopIsReady) {
  Pending pending;
  for (const uint16_t port : {3, 1, 2})
    EXPECT_TRUE(pending.Add(Waiting(7, port)));
  EXPECT_TRUE(pending.Add(Waiting(8, 9)));
  EXPECT_EQ(pending.Find(Waiting(7, 1).tuple)->next_hop, 7u);
  EXPECT_THAT(PacketsOf(pending.TakeReady([](uint32_t i) { return i == 7; })),
              testing::ElementsAre(3, 1, 2));
  EXPECT_EQ(pending.size(), 1u);
  EXPECT_EQ(pending.Find(Waiting(7, 1).tuple), nullptr);
  EXPECT_NE(pending.Find(Waiting(7, 9).tuple), nullptr);
}

TEST(PendingTest, OneNextHopHoldsNoMoreThanItsShare) {
  Pending pending;
  for (size_t i = 0; i < Pending::kPerNextHop; ++i)
    EXPECT_TRUE(pending.Add(Waiting(7, 1)));
  EXPECT_FALSE(pending.Add(Waiting(7, 2)));
  EXPECT_EQ(pending.Find(Waiting(7, 2).tuple), nullptr);
  EXPECT_TRUE(pending.Add(Waiting(8, 2)));
}

TEST(PendingTest, WhatWaitsForARecordHasTheWholeRoom) {
  Pending pending;
  for (size_t i = 0; i < Pending::kRecordTotal; ++i)
    EXPECT_TRUE(pending.Add(Waiting(Pending::kRecord, 1)));
  EXPECT_FALSE(pending.Add(Waiting(Pending::kRecord, 2)));
}

TEST(PendingTest, DatagramsInPartsHaveNoMoreThanTheirMemory) {
  Pending pending;
  Pending::Waiting large = Waiting(Pending::kRecord, 1);
  large.parts.assign(44, std::vector<uint8_t>(1500));
  size_t held = 0;
  while (pending.Add(large)) ++held;
  EXPECT_EQ(held, Pending::kBytes / (44 * 1500 + 1));
  EXPECT_TRUE(pending.Add(Waiting(Pending::kRecord, 2)));
  pending.TakeReady([](uint32_t) { return true; });
  EXPECT_TRUE(pending.Add(large));
}

TEST(PendingTest, WhatWaitedTooLongIsTakenOut) {
  Pending pending;
  pending.Add(Waiting(7, 1, 100));
  pending.Add(Waiting(7, 2, 150));
  EXPECT_THAT(PacketsOf(pending.TakeExpired(201, 100)),
              testing::ElementsAre(1));
  EXPECT_EQ(pending.size(), 1u);
  EXPECT_THAT(PacketsOf(pending.TakeExpired(251, 100)),
              testing::ElementsAre(2));
  EXPECT_EQ(pending.Find(Waiting(7, 2).tuple), nullptr);
}

}  // namespace
}  // namespace rampart

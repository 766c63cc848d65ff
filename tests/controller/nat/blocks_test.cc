// SPDX-License-Identifier: Apache-2.0
// Blocks over time: their rest, their records, and what a new run knows.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/controller/nat/nat_fixture.h"

namespace rampart {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Request = NatAllocator::Request;

class NatBlocksTest : public NatTest {
 protected:
  static NatPoolConfig Resting(int addresses, PortRange ports, uint16_t block) {
    NatPoolConfig pool = Pool(addresses, ports, block);
    pool.rest = absl::Seconds(120);
    return pool;
  }
  // Keeps what is logged; records are durable when a test says so.
  void Log(NatAllocator& nat) {
    nat.log = [this](const BlockEvent& event) -> uint64_t {
      if (log_refuses_) return 0;
      records_.push_back(event);
      return records_.size();
    };
  }
  static BlockEvent Event(bool granted, int host, int outside, uint16_t first,
                          uint16_t last) {
    return {granted,          "default", {1001, Inside(host)},
            Outside(outside), first,     last};
  }
  void TakeAndReturn(NatAllocator& nat, const Request& request) {
    const NatGrant grant = nat.Acquire(request);
    ASSERT_TRUE(grant.ok());
    nat.Release(request, grant.outside);
  }

  std::vector<BlockEvent> records_;
  bool log_refuses_ = false;
};
RP_BOTH_FAMILIES(NatBlocksTest);

// RFC 6888 REQ-8.
TEST_P(NatBlocksTest, AFreedPortRestsBeforeAnotherSubscriberGetsIt) {
  NatAllocator nat = Make({Resting(1, {1024, 1087}, 64)});
  TakeAndReturn(nat, Ask(5, 1));
  EXPECT_EQ(nat.Acquire(Ask(6, 1)).verdict, NatVerdict::kNoBlock);
  clock_.Advance(absl::Milliseconds(119900));
  EXPECT_EQ(nat.Acquire(Ask(6, 1)).verdict, NatVerdict::kNoBlock);
  EXPECT_EQ(nat.Use()[0].addresses[0].resting, 1u);
  clock_.Advance(absl::Milliseconds(200));
  EXPECT_TRUE(nat.Acquire(Ask(6, 1)).ok());
}

TEST_P(NatBlocksTest, ItsLastOwnerHasItBackAtOnceAndRestsAnew) {
  NatAllocator nat = Make({Resting(8, {1024, 2047}, 64)});
  const Endpoint first = nat.Acquire(Ask(5, 1)).outside;
  nat.Release(Ask(5, 1), first);
  for (int i = 0; i < 20; ++i) {
    clock_.Advance(absl::Seconds(100));
    const Endpoint again = nat.Acquire(Ask(5, 1)).outside;
    EXPECT_EQ(again.address, first.address);
    EXPECT_EQ((again.port - 1024) / 64, (first.port - 1024) / 64);
    nat.Release(Ask(5, 1), again);
  }
  EXPECT_EQ(nat.Use()[0].addresses.size(), 8u);
  EXPECT_EQ(nat.Use()[0].subscribers, 1u);
  clock_.Advance(absl::Seconds(119));
  nat.ReleaseRested();
  EXPECT_EQ(nat.Use()[0].subscribers, 1u);
  clock_.Advance(absl::Seconds(2));
  nat.ReleaseRested();
  EXPECT_EQ(nat.Use()[0].subscribers, 0u);
}

// Whoever comes and goes cannot make blocks rest without end.
TEST_P(NatBlocksTest, RestingBlocksCountForTheQuota) {
  NatPoolConfig pool = Resting(1, {1024, 1087}, 2);
  pool.blocks_per_subscriber = 2;
  NatAllocator nat = Make({pool});
  for (int round = 0; round < 50; ++round) {
    std::vector<Endpoint> outsides;
    for (uint16_t port = 1; port <= 4; ++port)
      outsides.push_back(nat.Acquire(Ask(5, port)).outside);
    EXPECT_EQ(nat.Acquire(Ask(5, 5)).verdict, NatVerdict::kQuota);
    for (uint16_t port = 1; port <= 4; ++port)
      nat.Release(Ask(5, port), outsides[port - 1]);
    clock_.Advance(absl::Seconds(1));
  }
  EXPECT_EQ(nat.Use()[0].addresses[0].resting, 2u);
}

TEST_P(NatBlocksTest, ABlockIsUsedOnlyWhenItsRecordIsDurable) {
  NatAllocator nat = Make({Resting(1, {1024, 1087}, 64)});
  Log(nat);
  EXPECT_EQ(nat.Acquire(Ask(5, 1)).verdict, NatVerdict::kLogging);
  EXPECT_EQ(nat.Acquire(Ask(5, 2)).verdict, NatVerdict::kLogging);
  EXPECT_THAT(records_, ElementsAre(Event(true, 5, 1, 1024, 1087)))
      << "one block for both";
  EXPECT_EQ(CountSessions(nat), 0);
  nat.Logged(1);
  EXPECT_TRUE(nat.Acquire(Ask(5, 1)).ok());
  EXPECT_TRUE(nat.Acquire(Ask(5, 2)).ok());
  EXPECT_EQ(records_.size(), 1u);
}

TEST_P(NatBlocksTest, AFurtherBlockWaitsWhileOthersAreUsed) {
  NatAllocator nat = Make({Resting(1, {1024, 1027}, 2)});
  Log(nat);
  nat.Acquire(Ask(5, 1));
  nat.Logged(1);
  EXPECT_TRUE(nat.Acquire(Ask(5, 1)).ok());
  EXPECT_TRUE(nat.Acquire(Ask(5, 2)).ok());
  EXPECT_EQ(nat.Acquire(Ask(5, 3)).verdict, NatVerdict::kLogging);
  EXPECT_TRUE(nat.Acquire(Ask(5, 1)).ok()) << "a mapping that exists";
  EXPECT_TRUE(nat.Acquire(Ask(5, 1, kUdpProtocol)).ok()) << "room in the first";
  nat.Logged(2);
  EXPECT_TRUE(nat.Acquire(Ask(5, 3)).ok());
}

// New flows do not wait for records as long as the log keeps up.
TEST_P(NatBlocksTest, TheNextBlockIsAskedForBeforeTheLastIsFull) {
  NatPoolConfig pool = Resting(1, {1024, 2047}, 256);
  pool.blocks_per_subscriber = 2;
  NatAllocator nat = Make({pool});
  Log(nat);
  EXPECT_EQ(nat.Acquire(Ask(5, 1)).verdict, NatVerdict::kLogging);
  nat.Logged(1);
  for (uint16_t port = 1; port <= 512; ++port) {
    ASSERT_TRUE(nat.Acquire(Ask(5, port)).ok()) << port;
    EXPECT_EQ(records_.size(), port <= 192 ? 1u : 2u) << port;
    nat.Logged(records_.size());
  }
  EXPECT_EQ(nat.Acquire(Ask(5, 513)).verdict, NatVerdict::kQuota);
  EXPECT_EQ(records_.size(), 2u);
}

TEST_P(NatBlocksTest, ABlockThatNobodyCameBackForIsReleased) {
  for (const absl::Duration rest : {absl::ZeroDuration(), absl::Seconds(120)}) {
    NatPoolConfig pool = Pool(1, {1024, 1087}, 64);
    pool.rest = rest;
    NatAllocator nat = Make({pool});
    records_.clear();
    Log(nat);
    nat.Acquire(Ask(5, 1));
    nat.Logged(1);
    nat.ReleaseRested();
    EXPECT_EQ(nat.Use()[0].subscribers, 1u) << "it may still come";
    clock_.Advance(absl::Seconds(121));
    nat.ReleaseRested();
    EXPECT_EQ(nat.Use()[0].subscribers, 0u);
    EXPECT_THAT(records_, ElementsAre(Event(true, 5, 1, 1024, 1087),
                                      Event(false, 5, 1, 1024, 1087)));
  }
}

TEST_P(NatBlocksTest, WithoutRoomInTheLogThereIsNoBlock) {
  NatAllocator nat = Make({Resting(1, {1024, 1087}, 64)});
  Log(nat);
  log_refuses_ = true;
  EXPECT_EQ(nat.Acquire(Ask(5, 1)).verdict, NatVerdict::kNoLog);
  EXPECT_EQ(nat.Use()[0].subscribers, 0u);
  log_refuses_ = false;
  nat.Acquire(Ask(5, 1));
  nat.Logged(1);
  TakeAndReturn(nat, Ask(5, 1));
  // A release is not lost: the block waits for it.
  log_refuses_ = true;
  clock_.Advance(absl::Seconds(121));
  EXPECT_EQ(nat.Acquire(Ask(6, 1)).verdict, NatVerdict::kNoBlock);
  log_refuses_ = false;
  clock_.Advance(absl::Seconds(2));
  EXPECT_EQ(nat.Acquire(Ask(6, 1)).verdict, NatVerdict::kLogging);
  EXPECT_THAT(records_, ElementsAre(Event(true, 5, 1, 1024, 1087),
                                    Event(false, 5, 1, 1024, 1087),
                                    Event(true, 6, 1, 1024, 1087)));
}

TEST_P(NatBlocksTest, OneRecordDoesForASubscriberThatComesAndGoes) {
  NatAllocator nat = Make({Resting(1, {1024, 2047}, 64)});
  Log(nat);
  nat.Acquire(Ask(5, 1));
  nat.Logged(1);
  for (int i = 0; i < 100; ++i) {
    TakeAndReturn(nat, Ask(5, 1));
    clock_.Advance(absl::Seconds(60));
  }
  EXPECT_EQ(records_.size(), 1u);
}

// RFC 6888 REQ-8 after a crash that lost all flows.
TEST_P(NatBlocksTest, BlocksOfAnEarlierRunRestWithTheirSubscribers) {
  NatAllocator nat = Make({Resting(1, {1024, 1151}, 64)});
  Log(nat);
  nat.Restore({Event(true, 5, 1, 1024, 1087), Event(true, 6, 1, 1088, 1151)});
  EXPECT_EQ(nat.Acquire(Ask(7, 1)).verdict, NatVerdict::kNoBlock);
  const Endpoint outside = nat.Acquire(Ask(6, 1)).outside;
  EXPECT_GE(outside.port, 1088) << "its own, at once";
  clock_.Advance(absl::Seconds(121));
  nat.ReleaseRested();
  EXPECT_THAT(records_, ElementsAre(Event(false, 5, 1, 1024, 1087)));
  EXPECT_EQ(nat.Acquire(Ask(7, 1)).verdict, NatVerdict::kLogging);
}

TEST_P(NatBlocksTest, FlowsOfAnEarlierRunFitItsBlocks) {
  NatAllocator nat = Make({Resting(2, {1024, 1151}, 64)});
  Log(nat);
  nat.Restore({Event(true, 5, 1, 1024, 1087)});
  EXPECT_TRUE(nat.Adopt(Ask(5, 1), {Outside(1), 1030}).ok());
  EXPECT_TRUE(absl::IsAlreadyExists(nat.Adopt(Ask(6, 1), {Outside(1), 1031})));
  EXPECT_THAT(records_, IsEmpty());
  // A flow whose block has no record gets one.
  EXPECT_TRUE(nat.Adopt(Ask(6, 1), {Outside(1), 1088}).ok());
  EXPECT_THAT(records_, ElementsAre(Event(true, 6, 1, 1088, 1151)));
}

TEST_P(NatBlocksTest, WhatNoLongerFitsIsReleasedAndItsPortsRest) {
  NatAllocator nat = Make({Resting(1, {1024, 1279}, 64)});
  Log(nat);
  const BlockEvent wide = Event(true, 5, 1, 1100, 1200);
  BlockEvent gone = Event(true, 6, 9, 1024, 1087);
  BlockEvent other_pool = Event(true, 7, 1, 1216, 1279);
  other_pool.pool = "old";
  nat.Restore({wide, gone, other_pool});
  ASSERT_EQ(records_.size(), 3u);
  for (const BlockEvent& record : records_) EXPECT_FALSE(record.granted);
  // Only 1024-1087 overlaps with none of them.
  nat.log = nullptr;
  EXPECT_LT(nat.Acquire(Ask(8, 1)).outside.port, 1088);
  EXPECT_EQ(nat.Acquire(Ask(9, 1)).verdict, NatVerdict::kNoBlock);
  EXPECT_TRUE(nat.Adopt(Ask(10, 1), {Outside(1), 1150}).ok())
      << "a flow that uses it still";
  clock_.Advance(absl::Seconds(121));
  EXPECT_TRUE(nat.Acquire(Ask(9, 1)).ok());
  EXPECT_TRUE(nat.Acquire(Ask(11, 1)).ok());
  EXPECT_EQ(nat.Acquire(Ask(12, 1)).verdict, NatVerdict::kNoBlock);
}

TEST_P(NatBlocksTest, ASubscriberOnTwoAddressesKeepsOne) {
  NatAllocator nat = Make({Resting(2, {1024, 1151}, 64)});
  nat.Restore({Event(true, 5, 1, 1024, 1087), Event(true, 5, 2, 1024, 1087)});
  EXPECT_EQ(nat.Acquire(Ask(5, 1)).outside.address, Outside(1));
  EXPECT_EQ(nat.Use()[0].addresses[1].resting, 1u);
}

TEST_P(NatBlocksTest, UseTellsBlocksPortsAndTheirTrend) {
  NatAllocator nat = Make({Resting(1, {1024, 1663}, 64)});
  for (int host = 1; host <= 6; ++host) nat.Acquire(Ask(host, 1));
  nat.Acquire(Ask(1, 1, kUdpProtocol));
  TakeAndReturn(nat, Ask(7, 1));
  const PoolUse use = nat.Use()[0];
  EXPECT_EQ(use.name, "default");
  ASSERT_EQ(use.addresses.size(), 1u);
  EXPECT_EQ(use.addresses[0].address, Outside(1));
  EXPECT_EQ(use.addresses[0].blocks, 10u);
  EXPECT_EQ(use.addresses[0].used, 6u);
  EXPECT_EQ(use.addresses[0].resting, 1u);
  EXPECT_EQ(use.addresses[0].mappings[kTcp], 6u);
  EXPECT_EQ(use.addresses[0].mappings[kUdp], 1u);
  EXPECT_EQ(use.subscribers, 7u);
  EXPECT_EQ(use.verdicts[static_cast<int>(NatVerdict::kGranted)], 8u);
  EXPECT_NEAR(use.blocks_per_second, 7 / 300.0, 1e-6);
  clock_.Advance(absl::Minutes(30));
  EXPECT_LT(nat.Use()[0].blocks_per_second, 1e-4);
  std::vector<uint32_t> ports;
  nat.ForEachSubscriber([&](const SubscriberUse& subscriber) {
    if (subscriber.subscriber.address != Inside(1)) return;
    EXPECT_EQ(subscriber.pool, "default");
    EXPECT_EQ(subscriber.outside, Outside(1));
    EXPECT_EQ(subscriber.blocks, 1u);
    ports = {subscriber.mappings.begin(), subscriber.mappings.end()};
  });
  EXPECT_THAT(ports, ElementsAre(1u, 1u, 0u));
}

}  // namespace
}  // namespace rampart

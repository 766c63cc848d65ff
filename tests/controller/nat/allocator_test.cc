// SPDX-License-Identifier: Apache-2.0
#include "controller/nat/allocator.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <vector>

#include "tests/controller/nat/nat_fixture.h"

namespace rampart {
namespace {

using Request = NatAllocator::Request;

using NatAllocatorTest = NatTest;
RP_BOTH_FAMILIES(NatAllocatorTest);

// RFC 4787 REQ-1, RFC 5382 REQ-1.
TEST_P(NatAllocatorTest, OneInsidePortHasOneOutsidePortForEveryRemote) {
  NatAllocator nat = Make({Pool(2, {1024, 65535}, 512)});
  Request first = Ask(5, 1234), second = Ask(5, 1234);
  second.remote = {Remote(2), 80};
  EXPECT_EQ(nat.Acquire(first).outside, nat.Acquire(second).outside);
  EXPECT_EQ(CountSessions(nat), 1);
  nat.Release(first, nat.Acquire(second).outside);
}

TEST_P(NatAllocatorTest, AddressAndPortDependentPoolsMapEachRemoteApart) {
  NatPoolConfig pool = Pool(1, {1024, 65535}, 512);
  pool.mapping = NatMapping::kAddressAndPortDependent;
  NatAllocator nat = Make({pool});
  Request first = Ask(5, 1234), second = Ask(5, 1234);
  second.remote.port = 80;
  const Endpoint outside = nat.Acquire(first).outside;
  EXPECT_NE(nat.Acquire(second).outside, outside);
  EXPECT_EQ(nat.Acquire(first).outside, outside);
}

// RFC 6888 REQ-2: across protocols, and per subscriber, not per address.
TEST_P(NatAllocatorTest, ASubscriberKeepsOneAddressForAllProtocols) {
  NatAllocator nat = Make({Pool(8, {1024, 65535}, 64)});
  const IpAddress outside = nat.Acquire(Ask(5, 1)).outside.address;
  for (uint16_t port = 2; port < 200; ++port)
    for (const uint8_t protocol : {kTcpProtocol, kUdpProtocol, kIcmpProtocol})
      ASSERT_EQ(nat.Acquire(Ask(5, port, protocol)).outside.address, outside);
  EXPECT_EQ(nat.Acquire(Ask(5, 0, kGreProtocol)).outside,
            (Endpoint{outside, 0}));
}

TEST_P(NatAllocatorTest, SubscribersSpreadOverAllAddresses) {
  NatAllocator nat = Make({Pool(4, {1024, 65535}, 512)});
  std::map<IpAddress, int> seen;
  for (int host = 1; host <= 200; ++host)
    ++seen[nat.Acquire(Ask(host, 1)).outside.address];
  ASSERT_EQ(seen.size(), 4u);
  for (const auto& [address, count] : seen) EXPECT_GT(count, 25);
}

TEST_P(NatAllocatorTest, EqualAddressesOfTwoRealmsNeverShareABlock) {
  NatAllocator nat = Make({Pool(1, {1024, 2047}, 64)});
  std::set<int> blocks[2];
  for (uint16_t port = 1; port <= 256; ++port) {
    for (uint32_t tenant : {0, 1}) {
      const Endpoint outside =
          nat.Acquire(Ask(5, port, kUdpProtocol, 1001 + tenant)).outside;
      blocks[tenant].insert((outside.port - 1024) / 64);
    }
  }
  EXPECT_EQ(blocks[0].size(), 4u);
  EXPECT_EQ(blocks[1].size(), 4u);
  for (const int block : blocks[0]) EXPECT_FALSE(blocks[1].contains(block));
}

// RFC 4787 REQ-3; fact 10 of every retrying allocator: it fails too early.
TEST_P(NatAllocatorTest, EveryPortOfTheRangeIsUsedBeforeAnyRequestIsRefused) {
  // 100 ports in blocks of 48: the last block has 4.
  NatAllocator nat = Make({Pool(1, {1000, 1099}, 48)});
  std::set<uint16_t> ports;
  for (uint16_t port = 1; port <= 100; ++port)
    ports.insert(nat.Acquire(Ask(5, port)).outside.port);
  EXPECT_EQ(ports.size(), 100u);
  EXPECT_EQ(*ports.begin(), 1000);
  EXPECT_EQ(*ports.rbegin(), 1099);
  EXPECT_EQ(nat.Acquire(Ask(5, 101)).verdict, NatVerdict::kNoBlock);
  // UDP has its own numbers in the same blocks.
  EXPECT_TRUE(nat.Acquire(Ask(5, 101, kUdpProtocol)).ok());
}

TEST_P(NatAllocatorTest, TheLastPortOfTheLastBlockReaches65535) {
  NatAllocator nat = Make({Pool(1, {65000, 65535}, 512)});
  std::set<uint16_t> ports;
  for (uint16_t port = 1; port <= 536; ++port)
    ports.insert(nat.Acquire(Ask(5, port)).outside.port);
  EXPECT_EQ(ports.size(), 536u);
  EXPECT_EQ(*ports.rbegin(), 65535);
}

// RFC 6888 REQ-2 with RFC 7857 section 4: no silent move to another address.
TEST_P(NatAllocatorTest,
       AFullAddressRefusesItsSubscriberWhileOthersGetTheRest) {
  NatAllocator nat = Make({Pool(2, {1024, 1087}, 32)});
  const Endpoint first = nat.Acquire(Ask(5, 1)).outside;
  for (uint16_t port = 2; port <= 64; ++port)
    EXPECT_EQ(nat.Acquire(Ask(5, port)).outside.address, first.address);
  EXPECT_EQ(nat.Acquire(Ask(5, 65)).verdict, NatVerdict::kNoBlock);
  for (const int host : {6, 7})
    EXPECT_NE(nat.Acquire(Ask(host, 1)).outside.address, first.address);
  EXPECT_EQ(nat.Acquire(Ask(8, 1)).verdict, NatVerdict::kNoBlock);
}

TEST_P(NatAllocatorTest, RefusalsLeaveNothingBehind) {
  NatAllocator nat = Make({Pool(1, {1024, 1024}, 1)});
  const Endpoint only = nat.Acquire(Ask(5, 1)).outside;
  EXPECT_FALSE(nat.Acquire(Ask(5, 2)).ok());
  EXPECT_FALSE(nat.Acquire(Ask(6, 1)).ok());
  EXPECT_EQ(CountSessions(nat), 1);
  nat.Release(Ask(5, 1), only);
  EXPECT_EQ(nat.Acquire(Ask(6, 1)).outside, only);
}

TEST_P(NatAllocatorTest, AMappingLivesUntilItsLastFlowEnds) {
  NatAllocator nat = Make({Pool(1, {1024, 65535}, 512)});
  const Request request = Ask(5, 1234);
  const Endpoint outside = nat.Acquire(request).outside;
  ASSERT_EQ(nat.Acquire(request).outside, outside);
  nat.Release(request, outside);
  nat.ForEach([&](const NatSession& session) {
    EXPECT_EQ(session.flows, 1u);
    EXPECT_EQ(session.outside, outside);
    EXPECT_EQ(session.subscriber, request.subscriber);
    EXPECT_EQ(session.inside_port, 1234);
  });
  EXPECT_EQ(CountSessions(nat), 1);
  nat.Release(request, outside);
  EXPECT_EQ(CountSessions(nat), 0);
}

TEST_P(NatAllocatorTest, WithoutPortsARemoteBelongsToOneSubscriber) {
  NatAllocator nat = Make({Pool(1, {1024, 65535}, 512)});
  const Request first = Ask(5, 0, kGreProtocol), second = Ask(6, 0, 47);
  const Endpoint outside = nat.Acquire(first).outside;
  EXPECT_EQ(nat.Acquire(second).verdict, NatVerdict::kRemoteTaken);
  EXPECT_TRUE(nat.Acquire(Ask(6, 0, 50)).ok()) << "another protocol";
  Request elsewhere = second;
  elsewhere.remote.address = Remote(2);
  EXPECT_TRUE(nat.Acquire(elsewhere).ok()) << "another remote";
  nat.Release(first, outside);
  EXPECT_TRUE(nat.Acquire(second).ok());
}

TEST_P(NatAllocatorTest, WithoutPortsANewSubscriberAvoidsTakenAddresses) {
  for (int round = 0; round < 20; ++round) {
    NatAllocator nat = Make({Pool(3, {1024, 65535}, 512)});
    std::set<IpAddress> seen;
    for (int host = 1; host <= 3; ++host)
      seen.insert(nat.Acquire(Ask(host, 0, kGreProtocol)).outside.address);
    ASSERT_EQ(seen.size(), 3u);
    ASSERT_FALSE(nat.Acquire(Ask(4, 0, kGreProtocol)).ok());
  }
}

TEST_P(NatAllocatorTest, NamesWhatIsMissing) {
  NatAllocator nat = Make({Pool(1, {1024, 65535}, 512)});
  Request unknown = Ask(5, 1);
  unknown.pool = "other";
  EXPECT_EQ(nat.Acquire(unknown).verdict, NatVerdict::kNoPool);
  Request other_family = Ask(5, 1);
  other_family.subscriber.address =
      GetParam() == Family::kV4 ? Ip("fd00::5") : Ip("10.0.0.5");
  EXPECT_EQ(nat.Acquire(other_family).verdict, NatVerdict::kNoFamily);
}

struct AdoptCase {
  const char* name;
  int host;
  uint16_t port;
  int outside;
  uint16_t outside_port;
  absl::StatusCode expected;
};

TEST_P(NatAllocatorTest, AdoptTakesBackOnlyWhatIsFree) {
  using absl::StatusCode;
  NatAllocator nat = Make({Pool(2, {1024, 2047}, 64)});
  const AdoptCase cases[] = {
      {"first", 5, 1, 1, 1024, StatusCode::kOk},
      {"second flow of it", 5, 1, 1, 1024, StatusCode::kOk},
      {"same block", 5, 2, 1, 1087, StatusCode::kOk},
      {"further block", 5, 3, 1, 2047, StatusCode::kOk},
      {"block between", 5, 4, 1, 1500, StatusCode::kOk},
      {"mapped already", 5, 1, 1, 1025, StatusCode::kAlreadyExists},
      {"port taken", 5, 9, 1, 1024, StatusCode::kAlreadyExists},
      {"paired elsewhere", 5, 9, 2, 1024, StatusCode::kAlreadyExists},
      {"another's block", 6, 1, 1, 1030, StatusCode::kAlreadyExists},
      {"free block", 6, 1, 1, 1100, StatusCode::kOk},
      {"below the range", 7, 1, 1, 1023, StatusCode::kNotFound},
      {"above the range", 7, 1, 1, 2048, StatusCode::kNotFound},
      {"address gone", 7, 1, 3, 1024, StatusCode::kNotFound},
  };
  for (const AdoptCase& c : cases) {
    EXPECT_EQ(
        nat.Adopt(Ask(c.host, c.port), {Outside(c.outside), c.outside_port})
            .code(),
        c.expected)
        << c.name;
  }
  EXPECT_EQ(CountSessions(nat), 5);
  EXPECT_EQ(nat.Acquire(Ask(5, 3)).outside, (Endpoint{Outside(1), 2047}));
  nat.Release(Ask(5, 1), {Outside(1), 1024});
  nat.Release(Ask(5, 1), {Outside(1), 1024});
  EXPECT_EQ(CountSessions(nat), 4);
}

TEST_P(NatAllocatorTest, AFailedAdoptLeavesNoSubscriberBehind) {
  NatAllocator nat = Make({Pool(2, {1024, 1087}, 64)});
  ASSERT_TRUE(nat.Adopt(Ask(5, 1), {Outside(1), 1024}).ok());
  ASSERT_FALSE(nat.Adopt(Ask(6, 1), {Outside(1), 1025}).ok());
  // Host 6 is not paired with the full address.
  EXPECT_EQ(nat.Acquire(Ask(6, 1)).outside.address, Outside(2));
}

// Pearson's statistic of `counts` against a uniform distribution.
double ChiSquare(const std::map<uint16_t, int>& counts, int total) {
  const double expected = static_cast<double>(total) / counts.size();
  double sum = 0;
  for (const auto& [port, count] : counts)
    sum += (count - expected) * (count - expected) / expected;
  return sum;
}

// RFC 6056 section 3: as hard to guess as the free ports allow, also when the
// free ones lie behind a long run of used ones.
TEST_P(NatAllocatorTest, TheChoiceIsUniformAtAnyFill) {
  for (const uint16_t block_size : {128, 32, 20}) {
    NatAllocator nat = Make({Pool(1, {1024, 1151}, block_size)});
    // Ports 1024 to 1087 and every third behind them are used.
    std::map<uint16_t, int> counts;
    for (uint16_t port = 1024; port <= 1151; ++port) {
      if (port < 1088 || port % 3 == 0)
        ASSERT_TRUE(nat.Adopt(Ask(5, port), {Outside(1), port}).ok());
      else
        counts[port] = 0;
    }
    const int total = 1000 * static_cast<int>(counts.size());
    for (int i = 0; i < total; ++i) {
      const Endpoint outside = nat.Acquire(Ask(5, 1)).outside;
      ++counts.at(outside.port);
      nat.Release(Ask(5, 1), outside);
    }
    ASSERT_EQ(counts.size(), 43u);  // 42 degrees of freedom
    EXPECT_LT(ChiSquare(counts, total), 101.2)
        << "p < 10^-6, blocks of " << block_size;
  }
}

TEST_P(NatAllocatorTest, AnEmptyPoolGivesUniformPortsAcrossBlocks) {
  NatAllocator nat = Make({Pool(1, {1024, 1151}, 16)});
  std::map<uint16_t, int> counts;
  const int total = 128 * 500;
  for (int i = 0; i < total; ++i) {
    const Endpoint outside = nat.Acquire(Ask(5, 1)).outside;
    ++counts[outside.port];
    nat.Release(Ask(5, 1), outside);
  }
  ASSERT_EQ(counts.size(), 128u);  // 127 degrees of freedom
  EXPECT_LT(ChiSquare(counts, total), 217.9) << "p < 10^-6";
}

// RFC 4787 REQ-11, RFC 6888 REQ-11: the class of behaviour does not depend on
// how full the pool is.
TEST_P(NatAllocatorTest, BehaviourIsTheSameAtAnyFill) {
  for (const int percent : {0, 50, 99}) {
    NatPoolConfig pool = Pool(1, {1024, 1024 + 200 * 16 - 1}, 16);
    pool.filtering = NatFiltering::kAddressDependent;
    NatAllocator nat = Make({pool});
    for (int host = 1; host <= 2 * percent; ++host)
      for (uint16_t port = 1; port <= 16; ++port)
        ASSERT_TRUE(nat.Acquire(Ask(host, port)).ok());
    std::map<uint16_t, int> counts;
    for (int round = 0; round < 400; ++round) {
      const Request request = Ask(250, 1234);
      Request elsewhere = request;
      elsewhere.remote = {Remote(2), 80};
      const Endpoint outside = nat.Acquire(request).outside;
      ASSERT_EQ(nat.Acquire(elsewhere).outside, outside) << percent;
      ASSERT_EQ(nat.Acquire(Ask(250, 1, kUdpProtocol)).outside.address,
                outside.address);
      EXPECT_TRUE(
          nat.FindInside(kTcpProtocol, outside, {Remote(2), 9})->admits);
      EXPECT_FALSE(
          nat.FindInside(kTcpProtocol, outside, {Remote(3), 9})->admits);
      nat.Release(request, outside);
      nat.Release(elsewhere, outside);
      ++counts[(outside.port - 1024) % 16];
    }
    ASSERT_EQ(counts.size(), 16u) << percent;
    EXPECT_LT(ChiSquare(counts, 400), 56.5) << "p < 10^-6 at " << percent;
  }
}

}  // namespace
}  // namespace rampart

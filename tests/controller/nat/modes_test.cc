// SPDX-License-Identifier: Apache-2.0
// What a pool may be configured to do: choice of ports, limits, filtering,
// shared ports, mappings by request.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "tests/controller/nat/nat_fixture.h"

namespace rampart {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Request = NatAllocator::Request;

class NatModesTest : public NatTest {
 protected:
  static Request To(Request request, int remote, uint16_t port) {
    request.remote = {Remote(remote), port};
    return request;
  }
  static Request NoRemote(Request request) {
    request.remote = {};
    return request;
  }
  // "+tcp 1" if external port 1 opens, "-tcp 1" if it closes.
  void Watch(NatAllocator& nat) {
    nat.on_open = [this](uint8_t protocol, const Endpoint& outside, bool open) {
      opened_.push_back(absl::StrCat(open ? "+" : "-",
                                     protocol == kTcpProtocol ? "tcp" : "udp",
                                     " ", outside.port));
    };
  }
  std::vector<std::string> opened_;
};
RP_BOTH_FAMILIES(NatModesTest);

// RFC 4787 REQ-4 and REQ-11: at the first port and at the last.
TEST_P(NatModesTest, ParityIsKeptAtAnyFill) {
  for (const uint16_t first : {1024, 1025}) {
    NatPoolConfig pool = Pool(1, {first, static_cast<uint16_t>(first + 98)}, 7);
    pool.port_choice = NatPortChoice::kParity;
    NatAllocator nat = Make({pool});
    int granted[2] = {};
    for (uint16_t port = 1; port <= 200; ++port) {
      const NatGrant grant = nat.Acquire(Ask(5, port, kUdpProtocol));
      if (!grant.ok()) continue;
      EXPECT_EQ(grant.outside.port % 2, port % 2);
      ++granted[port % 2];
    }
    EXPECT_EQ(granted[0] + granted[1], 99) << "all ports of the pool";
  }
}

TEST_P(NatModesTest, EchoIdentifiersHaveNoParity) {
  NatPoolConfig pool = Pool(1, {1024, 1031}, 8);
  pool.port_choice = NatPortChoice::kParity;
  NatAllocator nat = Make({pool});
  for (uint16_t id = 2; id <= 16; id += 2)
    EXPECT_TRUE(nat.Acquire(Ask(5, id, kIcmpProtocol)).ok());
}

TEST_P(NatModesTest, APortIsPreservedIfItIsFree) {
  NatPoolConfig pool = Pool(1, {1024, 65535}, 512);
  pool.port_choice = NatPortChoice::kPreserve;
  NatAllocator nat = Make({pool});
  EXPECT_EQ(nat.Acquire(Ask(5, 5000)).outside.port, 5000);
  EXPECT_EQ(nat.Acquire(Ask(5, 5001, kUdpProtocol)).outside.port, 5001);
  // Its block is another's: RFC 6056 takes over.
  const NatGrant other = nat.Acquire(Ask(6, 5000));
  ASSERT_TRUE(other.ok());
  EXPECT_NE((other.outside.port - 1024) / 512, (5000 - 1024) / 512);
  // Out of the range.
  EXPECT_GE(nat.Acquire(Ask(6, 80)).outside.port, 1024);
}

// RFC 6888 REQ-4: per subscriber, and others do not notice.
TEST_P(NatModesTest, ASubscriberHasNoMoreBlocksThanItsQuota) {
  NatPoolConfig pool = Pool(1, {1024, 65535}, 64);
  pool.blocks_per_subscriber = 3;
  NatAllocator nat = Make({pool});
  for (uint16_t port = 1; port <= 3 * 64; ++port)
    ASSERT_TRUE(nat.Acquire(Ask(5, port)).ok());
  EXPECT_EQ(nat.Acquire(Ask(5, 1000)).verdict, NatVerdict::kQuota);
  EXPECT_TRUE(nat.Acquire(Ask(5, 1)).ok()) << "a mapping that exists";
  EXPECT_TRUE(nat.Acquire(Ask(5, 1000, kUdpProtocol)).ok());
  EXPECT_TRUE(nat.Acquire(Ask(6, 1000)).ok());
  EXPECT_TRUE(nat.Acquire(Ask(5, 1000, kTcpProtocol, 1002)).ok());
  const PoolUse use = nat.Use()[0];
  EXPECT_EQ(use.verdicts[static_cast<int>(NatVerdict::kQuota)], 1u);
  EXPECT_EQ(use.subscribers, 3u);
}

// RFC 6888 REQ-4 c.
TEST_P(NatModesTest, ASubscriberMakesMappingsNoFasterThanItsRate) {
  NatPoolConfig pool = Pool(1, {1024, 65535}, 512);
  pool.mappings_per_second = 50;
  NatAllocator nat = Make({pool});
  uint16_t port = 0;
  const auto granted = [&](int host) {
    for (int count = 0;; ++count)
      if (const NatGrant grant = nat.Acquire(Ask(host, ++port)); !grant.ok()) {
        EXPECT_EQ(grant.verdict, NatVerdict::kRate);
        return count;
      }
  };
  EXPECT_EQ(granted(5), 50);
  EXPECT_TRUE(nat.Acquire(Ask(5, 1)).ok()) << "a mapping that exists";
  EXPECT_EQ(granted(6), 50) << "another subscriber";
  clock_.Advance(absl::Milliseconds(500));
  EXPECT_NEAR(granted(5), 25, 1);
  clock_.Advance(absl::Seconds(100));
  EXPECT_EQ(granted(5), 50);
}

TEST_P(NatModesTest, ALowRateStillAllowsABurst) {
  NatPoolConfig pool = Pool(1, {1024, 65535}, 512);
  pool.mappings_per_second = 1;
  NatAllocator nat = Make({pool});
  for (uint16_t port = 1; port <= 32; ++port)
    EXPECT_TRUE(nat.Acquire(Ask(5, port)).ok());
  EXPECT_EQ(nat.Acquire(Ask(5, 33)).verdict, NatVerdict::kRate);
}

NatPoolConfig Overloaded(NatPoolConfig pool) {
  pool.mapping = NatMapping::kAddressAndPortDependent;
  pool.overload = true;
  return pool;
}

// RFC 7857 section 3.
TEST_P(NatModesTest, SharedPortsAreSharedOnlyBetweenDifferentRemotes) {
  NatAllocator nat = Make({Overloaded(Pool(1, {1024, 1031}, 4))});
  for (const int remote : {1, 2}) {
    for (const uint16_t remote_port : {80, 443}) {
      std::set<uint16_t> ports;
      for (uint16_t port = 1; port <= 8; ++port)
        ports.insert(
            nat.Acquire(To(Ask(5, port), remote, remote_port)).outside.port);
      EXPECT_EQ(ports.size(), 8u);
      EXPECT_EQ(nat.Acquire(To(Ask(5, 9), remote, remote_port)).verdict,
                NatVerdict::kNoBlock);
    }
  }
  // Blocks are a subscriber's own all the same.
  EXPECT_EQ(nat.Acquire(To(Ask(6, 1), 3, 80)).verdict, NatVerdict::kNoBlock);
}

TEST_P(NatModesTest, ASharedPortIsFreeWhenItsLastRemoteIsGone) {
  NatAllocator nat = Make({Overloaded(Pool(1, {1024, 1024}, 1))});
  const Request first = To(Ask(5, 1), 1, 80), second = To(Ask(5, 1), 2, 80);
  const Endpoint outside = nat.Acquire(first).outside;
  EXPECT_EQ(nat.Acquire(second).outside, outside);
  nat.Release(first, outside);
  EXPECT_FALSE(nat.Acquire(To(Ask(6, 1), 1, 80)).ok());
  nat.Release(second, outside);
  EXPECT_EQ(CountSessions(nat), 0);
  EXPECT_TRUE(nat.Acquire(To(Ask(6, 1), 1, 80)).ok());
}

// RFC 6888 REQ-6.
TEST_P(NatModesTest, ExcludedDestinationsAreTold) {
  NatPoolConfig pool = Pool(1, {1024, 65535}, 512);
  pool.exclude = {Prefix(Remote(2), Remote(2).bits())};
  NatAllocator nat = Make({pool});
  EXPECT_TRUE(nat.Excluded("default", Remote(2)));
  EXPECT_FALSE(nat.Excluded("default", Remote(1)));
  EXPECT_FALSE(nat.Excluded("other", Remote(2)));
}

TEST_P(NatModesTest, PoolsAreFoundByTheirAddresses) {
  NatAllocator nat = Make({Pool(2, {1024, 65535}, 512)});
  EXPECT_EQ(nat.PoolOf(Outside(2))->name, "default");
  EXPECT_EQ(nat.PoolOf(Outside(3)), nullptr);
}

// RFC 4787 REQ-8: who is let in at a mapping that has talked to Remote(1):443.
TEST_P(NatModesTest, FilteringLetsInWhomThePoolSays) {
  const struct {
    NatFiltering filtering;
    bool same, same_address, other;
  } cases[] = {
      {NatFiltering::kEndpointIndependent, true, true, true},
      {NatFiltering::kAddressDependent, true, true, false},
      // Who is admitted has a flow.
      {NatFiltering::kAddressAndPortDependent, false, false, false},
  };
  for (const auto& c : cases) {
    NatPoolConfig pool = Pool(1, {1024, 65535}, 512);
    pool.filtering = c.filtering;
    NatAllocator nat = Make({pool});
    const Endpoint outside = nat.Acquire(Ask(5, 1234)).outside;
    const auto admits = [&](const Endpoint& remote) {
      const auto inside = nat.FindInside(kTcpProtocol, outside, remote);
      EXPECT_EQ(inside->subscriber, (Subscriber{1001, Inside(5)}));
      EXPECT_EQ(inside->port, 1234);
      EXPECT_EQ(inside->pool, "default");
      return inside->admits;
    };
    EXPECT_EQ(admits({Remote(1), 443}), c.same);
    EXPECT_EQ(admits({Remote(1), 80}), c.same_address);
    EXPECT_EQ(admits({Remote(2), 443}), c.other);
    // RFC 7857 sections 5 and 6: of one protocol only.
    EXPECT_EQ(nat.FindInside(kUdpProtocol, outside, {Remote(1), 443}),
              std::nullopt);
    nat.Release(Ask(5, 1234), outside);
    EXPECT_EQ(nat.FindInside(kTcpProtocol, outside, {Remote(1), 443}),
              std::nullopt);
  }
}

TEST_P(NatModesTest, AddressDependentFilteringForgetsARemoteWithItsLastFlow) {
  NatPoolConfig pool = Pool(1, {1024, 65535}, 512);
  pool.filtering = NatFiltering::kAddressDependent;
  NatAllocator nat = Make({pool});
  const Request request = Ask(5, 1234);
  const Endpoint outside = nat.Acquire(request).outside;
  const Request first = To(request, 2, 80), second = To(request, 2, 81);
  nat.Acquire(first);
  ASSERT_TRUE(nat.Adopt(second, outside).ok());
  const auto admits = [&] {
    return nat.FindInside(kTcpProtocol, outside, {Remote(2), 1})->admits;
  };
  nat.Release(first, outside);
  EXPECT_TRUE(admits());
  nat.Release(second, outside);
  EXPECT_FALSE(admits());
}

TEST_P(NatModesTest, MappingsOfOneRemoteLetNobodyElseIn) {
  NatPoolConfig pool = Pool(1, {1024, 65535}, 512);
  pool.mapping = NatMapping::kAddressAndPortDependent;
  NatAllocator nat = Make({pool});
  const Endpoint outside = nat.Acquire(Ask(5, 1234)).outside;
  EXPECT_FALSE(nat.FindInside(kTcpProtocol, outside, {Remote(2), 443})->admits);
}

TEST_P(NatModesTest, OpeningAndClosingOfExternalEndpointsIsTold) {
  NatPoolConfig pool = Pool(1, {1024, 1024}, 1);
  pool.filtering = NatFiltering::kEndpointIndependent;
  NatAllocator nat = Make({pool});
  Watch(nat);
  const Request request = Ask(5, 1);
  const Endpoint outside = nat.Acquire(request).outside;
  nat.Acquire(request);
  nat.Acquire(Ask(5, 1, kIcmpProtocol));
  EXPECT_THAT(opened_, ElementsAre("+tcp 1024"));
  nat.Release(request, outside);
  nat.Release(request, outside);
  EXPECT_THAT(opened_, ElementsAre("+tcp 1024", "-tcp 1024"));
  ASSERT_TRUE(nat.Adopt(Ask(5, 2, kUdpProtocol), outside).ok());
  EXPECT_EQ(opened_.back(), "+udp 1024");
}

TEST_P(NatModesTest, AMappingByRequestIsForAllRemotesUntilItIsReleased) {
  for (const NatMapping mapping : {NatMapping::kEndpointIndependent,
                                   NatMapping::kAddressAndPortDependent}) {
    NatPoolConfig pool = Pool(2, {1024, 65535}, 512);
    pool.mapping = mapping;
    NatAllocator nat = Make({pool});
    opened_.clear();
    Watch(nat);
    const Request request = NoRemote(Ask(5, 1234, kUdpProtocol));
    const Endpoint outside = nat.Open(request, std::nullopt).outside;
    EXPECT_EQ(nat.Open(request, std::nullopt).outside, outside) << "renewal";
    for (const int remote : {1, 2}) {
      EXPECT_TRUE(
          nat.FindInside(kUdpProtocol, outside, {Remote(remote), 1})->admits);
      EXPECT_EQ(nat.Acquire(To(request, remote, 1)).outside, outside);
    }
    EXPECT_THAT(opened_, ElementsAre(absl::StrCat("+udp ", outside.port)));
    nat.Release(request, outside);
    EXPECT_EQ(opened_.back(), absl::StrCat("-udp ", outside.port));
    EXPECT_FALSE(nat.FindInside(kUdpProtocol, outside, {Remote(1), 1})->admits);
    nat.Release(To(request, 1, 1), outside);
    nat.Release(To(request, 2, 1), outside);
    EXPECT_EQ(CountSessions(nat), 0);
  }
}

// RFC 6887 section 11.3: what exists already is the answer.
TEST_P(NatModesTest, AMappingByRequestTakesOverTheOneThatFlowsMade) {
  NatAllocator nat = Make({Pool(1, {1024, 65535}, 512)});
  const Request flow = Ask(5, 1234);
  const Endpoint outside = nat.Acquire(flow).outside;
  EXPECT_EQ(nat.Open(NoRemote(flow), Endpoint{Outside(1), 2000}).outside,
            outside);
  nat.Release(flow, outside);
  EXPECT_TRUE(nat.FindInside(kTcpProtocol, outside, {Remote(2), 1})->admits);
  nat.Release(NoRemote(flow), outside);
  EXPECT_EQ(CountSessions(nat), 0);
}

TEST_P(NatModesTest, AWantedPortIsGivenIfItIsFree) {
  NatPoolConfig pool = Pool(4, {1024, 65535}, 512);
  pool.blocks_per_subscriber = 2;
  NatAllocator nat = Make({pool});
  const Endpoint wanted = {Outside(3), 8080};
  const auto open = [&](int host, uint16_t port, const Endpoint& endpoint) {
    return nat.Open(NoRemote(Ask(host, port)), endpoint).outside;
  };
  EXPECT_EQ(open(5, 80, wanted), wanted);
  const Endpoint second = {Outside(3), 30000};
  EXPECT_EQ(open(5, 81, second), second) << "a further block";
  const Endpoint beyond = open(5, 82, {Outside(3), 40000});
  EXPECT_NE(beyond.port, 40000) << "beyond the quota";
  EXPECT_EQ(beyond.address, Outside(3));
  EXPECT_EQ(open(5, 83, {Outside(2), 8081}).address, Outside(3)) << "paired";
  EXPECT_NE(open(6, 80, wanted), wanted) << "another's";
  EXPECT_NE(open(5, 84, wanted), wanted) << "taken";
  EXPECT_NE(open(5, 85, {Outside(3), 80}).port, 80) << "out of the range";
}

TEST_P(NatModesTest, AWantedPortMayBeOfAnyAddress) {
  NatAllocator nat = Make({Pool(4, {1024, 65535}, 512)});
  for (const IpAddress& any : {Ip("0.0.0.0"), Ip("::")}) {
    const Request request = NoRemote(Ask(any.is_v4() ? 5 : 6, 80));
    EXPECT_EQ(nat.Find(request), std::nullopt);
    const Endpoint outside =
        nat.Open(request,
                 Endpoint{any, any.is_v4() ? uint16_t{8080} : uint16_t{9090}})
            .outside;
    EXPECT_EQ(outside.port, any.is_v4() ? 8080 : 9090);
    EXPECT_EQ(nat.Find(request), outside);
    EXPECT_EQ(nat.Find(To(request, 1, 443)), outside);
  }
}

TEST_P(NatModesTest, SharedPortsAndOtherProtocolsAreNotOpened) {
  NatAllocator overload = Make({Overloaded(Pool(1, {1024, 1031}, 4))});
  EXPECT_FALSE(overload.Open(NoRemote(Ask(5, 1)), std::nullopt).ok());
  NatAllocator nat = Make({Pool(1, {1024, 1031}, 4)});
  EXPECT_FALSE(nat.Open(NoRemote(Ask(5, 1, kIcmpProtocol)), std::nullopt).ok());
  EXPECT_EQ(CountSessions(nat), 0);
}

}  // namespace
}  // namespace rampart

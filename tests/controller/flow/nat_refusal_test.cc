// SPDX-License-Identifier: Apache-2.0
// Mappings that cannot be had: the reason, what the sender is told (RFC 6888
// REQ-11), and that live flows do not notice.
#include <unistd.h>

#include <filesystem>

#include "tests/controller/flow/nat_engine_fixture.h"

namespace rampart {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

class NatRefusalTest : public NatEngineTest {
 protected:
  // Few ports: blocks of 16.
  void StartSmall(int blocks, uint32_t quota) {
    StartWith([&](NatPoolConfig& pool) {
      pool.ports = {1024, static_cast<uint16_t>(1024 + 16 * blocks - 1)};
      pool.block_size = 16;
      pool.blocks_per_subscriber = quota;
      pool.rest = absl::ZeroDuration();
    });
  }
  void Fill(const IpAddress& host) {
    for (uint16_t port = 1; port <= 16; ++port)
      Punt(Udp(host, net.internet, port));
  }
  // Of the only packet that was sent: to `host`, "host unreachable", or for
  // IPv6 "address unreachable".
  void ExpectTold(const IpAddress& host) {
    ASSERT_THAT(plane->sent, SizeIs(1));
    const Bytes& bytes = plane->sent[0].packet;
    const auto packet = ParsePacket(0, bytes);
    ASSERT_TRUE(packet);
    EXPECT_EQ(packet->tuple.protocol, IcmpOf(host));
    EXPECT_EQ(packet->tuple.destination.address, host);
    const bool v4 = net.family == Family::kV4;
    EXPECT_EQ(bytes[packet->l4], v4 ? 3 : 1);
    EXPECT_EQ(bytes[packet->l4 + 1], v4 ? 1 : 3);
    plane->sent.clear();
  }
};
RP_BOTH_FAMILIES(NatRefusalTest);

TEST_P(NatRefusalTest, ASubscriberWithAllItsPortsGetsNoMore) {
  StartSmall(8, 1);
  Fill(net.fra);
  const auto sessions = NatSessions();
  const size_t entries = Entries();
  const PacketSpec spec = Udp(net.fra, net.internet, 17);
  Punt(spec);
  EXPECT_THAT(AllDrops(), ElementsAre(Pair(int{RP_DROP_NAT_QUOTA}, 1)));
  ExpectTold(net.fra);
  EXPECT_EQ(NatSessions(), sessions);
  EXPECT_EQ(Entries(), entries + 1) << "remembered";
  EXPECT_THAT(plane->injected, SizeIs(16));
  EXPECT_THAT(hooks.ends, IsEmpty());
  Punt(Udp(net.fra2, net.internet));
  EXPECT_THAT(NatSessions(), SizeIs(17)) << "another host has its own ports";
  Punt(Udp(net.fra, net.internet2, 16));
  EXPECT_THAT(NatSessions(), SizeIs(17)) << "a mapping that is there serves";
  EXPECT_EQ(engine->statistics().flows, 18u);
}

TEST_P(NatRefusalTest, PortsThatAreFreeAgainMayBeHad) {
  StartSmall(8, 1);
  Fill(net.fra);
  const PacketSpec spec = Udp(net.fra, net.internet, 17);
  Punt(spec);
  Pass(absl::Seconds(130));
  EXPECT_EQ(Entries(), 0u);
  Punt(spec);
  EXPECT_TRUE(Flow(TupleOfSpec(kVnet, spec)));
  EXPECT_THAT(AllDrops(), ElementsAre(Pair(int{RP_DROP_NAT_QUOTA}, 1)));
}

TEST_P(NatRefusalTest, OtherNumbersAreLeftAlone) {
  StartSmall(8, 1);
  Fill(net.fra);
  Punt(Tcp(net.fra, net.internet));
  Punt(Echo(net.fra, net.internet));
  EXPECT_THAT(AllDrops(), IsEmpty());
  EXPECT_EQ(engine->statistics().flows, 18u);
}

TEST_P(NatRefusalTest, ATcpSenderIsToldTheSame) {
  StartSmall(8, 1);
  for (uint16_t port = 1; port <= 17; ++port) {
    PacketSpec spec = Tcp(net.fra, net.internet);
    spec.sport = port;
    Punt(spec);
  }
  EXPECT_THAT(AllDrops(), ElementsAre(Pair(int{RP_DROP_NAT_QUOTA}, 1)));
  ExpectTold(net.fra);
}

TEST_P(NatRefusalTest, WithoutAFreeBlockNobodyElsesPortsAreTaken) {
  StartSmall(2, 0);
  Fill(net.fra);
  Punt(Udp(net.fra2, net.internet));
  const auto sessions = NatSessions();
  Punt(Udp(net.fra, net.internet), kGlobex, kOtherVnet);
  ExpectTold(net.fra);
  Punt(Udp(net.fra, net.internet, 17));
  ExpectTold(net.fra);
  EXPECT_THAT(AllDrops(), ElementsAre(Pair(int{RP_DROP_NAT_EXHAUSTED}, 2)));
  EXPECT_EQ(NatSessions(), sessions);
  EXPECT_THAT(hooks.ends, IsEmpty());
  EXPECT_THAT(plane->injected, SizeIs(17));
}

TEST_P(NatRefusalTest, ARateIsNotRemembered) {
  StartWith([](NatPoolConfig& pool) { pool.mappings_per_second = 1; });
  for (uint16_t port = 1; port <= 32; ++port)  // a burst
    Punt(Udp(net.fra, net.internet, port));
  EXPECT_THAT(AllDrops(), IsEmpty());
  const size_t entries = Entries();
  const PacketSpec spec = Udp(net.fra, net.internet, 33);
  Punt(spec);
  ExpectTold(net.fra);
  EXPECT_THAT(AllDrops(), ElementsAre(Pair(int{RP_DROP_NAT_RATE}, 1)));
  EXPECT_EQ(Entries(), entries);
  Punt(Udp(net.fra2, net.internet));
  Punt(Udp(net.fra, net.internet2, 1));
  EXPECT_EQ(Entries(), entries + 4) << "of new mappings of this host only";
  Pass(absl::Milliseconds(1100));
  Punt(spec);
  EXPECT_TRUE(Flow(TupleOfSpec(kVnet, spec)));
}

TEST_P(NatRefusalTest, APoolWithoutAddressesOfTheFamilySaysSo) {
  StartWith([&](NatPoolConfig& pool) {
    std::erase_if(pool.addresses, [&](const IpAddress& address) {
      return address.family() == net.family;
    });
  });
  Punt(Udp(net.fra, net.internet));
  EXPECT_THAT(AllDrops(), ElementsAre(Pair(int{RP_DROP_NAT_NO_ADDRESS}, 1)));
  ExpectTold(net.fra);
}

TEST_P(NatRefusalTest, TwoHostsBehindNatNeedAMappingToo) {
  StartWith([](NatPoolConfig& pool) {
    pool.ports = {1024, 1039};
    pool.block_size = 16;
    pool.filtering = NatFiltering::kEndpointIndependent;
  });
  const Endpoint server = Outside(Udp(net.fra, net.internet));
  Punt(To(Udp(net.fra2, net.nat), server));
  EXPECT_THAT(AllDrops(), ElementsAre(Pair(int{RP_DROP_NAT_EXHAUSTED}, 1)));
  ExpectTold(net.fra2);
}

// A NAT log on disk.
class NatLogTest : public NatRefusalTest {
 protected:
  NatLogTest()
      : folder_(std::filesystem::path(testing::TempDir()) /
                ("nat_log_test-" + std::to_string(getpid()))) {
    std::filesystem::create_directories(folder_);
  }
  ~NatLogTest() override {
    engine.reset();
    log_.reset();
    std::filesystem::remove_all(folder_);
  }
  // waiting: records that it takes.
  void StartLogging(size_t waiting) {
    log_ = BlockLog::Open({.path = folder_ / "nat.db", .waiting = waiting})
               .value();
    block_log = log_.get();
    StartFiltering(NatFiltering::kEndpointIndependent);
  }

  const std::filesystem::path folder_;
  std::unique_ptr<BlockLog> log_;
};
RP_BOTH_FAMILIES(NatLogTest);

TEST_P(NatLogTest, ALogThatTakesNothingMeansNoMapping) {
  StartLogging(0);
  Punt(Udp(net.fra, net.internet));
  EXPECT_THAT(AllDrops(), ElementsAre(Pair(int{RP_DROP_NAT_LOG}, 1)));
  ExpectTold(net.fra);
  EXPECT_EQ(Entries(), 0u) << "not remembered";
  EXPECT_THAT(NatSessions(), IsEmpty());
}

TEST_P(NatLogTest, ARecordThatTakesTooLongMeansNoFlow) {
  StartLogging(10);
  Punt(Udp(net.fra, net.internet));
  Punt(Udp(net.fra, net.internet));
  EXPECT_EQ(engine->statistics().pending_packets, 2u);
  EXPECT_THAT(AllDrops(), IsEmpty());
  Pass(absl::Seconds(4));
  EXPECT_THAT(AllDrops(), ElementsAre(Pair(int{RP_DROP_NAT_LOG}, 2)));
  EXPECT_EQ(engine->statistics().pending_packets, 0u);
  EXPECT_EQ(Entries(), 0u);
}

}  // namespace
}  // namespace rampart

// SPDX-License-Identifier: Apache-2.0
// How flows end.
#include "controller/flow/expiry.h"

#include "tests/controller/flow/engine_fixture.h"

namespace rampart {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class ExpiryTest : public EngineTest {
 protected:
  size_t NatSessions() const {
    size_t sessions = 0;
    engine->ForEachNatSession([&](const NatSession&) { ++sessions; });
    return sessions;
  }
  static constexpr uint8_t kAnswered =  // of UDP
      RP_TCP_ACK | RP_TCP_ACK << RP_TCP_REVERSE;
  // As rp_flow.count has packets of 100 bytes.
  static uint64_t Count(uint64_t packets) {
    return packets << RP_COUNT_BYTES | 100 * packets;
  }
  // Both entries as if packets had just been forwarded.
  void Use(const PacketSpec& spec, uint64_t forward, uint64_t reverse,
           uint8_t tcp = 0) {
    const auto flow = Flow(TupleOfSpec(kVnet, spec));
    ASSERT_TRUE(flow);
    ASSERT_TRUE(Edit(flow->tuple, [&](rp_flow& f) {
      f.count += Count(forward);
      f.tcp |= tcp;
      if (forward) f.last_seen = clock.tick;
    }));
    ASSERT_TRUE(Edit(ReverseOf(*flow), [&](rp_flow& f) {
      f.count += Count(reverse);
      f.tcp |= SwapTcp(tcp);
      if (reverse) f.last_seen = clock.tick;
    }));
  }
};
RP_BOTH_FAMILIES(ExpiryTest);

TEST_P(ExpiryTest, AnIdleFlowEndsWithTheCountersOfBothDirections) {
  const PacketSpec spec = Udp(net.fra, net.internet);
  Punt(spec);
  Use(spec, 3, 5, kAnswered);
  Pass(absl::Seconds(299));
  EXPECT_THAT(hooks.ends, IsEmpty());
  EXPECT_EQ(NatSessions(), 1u);
  Pass(absl::Seconds(3));
  ASSERT_THAT(hooks.ends, SizeIs(1));
  const FlowEnd& end = hooks.ends[0];
  EXPECT_EQ(end.tuple, TupleOfSpec(kVnet, spec));
  EXPECT_THAT(end.packets, ElementsAre(3, 5));
  EXPECT_THAT(end.bytes, ElementsAre(300, 500));
  EXPECT_EQ(end.reason, FlowEndReason::kIdle);
  EXPECT_EQ(end.rule, "all");
  EXPECT_NEAR(absl::ToDoubleSeconds(end.duration()), 301, 1.5);
  EXPECT_EQ(Entries(), 0u);
  EXPECT_EQ(NatSessions(), 0u);
  EXPECT_EQ(engine->statistics().flows, 0u);
  EXPECT_EQ(engine->statistics().flows_ended, 1u);
}

TEST_P(ExpiryTest, TrafficInEitherDirectionKeepsAFlow) {
  const PacketSpec spec = Udp(net.fra, net.internet);
  Punt(spec);
  for (int i = 0; i < 4; ++i) {
    Use(spec, i % 2, 1 - i % 2, kAnswered);
    Pass(absl::Seconds(200));
  }
  EXPECT_THAT(hooks.ends, IsEmpty());
}

TEST_P(ExpiryTest, EachProtocolHasItsTimeout) {
  struct {
    PacketSpec spec;
    uint8_t tcp;
    absl::Duration timeout;
  } const cases[] = {
      {Udp(net.fra, net.two), RP_TCP_ACK, absl::Seconds(120)},
      {Udp(net.fra, net.two), kAnswered, absl::Seconds(300)},
      {Echo(net.fra, net.two), 0, absl::Seconds(60)},
      {Tcp(net.fra, net.two), RP_TCP_SYN, absl::Seconds(240)},
      {Tcp(net.fra, net.two), 0x33, absl::Seconds(7440)},
  };
  for (const auto& c : cases) {
    Punt(c.spec);
    Use(c.spec, 1, 1, c.tcp);
    const auto flow = Flow(TupleOfSpec(kVnet, c.spec));
    EXPECT_NEAR(absl::ToDoubleSeconds(flow->expires_in),
                absl::ToDoubleSeconds(c.timeout), 0.1);
    Pass(c.timeout - absl::Seconds(1));
    EXPECT_THAT(hooks.ends, IsEmpty());
    Pass(absl::Seconds(3));
    EXPECT_THAT(hooks.ends, SizeIs(1));
    hooks.ends.clear();
  }
}

// RFC 4787 REQ-5 a: a port that is known for questions and answers.
TEST_P(ExpiryTest, AQuestionToANameServerIsSoonOver) {
  PacketSpec spec = Udp(net.fra, net.internet);
  spec.dport = 53;
  Punt(spec);
  Use(spec, 1, 1, kAnswered);
  Pass(absl::Seconds(29));
  EXPECT_THAT(hooks.ends, IsEmpty());
  Pass(absl::Seconds(3));
  EXPECT_THAT(hooks.ends, SizeIs(1));
}

TEST_P(ExpiryTest, TheSweepIsTwoTicksLaterThanTheDataPlane) {
  const PacketSpec spec = Echo(net.fra, net.two);
  Punt(spec);
  clock.tick += ToTicks(absl::Seconds(60)) + kExpirySlackTicks;
  ASSERT_TRUE(engine->OnTick().ok());
  EXPECT_THAT(hooks.ends, IsEmpty());
  clock.tick += ToTicks(absl::Seconds(1));
  ASSERT_TRUE(engine->OnTick().ok());
  EXPECT_THAT(hooks.ends, SizeIs(1));
}

TEST_P(ExpiryTest, ClosedConnectionsEndAsSuch) {
  struct {
    uint8_t tcp;
    FlowEndReason reason;
  } const cases[] = {
      {0x33 | RP_TCP_FIN | RP_TCP_FIN << RP_TCP_REVERSE, FlowEndReason::kFin},
      {0x33 | RP_TCP_RST, FlowEndReason::kReset},
      {RP_TCP_SYN | RP_TCP_RST << RP_TCP_REVERSE, FlowEndReason::kReset},
      {0x33 | RP_TCP_FIN, FlowEndReason::kIdle},
  };
  for (const auto& c : cases) {
    const PacketSpec spec = Tcp(net.fra, net.internet);
    Punt(spec);
    Use(spec, 4, 6, c.tcp);
    Pass(c.reason == FlowEndReason::kIdle ? absl::Seconds(7442)
                                          : absl::Seconds(242));
    ASSERT_THAT(hooks.ends, SizeIs(1)) << int{c.tcp};
    EXPECT_EQ(hooks.ends[0].reason, c.reason) << int{c.tcp};
    EXPECT_THAT(hooks.ends[0].packets, ElementsAre(4, 6));
    hooks.ends.clear();
  }
}

TEST_P(ExpiryTest, ASynOnAClosedConnectionStartsANewOneWithTheSamePort) {
  const PacketSpec spec = Tcp(net.fra, net.internet);
  Punt(spec);
  const auto first = Flow(TupleOfSpec(kVnet, spec));
  Use(spec, 4, 6, 0x33 | RP_TCP_FIN | RP_TCP_FIN << RP_TCP_REVERSE);
  Punt(spec);
  ASSERT_THAT(hooks.ends, SizeIs(1));
  EXPECT_EQ(hooks.ends[0].reason, FlowEndReason::kReplaced);
  EXPECT_THAT(hooks.ends[0].packets, ElementsAre(4, 6));
  const auto second = Flow(TupleOfSpec(kVnet, spec));
  ASSERT_TRUE(second);
  EXPECT_EQ(second->translated_source, first->translated_source);
  EXPECT_EQ(second->tcp, 0);
  EXPECT_EQ(second->packets[0], 0u);
  EXPECT_EQ(Entries(), 2u);
  EXPECT_EQ(NatSessions(), 1u);
  // One hold: the end of the second gives the port back.
  Pass(absl::Seconds(242));
  EXPECT_EQ(NatSessions(), 0u);
}

TEST_P(ExpiryTest, ASynOnALiveConnectionChangesNothing) {
  const PacketSpec spec = Tcp(net.fra, net.internet);
  Punt(spec);
  Use(spec, 4, 6, 0x33);
  Punt(spec);
  EXPECT_THAT(hooks.ends, IsEmpty());
  EXPECT_THAT(plane->injected, SizeIs(2));
}

// The server of a closed connection becomes the client of the next.
TEST_P(ExpiryTest, ASynFromTheOtherSideReplacesAClosedConnection) {
  const PacketSpec spec = Tcp(net.fra, net.two);
  Punt(spec);
  Use(spec, 4, 6, 0x33 | RP_TCP_RST);
  PacketSpec back = Tcp(net.two, net.fra);
  std::swap(back.sport, back.dport);
  Punt(back, kTwo);
  ASSERT_THAT(hooks.ends, SizeIs(1));
  EXPECT_EQ(hooks.ends[0].reason, FlowEndReason::kReplaced);
  EXPECT_FALSE(Flow(TupleOfSpec(kVnet, spec)));
  EXPECT_TRUE(Flow(TupleOfSpec(kVnet, back)));
  EXPECT_EQ(Entries(), 2u);
}

// The data plane punts what is expired, though the sweep was not there yet.
TEST_P(ExpiryTest, APacketOfAnExpiredFlowStartsANewOne) {
  const PacketSpec spec = Udp(net.fra, net.internet);
  Punt(spec);
  clock.tick += ToTicks(absl::Seconds(300)) + 1;
  Punt(spec);
  ASSERT_THAT(hooks.ends, SizeIs(1));
  EXPECT_EQ(hooks.ends[0].reason, FlowEndReason::kReplaced);
  EXPECT_EQ(Entries(), 2u);
  EXPECT_THAT(hooks.starts, SizeIs(2));
}

TEST_P(ExpiryTest, RefusalsAreForgottenAfterFiveSeconds) {
  const PacketSpec spec = Udp(net.fra, net.blackhole);
  Punt(spec);
  Pass(absl::Seconds(4));
  EXPECT_EQ(Entries(), 1u);
  Pass(absl::Seconds(3));
  EXPECT_EQ(Entries(), 0u);
  EXPECT_THAT(hooks.ends, IsEmpty());
}

TEST_P(ExpiryTest, ARefusalThatExpiredIsDecidedAgain) {
  const PacketSpec spec = Udp(net.fra, net.two);
  hooks.decide = [](const FlowStart&) { return Decision(); };
  Punt(spec);
  hooks.decide = nullptr;
  Punt(spec);  // had waited: the data plane drops and counts it
  EXPECT_THAT(plane->injected, SizeIs(1));
  clock.tick += ToTicks(absl::Seconds(5)) + 1;
  Punt(spec);
  EXPECT_EQ(Flow(TupleOfSpec(kVnet, spec))->kind, RP_FLOW_FORWARD);
  EXPECT_EQ(Entries(), 2u);
}

TEST_P(ExpiryTest, ManyFlowsAllEnd) {
  for (uint16_t port = 1; port <= 3000; ++port)
    Punt(Udp(net.fra, net.internet, port));
  Pass(absl::Seconds(305));
  EXPECT_THAT(hooks.ends, SizeIs(3000));
  EXPECT_EQ(Entries(), 0u);
  EXPECT_EQ(NatSessions(), 0u);
}

}  // namespace
}  // namespace rampart

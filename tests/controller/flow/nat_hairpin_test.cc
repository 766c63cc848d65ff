// SPDX-License-Identifier: Apache-2.0
// Flows between two hosts behind NAT, by their external endpoints (RFC 4787
// REQ-9, RFC 5382 REQ-8).
#include "tests/controller/flow/nat_engine_fixture.h"

namespace rampart {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

class NatHairpinTest : public NatEngineTest {
 protected:
  void SetUp() override {
    NatEngineTest::SetUp();
    if (engine) StartFiltering(NatFiltering::kEndpointIndependent);
  }
};
RP_BOTH_FAMILIES(NatHairpinTest);

TEST_P(NatHairpinTest, BothHostsShowTheirExternalEndpoints) {
  for (const PacketSpec& first :
       {Udp(net.fra, net.internet), Tcp(net.fra, net.internet)}) {
    const Endpoint server = Outside(first);
    PacketSpec client = To(first, server);
    client.source = net.fra2;
    Punt(client);
    const auto flow = Flow(TupleOfSpec(kVnet, client));
    ASSERT_TRUE(flow);
    EXPECT_EQ(flow->translated_source.address, net.nat);
    EXPECT_NE(flow->translated_source, server);
    EXPECT_EQ(flow->translated_destination, (Endpoint{net.fra, 1234}));
    EXPECT_EQ(flow->kind, RP_FLOW_FORWARD_NAT);
    EXPECT_EQ(flow->reverse_realm, kVnet);
    EXPECT_EQ(flow->on_ramp, kFra);
    EXPECT_EQ(flow->next_hop.tunnel, kFra);
    EXPECT_EQ(ReverseOf(*flow).source, (Endpoint{net.fra, 1234}));
    const rp_flow reverse = ReverseEntry(*flow);
    EXPECT_EQ(reverse.on_ramp, kFra);
    EXPECT_EQ(reverse.reverse_realm, kVnet);
    EXPECT_EQ(plane->injected.back().packet, BuildPacket(client));
  }
  EXPECT_THAT(AllDrops(), IsEmpty());
}

TEST_P(NatHairpinTest, TwoTenantsMeetOutside) {
  const Endpoint server =
      Outside(Udp(net.fra, net.internet), kGlobex, kOtherVnet);
  const PacketSpec client = To(Udp(net.fra, net.nat), server);
  Punt(client);
  const auto flow = Flow(TupleOfSpec(kVnet, client));
  ASSERT_TRUE(flow);
  EXPECT_EQ(flow->translated_source.address, net.nat);
  EXPECT_EQ(flow->translated_destination, (Endpoint{net.fra, 1234}));
  EXPECT_EQ(flow->reverse_realm, kOtherVnet);
  EXPECT_EQ(flow->next_hop.tunnel, kGlobex);
  EXPECT_EQ(flow->next_hop.realm, kOtherVnet);
  const rp_flow reverse = ReverseEntry(*flow);
  EXPECT_EQ(reverse.on_ramp, kGlobex);
  EXPECT_EQ(reverse.reverse_realm, kVnet);
  EXPECT_EQ(NextHop(reverse.next_hop).tunnel, kFra);
  EXPECT_EQ(NextHop(reverse.next_hop).realm, kVnet);
}

TEST_P(NatHairpinTest, BothMappingsAreHeldToTheEndAndOverARestart) {
  const PacketSpec first = Udp(net.fra, net.internet);
  const PacketSpec client = To(Udp(net.fra2, net.nat), Outside(first));
  Punt(client);
  const auto sessions = NatSessions();
  EXPECT_THAT(sessions, SizeIs(2));
  EXPECT_THAT(OpenPorts(), SizeIs(2));
  StartFiltering(NatFiltering::kEndpointIndependent);
  EXPECT_EQ(engine->statistics().flows_adopted, 2u);
  EXPECT_EQ(NatSessions(), sessions);
  Pass(absl::Seconds(100));
  Touch(TupleOfSpec(kVnet, client));
  Pass(absl::Seconds(30));
  EXPECT_FALSE(Flow(TupleOfSpec(kVnet, first)));
  EXPECT_THAT(NatSessions(), SizeIs(2));
  Pass(absl::Seconds(130));
  EXPECT_THAT(NatSessions(), IsEmpty());
  EXPECT_THAT(OpenPorts(), IsEmpty());
  EXPECT_EQ(Entries(), 0u);
}

TEST_P(NatHairpinTest, ARestartTakesBothMappingsOrNone) {
  const Endpoint server = Outside(Udp(net.fra, net.internet));
  const Endpoint client = Outside(To(Udp(net.fra2, net.nat), server));
  StartWith([&](NatPoolConfig& pool) {  // with the client's port only
    pool.ports = {client.port, client.port};
    pool.filtering = NatFiltering::kEndpointIndependent;
  });
  EXPECT_EQ(Entries(), 0u);
  EXPECT_THAT(NatSessions(), IsEmpty());
  EXPECT_THAT(OpenPorts(), IsEmpty());
  EXPECT_THAT(hooks.ends, SizeIs(2));
}

TEST_P(NatHairpinTest, AnAnswerToAKnockMayWait) {
  StartFiltering(NatFiltering::kAddressAndPortDependent);
  const Endpoint one = Outside(Udp(net.fra, net.internet));
  const Endpoint other = Outside(Udp(net.fra2, net.internet));
  Pass(absl::Seconds(100));
  Punt(To(Udp(net.fra, net.nat), other));
  Touch(TupleOfSpec(kVnet, Udp(net.fra2, net.internet)));
  Pass(absl::Seconds(30));  // only the knock holds the mapping of `one` now
  const auto neighbour =
      underlay.neighbours.extract({kUplinkIf, net.fra_remote});
  clock.tick++;
  engine->OnUnderlayChange();
  const PacketSpec answer = To(Udp(net.fra2, net.nat), one);
  Punt(answer);
  EXPECT_EQ(engine->statistics().pending_packets, 1u);
  underlay.neighbours[{kUplinkIf, net.fra_remote}] = neighbour.mapped();
  clock.tick++;
  engine->OnUnderlayChange();
  EXPECT_TRUE(Flow(TupleOfSpec(kVnet, answer)));
}

TEST_P(NatHairpinTest, WhereNobodyIsNothingIsHeld) {
  Punt(Udp(net.fra, net.nat));
  EXPECT_THAT(AllDrops(), ElementsAre(Pair(int{RP_DROP_NAT_NO_MAPPING}, 1)));
  EXPECT_THAT(NatSessions(), IsEmpty());
  EXPECT_THAT(OpenPorts(), IsEmpty());
  EXPECT_EQ(Entries(), 0u);
  EXPECT_THAT(plane->injected, IsEmpty());
}

TEST_P(NatHairpinTest, FilteringHoldsForNeighboursToo) {
  StartFiltering(NatFiltering::kAddressAndPortDependent);
  const Endpoint server = Outside(Udp(net.fra, net.internet));
  Punt(To(Udp(net.fra2, net.nat), server));
  EXPECT_THAT(AllDrops(), ElementsAre(Pair(int{RP_DROP_NAT_FILTERED}, 1)));
  EXPECT_EQ(Entries(), 2u);
  Punt(To(Udp(net.fra2, net.nat), server));
  EXPECT_EQ(Drops(RP_DROP_NAT_FILTERED), 2u);
  EXPECT_THAT(NatSessions(), SizeIs(2)) << "who knocks keeps the mapping";
  Pass(absl::Seconds(122));
  EXPECT_THAT(NatSessions(), IsEmpty());
}

// RFC 4787 section 5: it admits whom the inside has sent to, be it in vain.
TEST_P(NatHairpinTest, TheAnswerToAKnockIsLetIn) {
  for (const NatFiltering filtering :
       {NatFiltering::kAddressDependent,
        NatFiltering::kAddressAndPortDependent}) {
    StartFiltering(filtering);
    const Endpoint first = Outside(Udp(net.fra, net.internet));
    const Endpoint second = Outside(Udp(net.fra2, net.internet));
    Punt(To(Udp(net.fra, net.nat), second));
    const uint64_t filtered = Drops(RP_DROP_NAT_FILTERED);
    PacketSpec answer = To(Udp(net.fra2, net.nat), first);
    answer.source = net.fra2;
    Punt(answer);
    EXPECT_EQ(Drops(RP_DROP_NAT_FILTERED), filtered);
    const auto flow = Flow(TupleOfSpec(kVnet, answer));
    ASSERT_TRUE(flow);
    EXPECT_EQ(flow->translated_source, second);
    EXPECT_EQ(flow->translated_destination, (Endpoint{net.fra, 1234}));
    Pass(absl::Seconds(122));
    EXPECT_THAT(NatSessions(), IsEmpty());
  }
}

TEST_P(NatHairpinTest, AKnockIsForOneProtocolAndOneEndpoint) {
  StartFiltering(NatFiltering::kAddressAndPortDependent);
  const Endpoint first = Outside(Udp(net.fra, net.internet));
  const Endpoint second = Outside(Udp(net.fra2, net.internet));
  const Endpoint tcp = Outside(Tcp(net.fra, net.internet));
  Outside(Udp(net.fra2, net.internet, 4321));
  Punt(To(Udp(net.fra, net.nat), second));
  Punt(To(Udp(net.fra2, net.nat, 4321), first));
  Punt(To(Tcp(net.fra2, net.nat), tcp));
  EXPECT_EQ(Drops(RP_DROP_NAT_FILTERED), 3u);
}

TEST_P(NatHairpinTest, ThePolicyOfBothSidesIsAsked) {
  const Endpoint server =
      Outside(Udp(net.fra, net.internet), kGlobex, kOtherVnet);
  const PacketSpec client = To(Udp(net.fra2, net.nat), server);
  for (const uint32_t realm : {kVnet, kOtherVnet}) {
    hooks.decide = [&](const FlowStart& start) {
      return start.tuple.realm == realm ? FakeHooks::Deny(RP_DROP_POLICY_DENY)
                                        : FakeHooks::Allow();
    };
    Punt(client);
    EXPECT_THAT(NatSessions(), SizeIs(1));
    Pass(absl::Seconds(7));  // the client's own refusal is over
  }
  EXPECT_THAT(AllDrops(), ElementsAre(Pair(int{RP_DROP_POLICY_DENY}, 2)));
  hooks.decide = nullptr;
  hooks.starts.clear();
  Punt(client);
  const auto flow = Flow(TupleOfSpec(kVnet, client));
  ASSERT_TRUE(flow);
  EXPECT_THAT(hooks.starts, ElementsAre(TupleOfSpec(kVnet, client),
                                        FlowTuple{kOtherVnet,
                                                  flow->translated_source,
                                                  {net.fra, 1234},
                                                  IPPROTO_UDP}));
}

TEST_P(NatHairpinTest, ThePolicyOfEitherSideEndsIt) {
  const PacketSpec first = Udp(net.fra, net.internet);
  uint32_t epoch = 1;
  for (const uint32_t realm : {kVnet, kOtherVnet}) {
    hooks.decide = nullptr;
    hooks.ends.clear();
    const Endpoint server = Outside(first, kGlobex, kOtherVnet);
    const PacketSpec client = To(Udp(net.fra2, net.nat), server);
    Punt(client);
    ASSERT_TRUE(Flow(TupleOfSpec(kVnet, client)));
    hooks.decide = [&](const FlowStart& start) {
      const bool mine = start.tuple.realm == realm &&
                        start.tuple.destination.address != net.internet;
      return mine ? FakeHooks::Deny(RP_DROP_POLICY_DENY) : FakeHooks::Allow();
    };
    Apply(LabResources(), ++epoch);
    Pass(absl::Seconds(3));
    ASSERT_THAT(hooks.ends, SizeIs(1)) << realm;
    EXPECT_EQ(hooks.ends[0].tuple, TupleOfSpec(kVnet, client));
    EXPECT_EQ(hooks.ends[0].reason, FlowEndReason::kPolicy);
    EXPECT_THAT(NatSessions(), SizeIs(1));
  }
}

// Both directions would be one key.
TEST_P(NatHairpinTest, AnEndpointDoesNotMeetItself) {
  const PacketSpec first = Udp(net.fra, net.internet);
  const Endpoint nat = Outside(first);
  Punt(To(first, nat));
  EXPECT_THAT(AllDrops(), ElementsAre(Pair(int{RP_DROP_HAIRPIN}, 1)));
  EXPECT_EQ(Entries(), 3u) << "remembered";
  Pass(absl::Seconds(130));
  EXPECT_THAT(NatSessions(), IsEmpty());
}

// The same host, another port.
TEST_P(NatHairpinTest, AHostMayMeetItself) {
  const Endpoint nat = Outside(Udp(net.fra, net.internet));
  const PacketSpec client = To(Udp(net.fra, net.nat, 99), nat);
  Punt(client);
  EXPECT_TRUE(Flow(TupleOfSpec(kVnet, client)));
}

TEST_P(NatHairpinTest, AnExpiredFlowIsReplacedWithItsMappings) {
  const Endpoint server = Outside(Udp(net.fra, net.internet));
  const PacketSpec client = To(Udp(net.fra2, net.nat), server);
  Punt(client);
  const auto sessions = NatSessions();
  const auto first = Flow(TupleOfSpec(kVnet, client));
  clock.tick += ToTicks(absl::Seconds(125));  // the sweep has not come yet
  Punt(client);
  ASSERT_THAT(hooks.ends, SizeIs(1));
  EXPECT_EQ(hooks.ends[0].reason, FlowEndReason::kReplaced);
  EXPECT_EQ(NatSessions(), sessions);
  const auto second = Flow(TupleOfSpec(kVnet, client));
  ASSERT_TRUE(first && second);
  EXPECT_EQ(second->translated_source, first->translated_source);
}

TEST_P(NatHairpinTest, OnlyASynBeginsAConnection) {
  const Endpoint server = Outside(Tcp(net.fra, net.internet));
  Punt(To(Tcp(net.fra2, net.nat, kTcpAck), server));
  EXPECT_THAT(AllDrops(), ElementsAre(Pair(int{RP_DROP_NAT_NO_SYN}, 1)));
}

TEST_P(NatHairpinTest, APacketThatWaitsHoldsNothing) {
  const Endpoint server = Outside(Udp(net.fra, net.internet));
  const auto neighbour =
      underlay.neighbours.extract({kUplinkIf, net.fra_remote});
  clock.tick++;
  engine->OnUnderlayChange();
  const PacketSpec client = To(Udp(net.fra2, net.nat), server);
  Punt(client);
  EXPECT_EQ(engine->statistics().pending_packets, 1u);
  EXPECT_THAT(NatSessions(), SizeIs(1));
  underlay.neighbours[{kUplinkIf, net.fra_remote}] = neighbour.mapped();
  clock.tick++;
  engine->OnUnderlayChange();
  EXPECT_TRUE(Flow(TupleOfSpec(kVnet, client)));
  EXPECT_THAT(NatSessions(), SizeIs(2));
}

}  // namespace
}  // namespace rampart

// SPDX-License-Identifier: Apache-2.0
// Flows that begin outside: whom a pool lets in, what becomes of them, and
// what the data plane is told.
#include <algorithm>

#include "controller/flow/flow_entry.h"
#include "tests/controller/flow/nat_engine_fixture.h"

namespace rampart {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

using NatInboundTest = NatEngineTest;
RP_BOTH_FAMILIES(NatInboundTest);

TEST_P(NatInboundTest, WithoutAMappingNobodyIsThere) {
  StartFiltering(NatFiltering::kEndpointIndependent);
  for (const PacketSpec& spec :
       {Udp(net.internet, net.nat), Tcp(net.internet, net.nat)})
    PuntOutside(spec);
  EXPECT_THAT(AllDrops(), ElementsAre(Pair(int{RP_DROP_NAT_NO_MAPPING}, 2)));
  EXPECT_EQ(Entries(), 0u) << "a refusal from outside is not remembered";
  EXPECT_THAT(plane->sent, IsEmpty()) << "nobody outside is told";
  EXPECT_THAT(plane->injected, IsEmpty());
}

// Each row: who sends to a mapping whose host talks to net.internet port 443.
TEST_P(NatInboundTest, FilteringSaysWhoIsLetIn) {
  const struct {
    NatFiltering filtering;
    bool other_port, other_host;
  } cases[] = {
      {NatFiltering::kEndpointIndependent, true, true},
      {NatFiltering::kAddressDependent, true, false},
      {NatFiltering::kAddressAndPortDependent, false, false},
  };
  uint16_t sport = 5000;
  uint64_t filtered = 0;
  for (const auto& c : cases) {
    StartFiltering(c.filtering);
    for (PacketSpec out :
         {Udp(net.fra, net.internet), Tcp(net.fra, net.internet)}) {
      out.sport = ++sport;
      const Endpoint nat = Outside(out);
      PacketSpec in = To(out, nat);
      for (const auto& [sender, let_in] :
           {std::pair(net.internet, c.other_port),
            std::pair(net.internet2, c.other_host)}) {
        in.source = sender;
        const size_t entries = Entries();
        PuntOutside(in);
        filtered += !let_in;
        EXPECT_EQ(Entries(), entries + (let_in ? 2 : 0));
        EXPECT_EQ(Drops(RP_DROP_NAT_FILTERED), filtered);
      }
    }
  }
  EXPECT_THAT(AllDrops(), ElementsAre(Pair(int{RP_DROP_NAT_FILTERED}, 6)));
  EXPECT_THAT(plane->sent, IsEmpty());
}

TEST_P(NatInboundTest, WhoIsLetInReachesTheHostBehindTheMapping) {
  StartFiltering(NatFiltering::kEndpointIndependent);
  const Endpoint nat = Outside(Udp(net.fra, net.internet));
  const PacketSpec in = To(Udp(net.internet2, net.nat, 777), nat);
  PuntOutside(in);
  const auto flow = Flow(TupleOfSpec(RP_REALM_UNDERLAY, in));
  ASSERT_TRUE(flow);
  const Endpoint remote = {net.internet2, 777};
  const Endpoint inside = {net.fra, 1234};
  EXPECT_EQ(flow->translated_source, remote);
  EXPECT_EQ(flow->translated_destination, inside);
  EXPECT_EQ(flow->kind, RP_FLOW_FORWARD_NAT);
  EXPECT_EQ(flow->on_ramp, RP_TUNNEL_UNDERLAY);
  EXPECT_EQ(flow->reverse_realm, kVnet);
  EXPECT_EQ(flow->next_hop.use, RP_USE_TUNNEL);
  EXPECT_EQ(flow->next_hop.tunnel, kFra);
  EXPECT_EQ(flow->next_hop.realm, kVnet);
  EXPECT_EQ(flow->rule, "all");
  const rp_flow reverse = ReverseEntry(*flow);
  EXPECT_EQ(rampart::KindOf(reverse), RP_FLOW_REVERSE);
  EXPECT_EQ(reverse.on_ramp, kFra);
  EXPECT_EQ(reverse.reverse_realm, RP_REALM_UNDERLAY);
  EXPECT_EQ(NextHop(reverse.next_hop).use, RP_USE_UNDERLAY);
  EXPECT_EQ(hooks.starts.back(),
            (FlowTuple{kVnet, remote, inside, IPPROTO_UDP}));
  ASSERT_THAT(plane->injected, SizeIs(2));
  EXPECT_EQ(plane->injected[1].realm, RP_REALM_UNDERLAY);
  EXPECT_EQ(plane->injected[1].tunnel, RP_TUNNEL_UNDERLAY);
  EXPECT_EQ(plane->injected[1].packet, BuildPacket(in));
}

TEST_P(NatInboundTest, TheInsideIsItsOwnTenants) {
  StartFiltering(NatFiltering::kEndpointIndependent);
  Outside(Udp(net.fra, net.internet));
  const Endpoint nat = Outside(Udp(net.fra, net.internet), kGlobex, kOtherVnet);
  const PacketSpec in = To(Udp(net.internet2, net.nat), nat);
  PuntOutside(in);
  const auto flow = Flow(TupleOfSpec(RP_REALM_UNDERLAY, in));
  ASSERT_TRUE(flow);
  EXPECT_EQ(flow->reverse_realm, kOtherVnet);
  EXPECT_EQ(flow->next_hop.tunnel, kGlobex);
}

TEST_P(NatInboundTest, AFlowFromOutsideHoldsItsMappingToItsEnd) {
  StartFiltering(NatFiltering::kEndpointIndependent);
  const PacketSpec out = Udp(net.fra, net.internet);
  const Endpoint nat = Outside(out);
  const PacketSpec in = To(Udp(net.internet2, net.nat), nat);
  PuntOutside(in);
  const std::string session = "1001 " + net.fra.ToString() + ":1234 17 as " +
                              net.nat.ToString() + ":" +
                              std::to_string(nat.port) + " x";
  EXPECT_THAT(NatSessions(), ElementsAre(session + "2"));
  Pass(absl::Seconds(100));
  Touch(TupleOfSpec(RP_REALM_UNDERLAY, in));
  Pass(absl::Seconds(30));
  EXPECT_FALSE(Flow(TupleOfSpec(kVnet, out)));
  EXPECT_THAT(NatSessions(), ElementsAre(session + "1"));
  EXPECT_THAT(OpenPorts(), ElementsAre(Open(IPPROTO_UDP, nat)));
  EXPECT_EQ(Outside(out), nat) << "the mapping is there still";
  Pass(absl::Seconds(130));
  EXPECT_THAT(NatSessions(), IsEmpty());
  EXPECT_THAT(OpenPorts(), IsEmpty());
  EXPECT_EQ(Entries(), 0u);
}

TEST_P(NatInboundTest, APacketThatWaitsForTheHostsNextHopGoesOn) {
  StartFiltering(NatFiltering::kEndpointIndependent);
  const Endpoint nat = Outside(Udp(net.fra, net.internet));
  const auto neighbour = underlay.neighbours.extract({kUplinkIf, net.gateway});
  clock.tick++;
  engine->OnUnderlayChange();
  const PacketSpec in = To(Udp(net.internet2, net.nat), nat);
  PuntOutside(in);
  EXPECT_EQ(engine->statistics().pending_packets, 1u);
  EXPECT_THAT(NatSessions(), SizeIs(1));
  underlay.neighbours[{kUplinkIf, net.gateway}] = neighbour.mapped();
  clock.tick++;
  engine->OnUnderlayChange();
  EXPECT_TRUE(Flow(TupleOfSpec(RP_REALM_UNDERLAY, in)));
  EXPECT_EQ(plane->injected.back().packet, BuildPacket(in));
  EXPECT_THAT(AllDrops(), IsEmpty());
}

// Of a flow from outside it is the answers that leave by the underlay.
TEST_P(NatInboundTest, AnswersFollowARouteOfTheUnderlay) {
  StartFiltering(NatFiltering::kEndpointIndependent);
  const Endpoint nat = Outside(Udp(net.fra, net.internet));
  const PacketSpec in = To(Udp(net.internet2, net.nat), nat);
  PuntOutside(in);
  UnderlayRoute route;
  route.ifindex = kUplinkIf;
  route.mtu = 1500;
  route.gateway = v4() ? Ip("192.0.2.253") : Ip("2001:db8::fd");
  underlay.neighbours[{kUplinkIf, *route.gateway}] = {9, 9, 9, 9, 9, 9};
  underlay.routes.emplace_back(Prefix(net.internet2, net.internet2.bits()),
                               route);
  clock.tick++;
  engine->OnUnderlayChange();
  Pass(absl::Seconds(3));
  const auto flow = Flow(TupleOfSpec(RP_REALM_UNDERLAY, in));
  ASSERT_TRUE(flow);
  EXPECT_EQ(NextHop(ReverseEntry(*flow).next_hop).header[0], 9);
  EXPECT_EQ(flow->next_hop.tunnel, kFra);
}

TEST_P(NatInboundTest, ARestartTakesFlowsFromOutsideOver) {
  StartFiltering(NatFiltering::kAddressDependent);
  const Endpoint nat = Outside(Udp(net.fra, net.internet));
  const PacketSpec in = To(Udp(net.internet, net.nat, 777), nat);
  PuntOutside(in);
  const auto sessions = NatSessions();
  StartFiltering(NatFiltering::kAddressDependent);
  EXPECT_EQ(engine->statistics().flows_adopted, 2u);
  EXPECT_EQ(NatSessions(), sessions);
  EXPECT_THAT(OpenPorts(), ElementsAre(Open(IPPROTO_UDP, nat)));
  PuntOutside(in);
  EXPECT_THAT(AllFlows(), SizeIs(2));
  EXPECT_THAT(AllDrops(), IsEmpty());
  Pass(absl::Seconds(130));
  EXPECT_THAT(NatSessions(), IsEmpty());
  EXPECT_THAT(OpenPorts(), IsEmpty());
  EXPECT_THAT(hooks.ends, SizeIs(2));
}

// The flow that is replaced is the last that holds the mapping.
TEST_P(NatInboundTest, ASynOnAClosedConnectionBeginsItAnew) {
  StartFiltering(NatFiltering::kEndpointIndependent);
  const PacketSpec out = Tcp(net.fra, net.internet);
  const Endpoint nat = Outside(out);
  const PacketSpec in = To(Tcp(net.internet2, net.nat), nat);
  PuntOutside(in);
  const FlowTuple tuple = TupleOfSpec(RP_REALM_UNDERLAY, in);
  constexpr uint8_t kFin = RP_TCP_FIN;
  ASSERT_TRUE(Edit(
      tuple, [](rp_flow& f) { f.tcp = 0x33 | kFin | kFin << RP_TCP_REVERSE; }));
  Pass(absl::Seconds(200));
  Touch(tuple);
  Pass(absl::Seconds(60));
  EXPECT_FALSE(Flow(TupleOfSpec(kVnet, out)));
  hooks.ends.clear();
  PuntOutside(in);
  ASSERT_THAT(hooks.ends, SizeIs(1));
  EXPECT_EQ(hooks.ends[0].reason, FlowEndReason::kReplaced);
  const auto flow = Flow(tuple);
  ASSERT_TRUE(flow);
  EXPECT_EQ(flow->tcp, 0);
  EXPECT_THAT(NatSessions(), SizeIs(1));
  EXPECT_THAT(OpenPorts(), ElementsAre(Open(IPPROTO_TCP, nat)));
  Pass(absl::Seconds(250));
  EXPECT_THAT(NatSessions(), IsEmpty());
}

// What comes in together is decided about together.
TEST_P(NatInboundTest, PacketsThatComeTogetherHoldTheMappingOnce) {
  StartFiltering(NatFiltering::kEndpointIndependent);
  const Endpoint nat = Outside(Udp(net.fra, net.internet));
  const PacketSpec in = To(Udp(net.internet2, net.nat), nat);
  rp_punt punt = {};
  punt.reason = RP_PUNT_MISS;
  for (int i = 0; i < 3; ++i) plane->punts.emplace_back(punt, BuildPacket(in));
  ASSERT_EQ(engine->ProcessPunts(64).value(), 3);
  EXPECT_THAT(plane->injected, SizeIs(4));
  EXPECT_THAT(AllFlows(), SizeIs(2));
  Pass(absl::Seconds(130));
  EXPECT_THAT(NatSessions(), IsEmpty());
}

TEST_P(NatInboundTest, PortsAreOpenWhileTheirMappingsAre) {
  StartFiltering(NatFiltering::kEndpointIndependent);
  EXPECT_THAT(OpenPorts(), IsEmpty());
  const Endpoint udp = Outside(Udp(net.fra, net.internet));
  const Endpoint tcp = Outside(Tcp(net.fra2, net.internet));
  Outside(Echo(net.fra, net.internet));
  EXPECT_THAT(OpenPorts(),
              ElementsAre(Open(IPPROTO_UDP, udp), Open(IPPROTO_TCP, tcp)));
  Pass(absl::Seconds(130));
  EXPECT_THAT(OpenPorts(), ElementsAre(Open(IPPROTO_TCP, tcp)));
  Pass(absl::Seconds(130));
  EXPECT_THAT(OpenPorts(), IsEmpty());
}

TEST_P(NatInboundTest, WhereOnlyFlowsAreLetInNoPortIsOpen) {
  Outside(Udp(net.fra, net.internet));
  EXPECT_THAT(OpenPorts(), IsEmpty());
}

TEST_P(NatInboundTest, ARestartClosesWhatIsNoMappingsAnyMore) {
  StartFiltering(NatFiltering::kEndpointIndependent);
  const Endpoint nat = Outside(Udp(net.fra, net.internet));
  rp_nat_open_key key = {};
  nat.address.ToMapped(key.addr);
  key.proto = IPPROTO_UDP;
  rp_nat_open all;
  std::fill(std::begin(all.ports), std::end(all.ports), ~uint64_t{0});
  for (const int block : {3, nat.port / RP_OPEN_PORTS}) {
    key.block = static_cast<uint16_t>(block);
    ASSERT_TRUE(plane->maps().nat_open.Put(key, all).ok());
  }
  StartFiltering(NatFiltering::kEndpointIndependent);
  EXPECT_THAT(OpenPorts(), ElementsAre(Open(IPPROTO_UDP, nat)));
}

TEST_P(NatInboundTest, TheSameConfigurationAgainChangesNothing) {
  StartFiltering(NatFiltering::kEndpointIndependent);
  const Endpoint nat = Outside(Udp(net.fra, net.internet));
  PuntOutside(To(Udp(net.internet2, net.nat), nat));
  const auto sessions = NatSessions();
  Apply(LabResources(), 2);
  Pass(absl::Seconds(3));
  EXPECT_THAT(AllFlows(), SizeIs(2));
  EXPECT_EQ(NatSessions(), sessions);
  EXPECT_THAT(OpenPorts(), SizeIs(1));
  EXPECT_THAT(hooks.ends, IsEmpty());
}

TEST_P(NatInboundTest, AFlowFromOutsideEndsWithThePolicyThatLetItIn) {
  StartFiltering(NatFiltering::kEndpointIndependent);
  const Endpoint nat = Outside(Udp(net.fra, net.internet));
  const PacketSpec in = To(Udp(net.internet2, net.nat), nat);
  PuntOutside(in);
  const FlowTuple asked = hooks.starts.back();
  hooks.decide = [&](const FlowStart& start) {
    return start.tuple == asked ? FakeHooks::Deny(RP_DROP_POLICY_DENY)
                                : FakeHooks::Allow();
  };
  Apply(LabResources(), 2);
  Pass(absl::Seconds(3));
  ASSERT_THAT(hooks.ends, SizeIs(1));
  EXPECT_EQ(hooks.ends[0].tuple, TupleOfSpec(RP_REALM_UNDERLAY, in));
  EXPECT_EQ(hooks.ends[0].reason, FlowEndReason::kPolicy);
  EXPECT_THAT(AllFlows(), SizeIs(1));
  PuntOutside(in);
  EXPECT_THAT(AllDrops(), ElementsAre(Pair(int{RP_DROP_POLICY_DENY}, 1)));
  EXPECT_THAT(AllFlows(), SizeIs(1)) << "not remembered either";
}

TEST_P(NatInboundTest, WhomThePolicyRejectsIsToldNothing) {
  StartFiltering(NatFiltering::kEndpointIndependent);
  const Endpoint nat = Outside(Tcp(net.fra, net.internet));
  hooks.decide = [](const FlowStart&) {
    return FakeHooks::Deny(RP_DROP_POLICY_REJECT, Decision::Action::kReject);
  };
  PuntOutside(To(Tcp(net.internet2, net.nat), nat));
  EXPECT_THAT(plane->sent, IsEmpty());
  EXPECT_EQ(Entries(), 2u);
  EXPECT_THAT(AllDrops(), ElementsAre(Pair(int{RP_DROP_POLICY_REJECT}, 1)));
  EXPECT_THAT(NatSessions(), SizeIs(1));
}

TEST_P(NatInboundTest, AHostThatIsRoutedNowhereIsNotReached) {
  StartFiltering(NatFiltering::kEndpointIndependent);
  const Endpoint nat = Outside(Udp(net.fra, net.internet));
  Resources unrouted = LabResources();
  std::erase_if(unrouted.tenants[0].Edit().routes, [](const Route& route) {
    return route.vnet == "frankfurt" && route.tunnel == "fra";
  });
  Apply(unrouted, 2);
  PuntOutside(To(Udp(net.internet2, net.nat), nat));
  EXPECT_THAT(AllDrops(), ElementsAre(Pair(int{RP_DROP_NO_ROUTE}, 1)));
}

// RFC 7857 section 2; the data plane cannot see it in a fragment.
TEST_P(NatInboundTest, OnlyWhatBeginsAConversationBeginsAFlow) {
  StartFiltering(NatFiltering::kEndpointIndependent);
  const Endpoint nat = Outside(Tcp(net.fra, net.internet));
  for (const uint8_t flags : {kTcpAck, kTcpRst, kTcpFin})
    PuntOutside(To(Tcp(net.internet2, net.nat, flags), nat));
  EXPECT_THAT(AllDrops(), ElementsAre(Pair(int{RP_DROP_NAT_NO_SYN}, 3)));
  EXPECT_EQ(Entries(), 2u);
}

}  // namespace
}  // namespace rampart

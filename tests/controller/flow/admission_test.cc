// SPDX-License-Identifier: Apache-2.0
// What becomes of the first packet of a flow.
#include <set>

#include "controller/flow/flow_entry.h"
#include "maps/realm.h"
#include "tests/controller/flow/engine_fixture.h"

namespace rampart {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

using AdmissionTest = EngineTest;
RP_BOTH_FAMILIES(AdmissionTest);

TEST_P(AdmissionTest, AFlowBetweenSitesIsTwoEntriesWithoutRewrite) {
  const PacketSpec spec = Udp(net.fra, net.two);
  Punt(spec);
  const auto flow = Flow(TupleOfSpec(kVnet, spec));
  ASSERT_TRUE(flow);
  EXPECT_EQ(Entries(), 2u);
  EXPECT_EQ(flow->translated_source, flow->tuple.source);
  EXPECT_EQ(flow->translated_destination, flow->tuple.destination);
  EXPECT_EQ(flow->on_ramp, kFra);
  EXPECT_EQ(flow->reverse_realm, kVnet);
  EXPECT_EQ(flow->kind, RP_FLOW_FORWARD);
  EXPECT_EQ(flow->epoch, 1u);
  EXPECT_EQ(flow->rule, "all");
  EXPECT_EQ(flow->next_hop.kind, RP_NEXT_HOP_SEND);
  EXPECT_EQ(flow->next_hop.tunnel, kTwo);
  EXPECT_EQ(flow->next_hop.realm, kVnet);
  rp_flow reverse = {};
  ASSERT_TRUE(Edit(ReverseOf(*flow), [&](rp_flow& f) { reverse = f; }));
  EXPECT_EQ(reverse.on_ramp, kTwo);
  EXPECT_EQ(NextHop(reverse.next_hop).tunnel, kFra);
  EXPECT_THAT(AllDrops(), IsEmpty());
}

TEST_P(AdmissionTest, TheFirstPacketGoesOnAsItCame) {
  const PacketSpec spec = Udp(net.fra, net.two);
  Punt(spec);
  ASSERT_THAT(plane->injected, SizeIs(1));
  EXPECT_EQ(plane->injected[0].realm, kVnet);
  EXPECT_EQ(plane->injected[0].tunnel, kFra);
  EXPECT_EQ(plane->injected[0].packet, BuildPacket(spec));
}

TEST_P(AdmissionTest, PacketsThatComeTogetherMakeOneFlowAndKeepTheirOrder) {
  const PacketSpec spec = Udp(net.fra, net.internet);
  PacketSpec second = spec;
  second.payload = 17;
  const PacketSpec other = Udp(net.fra, net.internet, 4321);
  for (const PacketSpec& packet : {spec, other, second}) {
    rp_punt punt = {};
    punt.reason = RP_PUNT_MISS;
    punt.realm = kVnet;
    punt.tunnel = kFra;
    plane->punts.emplace_back(punt, BuildPacket(packet));
  }
  ASSERT_EQ(engine->ProcessPunts(64).value(), 3);
  EXPECT_THAT(AllFlows(), SizeIs(2));
  std::vector<Bytes> packets;
  for (const auto& injected : plane->injected)
    packets.push_back(injected.packet);
  EXPECT_THAT(packets, ElementsAre(BuildPacket(spec), BuildPacket(other),
                                   BuildPacket(second)));
  engine->ForEachNatSession(
      [](const NatSession& session) { EXPECT_EQ(session.flows, 1u); });
}

TEST_P(AdmissionTest, AFlowToTheInternetHasASourceFromThePool) {
  for (const PacketSpec& spec :
       {Udp(net.fra, net.internet), Tcp(net.fra, net.internet),
        Echo(net.fra, net.internet)}) {
    Punt(spec);
    const auto flow = Flow(TupleOfSpec(kVnet, spec));
    ASSERT_TRUE(flow);
    EXPECT_EQ(flow->translated_source.address, net.nat);
    EXPECT_GE(flow->translated_source.port, 1024);
    EXPECT_EQ(flow->translated_destination, flow->tuple.destination);
    EXPECT_EQ(flow->reverse_realm, RP_REALM_UNDERLAY);
    EXPECT_EQ(flow->kind, RP_FLOW_FORWARD_NAT);
    EXPECT_EQ(flow->next_hop.use, RP_USE_UNDERLAY);
    rp_flow reverse = {};
    ASSERT_TRUE(Edit(ReverseOf(*flow), [&](rp_flow& f) { reverse = f; }));
    EXPECT_EQ(reverse.on_ramp, RP_TUNNEL_UNDERLAY);
    EXPECT_EQ(reverse.reverse_realm, kVnet);
    EXPECT_EQ(rampart::KindOf(reverse), RP_FLOW_REVERSE);
    EXPECT_EQ(NextHop(reverse.next_hop).tunnel, kFra);
  }
  EXPECT_THAT(plane->injected, SizeIs(3));
}

TEST_P(AdmissionTest, OtherProtocolsAreTranslatedByAddressAlone) {
  PacketSpec spec = Udp(net.fra, net.internet);
  spec.protocol = IPPROTO_SCTP;
  Punt(spec);
  const auto flow = Flow(TupleOfSpec(kVnet, spec));
  ASSERT_TRUE(flow);
  EXPECT_EQ(flow->translated_source, (Endpoint{net.nat, 0}));
}

TEST_P(AdmissionTest, TwoTenantsWithTheSameTupleGetTwoFlows) {
  const PacketSpec spec = Udp(net.fra, net.internet);
  Punt(spec, kFra, kVnet);
  Punt(spec, kGlobex, kOtherVnet);
  const auto one = Flow(TupleOfSpec(kVnet, spec));
  const auto other = Flow(TupleOfSpec(kOtherVnet, spec));
  ASSERT_TRUE(one && other);
  EXPECT_NE(one->translated_source, other->translated_source);
  EXPECT_EQ(Entries(), 4u);
}

// The kernel has a route to the LAN, but the LAN is acme's.
TEST_P(AdmissionTest, TheInternetIsNotAnotherTenantsInterface) {
  Punt(Udp(net.fra, net.lan), kGlobex, kOtherVnet);
  EXPECT_THAT(plane->injected, IsEmpty());
  EXPECT_THAT(AllDrops(), ElementsAre(Pair(int{RP_DROP_NEXT_HOP_DOWN}, 1)));
}

TEST_P(AdmissionTest, AHostBehindAnInterfaceIsItsOwnNextHop) {
  const PacketSpec spec = Udp(net.fra, net.lan);
  Punt(spec);
  const auto flow = Flow(TupleOfSpec(kVnet, spec));
  ASSERT_TRUE(flow);
  EXPECT_EQ(flow->next_hop.use, RP_USE_INTERFACE);
  EXPECT_EQ(IpAddress::FromMapped(flow->next_hop.address), net.lan);
  EXPECT_EQ(flow->next_hop.slot, kLanSlot);
}

TEST_P(AdmissionTest, AKernelGatewayOfTheInterfaceIsUsed) {
  UnderlayRoute route;
  route.ifindex = kLanIf;
  route.gateway = net.lan_gateway;
  underlay.routes.emplace_back(Prefix(net.lan, net.lan.bits()), route);
  underlay.neighbours[{kLanIf, net.lan_gateway}] = {6};
  engine->OnUnderlayChange();
  clock.tick++;
  engine->OnUnderlayChange();
  Punt(Udp(net.fra, net.lan));
  const auto flows = AllFlows();
  ASSERT_THAT(flows, SizeIs(1));
  EXPECT_EQ(IpAddress::FromMapped(flows[0].next_hop.address), net.lan_gateway);
}

TEST_P(AdmissionTest, PacketsThatWaitedBehindTheFirstFollowItUndecided) {
  const PacketSpec spec = Udp(net.fra, net.two);
  for (int i = 0; i < 3; ++i) Punt(spec);
  EXPECT_THAT(plane->injected, SizeIs(3));
  EXPECT_THAT(hooks.starts, SizeIs(1));
  EXPECT_EQ(Entries(), 2u);
}

TEST_P(AdmissionTest, AnAnswerThatWaitedFindsTheFlow) {
  Punt(Udp(net.fra, net.two));
  PacketSpec answer = Udp(net.two, net.fra);
  std::swap(answer.sport, answer.dport);
  Punt(answer, kTwo);
  EXPECT_THAT(plane->injected, SizeIs(2));
  EXPECT_EQ(Entries(), 2u);
  EXPECT_THAT(AllDrops(), IsEmpty());
}

TEST_P(AdmissionTest, APacketThatKeepsMissingItsFlowIsDropped) {
  const PacketSpec spec = Udp(net.fra, net.two);
  Punt(spec);
  rp_punt punt = {};
  punt.reason = RP_PUNT_MISS;
  punt.realm = kVnet;
  punt.tunnel = kFra;
  punt.slot = kInjectSlot;
  PuntBytes(punt, BuildPacket(spec));
  EXPECT_THAT(plane->injected, SizeIs(1));
  EXPECT_THAT(AllDrops(), ElementsAre(Pair(int{RP_DROP_INJECT}, 1)));
}

TEST_P(AdmissionTest, PeersOfATunnelShareItsFlows) {
  std::set<uint32_t> peers;
  for (uint16_t port = 1; port <= 64; ++port) Punt(Udp(net.fra, net.two, port));
  for (const Engine::FlowView& flow : AllFlows())
    peers.insert(flow.next_hop.peer);
  EXPECT_THAT(peers, ElementsAre(0, 1));
}

TEST_P(AdmissionTest, AnswersGoToThePeerThatAsked) {
  rp_punt punt = {};
  punt.reason = RP_PUNT_MISS;
  punt.realm = kVnet;
  punt.tunnel = kTwo;
  for (punt.peer = 0; punt.peer < 2; ++punt.peer) {
    const PacketSpec spec = Udp(net.two, net.fra, 100 + punt.peer);
    PuntBytes(punt, BuildPacket(spec));
    rp_flow reverse = {};
    ASSERT_TRUE(Edit(ReverseOf(*Flow(TupleOfSpec(kVnet, spec))),
                     [&](rp_flow& f) { reverse = f; }));
    EXPECT_EQ(NextHop(reverse.next_hop).peer, punt.peer);
  }
}

TEST_P(AdmissionTest, EntropyVaries) {
  std::set<uint16_t> seen;
  for (uint16_t port = 1; port <= 64; ++port) {
    const PacketSpec spec = Udp(net.fra, net.two, port);
    Punt(spec);
    ASSERT_TRUE(Edit(TupleOfSpec(kVnet, spec), [&](rp_flow& f) {
      seen.insert(f.marks & RP_FLOW_ENTROPY);
    }));
  }
  EXPECT_GT(seen.size(), 55u);
}

// One refusal: which packet, and what is counted.
struct RefusalCase {
  const char* name;
  PacketSpec spec;
  uint32_t tunnel = kFra;
  uint32_t realm = kVnet;
  rp_outcome reason = RP_FORWARDED;
  bool remembered = true;
};

std::vector<RefusalCase> Refusals(const LabNet& net) {
  PacketSpec from_router = {.source = net.fra, .destination = net.router};
  PacketSpec mid_stream = {.source = net.fra,
                           .destination = net.internet,
                           .protocol = IPPROTO_TCP,
                           .tcp_flags = kTcpAck};
  PacketSpec reply = {.source = net.fra,
                      .destination = net.internet,
                      .protocol = IcmpOf(net.fra),
                      .echo_reply = true};
  return {
      {"no route",
       {.source = net.fra, .destination = net.internet},
       4,
       kDark,
       RP_DROP_NO_ROUTE},
      {"blackhole",
       {.source = net.fra, .destination = net.blackhole},
       kFra,
       kVnet,
       RP_DROP_BLACKHOLE},
      {"spoofed",
       {.source = net.two, .destination = net.internet},
       kFra,
       kVnet,
       RP_DROP_SPOOFED,
       false},
      {"own address",
       {.source = net.fra, .destination = net.fra},
       kFra,
       kVnet,
       RP_DROP_SRC_MARTIAN,
       false},
      {"other tenant's vnet",
       {.source = net.fra, .destination = net.internet},
       kFra,
       kOtherVnet,
       RP_DROP_VNI_REFUSED,
       false},
      {"unknown tunnel",
       {.source = net.fra, .destination = net.internet},
       99,
       kVnet,
       RP_DROP_VNI_REFUSED,
       false},
      {"router takes pings only", from_router, kFra, kVnet, RP_DROP_NO_ROUTE},
      {"mid-stream", mid_stream, kFra, kVnet, RP_DROP_NAT_NO_SYN, false},
      {"reply to nothing", reply, kFra, kVnet, RP_DROP_ICMP_NO_FLOW, false},
      {"underlay",
       {.source = net.internet, .destination = net.nat},
       0,
       0,
       RP_DROP_NAT_NO_MAPPING,
       false},
  };
}

TEST_P(AdmissionTest, EveryRefusalHasItsOwnReason) {
  for (const RefusalCase& c : Refusals(net)) {
    SCOPED_TRACE(c.name);
    const uint64_t before = Drops(c.reason);
    const size_t entries = Entries();
    Punt(c.spec, c.tunnel, c.realm);
    EXPECT_EQ(Drops(c.reason), before + 1);
    EXPECT_EQ(Entries(), entries + c.remembered);
    if (!c.remembered) continue;
    const auto refusal = Flow(TupleOfSpec(c.realm, c.spec));
    ASSERT_TRUE(refusal);
    EXPECT_EQ(refusal->kind, RP_FLOW_REFUSED);
    EXPECT_EQ(refusal->next_hop.kind, RP_NEXT_HOP_DROP);
    EXPECT_EQ(refusal->next_hop.reason, c.reason);
    EXPECT_EQ(refusal->expires_in, FromTicks(ToTicks(absl::Seconds(5))));
  }
  EXPECT_THAT(plane->injected, IsEmpty());
  EXPECT_THAT(plane->sent, IsEmpty());
  EXPECT_THAT(hooks.starts, IsEmpty());
}

TEST_P(AdmissionTest, PacketsForThePeerItselfAreAHairpin) {
  if (net.family == Family::kV6) return;  // peers of the lab are IPv4
  Punt(Udp(net.fra, net.fra_remote));
  EXPECT_THAT(AllDrops(), ElementsAre(Pair(int{RP_DROP_HAIRPIN}, 1)));
}

TEST_P(AdmissionTest, CountersSayBytesOfTheFrame) {
  const PacketSpec spec = Udp(net.two, net.internet);
  Punt(spec);
  const auto counter =
      plane->maps().slow.drops.Get(RP_DROP_SPOOFED).value().value();
  EXPECT_EQ(counter.bytes, BuildPacket(spec).size() + 14);
}

TEST_P(AdmissionTest, ADroppedPacketIsKeptAndCountedForItsTenant) {
  const PacketSpec spec = Udp(net.two, net.internet);
  Punt(spec);
  const rp_drop_ring ring =
      plane->maps().slow.samples.Get(RP_DROP_SPOOFED).value().value();
  ASSERT_EQ(ring.next, 1u);
  const rp_drop_sample& sample = ring.samples[0];
  EXPECT_EQ(absl::MakeConstSpan(sample.bytes, sample.captured),
            absl::MakeConstSpan(BuildPacket(spec)));
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(&sample.file), 8),
            "admissio");
  EXPECT_GT(sample.line, 0u);
  uint64_t counted = 0;
  EXPECT_TRUE(plane->maps()
                  .slow.tenants
                  .ForEach([&](const rp_tenant_drop_key& key,
                               const rp_counter& counter) {
                    EXPECT_EQ(key.tenant, sample.tenant);
                    EXPECT_EQ(key.reason, uint32_t{RP_DROP_SPOOFED});
                    counted += counter.packets;
                  })
                  .ok());
  EXPECT_EQ(counted, 1u);
}

TEST_P(AdmissionTest, MidStreamTcpIsPickedUpWithoutNat) {
  Punt(Tcp(net.fra, net.two, kTcpAck));
  EXPECT_THAT(plane->injected, SizeIs(1));
  EXPECT_EQ(Entries(), 2u);
}

TEST_P(AdmissionTest, DeniedFlowsAreRememberedAndNotAskedAgain) {
  hooks.decide = [](const FlowStart& start) {
    EXPECT_EQ(start.vnet.vnet->vni, kVnet);
    EXPECT_EQ(start.on_ramp.tunnel->name, "fra");
    EXPECT_EQ(start.route.tunnel->name, "two");
    return FakeHooks::Deny(RP_DROP_POLICY_DENY);
  };
  const PacketSpec spec = Udp(net.fra, net.two);
  Punt(spec);
  EXPECT_THAT(AllDrops(), ElementsAre(Pair(int{RP_DROP_POLICY_DENY}, 1)));
  EXPECT_EQ(Flow(TupleOfSpec(kVnet, spec))->next_hop.reason,
            RP_DROP_POLICY_DENY);
  EXPECT_THAT(plane->sent, IsEmpty());
  EXPECT_EQ(engine->statistics().flows, 0u);
}

// The direction that is refused and the answers of the other one have the
// same key.
TEST_P(AdmissionTest, AnAllowedFlowReplacesTheRefusalOfItsAnswers) {
  const PacketSpec there = Udp(net.fra, net.two);
  PacketSpec back = Udp(net.two, net.fra);
  std::swap(back.sport, back.dport);
  hooks.decide = [&](const FlowStart& start) {
    return start.on_ramp.tunnel->id == kFra ? FakeHooks::Allow() : Decision{};
  };
  Punt(back, kTwo);
  EXPECT_EQ(Drops(RP_DROP_POLICY_DEFAULT), 1u);
  Punt(there);
  EXPECT_EQ(Flow(TupleOfSpec(kVnet, there))->kind, RP_FLOW_FORWARD);
  EXPECT_EQ(Entries(), 2u);
  Punt(back, kTwo);  // had waited
  EXPECT_THAT(plane->injected, SizeIs(2));
}

TEST_P(AdmissionTest, RefusalsCannotFillTheTable) {
  hooks.decide = [](const FlowStart&) { return Decision(); };
  for (uint16_t port = 1; port <= 1200; ++port)
    Punt(Udp(net.fra, net.two, port));
  EXPECT_EQ(Entries(), 8192u / 8);
  EXPECT_EQ(Drops(RP_DROP_POLICY_DEFAULT), 1200u);
}

TEST_P(AdmissionTest, APoolWithoutAddressOfTheFamilyIsSaid) {
  EdgeConfig other = LabEdge();
  std::erase_if(other.pools[0].addresses, [&](const IpAddress& address) {
    return address.family() == net.family;
  });
  StartEngine(other);
  Punt(Udp(net.fra, net.internet));
  EXPECT_THAT(AllDrops(), ElementsAre(Pair(int{RP_DROP_NAT_NO_ADDRESS}, 1)));
}

TEST_P(AdmissionTest, AUsedUpPoolIsSaid) {
  EdgeConfig small = LabEdge();
  small.pools[0].ports = {1024, 1024 + 511};
  StartEngine(small);
  for (uint16_t port = 1; port <= 600; ++port)
    Punt(Udp(net.fra, net.internet, port));
  EXPECT_EQ(Drops(RP_DROP_NAT_EXHAUSTED), 600u - 512);
  EXPECT_EQ(engine->statistics().flows, 512u);
}

// Routes have changed: what was translated is now routed, and its answers
// would have the key of a live flow.
TEST_P(AdmissionTest, AFlowDoesNotTakeTheKeyOfALiveOne) {
  Resources before = LabResources();
  std::erase_if(before.tenants[0].Edit().routes, [](const Route& route) {
    return route.tunnel == "fra" && route.cidr.length() != 24;
  });
  Apply(before, 2);
  PacketSpec out = Tcp(net.two, net.fra);
  Punt(out, kTwo);
  EXPECT_EQ(Flow(TupleOfSpec(kVnet, out))->kind, RP_FLOW_FORWARD_NAT);
  Apply(LabResources(), 3);
  PacketSpec in = Tcp(net.fra, net.two);
  std::swap(in.sport, in.dport);
  Punt(in);
  EXPECT_THAT(AllDrops(), ElementsAre(Pair(int{RP_DROP_ON_RAMP}, 1)));
  EXPECT_EQ(Entries(), 2u);
}

class FullTableTest : public EngineTest {
 protected:
  FullTableTest() { flow_capacity = 16; }
};
RP_BOTH_FAMILIES(FullTableTest);

TEST_P(FullTableTest, NewFlowsAreRefusedAndNoneIsEvicted) {
  for (uint16_t port = 1; port <= 20; ++port)
    Punt(Udp(net.fra, net.internet, port));
  EXPECT_EQ(Entries(), 16u);
  EXPECT_THAT(AllFlows(), SizeIs(8));
  EXPECT_THAT(AllDrops(), ElementsAre(Pair(int{RP_DROP_FLOW_TABLE_FULL}, 12)));
  size_t sessions = 0;
  engine->ForEachNatSession([&](const NatSession&) { ++sessions; });
  EXPECT_EQ(sessions, 8u);  // the ports of the others went back
}

// Two flows must never be told apart by nothing.
TEST_P(AdmissionTest, NoTwoFlowsShareTheKeyOfTheirAnswers) {
  std::mt19937 dice(3);
  const IpAddress hosts[] = {net.fra, net.fra2,     net.two,
                             net.lan, net.internet, net.internet2};
  for (int i = 0; i < 3000; ++i) {
    PacketSpec spec = Udp(hosts[dice() % 4], hosts[dice() % 6], 1 + dice() % 8);
    spec.dport = 1 + dice() % 8;
    const uint8_t protocols[] = {IPPROTO_UDP, IPPROTO_TCP, IcmpOf(net.fra)};
    spec.protocol = protocols[dice() % 3];
    const bool acme = spec.source != net.fra2 || dice() % 2;
    const uint32_t tunnel = spec.source == net.two   ? kTwo
                            : spec.source == net.lan ? kLan
                                                     : kFra;
    if (acme)
      Punt(spec, tunnel);
    else
      Punt(spec, kGlobex, kOtherVnet);
  }
  const auto flows = AllFlows();
  ASSERT_GT(flows.size(), 500u);
  std::set<std::string> reverse_keys;
  size_t alone = 0;
  for (const Engine::FlowView& flow : flows) {
    if (flow.kind == RP_FLOW_REFUSED) {
      ++alone;
      continue;
    }
    const FlowTuple key = ReverseOf(flow);
    EXPECT_TRUE(reverse_keys
                    .insert(::testing::PrintToString(key.realm) + " " +
                            key.source.address.ToString() + " " +
                            std::to_string(key.source.port) + " " +
                            key.destination.address.ToString() + " " +
                            std::to_string(key.destination.port) + " " +
                            std::to_string(key.protocol))
                    .second);
    bool points_back = false;
    ASSERT_TRUE(Edit(key, [&](rp_flow& f) {
      points_back = f.reverse_realm == flow.tuple.realm;
    }));
    EXPECT_TRUE(points_back);
  }
  EXPECT_EQ(Entries(), 2 * (flows.size() - alone) + alone);
}

}  // namespace
}  // namespace rampart

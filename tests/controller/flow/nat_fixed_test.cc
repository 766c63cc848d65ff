// SPDX-License-Identifier: Apache-2.0
// Translations that are configured: static mappings, prefixes one to one, and
// destinations that are left alone.
#include "tests/controller/flow/nat_engine_fixture.h"

namespace rampart {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;
using ::testing::SizeIs;

class NatStaticTest : public NatEngineTest {
 protected:
  // net.fra port 80 is port 8080 outside, and 8053 by UDP port 53.
  void StartStatic() {
    StartWith([&](NatPoolConfig& pool) {
      pool.static_mappings = {
          {.tenant = "acme",
           .vnet = "frankfurt",
           .protocol = IPPROTO_TCP,
           .inside = {net.fra, 80},
           .outside = Web()},
          {.tenant = "globex",
           .vnet = "berlin",
           .protocol = IPPROTO_UDP,
           .inside = {net.fra, 53},
           .outside = {net.nat, 53}},
      };
    });
  }
  Endpoint Web() const { return {net.nat, 8080}; }
  PacketSpec Visit() const { return To(Tcp(net.internet, net.nat), Web()); }
};
RP_BOTH_FAMILIES(NatStaticTest);

TEST_P(NatStaticTest, EverybodyIsLetIn) {
  StartStatic();
  EXPECT_THAT(OpenPorts(), ElementsAre(Open(IPPROTO_UDP, {net.nat, 53}),
                                       Open(IPPROTO_TCP, Web())));
  PuntOutside(Visit());
  const auto flow = Flow(TupleOfSpec(RP_REALM_UNDERLAY, Visit()));
  ASSERT_TRUE(flow);
  EXPECT_EQ(flow->translated_source, (Endpoint{net.internet, 1234}));
  EXPECT_EQ(flow->translated_destination, (Endpoint{net.fra, 80}));
  EXPECT_EQ(flow->reverse_realm, kVnet);
  EXPECT_EQ(flow->next_hop.tunnel, kFra);
  const PacketSpec query =
      To(Udp(net.internet, net.nat), Endpoint{net.nat, 53});
  PuntOutside(query);
  const auto other = Flow(TupleOfSpec(RP_REALM_UNDERLAY, query));
  ASSERT_TRUE(other);
  EXPECT_EQ(other->translated_destination, (Endpoint{net.fra, 53}));
  EXPECT_EQ(other->reverse_realm, kOtherVnet);
  EXPECT_EQ(other->next_hop.tunnel, kGlobex);
  EXPECT_THAT(NatSessions(), IsEmpty()) << "they need no state";
}

TEST_P(NatStaticTest, OnlyByItsProtocolAndPort) {
  StartStatic();
  PuntOutside(To(Udp(net.internet, net.nat), Web()));
  PuntOutside(To(Tcp(net.internet, net.nat), Endpoint{net.nat, 8081}));
  EXPECT_THAT(AllDrops(), ElementsAre(Pair(int{RP_DROP_NAT_NO_MAPPING}, 2)));
}

TEST_P(NatStaticTest, ThePolicyIsAskedAboutTheInside) {
  StartStatic();
  hooks.decide = [](const FlowStart&) {
    return FakeHooks::Deny(RP_DROP_POLICY_DENY);
  };
  PuntOutside(Visit());
  EXPECT_THAT(AllDrops(), ElementsAre(Pair(int{RP_DROP_POLICY_DENY}, 1)));
  EXPECT_THAT(hooks.starts,
              ElementsAre(FlowTuple{
                  kVnet, {net.internet, 1234}, {net.fra, 80}, IPPROTO_TCP}));
  EXPECT_EQ(Entries(), 0u);
}

TEST_P(NatStaticTest, TheHostsOwnFlowsHaveItsEndpoint) {
  StartStatic();
  PacketSpec spec = Tcp(net.fra, net.internet);
  spec.sport = 80;
  EXPECT_EQ(Outside(spec), Web());
  spec.sport = 81;
  EXPECT_NE(Outside(spec), Web());
}

TEST_P(NatStaticTest, NeighboursReachItByTheExternalEndpoint) {
  StartStatic();
  PacketSpec visit = Visit();
  visit.source = net.fra2;
  Punt(visit);
  const auto flow = Flow(TupleOfSpec(kVnet, visit));
  ASSERT_TRUE(flow);
  EXPECT_EQ(flow->translated_source.address, net.nat);
  EXPECT_EQ(flow->translated_destination, (Endpoint{net.fra, 80}));
}

TEST_P(NatStaticTest, ItsFlowsOutliveARestart) {
  StartStatic();
  PuntOutside(Visit());
  StartStatic();
  EXPECT_EQ(engine->statistics().flows_adopted, 1u);
  EXPECT_THAT(OpenPorts(), SizeIs(2));
  Pass(absl::Seconds(250));
  EXPECT_EQ(Entries(), 0u);
  EXPECT_THAT(hooks.ends, SizeIs(1));
}

TEST_P(NatStaticTest, ItsFlowsEndWithTheTenant) {
  StartStatic();
  PuntOutside(Visit());
  PacketSpec own = Tcp(net.fra, net.internet);
  own.sport = 80;
  Punt(own);
  Resources only_globex = LabResources();
  only_globex.tenants.erase(only_globex.tenants.begin());
  Apply(only_globex, 2);
  Pass(absl::Seconds(3));
  ASSERT_THAT(hooks.ends, SizeIs(2));
  for (const FlowEnd& end : hooks.ends)
    EXPECT_EQ(end.reason, FlowEndReason::kRemoved);
  EXPECT_THAT(OpenPorts(), SizeIs(1));
  PuntOutside(Visit());
  EXPECT_THAT(AllDrops(), ElementsAre(Pair(int{RP_DROP_NAT_NO_MAPPING}, 1)));
  Apply(LabResources(), 3);
  EXPECT_THAT(OpenPorts(), SizeIs(2));
  PuntOutside(Visit());
  EXPECT_TRUE(Flow(TupleOfSpec(RP_REALM_UNDERLAY, Visit())));
}

TEST_P(NatStaticTest, ItsFlowsEndAtARestartWithoutIt) {
  StartStatic();
  PuntOutside(Visit());
  StartWith([](NatPoolConfig& pool) { pool.ports = {10000, 20000}; });
  EXPECT_EQ(Entries(), 0u);
  EXPECT_THAT(OpenPorts(), IsEmpty());
  ASSERT_THAT(hooks.ends, SizeIs(1));
  EXPECT_EQ(hooks.ends[0].reason, FlowEndReason::kRemoved);
}

class NatPrefixTest : public NatEngineTest {
 protected:
  void StartPrefix(NatFiltering filtering) {
    StartWith([&](NatPoolConfig& pool) {
      pool.filtering = filtering;
      pool.prefixes = Prefixes();
    });
  }
  std::vector<NatPrefixConfig> Prefixes() const {
    const char* inside = v4() ? "10.1.0.0/16" : "fd00:1::/48";
    return {{.tenant = "acme",
             .vnet = "frankfurt",
             .inside = Prefix::Parse(inside).value(),
             .outside = Prefix::Parse(outside()).value()}};
  }
  std::string outside() const {
    return v4() ? "198.18.0.0/16" : "2001:db8:1::/48";
  }
  // net.fra outside. RFC 6296 section 3.4: fd00 + 1 - 2001 - db8 - 1 = cf47.
  IpAddress fra() const {
    return Ip(v4() ? "198.18.0.5" : "2001:db8:1:cf47::5");
  }
};
RP_BOTH_FAMILIES(NatPrefixTest);

TEST_P(NatPrefixTest, HostsKeepTheirNumberAndTheirPorts) {
  StartPrefix(NatFiltering::kAddressAndPortDependent);
  for (const PacketSpec& spec :
       {Udp(net.fra, net.internet), Tcp(net.fra, net.internet),
        Echo(net.fra, net.internet)}) {
    EXPECT_EQ(Outside(spec), (Endpoint{fra(), 1234}));
    const auto flow = Flow(TupleOfSpec(kVnet, spec));
    ASSERT_TRUE(flow);
    if (!v4()) {  // RFC 6296 section 2.6
      EXPECT_EQ(ReverseEntry(*flow).l4_delta, 0);
    }
  }
  PacketSpec sctp = Udp(net.fra, net.internet);
  sctp.protocol = IPPROTO_SCTP;
  EXPECT_EQ(Outside(sctp), (Endpoint{fra(), 0}));
  EXPECT_THAT(NatSessions(), IsEmpty());
  EXPECT_THAT(OpenPorts(), IsEmpty());
}

TEST_P(NatPrefixTest, TheDataPlaneKnowsIt) {
  StartPrefix(NatFiltering::kAddressAndPortDependent);
  EXPECT_THAT(PrefixUses(),
              ElementsAre(Pair(outside(), RP_ADDRESS_NAT | RP_ADDRESS_PREFIX)));
}

TEST_P(NatPrefixTest, OtherHostsHavePorts) {
  StartPrefix(NatFiltering::kAddressAndPortDependent);
  EXPECT_EQ(Outside(Udp(net.two, net.internet), kTwo).address, net.nat);
  EXPECT_EQ(Outside(Udp(net.fra, net.internet), kGlobex, kOtherVnet).address,
            net.nat);
}

TEST_P(NatPrefixTest, WithEndpointIndependentFilteringEverybodyIsLetIn) {
  StartPrefix(NatFiltering::kEndpointIndependent);
  for (const PacketSpec& spec :
       {Udp(net.internet, fra(), 777), Tcp(net.internet, fra()),
        Echo(net.internet, fra())}) {
    PuntOutside(spec);
    const FlowTuple tuple = TupleOfSpec(RP_REALM_UNDERLAY, spec);
    const auto flow = Flow(tuple);
    ASSERT_TRUE(flow);
    EXPECT_EQ(flow->translated_source, tuple.source);
    EXPECT_EQ(flow->translated_destination,
              (Endpoint{net.fra, tuple.destination.port}));
    EXPECT_EQ(flow->reverse_realm, kVnet);
    EXPECT_EQ(flow->next_hop.tunnel, kFra);
  }
  EXPECT_THAT(AllDrops(), IsEmpty());
}

TEST_P(NatPrefixTest, ElseNobodyIs) {
  StartPrefix(NatFiltering::kAddressDependent);
  Punt(Udp(net.fra, net.internet));
  PuntOutside(Udp(net.internet, fra(), 777));
  EXPECT_THAT(AllDrops(), ElementsAre(Pair(int{RP_DROP_NAT_FILTERED}, 1)));
  EXPECT_THAT(AllFlows(), SizeIs(1));
}

TEST_P(NatPrefixTest, AnAnswerThatNobodyAskedForBeginsNothing) {
  StartPrefix(NatFiltering::kEndpointIndependent);
  PacketSpec reply = Echo(net.internet, fra());
  reply.echo_reply = true;
  PuntOutside(reply);
  EXPECT_THAT(AllDrops(), ElementsAre(Pair(int{RP_DROP_ICMP_NO_FLOW}, 1)));
  EXPECT_EQ(Entries(), 0u);
}

TEST_P(NatPrefixTest, ItsFlowsOutliveARestart) {
  StartPrefix(NatFiltering::kEndpointIndependent);
  Punt(Udp(net.fra, net.internet));
  PuntOutside(Udp(net.internet2, fra(), 777));
  StartPrefix(NatFiltering::kEndpointIndependent);
  EXPECT_EQ(engine->statistics().flows_adopted, 2u);
  Pass(absl::Seconds(130));
  EXPECT_EQ(Entries(), 0u);
  EXPECT_THAT(hooks.ends, SizeIs(2));
}

TEST_P(NatPrefixTest, ItsFlowsEndWithTheTenant) {
  StartPrefix(NatFiltering::kEndpointIndependent);
  Punt(Udp(net.fra, net.internet));
  PuntOutside(Udp(net.internet2, fra(), 777));
  Resources only_globex = LabResources();
  only_globex.tenants.erase(only_globex.tenants.begin());
  Apply(only_globex, 2);
  EXPECT_THAT(PrefixUses(), IsEmpty());
  Pass(absl::Seconds(3));
  EXPECT_EQ(Entries(), 0u);
  PuntOutside(Udp(net.internet2, fra(), 777));
  EXPECT_THAT(AllDrops(), ElementsAre(Pair(int{RP_DROP_NAT_NO_MAPPING}, 1)));
}

TEST_P(NatPrefixTest, ItsFlowsEndAtARestartWithoutIt) {
  StartPrefix(NatFiltering::kEndpointIndependent);
  Punt(Udp(net.fra, net.internet));
  PuntOutside(Udp(net.internet2, fra(), 777));
  StartEngine();
  EXPECT_EQ(Entries(), 0u);
  EXPECT_THAT(hooks.ends, SizeIs(2));
}

// A static mapping comes first; its port has one external endpoint.
TEST_P(NatPrefixTest, AStaticMappingIsAnExceptionFromIt) {
  StartWith([&](NatPoolConfig& pool) {
    pool.filtering = NatFiltering::kEndpointIndependent;
    pool.prefixes = Prefixes();
    pool.static_mappings = {{.tenant = "acme",
                             .vnet = "frankfurt",
                             .protocol = IPPROTO_UDP,
                             .inside = {net.fra, 80},
                             .outside = {net.nat, 8080}}};
  });
  EXPECT_EQ(Outside(Udp(net.fra, net.internet, 80)), (Endpoint{net.nat, 8080}));
  EXPECT_EQ(Outside(Udp(net.fra, net.internet, 81)), (Endpoint{fra(), 81}));
  PuntOutside(To(Udp(net.internet2, fra()), Endpoint{fra(), 80}));
  EXPECT_THAT(AllDrops(), ElementsAre(Pair(int{RP_DROP_NAT_NO_MAPPING}, 1)));
}

TEST_P(NatPrefixTest, NeighboursMeetByTheirExternalAddresses) {
  StartPrefix(NatFiltering::kEndpointIndependent);
  const PacketSpec client = Udp(net.fra2, fra());
  Punt(client);
  const auto flow = Flow(TupleOfSpec(kVnet, client));
  ASSERT_TRUE(flow);
  EXPECT_EQ(flow->translated_destination, (Endpoint{net.fra, 443}));
  EXPECT_TRUE(Prefix::Parse(outside()).value().Contains(
      flow->translated_source.address));
}

// RFC 4787 REQ-9 of one and the same endpoint: both directions would be one
// key.
TEST_P(NatPrefixTest, AnEndpointDoesNotMeetItself) {
  StartPrefix(NatFiltering::kEndpointIndependent);
  PacketSpec spec = Udp(net.fra, fra());
  spec.dport = spec.sport;
  Punt(spec);
  EXPECT_THAT(AllDrops(), ElementsAre(Pair(int{RP_DROP_HAIRPIN}, 1)));
}

class NatExcludeTest : public NatEngineTest {
 protected:
  void SetUp() override {
    NatEngineTest::SetUp();
    if (!engine) return;
    StartWith([&](NatPoolConfig& pool) {
      pool.exclude = {Prefix(net.internet, net.internet.bits())};
    });
  }
};
RP_BOTH_FAMILIES(NatExcludeTest);

TEST_P(NatExcludeTest, DestinationsThatAreExcludedSeeTheHost) {
  const PacketSpec spec = Udp(net.fra, net.internet);
  Punt(spec);
  const auto flow = Flow(TupleOfSpec(kVnet, spec));
  ASSERT_TRUE(flow);
  EXPECT_EQ(flow->translated_source, flow->tuple.source);
  EXPECT_EQ(flow->kind, RP_FLOW_FORWARD);
  EXPECT_EQ(flow->reverse_realm, RP_REALM_UNDERLAY);
  EXPECT_EQ(flow->next_hop.use, RP_USE_UNDERLAY);
  EXPECT_EQ(ReverseOf(*flow).destination, (Endpoint{net.fra, 1234}));
  EXPECT_EQ(ReverseEntry(*flow).on_ramp, RP_TUNNEL_UNDERLAY);
  EXPECT_THAT(NatSessions(), IsEmpty());
  EXPECT_EQ(Outside(Udp(net.fra, net.internet2)).address, net.nat);
}

// The answers of both would have one key.
TEST_P(NatExcludeTest, OfTwoTenantsHostsWithOneAddressOneIsSeen) {
  const PacketSpec spec = Udp(net.fra, net.internet);
  Punt(spec);
  Punt(spec, kGlobex, kOtherVnet);
  EXPECT_TRUE(Flow(TupleOfSpec(kVnet, spec)));
  EXPECT_FALSE(Flow(TupleOfSpec(kOtherVnet, spec)));
  EXPECT_THAT(AllDrops(), ElementsAre(Pair(int{RP_DROP_ON_RAMP}, 1)));
  EXPECT_THAT(plane->injected, SizeIs(1));
}

TEST_P(NatExcludeTest, ItsFlowsOutliveARestart) {
  const PacketSpec spec = Udp(net.fra, net.internet);
  Punt(spec);
  StartEngine(edge);
  EXPECT_EQ(engine->statistics().flows_adopted, 1u);
  Pass(absl::Seconds(130));
  EXPECT_EQ(Entries(), 0u);
}

TEST_P(NatExcludeTest, TheDataPlaneKnowsWhoIsBehindTunnels) {
  const auto inside = RP_ADDRESS_NAT | RP_ADDRESS_INSIDE;
  EXPECT_THAT(PrefixUses(),
              Contains(Pair(v4() ? "10.1.0.0/16" : "fd00:1::/48", inside)));
  EXPECT_THAT(PrefixUses(),
              Contains(Pair(v4() ? "10.3.0.0/16" : "fd00:3::/48", inside)));
  EXPECT_THAT(
      PrefixUses(),
      Not(Contains(Pair(v4() ? "10.66.0.0/16" : "fd00:66::/48", testing::_))));
  StartEngine();
  EXPECT_THAT(PrefixUses(), IsEmpty());
}

}  // namespace
}  // namespace rampart

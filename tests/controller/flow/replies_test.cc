// SPDX-License-Identifier: Apache-2.0
// What the edge itself sends into a vnet.
#include "maps/realm.h"
#include "tests/controller/flow/engine_fixture.h"

namespace rampart {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

class RepliesTest : public EngineTest {
 protected:
  struct Reply {
    Packet packet;
    int type, code, mtu;
    rp_next_hop next_hop;
  };
  // The only packet that was sent.
  Reply Sent() {
    EXPECT_THAT(plane->sent, SizeIs(1));
    if (plane->sent.size() != 1) return {};
    const Bytes& bytes = plane->sent[0].packet;
    const Packet packet = ParsePacket(0, bytes).value();
    const uint8_t* l4 = &bytes[packet.l4];
    return {packet, l4[0], l4[1], l4[6] << 8 | l4[7],
            NextHop(plane->sent[0].next_hop)};
  }
};
RP_BOTH_FAMILIES(RepliesTest);

TEST_P(RepliesTest, TimeExceededComesFromTheRouter) {
  Punt(Udp(net.fra, net.internet), kFra, kVnet, RP_PUNT_TTL);
  const Reply reply = Sent();
  EXPECT_EQ(reply.packet.tuple.source.address, net.router);
  EXPECT_EQ(reply.packet.tuple.destination.address, net.fra);
  EXPECT_EQ(reply.type, net.family == Family::kV4 ? 11 : 3);
  EXPECT_EQ(reply.next_hop.tunnel, kFra);
  EXPECT_EQ(reply.next_hop.realm, kVnet);
  EXPECT_EQ(reply.next_hop.family, static_cast<uint8_t>(net.family));
  EXPECT_THAT(AllDrops(), ElementsAre(Pair(int{RP_DROP_TTL}, 1)));
  EXPECT_EQ(Entries(), 0u);
}

TEST_P(RepliesTest, OfAnInterfaceItIsTheInterfacesOwnAddress) {
  Punt(Udp(net.lan, net.internet), kLan, kVnet, RP_PUNT_TTL);
  EXPECT_EQ(Sent().packet.tuple.source.address,
            net.family == Family::kV4 ? Ip("10.3.0.254") : Ip("fd00:3::fe"));
}

TEST_P(RepliesTest, TooBigSaysWhatWouldFit) {
  Punt(Udp(net.fra, net.internet), kFra, kVnet, RP_PUNT_TOO_BIG, 1444);
  const Reply reply = Sent();
  EXPECT_EQ(reply.type, net.family == Family::kV4 ? 3 : 2);
  EXPECT_EQ(reply.code, net.family == Family::kV4 ? 4 : 0);
  EXPECT_EQ(reply.mtu, 1444);
  EXPECT_THAT(AllDrops(), ElementsAre(Pair(int{RP_DROP_TOO_BIG}, 1)));
}

TEST_P(RepliesTest, TheInternetIsToldByTheNatAddress) {
  Punt(Udp(net.internet, net.nat), RP_TUNNEL_UNDERLAY, RP_REALM_UNDERLAY,
       RP_PUNT_TOO_BIG, 1400);
  const Reply reply = Sent();
  EXPECT_EQ(reply.packet.tuple.source.address, net.nat);
  EXPECT_EQ(reply.packet.tuple.destination.address, net.internet);
  EXPECT_EQ(reply.next_hop.use, RP_USE_UNDERLAY);
}

TEST_P(RepliesTest, ForgersAreToldNothing) {
  for (const rp_punt_reason reason : {RP_PUNT_TTL, RP_PUNT_TOO_BIG})
    Punt(Udp(net.two, net.internet), kFra, kVnet, reason);
  EXPECT_THAT(plane->sent, IsEmpty());
  EXPECT_THAT(AllDrops(), ElementsAre(Pair(int{RP_DROP_SPOOFED}, 2)));
}

TEST_P(RepliesTest, EachVnetHasItsShareAndAllIsCounted) {
  for (int i = 0; i < 70; ++i)
    Punt(Udp(net.fra, net.internet), kFra, kVnet, RP_PUNT_TTL);
  EXPECT_THAT(plane->sent, SizeIs(50));
  Punt(Udp(net.fra, net.internet), kGlobex, kOtherVnet, RP_PUNT_TTL);
  EXPECT_THAT(plane->sent, SizeIs(51));
  EXPECT_EQ(Drops(RP_DROP_TTL), 71u);
}

TEST_P(RepliesTest, TheRouterAnswersPings) {
  for (const rp_punt_reason reason : {RP_PUNT_MISS, RP_PUNT_TTL}) {
    plane->sent.clear();
    Punt(Echo(net.fra, net.router), kFra, kVnet, reason);
    const Reply reply = Sent();
    EXPECT_EQ(reply.packet.tuple.source.address, net.router);
    EXPECT_EQ(reply.packet.tuple.destination, (Endpoint{net.fra, 1234}));
    EXPECT_TRUE(reply.packet.IsEcho() && !reply.packet.IsEchoRequest());
  }
  EXPECT_THAT(AllDrops(), IsEmpty());
  EXPECT_EQ(Entries(), 0u);
}

TEST_P(RepliesTest, RejectedTcpIsReset) {
  hooks.decide = [](const FlowStart&) {
    return FakeHooks::Deny(RP_DROP_POLICY_REJECT, Decision::Action::kReject);
  };
  Punt(Tcp(net.fra, net.internet));
  const Reply reply = Sent();
  EXPECT_EQ(reply.packet.tuple.protocol, IPPROTO_TCP);
  EXPECT_EQ(reply.packet.tcp_flags, kTcpRst | kTcpAck);
  EXPECT_EQ(reply.packet.tuple.source, (Endpoint{net.internet, 443}));
  EXPECT_EQ(reply.packet.tuple.destination, (Endpoint{net.fra, 1234}));
  EXPECT_THAT(AllDrops(), ElementsAre(Pair(int{RP_DROP_POLICY_REJECT}, 1)));
  EXPECT_EQ(Entries(), 1u);
}

TEST_P(RepliesTest, OtherRejectedPacketsAreAdministrativelyProhibited) {
  hooks.decide = [](const FlowStart&) {
    return FakeHooks::Deny(RP_DROP_POLICY_REJECT, Decision::Action::kReject);
  };
  Punt(Udp(net.fra, net.internet));
  const Reply reply = Sent();
  EXPECT_EQ(reply.type, net.family == Family::kV4 ? 3 : 1);
  EXPECT_EQ(reply.code, net.family == Family::kV4 ? 13 : 1);
}

TEST_P(RepliesTest, ATenantMayHaveItsOwnToldWhyTheyAreRefused) {
  hooks.decide = [](const FlowStart&) {
    return FakeHooks::Deny(RP_DROP_POLICY_DEFAULT);
  };
  Punt(Tcp(net.fra, net.internet));
  EXPECT_THAT(plane->sent, IsEmpty());
  Resources resources = LabResources();
  resources.tenants[0].Edit().denials = {.explain = true, .contact = "it@acme"};
  Apply(resources, 2);
  Punt(Tcp(net.fra2, net.internet));
  ASSERT_THAT(plane->sent, SizeIs(1));
  const Bytes& sent = plane->sent.back().packet;
  EXPECT_THAT(std::string(sent.begin(), sent.end()),
              HasSubstr("RP-POL-002 ask it@acme"));
  hooks.decide = [](const FlowStart&) {
    return FakeHooks::Deny(RP_DROP_POLICY_DENY);  // a rule: silent
  };
  Punt(Udp(net.fra2, net.internet));
  EXPECT_THAT(plane->sent, SizeIs(1));
}

TEST_P(RepliesTest, NothingIsSentThroughANextHopThatIsDown) {
  underlay.neighbours.erase({kUplinkIf, net.fra_remote});
  clock.tick++;
  engine->OnUnderlayChange();
  Punt(Udp(net.fra, net.internet), kFra, kVnet, RP_PUNT_TTL);
  EXPECT_THAT(plane->sent, IsEmpty());
  EXPECT_EQ(Drops(RP_DROP_TTL), 1u);
}

}  // namespace
}  // namespace rampart

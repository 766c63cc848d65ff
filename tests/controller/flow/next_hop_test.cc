// SPDX-License-Identifier: Apache-2.0
// Next hops follow the underlay; packets wait for them.
#include <cstring>

#include "tests/controller/flow/engine_fixture.h"

namespace rampart {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

class NextHopTest : public EngineTest {
 protected:
  void Changed() {
    clock.tick++;
    engine->OnUnderlayChange();
  }
  // Forward next hop of a flow.
  uint32_t IndexOf(const PacketSpec& spec) {
    uint32_t index = 0;
    EXPECT_TRUE(Edit(TupleOfSpec(kVnet, spec),
                     [&](rp_flow& f) { index = f.next_hop; }));
    return index;
  }
  static MacAddress Destination(const rp_next_hop& hop) {
    MacAddress mac;
    std::memcpy(mac.data(), hop.header, mac.size());
    return mac;
  }
  size_t UsedIndices() const {
    size_t used = 0;
    EXPECT_TRUE(plane->maps()
                    .next_hops
                    .ForEach([&](uint32_t, const rp_next_hop& hop) {
                      used += hop.kind != RP_NEXT_HOP_FREE;
                    })
                    .ok());
    return used;
  }
};
RP_BOTH_FAMILIES(NextHopTest);

TEST_P(NextHopTest, IndexZeroIsNeverUsed) {
  Punt(Udp(net.fra, net.internet));
  EXPECT_EQ(NextHop(0).kind, RP_NEXT_HOP_FREE);
  EXPECT_NE(IndexOf(Udp(net.fra, net.internet)), 0u);
}

TEST_P(NextHopTest, ANewMacIsWrittenInPlace) {
  const PacketSpec spec = Udp(net.fra, net.internet);
  Punt(spec);
  const uint32_t index = IndexOf(spec);
  const MacAddress moved = {8, 8, 8, 8, 8, 8};
  underlay.neighbours[{kUplinkIf, net.gateway}] = moved;
  Changed();
  EXPECT_EQ(IndexOf(spec), index);
  EXPECT_EQ(Destination(NextHop(index)), moved);
}

TEST_P(NextHopTest, ANewDefaultGatewayMovesItsFlows) {
  const PacketSpec spec = Udp(net.fra, net.internet);
  Punt(spec);
  const uint32_t index = IndexOf(spec);
  const IpAddress gateway =
      net.family == Family::kV4 ? Ip("192.0.2.253") : Ip("2001:db8::fd");
  const MacAddress mac = {9, 9, 9, 9, 9, 9};
  underlay.neighbours[{kUplinkIf, gateway}] = mac;
  for (auto& [prefix, route] : underlay.routes)
    if (route.gateway == net.gateway) route.gateway = gateway;
  Changed();
  EXPECT_EQ(IndexOf(spec), index);
  EXPECT_EQ(Destination(NextHop(index)), mac);
}

TEST_P(NextHopTest, DestinationsBehindOneGatewayShareANextHop) {
  Punt(Udp(net.fra, net.internet));
  Punt(Udp(net.fra, net.internet2));
  EXPECT_EQ(IndexOf(Udp(net.fra, net.internet)),
            IndexOf(Udp(net.fra, net.internet2)));
}

// A more specific route for one of two destinations that shared a gateway.
TEST_P(NextHopTest, TheSweepMovesTheFlowsOfASplitRoute) {
  const PacketSpec stays = Udp(net.fra, net.internet);
  const PacketSpec moves = Udp(net.fra, net.internet2);
  Punt(stays);
  Punt(moves);
  ASSERT_TRUE(Edit(TupleOfSpec(kVnet, moves), [](rp_flow& f) {
    f.count = uint64_t{5} << RP_COUNT_BYTES;
  }));
  const MacAddress mac = {9, 9, 9, 9, 9, 9};
  const IpAddress gateway =
      net.family == Family::kV4 ? Ip("192.0.2.253") : Ip("2001:db8::fd");
  underlay.neighbours[{kUplinkIf, gateway}] = mac;
  UnderlayRoute route;
  route.ifindex = kUplinkIf;
  route.mtu = 1500;
  route.gateway = gateway;
  underlay.routes.emplace_back(Prefix(net.internet2, net.internet2.bits()),
                               route);
  Changed();
  Pass(absl::Seconds(3));
  EXPECT_EQ(Destination(NextHop(IndexOf(moves))), mac);
  EXPECT_NE(Destination(NextHop(IndexOf(stays))), mac);
  EXPECT_EQ(Flow(TupleOfSpec(kVnet, moves))->packets[0], 5u);
}

TEST_P(NextHopTest, ALinkThatGoesDownTakesItsNextHopsDown) {
  const PacketSpec spec = Udp(net.fra, net.internet);
  Punt(spec);
  const uint32_t index = IndexOf(spec);
  underlay.link(kUplinkIf).up = false;
  Changed();
  EXPECT_EQ(NextHop(index).kind, RP_NEXT_HOP_DOWN);
  EXPECT_EQ(NextHop(index).use, RP_USE_UNDERLAY);
  underlay.link(kUplinkIf).up = true;
  Changed();
  EXPECT_EQ(NextHop(index).kind, RP_NEXT_HOP_SEND);
}

TEST_P(NextHopTest, ALostPeerIsReplacedByTheOther) {
  const PacketSpec spec = Udp(net.fra, net.two);
  Punt(spec);
  const uint32_t index = IndexOf(spec);
  const uint32_t peer = NextHop(index).peer;
  const MacAddress other =
      underlay.neighbours[{kUplinkIf, net.two_remotes[1 - peer]}];
  underlay.neighbours.erase({kUplinkIf, net.two_remotes[peer]});
  Changed();
  EXPECT_EQ(NextHop(index).kind, RP_NEXT_HOP_SEND);
  EXPECT_EQ(Destination(NextHop(index)), other);
  EXPECT_EQ(NextHop(index).peer, peer);
}

TEST_P(NextHopTest, VlanDevicesAddTheirTags) {
  Link vlan = underlay.link(kUplinkIf);
  vlan.ifindex = 20;
  vlan.name = "eth0.100";
  vlan.parent = kUplinkIf;
  vlan.vlan_id = 100;
  vlan.vlan_proto = 0x8100;
  underlay.links.push_back(vlan);
  for (auto& [prefix, route] : underlay.routes)
    if (route.ifindex == kUplinkIf && route.gateway) route.ifindex = 20;
  underlay.neighbours[{20, net.gateway}] = {9};
  Changed();
  const PacketSpec spec = Udp(net.fra, net.internet);
  Punt(spec);
  const rp_next_hop hop = NextHop(IndexOf(spec));
  EXPECT_EQ(hop.kind, RP_NEXT_HOP_SEND);
  EXPECT_EQ(hop.slot, kUplinkSlot);
  EXPECT_EQ(hop.header_len, 18);
  EXPECT_EQ(hop.header[12] << 8 | hop.header[13], 0x8100);
  EXPECT_EQ(hop.header[14] << 8 | hop.header[15], 100);
}

TEST_P(NextHopTest, PacketsWaitForTheNeighbourInOrder) {
  underlay.neighbours.erase({kLanIf, net.lan});
  const PacketSpec first = Udp(net.fra, net.lan, 1);
  const PacketSpec second = Udp(net.fra, net.lan, 2);
  for (const PacketSpec& spec : {first, first, second, first}) Punt(spec);
  EXPECT_THAT(plane->injected, IsEmpty());
  EXPECT_EQ(engine->statistics().pending_packets, 4u);
  EXPECT_THAT(hooks.starts, SizeIs(2));  // one decision per flow
  EXPECT_TRUE(underlay.managed.count({kLanIf, net.lan}));
  EXPECT_EQ(Entries(), 0u);

  underlay.neighbours[{kLanIf, net.lan}] = {7, 7, 7, 7, 7, 7};
  engine->OnUnderlayChange();  // within the tick of the last one: still at once
  ASSERT_THAT(plane->injected, SizeIs(4));
  EXPECT_EQ(plane->injected[2].packet, BuildPacket(second));
  EXPECT_EQ(plane->injected[3].packet, BuildPacket(first));
  EXPECT_EQ(engine->statistics().pending_packets, 0u);
  EXPECT_EQ(Entries(), 4u);
  EXPECT_THAT(hooks.starts, SizeIs(2));
  EXPECT_EQ(Flow(TupleOfSpec(kVnet, first))->rule, "all");
  EXPECT_THAT(AllDrops(), IsEmpty());
}

TEST_P(NextHopTest, PacketsThatWaitInVainAreCounted) {
  underlay.neighbours.erase({kLanIf, net.lan});
  for (int i = 0; i < 70; ++i) Punt(Udp(net.fra, net.lan));
  EXPECT_EQ(Drops(RP_DROP_PENDING_FULL), 6u);
  Pass(absl::Seconds(2.5));
  EXPECT_EQ(engine->statistics().pending_packets, 64u);
  Pass(absl::Seconds(1));
  EXPECT_EQ(engine->statistics().pending_packets, 0u);
  EXPECT_EQ(Drops(RP_DROP_NEXT_HOP_DOWN), 64u);
  EXPECT_EQ(Entries(), 0u);
}

TEST_P(NextHopTest, AFlowWaitsForItsWayBackToo) {
  underlay.neighbours.erase({kLanIf, net.lan});
  Punt(Udp(net.lan, net.internet), kLan);
  EXPECT_EQ(engine->statistics().pending_packets, 1u);
  underlay.neighbours[{kLanIf, net.lan}] = {7};
  Changed();
  EXPECT_THAT(plane->injected, SizeIs(1));
  EXPECT_EQ(Entries(), 2u);
}

// Waiting packets are asked about again if the rules change meanwhile.
TEST_P(NextHopTest, AChangeOfPolicyReachesWaitingPackets) {
  underlay.neighbours.erase({kLanIf, net.lan});
  Punt(Udp(net.fra, net.lan));
  hooks.decide = [](const FlowStart&) {
    return FakeHooks::Deny(RP_DROP_POLICY_DENY);
  };
  Apply(LabResources(), 2);
  underlay.neighbours[{kLanIf, net.lan}] = {7};
  Changed();
  Pass(kEngineTick);
  EXPECT_THAT(plane->injected, IsEmpty());
  EXPECT_EQ(Drops(RP_DROP_POLICY_DENY), 1u);
}

TEST_P(NextHopTest, NoRouteOnTheUnderlayIsSaid) {
  std::erase_if(underlay.routes,
                [](const auto& route) { return route.second.gateway; });
  Changed();
  Punt(Udp(net.fra, net.internet));
  EXPECT_THAT(AllDrops(), ElementsAre(Pair(int{RP_DROP_NEXT_HOP_DOWN}, 1)));
}

// Each time it is asked, the kernel probes and tells about it: asking whenever
// it tells would never end.
TEST_P(NextHopTest, ChangesDoNotMakeTheKernelProbeAgain) {
  Punt(Udp(net.fra, net.internet));
  Punt(Udp(net.fra, net.two));
  const int calls = underlay.manage_calls;
  for (int i = 0; i < 10; ++i) Changed();
  Pass(absl::Seconds(5));
  EXPECT_EQ(underlay.manage_calls, calls);
}

TEST_P(NextHopTest, AHostThatWasAwayIsLookedForWhenPacketsComeForIt) {
  underlay.neighbours.erase({kLanIf, net.lan});
  Punt(Udp(net.fra, net.lan));
  const int calls = underlay.manage_calls;
  Punt(Udp(net.fra, net.lan));
  EXPECT_EQ(underlay.manage_calls, calls);
  Pass(absl::Seconds(3.5));
  Punt(Udp(net.fra, net.lan));
  EXPECT_GT(underlay.manage_calls, calls);
}

TEST_P(NextHopTest, TheGatewayThatWasLeftIsNoLongerKeptFresh) {
  Punt(Udp(net.fra, net.internet));
  const IpAddress gateway =
      net.family == Family::kV4 ? Ip("192.0.2.253") : Ip("2001:db8::fd");
  EXPECT_TRUE(underlay.managed.count({kUplinkIf, net.gateway}));
  for (auto& [prefix, route] : underlay.routes)
    if (route.gateway == net.gateway) route.gateway = gateway;
  Changed();
  EXPECT_TRUE(underlay.managed.count({kUplinkIf, gateway}));
  EXPECT_FALSE(underlay.managed.count({kUplinkIf, net.gateway}));
}

// Somebody scans the LAN: the kernel's neighbour table is not for him.
TEST_P(NextHopTest, UnknownHostsAreLimited) {
  for (int i = 0; i < 600; ++i) {
    uint8_t bytes[16] = {0xfd, 0, 0, 3};
    bytes[13] = 1;
    bytes[14] = i >> 8;
    bytes[15] = i;
    IpAddress host = IpAddress::V6(bytes);
    if (net.family == Family::kV4) host = IpAddress::V4(htonl(0x0a030a00 + i));
    Punt(Udp(net.fra, host));
  }
  EXPECT_EQ(underlay.managed.size(), 512u + 1);  // and the peer of fra
  EXPECT_EQ(Drops(RP_DROP_NEXT_HOP_DOWN), 600u - 512);
  Pass(absl::Seconds(10));
  EXPECT_EQ(underlay.managed.size(), 0u);
  EXPECT_EQ(UsedIndices(), 0u);
}

TEST_P(NextHopTest, RoutesAreAskedForOnce) {
  Punt(Udp(net.fra, net.internet));
  const int calls = underlay.route_calls;
  for (uint16_t port = 1; port <= 100; ++port)
    Punt(Udp(net.fra, net.internet, port));
  EXPECT_EQ(underlay.route_calls, calls);
}

TEST_P(NextHopTest, UnusedIndicesAreGivenBackAndUsedAgain) {
  const PacketSpec lasting = Udp(net.fra, net.internet);
  Punt(lasting);
  const size_t base = UsedIndices();
  Punt(Echo(net.fra, net.lan));
  EXPECT_EQ(UsedIndices(), base + 1);
  const uint32_t index = IndexOf(Echo(net.fra, net.lan));
  Pass(absl::Seconds(66));
  EXPECT_EQ(UsedIndices(), base);
  EXPECT_EQ(NextHop(index).kind, RP_NEXT_HOP_FREE);
  EXPECT_FALSE(underlay.managed.count({kLanIf, net.lan}));
  EXPECT_TRUE(underlay.managed.count({kUplinkIf, net.gateway}));
  Punt(Udp(net.fra, net.two));
  EXPECT_EQ(IndexOf(Udp(net.fra, net.two)), index);
}

}  // namespace
}  // namespace rampart

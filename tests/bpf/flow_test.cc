// SPDX-License-Identifier: Apache-2.0
// Packets of established flows: every on-ramp to every off-ramp, whole frames.
#include <linux/bpf.h>

#include <tuple>

#include "tests/bpf/ramps.h"
#include "tests/testing/program_test.h"

namespace rampart::testing {
namespace {

constexpr uint32_t kTunnelHop = 1;
constexpr uint32_t kLinkHop = 2;

// Ends of a conversation of either family.
struct Ends {
  explicit Ends(bool v4)
      : host(v4 ? "10.1.0.5" : "fd00:1::5"),
        server(v4 ? "198.51.100.10" : "2001:db8:100::10"),
        pool(v4 ? "203.0.113.1" : "2001:db8:200::1"),
        far_host(v4 ? "10.2.0.9" : "fd00:2::9") {}
  Ip host, server, pool, far_host;
};

// A packet of protocol `proto` with ports or identifier.
Packet Datagram(const Packet& ip, uint8_t proto, uint16_t sport,
                uint16_t dport) {
  switch (proto) {
    case kUdp:
      return ip.Udp(sport, dport).Payload("question");
    case kTcp:
      return ip.Tcp(sport, dport, {.flags = kAck | kPsh}).Payload("GET /");
    case kIcmp:
    case kIcmp6:
      return ip.Echo(sport == 0, sport ? sport : dport).Payload("ping");
    default:
      return ip.Opaque(proto, FromText("any other protocol"));
  }
}

// SNAT of `proto` from a host behind a tunnel to a server on the Internet.
Flow SnatFlow(const Ends& ends, uint8_t proto) {
  Flow flow;
  flow.source = ends.host;
  flow.destination = ends.server;
  flow.to_source = ends.pool;
  flow.proto = proto;
  flow.next_hop = kLinkHop;
  flow.reverse_next_hop = kTunnelHop;
  flow.kind = RP_FLOW_FORWARD_NAT;
  if (proto == kIcmp && !ends.host.is_v4()) flow.proto = kIcmp6;
  const bool has_ports = proto == kUdp || proto == kTcp;
  const bool has_id = proto == kIcmp;
  flow.sport = has_ports || has_id ? 1234 : 0;
  flow.dport = has_ports ? 443 : 0;
  if (has_ports || has_id) flow.to_sport = 40000;
  return flow;
}

Packet PacketOf(const Flow& f, uint8_t ttl = 64) {
  return Datagram(Packet().IpAny(f.source, f.destination, {.ttl = ttl}),
                  f.proto, f.sport, f.dport);
}

Packet Translated(const Flow& f, uint8_t ttl = 63) {
  const Ip from = f.to_source.value_or(f.source);
  const Ip to = f.to_destination.value_or(f.destination);
  return Datagram(Packet().IpAny(from, to, {.ttl = ttl}), f.proto,
                  f.to_sport.value_or(f.sport), f.to_dport.value_or(f.dport));
}

using FlowCase = std::tuple<Form, bool, bool, Talk>;

class TunnelFlowTest : public ProgramTest,
                       public ::testing::WithParamInterface<FlowCase> {
 protected:
  void SetUp() override {
    ProgramTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    const auto& [form, outer_v4, inner_v4, talk] = GetParam();
    tunnel_ = TunnelOf(form, outer_v4);
    ends_ = Ends(inner_v4);
    proto_ = talk.proto;
    AddTunnel(tunnel_);
    AddAddress(ends_.pool, RP_ADDRESS_NAT);
    SetNextHop(kTunnelHop, NextHopTo(tunnel_, inner_v4, 1400));
    SetNextHop(kLinkHop, LinkNextHop(kUplink, inner_v4, 1500));
  }

  Tunnel tunnel_;
  Ends ends_{true};
  uint8_t proto_ = 0;
};

std::string CaseName(const ::testing::TestParamInfo<FlowCase>& info) {
  const auto& [form, outer_v4, inner_v4, talk] = info.param;
  return std::string(form.name) + "Over" + FamilyName(outer_v4) + "Inner" +
         FamilyName(inner_v4) + talk.name;
}

INSTANTIATE_TEST_SUITE_P(Every, TunnelFlowTest,
                         ::testing::Combine(::testing::ValuesIn(kForms),
                                            ::testing::Bool(),
                                            ::testing::Bool(),
                                            ::testing::ValuesIn(kTalks)),
                         CaseName);

TEST_P(TunnelFlowTest, LeavesTheTunnelForTheInternetTranslated) {
  const Flow flow = SnatFlow(ends_, proto_);
  PutFlow(programs(), flow);
  EXPECT_THAT(Uplink(FromPeer(tunnel_).Then(PacketOf(flow))),
              Forwarded(ToLink().Then(Translated(flow))));
}

TEST_P(TunnelFlowTest, ComesBackFromTheInternetIntoTheTunnel) {
  const Flow flow = SnatFlow(ends_, proto_);
  PutFlow(programs(), flow);
  const Flow back = flow.Reversed();
  EXPECT_THAT(Uplink(FromLink().Then(PacketOf(back))),
              Forwarded(ToPeer(tunnel_, {.port = flow.reverse_entropy})
                            .Then(Translated(back))));
}

TEST_P(TunnelFlowTest, GoesFromSiteToSiteThroughTheSameKindOfTunnel) {
  Tunnel far = tunnel_;
  far.id = 11;
  far.peer = tunnel_.peer.is_v4() ? "192.0.2.11" : "2001:db8::11";
  far.key[0] ^= 1;
  SetNextHop(3, NextHopTo(far, ends_.host.is_v4(), 1400));
  Flow flow = SnatFlow(ends_, proto_);
  flow.to_source = {};
  flow.to_sport = {};
  flow.destination = ends_.far_host;
  flow.next_hop = 3;
  flow.reverse_realm = kVni;
  flow.reverse_on_ramp = far.id;
  PutFlow(programs(), flow);
  EXPECT_THAT(
      Uplink(FromPeer(tunnel_).Then(PacketOf(flow))),
      Forwarded(ToPeer(far, {.port = flow.entropy}).Then(Translated(flow))));
}

TEST_P(TunnelFlowTest, PassesBetweenTunnelAndAccessInterface) {
  Flow flow = SnatFlow(ends_, proto_);
  flow.to_source = {};
  flow.to_sport = {};
  flow.destination = ends_.far_host;
  flow.next_hop = 4;
  flow.reverse_realm = kVni;
  flow.reverse_on_ramp = kAccessTunnel;
  SetNextHop(4, LinkNextHop(kAccess, ends_.host.is_v4(), 1500));
  PutFlow(programs(), flow);
  const Flow back = flow.Reversed();
  EXPECT_THAT(Uplink(FromPeer(tunnel_).Then(PacketOf(flow))),
              Forwarded(ToLink().Then(Translated(flow))));
  EXPECT_THAT(Access(FromLink().Then(PacketOf(back))),
              Forwarded(ToPeer(tunnel_, {.port = flow.reverse_entropy})
                            .Then(Translated(back))));
}

TEST_P(TunnelFlowTest, HandsTheFirstPacketOfAFlowToTheController) {
  const Flow flow = SnatFlow(ends_, proto_);
  rp_punt record = {};
  record.reason = RP_PUNT_MISS;
  record.realm = tunnel_.vni;
  record.tunnel = tunnel_.id;
  record.slot = kUplink;
  record.tenant = kTenant;
  EXPECT_THAT(Uplink(FromPeer(tunnel_).Then(PacketOf(flow))),
              Punted(record, PacketOf(flow)));
}

}  // namespace
}  // namespace rampart::testing

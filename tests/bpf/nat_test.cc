// SPDX-License-Identifier: Apache-2.0
// What the data plane does for NAT beside the rewrite of a flow: who may begin
// one from outside, identifications, parts of fragmented datagrams.
#include <arpa/inet.h>

#include <cstring>
#include <set>
#include <string>

#include "tests/bpf/ramps.h"
#include "tests/testing/program_test.h"

namespace rampart::testing {
namespace {

class NatTest : public ProgramTest, public ::testing::WithParamInterface<bool> {
 protected:
  void SetUp() override {
    ProgramTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    tunnel_ = TunnelOf({"", RP_PROFILE_NONE}, true);
    AddTunnel(tunnel_);
    host_ = v4() ? "10.1.0.5" : "fd00:1::5";
    server_ = v4() ? "198.51.100.10" : "2001:db8:100::10";
    pool_ = v4() ? "203.0.113.1" : "2001:db8:200::1";
    AddAddress(pool_, RP_ADDRESS_NAT);
    SetNextHop(1, LinkNextHop(kUplink, v4(), 1500));
    SetNextHop(2, NextHopTo(tunnel_, v4(), 1448));
    inbound_.reason = RP_PUNT_MISS;
    inbound_.slot = kUplink;
  }
  bool v4() const { return GetParam(); }

  Flow Put(uint8_t proto) const {
    Flow flow = {.source = host_,
                 .destination = server_,
                 .sport = 1234,
                 .dport = 80,
                 .proto = proto,
                 .to_source = pool_,
                 .to_sport = uint16_t{40000}};
    PutFlow(programs(), flow);
    return flow;
  }
  void Open(uint8_t proto, uint16_t port) const {
    rp_nat_open_key key = {};
    pool_.CopyTo16(key.addr);
    key.block = port / RP_OPEN_PORTS;
    key.proto = proto;
    rp_nat_open open = {};
    open.ports[port % RP_OPEN_PORTS / 64] = uint64_t{1} << port % 64;
    programs().Put("rp_nat_open", key, open);
  }
  void AddPrefix(const Ip& address, uint32_t bits, uint32_t use) const {
    rp_prefix_key key = {};
    key.bits = bits + (address.is_v4() ? 96 : 0);
    address.CopyTo16(key.addr);
    programs().Put("rp_prefixes", key, use);
    programs().ForgetRamps();
  }
  Packet Datagram(uint16_t port) const {
    return Packet().IpAny(server_, pool_).Udp(80, port).Payload("x");
  }
  Packet Segment(uint16_t port, uint8_t flags) const {
    return Packet().IpAny(server_, pool_).Tcp(80, port, {.flags = flags});
  }
  Result FromOutside(const Packet& packet) const {
    return Uplink(FromLink().Then(packet));
  }

  Tunnel tunnel_;
  Ip host_, server_, pool_;
  rp_punt inbound_ = {};
};

INSTANTIATE_TEST_SUITE_P(Inner, NatTest, ::testing::Bool(),
                         [](const auto& info) {
                           return std::string(info.param ? "Ip4" : "Ip6");
                         });

// ------------------------------------------------------------ from outside

TEST_P(NatTest, AnOpenPortLetsNewFlowsInByTheController) {
  Open(kUdp, 40000);
  EXPECT_THAT(FromOutside(Datagram(40000)), Punted(inbound_, Datagram(40000)));
  for (const uint16_t port : {39999, 40001, 40064, 40512, 39488})
    EXPECT_THAT(FromOutside(Datagram(port)), Dropped(RP_DROP_NAT_NO_MAPPING))
        << port;
}

// RFC 7857 section 6: filtering is per protocol.
TEST_P(NatTest, AnOpenPortOfUdpIsNoneOfTcp) {
  Open(kUdp, 40000);
  EXPECT_THAT(FromOutside(Segment(40000, kSyn)),
              Dropped(RP_DROP_NAT_NO_MAPPING));
  Open(kTcp, 40001);
  EXPECT_THAT(FromOutside(Segment(40001, kSyn)),
              Punted(inbound_, Segment(40001, kSyn)));
  EXPECT_THAT(FromOutside(Datagram(40001)), Dropped(RP_DROP_NAT_NO_MAPPING));
}

// A connection from outside begins with a SYN as well (RFC 7857 section 2).
TEST_P(NatTest, OnlyASynBeginsATcpFlowFromOutside) {
  Open(kTcp, 40000);
  for (const int flags : {int{kAck}, int{kRst}, int{kFin}, kSyn | kAck, 0})
    EXPECT_THAT(FromOutside(Segment(40000, static_cast<uint8_t>(flags))),
                Dropped(RP_DROP_NAT_NO_MAPPING))
        << flags;
}

TEST_P(NatTest, AnAddressOfAPrefixIsTranslatedAndOpen) {
  const Ip inside = v4() ? "198.18.7.9" : "2001:db8:7::9";
  AddPrefix(v4() ? "198.18.7.0" : "2001:db8:7::", v4() ? 24 : 48,
            RP_ADDRESS_NAT | RP_ADDRESS_PREFIX);
  const Packet packet = Packet().IpAny(server_, inside).Echo(false, 7);
  EXPECT_THAT(FromOutside(packet), Punted(inbound_, packet));
  const Packet other =
      Packet()
          .IpAny(server_, v4() ? "198.18.8.9" : "2001:db8:8::9")
          .Echo(false, 7);
  EXPECT_THAT(FromOutside(other), Passed());
}

// A host that talks to some destinations untranslated: answers find its flow,
// and everything else may be for this server.
TEST_P(NatTest, ForAnInsideAddressOnlyFlowsAreTaken) {
  AddPrefix(host_, v4() ? 32 : 128, RP_ADDRESS_NAT | RP_ADDRESS_INSIDE);
  Flow flow = {.source = host_, .destination = server_};
  PutFlow(programs(), flow);
  const auto answer = [&](uint16_t from) {
    return Packet().IpAny(server_, host_).Udp(from, flow.sport).Payload("x");
  };
  EXPECT_THAT(FromOutside(answer(flow.dport)),
              Forwarded(ToPeer(tunnel_, {.port = flow.reverse_entropy})
                            .IpAny(server_, host_, {.ttl = 63})
                            .Udp(flow.dport, flow.sport)
                            .Payload("x")));
  EXPECT_THAT(FromOutside(answer(54)), Passed());
}

// Such an address is one tenant's own, and says nothing about the hosts of
// others: whoever it is, the controller decides.
TEST_P(NatTest, AnInsideAddressMayBeginFlowsFromEveryTunnel) {
  AddPrefix(host_, v4() ? 32 : 128, RP_ADDRESS_NAT | RP_ADDRESS_INSIDE);
  const Packet packet = Packet().IpAny(host_, server_).Udp(1, 2);
  rp_punt record = inbound_;
  record.realm = tunnel_.vni;
  record.tunnel = tunnel_.id;
  record.tenant = kTenant;
  EXPECT_THAT(Uplink(FromPeer(tunnel_).Then(packet)), Punted(record, packet));
  EXPECT_THAT(
      Uplink(FromPeer(tunnel_).Then(Packet().IpAny(pool_, server_).Udp(1, 2))),
      Dropped(RP_DROP_SRC_OURS));
}

// --------------------------------------------------------- identifications

// RFC 6864 section 5.3.1: hosts that share an address count together; what
// must not be fragmented needs no identification.
TEST_P(NatTest, PacketsThatMayBeCutGetIdentificationsOfTheEdge) {
  if (!v4()) return;
  const Flow flow = Put(kUdp);
  programs().Put("rp_ip_ids", uint32_t{0}, uint64_t{0xfffe});
  for (const uint16_t id : {0xffff, 0x0000, 0x0001})
    EXPECT_THAT(
        Uplink(FromPeer(tunnel_)
                   .Ip4(host_, server_, {.id = 77, .fragment = 0})
                   .Udp(1234, 80)
                   .Payload("x")),
        Forwarded(ToLink()
                      .Ip4(pool_, server_, {.ttl = 63, .id = id, .fragment = 0})
                      .Udp(40000, 80)
                      .Payload("x")));
  EXPECT_THAT(Uplink(FromPeer(tunnel_)
                         .Ip4(host_, server_, {.id = 77})
                         .Udp(1234, 80)
                         .Payload("x")),
              Forwarded(ToLink()
                            .Ip4(pool_, server_, {.ttl = 63, .id = 77})
                            .Udp(40000, 80)
                            .Payload("x")));
}

// ------------------------------------------- parts of fragmented datagrams

// A fragment as the controller puts it back.
Packet Part(uint32_t realm, uint32_t tunnel, uint16_t sport, uint16_t dport,
            uint8_t proto, const Packet& fragment, bool ip4) {
  Bytes frame = {0x02, RP_INJECT_FRAGMENT & 0xff};
  for (int shift = 24; shift >= 0; shift -= 8)
    frame.push_back(static_cast<uint8_t>(realm >> shift));
  frame.push_back(RP_INJECT_SOURCE >> 8);
  frame.push_back(RP_INJECT_SOURCE & 0xff);
  for (int shift = 24; shift >= 0; shift -= 8)
    frame.push_back(static_cast<uint8_t>(tunnel >> shift));
  const Bytes rest = {static_cast<uint8_t>(ip4 ? 0x08 : 0x86),
                      static_cast<uint8_t>(ip4 ? 0x00 : 0xdd),
                      static_cast<uint8_t>(sport >> 8),
                      static_cast<uint8_t>(sport),
                      static_cast<uint8_t>(dport >> 8),
                      static_cast<uint8_t>(dport),
                      proto,
                      0,
                      0,
                      0};
  frame.insert(frame.end(), rest.begin(), rest.end());
  const Bytes packet = fragment.Build();
  frame.insert(frame.end(), packet.begin(), packet.end());
  return Packet().Payload(frame);
}

// An IP header, then `bytes` as the fragment at `offset`.
Packet FragmentOf(const Packet& link, const Ip& from, const Ip& to, uint8_t ttl,
                  uint16_t offset, bool more, const Bytes& bytes,
                  uint8_t proto = kUdp) {
  if (!from.is_v4())
    return link.Ip6(from, to, {.ttl = ttl})
        .Fragment6(offset, more, 7)
        .Opaque(proto, bytes);
  const uint16_t field =
      static_cast<uint16_t>(offset / 8 | (more ? 0x2000 : 0));
  return link.Ip4(from, to, {.ttl = ttl, .id = 7, .fragment = field})
      .Opaque(proto, bytes);
}

// The datagram of a flow, before and after its translation.
Bytes Transport(const Ip& from, const Ip& to, uint16_t sport, uint16_t dport,
                uint8_t proto = kUdp) {
  Packet packet = Packet().IpAny(from, to);
  packet = proto == kUdp ? packet.Udp(sport, dport) : packet.Tcp(sport, dport);
  const Bytes bytes = packet.Payload(Bytes(1600, 'f')).Build();
  return Slice(bytes, from.is_v4() ? 20 : 40, bytes.size());
}

// By their outer checksums, too: these cannot be made from the inner one, which
// covers more than the part.
TEST_P(NatTest, PartsOfADatagramAreTranslatedEachAsPacketsOfTheFlow) {
  for (const uint8_t proto : {kUdp, kTcp}) {
    const Flow flow = Put(proto);
    const auto expect = [&](uint32_t realm, uint32_t tunnel, const Ip(&from)[2],
                            const Ip(&to)[2], const uint16_t(&sport)[2],
                            const uint16_t(&dport)[2], const Packet& out) {
      const Bytes before = Transport(from[0], to[0], sport[0], dport[0], proto);
      const Bytes after = Transport(from[1], to[1], sport[1], dport[1], proto);
      for (const uint16_t offset : {0, 800}) {
        const bool more = offset == 0;
        const size_t end = more ? 800 : before.size();
        const Packet in = FragmentOf(Packet(), from[0], to[0], 64, offset, more,
                                     Slice(before, offset, end), proto);
        EXPECT_THAT(
            RunOn(kInject,
                  Part(realm, tunnel, sport[0], dport[0], proto, in, v4())),
            ForwardedUnjudged(FragmentOf(out, from[1], to[1], 63, offset, more,
                                         Slice(after, offset, end), proto)))
            << int{proto} << " at " << offset;
      }
    };
    expect(kVni, tunnel_.id, {host_, pool_}, {server_, server_}, {1234, 40000},
           {80, 80}, ToLink());
    expect(0, 0, {server_, server_}, {pool_, host_}, {80, 80}, {40000, 1234},
           ToPeer(tunnel_, {.port = flow.reverse_entropy}));
    EXPECT_EQ(PacketsOf(ReadEntry(programs(), flow)), 2u);
    EXPECT_EQ(PacketsOf(ReadEntry(programs(), flow.Reversed())), 2u);
  }
}

TEST_P(NatTest, APartThatNoLongerFitsIsDropped) {
  Put(kUdp);
  SetNextHop(1, LinkNextHop(kUplink, v4(), 500));
  const Bytes datagram = Transport(host_, server_, 1234, 80);
  const Packet in = FragmentOf(Packet(), host_, server_, 64, 0, true,
                               Slice(datagram, 0, 800));
  EXPECT_THAT(RunOn(kInject, Part(kVni, tunnel_.id, 1234, 80, kUdp, in, v4())),
              Dropped(RP_DROP_TOO_BIG_NO_DF));
}

TEST_P(NatTest, AFirstPartOfAnotherProtocolThanItsDatagrams) {
  if (v4()) return;
  Put(kUdp);
  const Packet in =
      FragmentOf(Packet(), host_, server_, 64, 0, true, Bytes(800, 'f'));
  EXPECT_THAT(RunOn(kInject, Part(kVni, tunnel_.id, 1234, 80, kTcp, in, v4())),
              Dropped(RP_DROP_FRAGMENT));
}

}  // namespace
}  // namespace rampart::testing

// SPDX-License-Identifier: Apache-2.0
// The tenant's packet: what is refused before a flow is looked for, and what is
// checked on a miss only. Cases 22 to 34 of the list of malformed input.
#include <linux/bpf.h>

#include <string>
#include <vector>

#include "tests/bpf/ramps.h"
#include "tests/testing/program_test.h"

namespace rampart::testing {
namespace {

const Ip kHost4 = "10.1.0.5", kServer4 = "10.2.0.9";
const Ip kHost6 = "fd00:1::5", kServer6 = "fd00:2::9";

// The ways a tenant's packet comes on.
enum class Ramp { kGue4, kGue6, kGre4, kAccess, kTun };

class InnerTest : public ProgramTest,
                  public ::testing::WithParamInterface<Ramp> {
 protected:
  void SetUp() override {
    ProgramTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    tunnel_ = TunnelOf({"", RP_PROFILE_NONE}, GetParam() != Ramp::kGue6);
    if (GetParam() == Ramp::kGre4) tunnel_.profile = RP_PROFILE_GRE;
    if (Tunnelled()) AddTunnel(tunnel_);
    record_.reason = RP_PUNT_MISS;
    record_.realm = kVni;
    record_.tenant = kTenant;
    record_.tunnel = Tunnelled()                   ? tunnel_.id
                     : GetParam() == Ramp::kAccess ? kAccessTunnel
                                                   : kAccessTunTunnel;
    record_.slot = slot();
  }

  bool Tunnelled() const {
    return GetParam() != Ramp::kAccess && GetParam() != Ramp::kTun;
  }
  Slot slot() const {
    if (Tunnelled()) return kUplink;
    return GetParam() == Ramp::kAccess ? kAccess : kAccessTun;
  }
  // Comes on with what the ramp puts in front. `type`: what the header in
  // front says that follows.
  Result Send(const Packet& inner) const {
    if (Tunnelled()) return Uplink(FromPeer(tunnel_).Then(inner));
    if (GetParam() == Ramp::kAccess) return Access(FromLink().Then(inner));
    return RunOn(kAccessTun, inner);
  }

  // An established flow that all of it would match.
  void EstablishFlow(uint8_t proto, uint16_t sport, uint16_t dport) {
    for (const bool v4 : {true, false}) {
      Flow flow = {.source = v4 ? kHost4 : kHost6,
                   .destination = v4 ? kServer4 : kServer6,
                   .sport = sport,
                   .dport = dport,
                   .proto = proto,
                   .on_ramp = record_.tunnel,
                   .next_hop = v4 ? 4u : 6u};
      flow.reverse_realm = kVni;
      PutFlow(programs(), flow);
    }
    SetNextHop(4, LinkNextHop(kUplink2, true, 1500));
    SetNextHop(6, LinkNextHop(kUplink2, false, 1500));
  }

  Tunnel tunnel_;
  rp_punt record_ = {};
};

std::string RampName(const ::testing::TestParamInfo<Ramp>& info) {
  const char* const names[] = {"Gue4", "Gue6", "Gre4", "Access", "Tun"};
  return names[static_cast<int>(info.param)];
}

INSTANTIATE_TEST_SUITE_P(On, InnerTest,
                         ::testing::Values(Ramp::kGue4, Ramp::kGue6,
                                           Ramp::kGre4, Ramp::kAccess,
                                           Ramp::kTun),
                         RampName);

Packet Ip4(const Ip4Fields& fields = {}) {
  return Packet().Ip4(kHost4, kServer4, fields);
}
Packet Ip6(const Ip6Fields& fields = {}) {
  return Packet().Ip6(kHost6, kServer6, fields);
}

TEST_P(InnerTest, Case22VersionUnlikeWhatTheHeaderInFrontSays) {
  // A device without link header says nothing: any other version is refused.
  for (const uint8_t version : {0, 5, 7, 15})
    EXPECT_THAT(Send(Ip4({.version = version})
                         .Udp(1, 2)
                         .Payload("0123456789"
                                  "0123456789")),
                Dropped(RP_DROP_IP_VERSION))
        << int{version};
  if (GetParam() == Ramp::kTun) return;
  EXPECT_THAT(Send(Ip4({.version = 6}).Udp(1, 2).Payload(Bytes(40, 0))),
              Dropped(RP_DROP_IP_VERSION));
  EXPECT_THAT(Send(Ip6({.version = 4}).Udp(1, 2)), Dropped(RP_DROP_IP_VERSION));
}

TEST_P(InnerTest, Case23ShorterThanAnIpHeader) {
  const Bytes ip4 = Ip4({.total_length = 20}).Build();
  const Bytes ip6 = Ip6({.payload_length = 0}).Build();
  for (const size_t size : {14, 19})
    EXPECT_THAT(Send(Packet().Opaque(kIp4InIp, Slice(ip4, 0, size), kTypeIp4)),
                Dropped(RP_DROP_IP_TRUNCATED));
  for (const size_t size : {20, 39})
    EXPECT_THAT(Send(Packet().Opaque(kIp6InIp, Slice(ip6, 0, size), kTypeIp6)),
                Dropped(RP_DROP_IP_TRUNCATED));
}

TEST_P(InnerTest, Case24HeaderLengthBelow20OrPastThePacket) {
  for (const uint8_t ihl : {0, 4})
    EXPECT_THAT(Send(Ip4({.ihl = ihl}).Udp(1, 2)), Dropped(RP_DROP_IP_IHL))
        << int{ihl};
  // 60 bytes of header in a packet of 28.
  EXPECT_THAT(Send(Ip4({.ihl = 15}).Udp(1, 2)), Dropped(RP_DROP_IP_IHL));
}

TEST_P(InnerTest, Case24TotalLengthPastThePacket) {
  for (const uint16_t length : {29, 100, 65535})
    EXPECT_THAT(Send(Ip4({.total_length = length}).Udp(1, 2)),
                Dropped(RP_DROP_IP_LENGTH))
        << length;
}

TEST_P(InnerTest, Case24TotalLengthBelowTheHeader) {
  for (const uint16_t length : {0, 19})
    EXPECT_THAT(
        Send(Ip4({.total_length = length}).Udp(1, 2)),
        ::testing::AnyOf(Dropped(RP_DROP_IP_IHL), Dropped(RP_DROP_IP_LENGTH)))
        << length;
}

TEST_P(InnerTest, Case25BytesBehindTheTotalLengthAreNeverForwarded) {
  EstablishFlow(kUdp, 1, 2);
  const Packet sent4 = Ip4().Udp(1, 2).Payload("x");
  const Packet sent6 = Ip6().Udp(1, 2).Payload("x");
  EXPECT_THAT(
      Send(Ip4({.total_length = 29})
               .Udp(1, 2, {.length = 9, .checksum = Get16(sent4.Build(), 26)})
               .Payload("xtail of another packet")),
      Forwarded(
          ToLink().Ip4(kHost4, kServer4, {.ttl = 63}).Udp(1, 2).Payload("x")));
  EXPECT_THAT(
      Send(Ip6({.payload_length = 9})
               .Udp(1, 2, {.length = 9, .checksum = Get16(sent6.Build(), 46)})
               .Payload("xtail of another packet")),
      Forwarded(
          ToLink().Ip6(kHost6, kServer6, {.ttl = 63}).Udp(1, 2).Payload("x")));
}

TEST_P(InnerTest, Case25NorAreTheyHandedToTheController) {
  const Packet whole = Ip4().Udp(1, 2).Payload("x");
  EXPECT_THAT(
      Send(Ip4({.total_length = 29})
               .Udp(1, 2, {.length = 9, .checksum = Get16(whole.Build(), 26)})
               .Payload("xtail")),
      Punted(record_, whole));
}

TEST_P(InnerTest, Case26HeaderChecksumWrong) {
  EstablishFlow(kUdp, 1, 2);
  for (const uint16_t sum : {0, 1, 0xffff})
    EXPECT_THAT(Send(Ip4({.checksum = sum}).Udp(1, 2)),
                Dropped(RP_DROP_IP_CSUM));
  // Options are summed too.
  EXPECT_THAT(
      Send(Ip4({.options = {1, 1, 1, 1}, .checksum = 0xa5c3}).Udp(1, 2)),
      Dropped(RP_DROP_IP_CSUM));
}

TEST_P(InnerTest, Case27PayloadLengthPastThePacketOrJumbogram) {
  for (const uint16_t length : {10, 1000, 65535})
    EXPECT_THAT(Send(Ip6({.payload_length = length}).Udp(1, 2).Payload("x")),
                Dropped(RP_DROP_IP_LENGTH))
        << length;
  EXPECT_THAT(Send(Ip6({.payload_length = 0}).Udp(1, 2)), DroppedSomehow());
}

TEST_P(InnerTest, Case28TtlZero) {
  EstablishFlow(kUdp, 1, 2);
  EXPECT_THAT(Send(Ip4({.ttl = 0}).Udp(1, 2)), Dropped(RP_DROP_TTL_ZERO));
  EXPECT_THAT(Send(Ip6({.ttl = 0}).Udp(1, 2)), Dropped(RP_DROP_TTL_ZERO));
}

// RFC 792, RFC 4443 section 3.3: the sender is told, by the controller.
TEST_P(InnerTest, Case28TtlOneIsHandedToTheControllerAsItCame) {
  EstablishFlow(kUdp, 1, 2);
  record_.reason = RP_PUNT_TTL;
  const Packet last4 = Ip4({.ttl = 1}).Udp(1, 2).Payload("x");
  const Packet last6 = Ip6({.ttl = 1}).Udp(1, 2).Payload("x");
  EXPECT_THAT(Send(last4), Punted(record_, last4));
  EXPECT_THAT(Send(last6), Punted(record_, last6));
}

TEST_P(InnerTest, Case29SourceThatNoPacketMayHave) {
  for (const char* source : {"127.0.0.1", "0.0.0.0", "0.1.2.3", "224.0.0.1",
                             "239.255.255.255", "255.255.255.255", "240.0.0.1"})
    EXPECT_THAT(Send(Packet().Ip4(source, kServer4).Udp(1, 2)),
                Dropped(RP_DROP_SRC_MARTIAN))
        << source;
  for (const char* source :
       {"::", "::1", "ff02::1", "ff0e::1", "::ffff:10.1.0.5"})
    EXPECT_THAT(Send(Packet().Ip6(source, kServer6).Udp(1, 2)),
                Dropped(RP_DROP_SRC_MARTIAN))
        << source;
}

TEST_P(InnerTest, Case29DestinationThatIsNeverForwarded) {
  for (const char* to : {"127.0.0.1", "0.0.0.0", "0.1.2.3"})
    EXPECT_THAT(Send(Packet().Ip4(kHost4, to).Udp(1, 2)),
                Dropped(RP_DROP_DST_MARTIAN))
        << to;
  for (const char* to : {"::", "::1"})
    EXPECT_THAT(Send(Packet().Ip6(kHost6, to).Udp(1, 2)),
                Dropped(RP_DROP_DST_MARTIAN))
        << to;
}

// RFC 4291 section 2.5.6, RFC 3927 section 2.7: link-local is never forwarded.
TEST_P(InnerTest, Case29LinkLocalSourceIsNotForwarded) {
  EXPECT_THAT(Send(Packet().Ip6("fe80::1", kServer6).Udp(1, 2)),
              Dropped(RP_DROP_SRC_MARTIAN));
  EXPECT_THAT(Send(Packet().Ip4("169.254.3.4", kServer4).Udp(1, 2)),
              Dropped(RP_DROP_SRC_MARTIAN));
}

// Behind a tunnel there is no link to share; on an access interface such
// packets are between its hosts and this one (ARP, ND, DHCP, mDNS).
TEST_P(InnerTest, Case29MulticastAndLinkLocalDestination) {
  const auto expected = [&] {
    return Tunnelled() ? Dropped(RP_DROP_DST_MARTIAN) : Passed();
  };
  for (const char* to : {"224.0.0.1", "255.255.255.255", "169.254.3.4"})
    EXPECT_THAT(Send(Packet().Ip4(kHost4, to).Udp(1, 2)), expected()) << to;
  for (const char* to : {"ff02::1", "ff0e::1", "fe80::1"})
    EXPECT_THAT(Send(Packet().Ip6(kHost6, to).Udp(1, 2)), expected()) << to;
}

// No ICMP error is sent about a packet with such a source (RFC 1122 section
// 3.2.2, RFC 4443 section 2.4 e).
TEST_P(InnerTest, Case29MartianSourceIsNoReasonForAnError) {
  AddAddress("203.0.113.1", RP_ADDRESS_NAT);
  EXPECT_THAT(Send(Packet().Ip4("127.0.0.1", kServer4, {.ttl = 1}).Udp(1, 2)),
              Dropped(RP_DROP_SRC_MARTIAN));
  EXPECT_THAT(Send(Packet().Ip4("224.0.0.1", kServer4, {.ttl = 1}).Udp(1, 2)),
              Dropped(RP_DROP_SRC_MARTIAN));
  EXPECT_THAT(Send(Packet().Ip6("ff02::1", kServer6, {.ttl = 1}).Udp(1, 2)),
              Dropped(RP_DROP_SRC_MARTIAN));
  EXPECT_THAT(Send(Packet().Ip4("203.0.113.1", kServer4, {.ttl = 1}).Udp(1, 2)),
              Dropped(RP_DROP_SRC_OURS));
}

TEST_P(InnerTest, Case30SourceIsAnAddressOfThisEdge) {
  AddAddress("203.0.113.1", RP_ADDRESS_NAT);
  AddAddress("2001:db8:200::1", RP_ADDRESS_NAT);
  AddAddress("192.0.2.77", RP_ADDRESS_TUNNEL);
  for (const char* source : {"203.0.113.1", "192.0.2.77"})
    EXPECT_THAT(Send(Packet().Ip4(source, kServer4).Udp(1, 2)),
                Dropped(RP_DROP_SRC_OURS))
        << source;
  EXPECT_THAT(Send(Packet().Ip6("2001:db8:200::1", kServer6).Udp(1, 2)),
              Dropped(RP_DROP_SRC_OURS));
}

TEST_P(InnerTest, Case30SourceIsTheFarEndOfItsTunnel) {
  if (!Tunnelled()) return;
  const Ip to = tunnel_.peer.is_v4() ? kServer4 : kServer6;
  EXPECT_THAT(Send(Packet().IpAny(tunnel_.peer, to).Udp(1, 2)),
              Dropped(RP_DROP_SRC_OURS));
}

TEST_P(InnerTest, Case31NestedTunnelToThisEdge) {
  const Tunnel nested4 = TunnelOf({"", RP_PROFILE_NONE}, true);
  const Tunnel nested6 = TunnelOf({"", RP_PROFILE_NONE}, false);
  AddTunnel(nested4);
  AddTunnel(nested6);
  const Packet again = Packet().Ip4(kHost4, kServer4).Udp(1, 2);
  for (const Packet& ip : {Packet().Ip4(kHost4, nested4.edge),
                           Packet().Ip6(kHost6, nested6.edge)}) {
    EXPECT_THAT(Send(ip.Udp(0xc0de, kGuePort).Gue().Then(again)),
                Dropped(RP_DROP_NESTED));
    EXPECT_THAT(Send(ip.Gre().Then(again)), Dropped(RP_DROP_NESTED));
  }
}

// RFC 2784 section 3.1. Whether a tenant's route wants it so is known to the
// controller, which drops it otherwise.
TEST_P(InnerTest, Case32HairpinIsDecidedByTheController) {
  if (!Tunnelled()) return;
  const Ip from = tunnel_.peer.is_v4() ? kHost4 : kHost6;
  const Packet inner = Packet().IpAny(from, tunnel_.peer).Udp(1, 2);
  EXPECT_THAT(Send(inner), Punted(record_, inner));
}

// Whatever flow its ports may seem to be of: only the whole datagram has them.
TEST_P(InnerTest, Case34FragmentsAreForTheController) {
  EstablishFlow(kUdp, 1, 2);
  record_.reason = RP_PUNT_FRAGMENT;
  std::vector<Packet> fragments;
  for (const uint16_t fragment : {0x2000, 0x0001, 0x2001, 0x1fff})
    fragments.push_back(Ip4({.fragment = fragment}).Udp(1, 2).Payload("x"));
  fragments.push_back(Ip6().Fragment6(0, true).Udp(1, 2).Payload("x"));
  fragments.push_back(Ip6().Fragment6(1232, false).Payload("data"));
  for (const Packet& fragment : fragments)
    EXPECT_THAT(Send(fragment), Punted(record_, fragment));
}

// RFC 6946: a fragment header with offset 0 and no more is a whole packet.
TEST_P(InnerTest, Case34AtomicFragmentIsAFragment) {
  EstablishFlow(kUdp, 1, 2);
  record_.reason = RP_PUNT_FRAGMENT;
  const Packet atomic = Ip6().Fragment6(0, false).Udp(1, 2).Payload("x");
  EXPECT_THAT(Send(atomic), Punted(record_, atomic));
}

TEST_P(InnerTest, HeadersOfLayerFourThatAreCut) {
  const Bytes udp = Packet().Udp(1, 2).Payload("").Build();
  const Bytes tcp = Packet().Tcp(1, 2).Build();
  const Bytes icmp = {8, 0, 0, 0, 0, 1, 0};
  const std::pair<uint8_t, Bytes> cut[] = {{kUdp, Slice(udp, 0, 7)},
                                           {kUdp, {}},
                                           {kTcp, Slice(tcp, 0, 19)},
                                           {kTcp, Slice(tcp, 0, 4)},
                                           {kIcmp, icmp}};
  for (const auto& [proto, bytes] : cut) {
    EXPECT_THAT(Send(Ip4().Opaque(proto, bytes)), Dropped(RP_DROP_L4_TRUNCATED))
        << int{proto} << " " << bytes.size();
    if (bytes.empty()) continue;  // payload length 0 is a jumbogram's
    const uint8_t proto6 = proto == kIcmp ? uint8_t{kIcmp6} : proto;
    EXPECT_THAT(Send(Ip6().Opaque(proto6, bytes)),
                Dropped(RP_DROP_L4_TRUNCATED))
        << int{proto6} << " " << bytes.size();
  }
}

TEST_P(InnerTest, IcmpTypesThatAreNotForwarded) {
  for (const uint8_t type : {4, 5, 9, 10, 13, 14, 15, 17, 40})
    EXPECT_THAT(Send(Ip4().Icmp(type, 0).Payload("x")),
                Dropped(RP_DROP_ICMP_TYPE))
        << int{type};
  for (const uint8_t type : {127, 130, 133, 134, 135, 136, 137, 143})
    EXPECT_THAT(Send(Ip6().Icmp(type, 0).Payload(Bytes(20, 0))),
                Dropped(RP_DROP_ICMP_TYPE))
        << int{type};
}

TEST_P(InnerTest, OptionsAndExtensionHeadersAreStepsOnTheWay) {
  EstablishFlow(kUdp, 1, 2);
  const Bytes options = {7, 7, 4, 0, 0, 0, 0, 1};  // record route, end
  EXPECT_THAT(
      Send(Ip4({.options = options}).Udp(1, 2).Payload("x")),
      Forwarded(ToLink()
                    .Ip4(kHost4, kServer4, {.ttl = 63, .options = options})
                    .Udp(1, 2)
                    .Payload("x")));
  const Bytes padding = {1, 4, 0, 0, 0, 0};
  const std::vector<std::vector<uint8_t>> chains = {
      {kDestinationOptions}, {kHopByHop}, {kHopByHop, kDestinationOptions}};
  for (const auto& chain : chains) {
    Packet in = Ip6();
    Packet out = ToLink().Ip6(kHost6, kServer6, {.ttl = 63});
    for (const uint8_t header : chain) {
      in = in.Extension(header, padding);
      out = out.Extension(header, padding);
    }
    EXPECT_THAT(Send(in.Udp(1, 2).Payload("x")),
                Forwarded(out.Udp(1, 2).Payload("x")))
        << chain.size();
  }
}

TEST_P(InnerTest, MoreExtensionHeadersThanAreFollowed) {
  EstablishFlow(kUdp, 1, 2);
  Packet in = Ip6();
  for (int i = 0; i < 12; ++i)
    in = in.Extension(kDestinationOptions, {1, 4, 0, 0, 0, 0});
  EXPECT_THAT(Send(in.Udp(1, 2).Payload("x")), Dropped(RP_DROP_IP_EXT_HEADERS));
}

TEST_P(InnerTest, ExtensionHeaderThatEndsBehindThePacket) {
  for (const uint8_t length : {1, 31, 255})
    EXPECT_THAT(Send(Ip6().Opaque(kDestinationOptions,
                                  {kUdp, length, 1, 4, 0, 0, 0, 0})),
                DroppedSomehow())
        << int{length};
}

TEST_P(InnerTest, UdpWithoutChecksumStaysWithout) {
  EstablishFlow(kUdp, 1, 2);
  EXPECT_THAT(Send(Ip4().Udp(1, 2, {.checksum = 0}).Payload("x")),
              Forwarded(ToLink()
                            .Ip4(kHost4, kServer4, {.ttl = 63})
                            .Udp(1, 2, {.checksum = 0})
                            .Payload("x")));
}

}  // namespace
}  // namespace rampart::testing

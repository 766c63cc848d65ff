// SPDX-License-Identifier: Apache-2.0
// The outer packet: what an uplink takes on, what it refuses, and what it
// leaves to the host. Cases 35 to 39 and 45 of the list of malformed input.
#include <linux/bpf.h>

#include <string>

#include "tests/bpf/ramps.h"
#include "tests/testing/program_test.h"

namespace rampart::testing {
namespace {

Packet Inner() {
  return Packet().Ip4("10.1.0.5", "10.2.0.9").Udp(1234, 53).Payload("query");
}

class OuterTest : public ProgramTest {
 protected:
  void SetUp() override {
    ProgramTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    four_ = TunnelOf({"", RP_PROFILE_NONE}, true);
    six_ = TunnelOf({"", RP_PROFILE_NONE}, false);
    six_.id = 16;
    AddTunnel(four_);
    AddTunnel(six_);
    gre_ = TunnelOf({"", RP_PROFILE_GRE}, true);
    gre_.id = 17;
    AddTunnel(gre_);
    AddAddress("203.0.113.1", RP_ADDRESS_NAT);
    AddAddress("2001:db8:200::1", RP_ADDRESS_NAT);
  }

  static ::testing::Matcher<const Result&> Accepted(const Tunnel& t) {
    rp_punt record = {};
    record.reason = RP_PUNT_MISS;
    record.realm = t.vni;
    record.tunnel = t.id;
    record.slot = kUplink;
    record.tenant = kTenant;
    return Punted(record, Inner());
  }
  static Packet Gue(const Packet& ip, const UdpFields& udp = {}) {
    return ip.Udp(0xc0de, kGuePort, udp).Gue().Then(Inner());
  }
  Packet Ip4(const Ip4Fields& fields = {}) const {
    return FromLink().Ip4(four_.peer, four_.edge, fields);
  }
  Packet Ip6(const Ip6Fields& fields = {}) const {
    return FromLink().Ip6(six_.peer, six_.edge, fields);
  }

  Tunnel four_, six_, gre_;
};

TEST_F(OuterTest, UpToTwoVlanTagsAreSteppedOver) {
  for (const int vlans : {0, 1, 2}) {
    Tunnel four = four_, six = six_;
    four.vlans = six.vlans = vlans;
    EXPECT_THAT(Uplink(FromPeer(four).Then(Inner())), Accepted(four)) << vlans;
    EXPECT_THAT(Uplink(FromPeer(six).Then(Inner())), Accepted(six)) << vlans;
  }
}

TEST_F(OuterTest, FramesWithMoreTagsOrOtherTypesAreTheHosts) {
  const Packet three = FromLink(2).Vlan(300).IpAny(four_.peer, four_.edge);
  EXPECT_THAT(Uplink(Gue(three)), Passed());
}

TEST_F(OuterTest, VlanTagsAndEveryKindOfTunnelGoOutAsTheNextHopSays) {
  for (const bool outer_v4 : {true, false})
    for (const Form& form : kForms)
      for (const int vlans : {0, 1, 2}) {
        Tunnel out = TunnelOf(form, outer_v4);
        out.vlans = vlans;
        SetNextHop(1, NextHopTo(out, true, 1400));
        Flow flow = {.destination = "10.2.0.9", .sport = 1234, .dport = 53};
        flow.on_ramp = four_.id;
        flow.reverse_realm = kVni;
        PutFlow(programs(), flow);
        EXPECT_THAT(Uplink(FromPeer(four_).Then(Inner())),
                    Forwarded(ToPeer(out, {.port = flow.entropy})
                                  .Ip4("10.1.0.5", "10.2.0.9", {.ttl = 63})
                                  .Udp(1234, 53)
                                  .Payload("query")))
            << form.name << " over " << FamilyName(outer_v4) << " " << vlans;
      }
}

TEST_F(OuterTest, EthernetPaddingIsNotForwarded) {
  SetNextHop(1, LinkNextHop(kUplink, true, 1500, 2));
  for (const Tunnel& tunnel : {four_, six_, gre_}) {
    Flow flow = {.destination = "10.2.0.9", .sport = 1234, .dport = 53};
    flow.on_ramp = tunnel.id;
    PutFlow(programs(), flow);
    Bytes frame = FromPeer(tunnel).Then(Inner()).Build();
    Append(frame, Bytes(9, 0xaa));
    EXPECT_THAT(programs().RunOn(kUplink, frame),
                Forwarded(ToLink(2)
                              .Ip4("10.1.0.5", "10.2.0.9", {.ttl = 63})
                              .Udp(1234, 53)
                              .Payload("query")));
  }
}

TEST_F(OuterTest, SourcePortOfTheOuterUdpIsOpaque) {
  for (const uint16_t port : {1, 6080, 32768, 65535})
    EXPECT_THAT(Uplink(FromPeer(four_, {.port = port}).Then(Inner())),
                Accepted(four_))
        << port;
}

TEST_F(OuterTest, Case35OuterFragments) {
  for (const uint16_t fragment : {0x2000, 0x2001, 0x0001, 0x1fff, 0x6000})
    EXPECT_THAT(Uplink(Gue(Ip4({.fragment = fragment}))),
                Dropped(RP_DROP_OUTER_FRAGMENT))
        << fragment;
  EXPECT_THAT(Uplink(Ip4({.fragment = 0x2000}).Gre().Then(Inner())),
              Dropped(RP_DROP_OUTER_FRAGMENT));
  EXPECT_THAT(Uplink(Gue(Ip6().Fragment6(0, true))),
              Dropped(RP_DROP_OUTER_FRAGMENT));
}

TEST_F(OuterTest, Case36OuterIpOptionsAreSteppedOver) {
  const Bytes options = {7, 7, 4, 0, 0, 0, 0, 1};
  EXPECT_THAT(Uplink(Gue(Ip4({.options = options}))), Accepted(four_));
  EXPECT_THAT(Uplink(Gue(Ip4({.options = Bytes(40, 1)}))), Accepted(four_));
  EXPECT_THAT(Uplink(Ip4({.options = options}).Gre().Then(Inner())),
              Accepted(gre_));
}

TEST_F(OuterTest, Case36OuterHeaderThatIsMalformed) {
  EXPECT_THAT(Uplink(Gue(Ip4({.checksum = 0x1234}))),
              Dropped(RP_DROP_OUTER_IP_HEADER));
  for (const uint8_t ihl : {0, 4})
    EXPECT_THAT(Uplink(Gue(Ip4({.ihl = ihl}))),
                Dropped(RP_DROP_OUTER_IP_HEADER))
        << int{ihl};
  for (const uint16_t length : {0, 19, 2000})
    EXPECT_THAT(Uplink(Gue(Ip4({.total_length = length}))),
                Dropped(RP_DROP_OUTER_IP_HEADER))
        << length;
  for (const uint16_t length : {2000, 65535})
    for (const Packet& packet :
         {Gue(Ip6({.payload_length = length})),
          Ip6({.payload_length = length}).Gre().Then(Inner())})
      EXPECT_THAT(Uplink(packet), Dropped(RP_DROP_OUTER_IP_HEADER)) << length;
}

// What Linux' ip6tnl puts in front unless told `encaplimit none` (RFC 2473
// section 4.1.1).
TEST_F(OuterTest, OneTunnelEncapsulationLimitIsSteppedOver) {
  for (const uint8_t limit : {0, 1, 4, 255}) {
    const Packet ip =
        Ip6().Extension(kDestinationOptions, {4, 1, limit, 1, 1, 0});
    EXPECT_THAT(Uplink(Gue(ip)), Accepted(six_)) << int{limit};
  }
}

TEST_F(OuterTest, Case37OtherOuterExtensionHeaders) {
  const Bytes limit = {4, 1, 4, 1, 1, 0};
  const Packet cases[] = {
      Ip6().Extension(kHopByHop, {1, 4, 0, 0, 0, 0}),
      Ip6().Extension(kRouting, {0, 0, 0, 0, 0, 0}),
      Ip6()
          .Extension(kDestinationOptions, limit)
          .Extension(kDestinationOptions, limit),
      Ip6().Extension(kDestinationOptions, Bytes{0x8f, 1, 4, 1, 1, 0}),
      Ip6().Extension(kDestinationOptions,
                      Bytes{4, 1, 4, 1, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0})};
  for (const Packet& ip : cases)
    EXPECT_THAT(Uplink(Gue(ip)), Dropped(RP_DROP_OUTER_EXT_HEADER));
}

TEST_F(OuterTest, Case38ZeroUdpChecksumOverIp4IsAccepted) {
  EXPECT_THAT(Uplink(Gue(Ip4(), {.checksum = 0})), Accepted(four_));
}

TEST_F(OuterTest, Case39ZeroUdpChecksumOverIp6OnlyFromListedPeers) {
  EXPECT_THAT(Uplink(Gue(Ip6(), {.checksum = 0})),
              Dropped(RP_DROP_UDP_CSUM6_ZERO));
  Tunnel listed = six_;
  listed.flags = RP_PEER_ZERO_CSUM6;
  AddTunnel(listed);
  EXPECT_THAT(Uplink(Gue(Ip6(), {.checksum = 0})), Accepted(six_));
  EXPECT_THAT(Uplink(Gue(Ip6())), Accepted(six_));  // RFC 6936 section 4 (6)
  EXPECT_THAT(Uplink(Gue(Ip6(), {.checksum = 1})), Dropped(RP_DROP_UDP_CSUM));
}

// An exact multiple: the sum over the packet is 0, sent as 0xffff (RFC 768).
TEST_F(OuterTest, Case38EveryChecksumValueIsVerified) {
  for (uint16_t i = 0; i < 2000; ++i) {
    Bytes tag;
    Put16(tag, static_cast<uint16_t>(i * 40503));
    const Packet inner = Packet()
                             .Ip4("10.1.0.5", "10.2.0.9")
                             .Udp(1, 2, {.checksum = 0})
                             .Payload(tag);
    const Packet frame = FromPeer(i % 2 ? four_ : six_).Then(inner);
    ASSERT_EQ(programs().RunOnly(kUplink, frame.Build()).verdict,
              static_cast<uint32_t>(XDP_REDIRECT))
        << i;
  }
}

TEST_F(OuterTest, Case38ChecksumThatIsAllOnesStandsForZero) {
  for (const Packet& ip : {Ip4(), Ip6()}) {
    const auto packet = [&](uint16_t tag) {
      Bytes bytes;
      Put16(bytes, tag);
      return ip.Udp(0xc0de, kGuePort)
          .Gue()
          .Ip4("10.1.0.5", "10.2.0.9")
          .Udp(1, 2, {.checksum = 0})
          .Payload(bytes);
    };
    const size_t at = packet(0).Build().size() - 2 - 28 - 4 - 2;
    const Bytes zero_tag = packet(0).Build();
    // Adding the checksum of the rest to the packet makes the sum all ones.
    const Bytes frame = packet(Get16(zero_tag, at)).Build();
    EXPECT_EQ(Get16(frame, at), 0xffff);
    EXPECT_EQ(programs().RunOnly(kUplink, frame).verdict,
              static_cast<uint32_t>(XDP_REDIRECT));
  }
}

// Every prefix of a good frame: never past the end, never forwarded. Without
// ports it cannot be told from the host's own.
TEST_F(OuterTest, Case45FramesCutAnywhere) {
  for (const Tunnel& tunnel : {four_, six_, gre_}) {
    const Bytes whole = FromPeer(tunnel).Then(Inner()).Build();
    for (size_t size = 14; size < whole.size(); ++size) {
      const Result result = programs().RunOn(kUplink, Slice(whole, 0, size));
      EXPECT_TRUE(result.verdict == XDP_DROP ||
                  (result.verdict == XDP_PASS && size < 14u + 40 + 8))
          << size << " bytes: verdict " << result.verdict;
      EXPECT_EQ(result.counted.size(), 1u) << size;
    }
  }
}

// ------------------------------------------------------------------ the host

TEST_F(OuterTest, TheHostsOwnTrafficIsNotTouched) {
  const Bytes arp = FromHex(
      "ffffffffffff 020000000001 0806 0001080006040001 020000000001 c0000202"
      "000000000000 c0000201");
  EXPECT_THAT(programs().RunOn(kUplink, arp), Passed());
  const Ip edge4 = four_.edge, peer4 = four_.peer;
  const Ip edge6 = six_.edge, peer6 = six_.peer;
  const Ip other4 = "192.0.2.200", other6 = "2001:db8::200";
  const Packet link = FromLink();
  const Packet packets[] = {
      link.Ip4(peer4, edge4).Tcp(5000, 22, {.flags = kSyn}),
      link.Ip6(peer6, edge6).Tcp(5000, 22, {.flags = kSyn}),
      link.Ip4(peer4, edge4).Udp(kGuePort, 6081).Payload("not the port"),
      link.Ip6(peer6, edge6).Udp(kGuePort, 53).Payload("not the port"),
      link.Ip4(peer4, edge4).Echo(false, 1).Payload("ping the edge"),
      link.Ip6(peer6, edge6).Echo(false, 1).Payload("ping the edge"),
      link.Ip4(peer4, other4).Udp(1, kGuePort).Gue().Then(Inner()),
      link.Ip6(peer6, other6).Udp(1, kGuePort).Gue().Then(Inner()),
      link.Ip4(peer4, other4).Gre().Then(Inner()),
      link.Ip6(peer6, other6).Gre().Then(Inner()),
      link.Ip4(peer4, other4, {.fragment = 0x2000}).Udp(1, kGuePort),
      link.Ip4(peer4, other4, {.checksum = 7}).Udp(1, kGuePort),
      link.Ip4(peer4, other4, {.ttl = 0}).Udp(1, kGuePort),
      link.Ip4(peer4, "224.0.0.5").Opaque(89, Bytes(24, 1)),
      link.Ip4("0.0.0.0", "255.255.255.255").Udp(68, 67).Payload("dhcp"),
      link.Ip6("fe80::1", "ff02::1:ff00:1").Icmp(135, 0).Payload(Bytes(20, 1)),
      link.Ip6("2001:db8::99", edge6)
          .Extension(kHopByHop, {5, 2, 0, 0, 1, 0})
          .Icmp(128, 0),
      link.Ip6(peer6, other6)
          .Extension(kHopByHop, {5, 2, 0, 0, 1, 0})
          .Icmp(143, 0),
      link.Ip4(peer4, edge4).Opaque(50, Bytes(40, 7)),
      link.Ip6(peer6, edge6).Opaque(50, Bytes(40, 7))};
  for (const Packet& packet : packets) EXPECT_THAT(Uplink(packet), Passed());
}

// A NIC in promiscuous mode, or a flooded frame.
TEST_F(OuterTest, FramesForAnotherMacAddressAreNotOurs) {
  const Packet link = Link(kMacNext, kMacB, 0);
  EXPECT_THAT(Uplink(Gue(link.Ip4(four_.peer, four_.edge))), Passed());
  EXPECT_THAT(Uplink(Gue(link.Ip6(six_.peer, six_.edge))), Passed());
  EXPECT_THAT(Uplink(link.Ip4("198.51.100.66", "203.0.113.1").Udp(1, 2)),
              Passed());
}

TEST_F(OuterTest, FramesTooShortToBeOursAreTheHosts) {
  EXPECT_THAT(programs().RunOn(kUplink, FromLink().Build()), Passed());
  const Bytes ip4 = Ip4().Build(), ip6 = Ip6().Build();
  EXPECT_THAT(programs().RunOn(kUplink, Slice(ip4, 0, 14 + 19)), Passed());
  EXPECT_THAT(programs().RunOn(kUplink, Slice(ip6, 0, 14 + 39)), Passed());
  EXPECT_THAT(Uplink(FromLink().Vlan(5)), Passed());
}

TEST_F(OuterTest, ADeviceThatIsNotConfiguredPassesEverything) {
  programs().Put("rp_devices", uint32_t{kUplink}, rp_device{});
  EXPECT_THAT(Uplink(FromPeer(four_).Then(Inner())), Passed());
}

TEST_F(OuterTest, AnotherGuePortIsAsConfigured) {
  rp_config config = this->config();
  config.gue_port = static_cast<__be16>(5555 << 8 | 5555 >> 8);
  SetConfig(config);
  EXPECT_THAT(Uplink(FromPeer(four_).Then(Inner())), Passed());
  EXPECT_THAT(Uplink(Ip4().Udp(9, 5555).Gue().Then(Inner())), Accepted(four_));
}

TEST_F(OuterTest, NothingOfANatAddressIsLeftToTheHost) {
  const Packet packets[] = {
      FromLink()
          .Ip4("198.51.100.66", "203.0.113.1")
          .Tcp(1, 22, {.flags = kSyn}),
      FromLink()
          .Ip4("198.51.100.66", "203.0.113.1")
          .Udp(1, kGuePort)
          .Payload("x"),
      FromLink().Ip4("198.51.100.66", "203.0.113.1").Echo(false, 9),
      FromLink()
          .Ip4("198.51.100.66", "203.0.113.1")
          .Opaque(kSctp, Bytes(12, 1)),
      FromLink().Ip6("2001:db8:9::6", "2001:db8:200::1").Tcp(1, 22),
      FromLink().Ip6("2001:db8:9::6", "2001:db8:200::1").Udp(1, 2),
      FromLink().Ip6("2001:db8:9::6", "2001:db8:200::1").Echo(true, 9)};
  for (const Packet& packet : packets)
    EXPECT_THAT(Uplink(packet), Dropped(RP_DROP_NAT_NO_MAPPING));
}

}  // namespace
}  // namespace rampart::testing

// SPDX-License-Identifier: Apache-2.0
// GRE as an on-ramp (RFC 2784, RFC 2890), plain and inside GUE. Case 46 of the
// list of malformed input.
#include <string>

#include "tests/bpf/ramps.h"
#include "tests/testing/program_test.h"

namespace rampart::testing {
namespace {

Packet Inner() {
  return Packet().Ip4("10.1.0.5", "10.2.0.9").Udp(1234, 53).Payload("odd");
}

class GreTest : public ProgramTest, public ::testing::WithParamInterface<bool> {
 protected:
  Tunnel Use(uint8_t flags = 0, bool key = false) {
    const Form form = {"", RP_PROFILE_GRE, false, true, key, flags};
    Tunnel tunnel = TunnelOf(form, GetParam());
    AddTunnel(tunnel);
    return tunnel;
  }
  Result Send(const Tunnel& t, const GreFields& gre) const {
    return Uplink(FromLink().IpAny(t.peer, t.edge).Gre(gre).Then(Inner()));
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
};

INSTANTIATE_TEST_SUITE_P(Over, GreTest, ::testing::Bool(),
                         [](const auto& info) {
                           return std::string(info.param ? "Ip4" : "Ip6");
                         });

TEST_P(GreTest, ExactlyTheConfiguredFieldsAreAccepted) {
  const uint8_t all = RP_PEER_GRE_CSUM | RP_PEER_GRE_SEQ;
  for (uint8_t configured = 0; configured <= all + 0; ++configured) {
    if (configured & 1) continue;  // RP_PEER_ZERO_CSUM6
    for (const bool key : {false, true}) {
      const Tunnel tunnel = Use(configured, key);
      for (int sent = 0; sent < 4; ++sent) {
        GreFields gre = {.key = tunnel.gre_key};
        gre.checksum = sent & 1;
        if (sent & 2) gre.sequence = 9;
        const bool same =
            gre.checksum == ((configured & RP_PEER_GRE_CSUM) != 0) &&
            gre.sequence.has_value() == ((configured & RP_PEER_GRE_SEQ) != 0);
        EXPECT_THAT(Send(tunnel, gre),
                    same ? Accepted(tunnel) : Dropped(RP_DROP_GRE_FLAGS))
            << "configured " << int{configured} << " sent " << sent;
      }
    }
  }
}

// RFC 2784 section 2.3: bits 1 to 5 not zero, discard; RFC 2890 takes 2 and 3
// back.
TEST_P(GreTest, Case46RoutingSourceRouteAndRecursionBits) {
  const Tunnel tunnel = Use();
  for (const uint16_t bits : {0x4000, 0x0800, 0x0400, 0x0200, 0x0100, 0x0700})
    EXPECT_THAT(Send(tunnel, {.more_flags = bits}),
                Dropped(RP_DROP_GRE_ROUTING))
        << bits;
}

TEST_P(GreTest, Bits6To12AreIgnored) {  // RFC 2784 section 2.3
  const Tunnel tunnel = Use();
  for (const uint16_t bits : {0x0080, 0x0040, 0x0020, 0x0010, 0x0008})
    EXPECT_THAT(Send(tunnel, {.more_flags = bits}), Accepted(tunnel)) << bits;
}

TEST_P(GreTest, Case46VersionOtherThanZero) {
  const Tunnel tunnel = Use();
  for (uint16_t version = 1; version < 8; ++version)
    EXPECT_THAT(Send(tunnel, {.more_flags = version}),
                Dropped(RP_DROP_GRE_VERSION))
        << version;
}

TEST_P(GreTest, Case46ChecksumWrong) {
  for (const bool key : {false, true}) {
    const Tunnel tunnel = Use(RP_PEER_GRE_CSUM, key);
    for (const uint16_t sum : {0, 1, 0xffff})
      EXPECT_THAT(Send(tunnel, {.key = tunnel.gre_key,
                                .checksum = true,
                                .checksum_value = sum}),
                  Dropped(RP_DROP_GRE_CSUM));
    Bytes frame = FromPeer(tunnel).Then(Inner()).Build();
    frame.back() ^= 1;  // the odd last byte counts
    EXPECT_THAT(programs().RunOn(kUplink, frame), Dropped(RP_DROP_GRE_CSUM));
  }
}

TEST_P(GreTest, ChecksumOfPacketsOfEveryLengthIsVerified) {
  const Tunnel tunnel = Use(RP_PEER_GRE_CSUM);
  for (size_t length = 0; length < 300; ++length) {
    const Packet packet =
        FromPeer(tunnel)
            .Ip4("10.1.0.5", "10.2.0.9")
            .Udp(1234, 53)
            .Payload(Bytes(length, static_cast<uint8_t>(length * 37 | 1)));
    EXPECT_EQ(Uplink(packet).counted.begin()->first.value,
              static_cast<uint32_t>(RP_PUNTED))
        << length;
    Bytes bad = packet.Build();
    bad.back() ^= 0x40;
    EXPECT_THAT(programs().RunOn(kUplink, bad), Dropped(RP_DROP_GRE_CSUM));
  }
}

TEST_P(GreTest, EthernetPaddingIsNotPartOfTheChecksum) {
  const Tunnel tunnel = Use(RP_PEER_GRE_CSUM);
  Bytes frame = FromPeer(tunnel).Then(Inner()).Build();
  Append(frame, Bytes(11, 0xee));
  EXPECT_THAT(programs().RunOn(kUplink, frame), Accepted(tunnel));
}

TEST_P(GreTest, Case46KeyThatNoTunnelFromThisEndpointHas) {
  const Tunnel tunnel = Use(0, true);
  for (const uint32_t key : {0u, 1u, *tunnel.gre_key ^ 0x80000000u})
    EXPECT_THAT(Send(tunnel, {.key = key}), Dropped(RP_DROP_GRE_KEY)) << key;
}

TEST_P(GreTest, Case46KeyWhereNoneIsConfiguredAndTheReverse) {
  const Tunnel bare = Use();
  EXPECT_THAT(Send(bare, {.key = 5}), Dropped(RP_DROP_GRE_KEY));
  Tunnel keyed = TunnelOf({"", RP_PROFILE_GRE, false, true, true}, GetParam());
  keyed.peer = GetParam() ? "192.0.2.40" : "2001:db8::40";
  keyed.id = 14;
  AddTunnel(keyed);
  EXPECT_THAT(Send(keyed, {}), DroppedSomehow());
}

// "A tunnel per key": the endpoint pair is the same.
TEST_P(GreTest, TwoTunnelsFromOneEndpointAreToldApartByTheirKeys) {
  const Tunnel first = Use(0, true);
  Tunnel second = first;
  second.gre_key = 77;
  second.id = 15;
  second.vni = 2002;
  AddTunnel(second);
  EXPECT_THAT(Send(first, {.key = first.gre_key}), Accepted(first));
  EXPECT_THAT(Send(second, {.key = second.gre_key}), Accepted(second));
}

TEST_P(GreTest, Case46UnknownPayloadType) {
  const Tunnel tunnel = Use();
  for (const uint16_t type : {0x0000, 0x6558, 0x88be, 0x880b, 0x0806, 0x8100})
    EXPECT_THAT(Send(tunnel, {.type = type}), Dropped(RP_DROP_GRE_PROTO))
        << type;
}

TEST_P(GreTest, Case46HeaderLongerThanThePacket) {
  const Tunnel tunnel = Use();
  const Packet ip = FromLink().IpAny(tunnel.peer, tunnel.edge);
  for (const Bytes& gre : {Bytes{}, Bytes{0}, Bytes{0, 0, 8}})
    EXPECT_THAT(Uplink(ip.Opaque(kGre, gre)), Dropped(RP_DROP_GRE_TRUNCATED))
        << gre.size();
  for (const uint16_t flags : {0x8000, 0x2000, 0x1000, 0xb000}) {
    Bytes gre;
    Put16(gre, flags);
    Put16(gre, 0x0800);
    EXPECT_THAT(Uplink(ip.Opaque(kGre, gre)), Dropped(RP_DROP_GRE_TRUNCATED))
        << flags;
  }
}

TEST_P(GreTest, Case22VersionUnlikeTheGreType) {
  const Tunnel tunnel = Use();
  EXPECT_THAT(Send(tunnel, {.type = 0x86dd}),
              ::testing::AnyOf(Dropped(RP_DROP_IP_VERSION),
                               Dropped(RP_DROP_IP_TRUNCATED)));
}

class GueGreTest : public GreTest {
 protected:
  void SetUp() override {
    ProgramTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    tunnel_ = TunnelOf({"", RP_PROFILE_GRE_KEY}, GetParam());
    AddTunnel(tunnel_);
  }
  Result SendGue(const GreFields& gre) const {
    return Uplink(FromLink()
                      .IpAny(tunnel_.peer, tunnel_.edge)
                      .Udp(9, kGuePort)
                      .Gue()
                      .Gre(gre)
                      .Then(Inner()));
  }
  Tunnel tunnel_;
};

INSTANTIATE_TEST_SUITE_P(Over, GueGreTest, ::testing::Bool(),
                         [](const auto& info) {
                           return std::string(info.param ? "Ip4" : "Ip6");
                         });

TEST_P(GueGreTest, Case46GreInGueObeysTheSameRules) {
  const uint32_t vni = tunnel_.vni;
  EXPECT_THAT(SendGue({.key = vni}), Accepted(tunnel_));
  EXPECT_THAT(SendGue({}), Dropped(RP_DROP_GRE_FLAGS));
  EXPECT_THAT(SendGue({.key = vni, .sequence = 1}), Dropped(RP_DROP_GRE_FLAGS));
  EXPECT_THAT(SendGue({.key = vni, .checksum = true}),
              Dropped(RP_DROP_GRE_FLAGS));
  EXPECT_THAT(SendGue({.key = vni, .more_flags = 0x4000}),
              Dropped(RP_DROP_GRE_ROUTING));
  EXPECT_THAT(SendGue({.key = vni, .more_flags = 1}),
              Dropped(RP_DROP_GRE_VERSION));
  EXPECT_THAT(SendGue({.key = vni, .type = 0x6558}),
              Dropped(RP_DROP_GRE_PROTO));
}

TEST_P(GueGreTest, Case46GreInGueThatIsCut) {
  const Packet gue = FromLink()
                         .IpAny(tunnel_.peer, tunnel_.edge)
                         .Udp(9, kGuePort)
                         .Gue({.protocol = kGre});
  for (const Bytes& gre : {Bytes{}, Bytes{0x20, 0, 8}, Bytes{0x20, 0, 8, 0},
                           Bytes{0x20, 0, 8, 0, 0, 0, 3}})
    EXPECT_THAT(Uplink(gue.Payload(gre)), Dropped(RP_DROP_GRE_TRUNCATED))
        << gre.size();
}

}  // namespace
}  // namespace rampart::testing

// SPDX-License-Identifier: Apache-2.0
// Malformed and hostile tunnel packets: each is dropped under its own reason,
// counted once. The numbers are those of the project's list of 46 cases
// (draft-ietf-intarea-gue-09 section 5.4 and what RFC 1122, 2003, 2784, 6040
// and 6936 add); cases 22 to 34, about the inner packet, are in inner_test.cc.
#include <string>
#include <vector>

#include "tests/bpf/ramps.h"
#include "tests/testing/program_test.h"

namespace rampart::testing {
namespace {

const Ip kHost = "10.1.0.5";
const Ip kServer = "10.2.0.9";

Packet Inner() {
  return Packet().Ip4(kHost, kServer).Udp(1234, 53).Payload("question");
}

Form FormNamed(const std::string& name) {
  for (const Form& form : kForms)
    if (name == form.name) return form;
  ADD_FAILURE() << "no form " << name;
  return {};
}

// Every test runs over IPv4 and IPv6.
class MalformedTest : public ProgramTest,
                      public ::testing::WithParamInterface<bool> {
 protected:
  Tunnel Use(const std::string& form) {
    const Tunnel tunnel = TunnelOf(FormNamed(form), GetParam());
    AddTunnel(tunnel);
    return tunnel;
  }
  // Outer headers up to UDP.
  static Packet Udp(const Tunnel& t, const UdpFields& fields = {}) {
    return FromLink().IpAny(t.peer, t.edge).Udp(0xc0de, kGuePort, fields);
  }
  static Packet WithGue(const Tunnel& t, const GueFields& gue) {
    return Udp(t).Gue(gue).Then(Inner());
  }
};

INSTANTIATE_TEST_SUITE_P(Over, MalformedTest, ::testing::Bool(),
                         [](const auto& info) {
                           return std::string(info.param ? "Ip4" : "Ip6");
                         });

TEST_P(MalformedTest, Case01PayloadShorterThanAGueHeader) {
  for (const char* form : {"None", "Mac", "Cookie", "GreKey"}) {
    const Tunnel tunnel = Use(form);
    for (const Bytes& payload : {Bytes{}, Bytes{0}, Bytes{0, 4, 0}})
      EXPECT_THAT(Uplink(Udp(tunnel).Payload(payload)),
                  Dropped(RP_DROP_GUE_TRUNCATED))
          << form << " " << payload.size();
  }
}

TEST_P(MalformedTest, Case02UdpLengthBelow8OrPastThePacket) {
  const Tunnel tunnel = Use("None");
  for (const int length : {0, 7, 8 + 4 + 36 + 1, 65535})
    EXPECT_THAT(Uplink(Udp(tunnel, {.length = static_cast<uint16_t>(length),
                                    .checksum = 0})
                           .Gue()
                           .Then(Inner())),
                Dropped(RP_DROP_UDP_LENGTH))
        << length;
}

TEST_P(MalformedTest, Case03BytesBehindTheUdpLengthAreNotPartOfThePacket) {
  const Tunnel tunnel = TunnelOf(FormNamed("NoneNoSum"), GetParam());
  AddTunnel(tunnel);
  const uint16_t length = 8 + 4 + 36;
  Bytes with_tail = Inner().Build();
  Append(with_tail, FromText("tail"));
  const auto udp = [&](uint16_t udp_length) {
    return Udp(tunnel, {.length = udp_length, .checksum = 0})
        .Gue()
        .Opaque(kIp4InIp, with_tail);
  };
  rp_punt record = {};
  record.reason = RP_PUNT_MISS;
  record.realm = tunnel.vni;
  record.tunnel = tunnel.id;
  record.slot = kUplink;
  record.tenant = kTenant;
  EXPECT_THAT(Uplink(udp(length)), Punted(record, Inner()));
  // An inner packet that needs the tail does not have it.
  EXPECT_THAT(Uplink(udp(length - 1)), Dropped(RP_DROP_IP_LENGTH));
}

TEST_P(MalformedTest, Case04Variant2And3) {
  for (const char* form : {"None", "Mac"}) {
    const Tunnel tunnel = Use(form);
    for (const uint8_t variant : {2, 3}) {
      GueFields gue = GueOf(tunnel);
      gue.variant = variant;
      EXPECT_THAT(Uplink(WithGue(tunnel, gue)), Dropped(RP_DROP_GUE_VARIANT));
    }
  }
}

TEST_P(MalformedTest, Case05Variant1WithNibble5Or7) {
  const Tunnel tunnel = Use("None");
  for (const uint8_t nibble : {5, 7})
    EXPECT_THAT(
        Uplink(Udp(tunnel).Ip4(kHost, kServer, {.version = nibble}).Udp(1, 2)),
        Dropped(RP_DROP_GUE_NIBBLE));
}

TEST_P(MalformedTest, Case06Variant1WhereAnotherProfileIsRequired) {
  for (const char* form : {"Mac", "Cookie", "GreKey"}) {
    const Tunnel tunnel = Use(form);
    EXPECT_THAT(Uplink(Udp(tunnel).Then(Inner())),
                Dropped(RP_DROP_GUE_VARIANT1))
        << form;
  }
}

TEST_P(MalformedTest, Case07HlenPastTheEndOfThePayload) {
  const Tunnel none = Use("None");
  EXPECT_THAT(Uplink(Udp(none).Gue({.hlen = 1})),
              Dropped(RP_DROP_GUE_HLEN_LONG));
  EXPECT_THAT(Uplink(WithGue(none, {.hlen = 31})),
              Dropped(RP_DROP_GUE_HLEN_LONG));
  const Tunnel mac = Use("Mac");
  GueFields gue = GueOf(mac);
  gue.hlen = 31;
  EXPECT_THAT(Uplink(WithGue(mac, gue)), Dropped(RP_DROP_GUE_HLEN_LONG));
}

TEST_P(MalformedTest, Case08HlenBelowWhatTheFlagsDemand) {
  for (const char* form : {"Mac", "Cookie"}) {
    const Tunnel tunnel = Use(form);
    const GueFields whole = GueOf(tunnel);
    for (uint8_t hlen = 0; hlen < (whole.mac ? 5 : 3); ++hlen) {
      GueFields gue = whole;
      gue.hlen = hlen;
      EXPECT_THAT(Uplink(WithGue(tunnel, gue)), Dropped(RP_DROP_GUE_HLEN_SHORT))
          << form << " hlen " << int{hlen};
    }
  }
}

TEST_P(MalformedTest, Case09SurplusBehindTheFields) {
  for (const char* form : {"None", "Mac", "Cookie", "GreKey"}) {
    const Tunnel tunnel = Use(form);
    GueFields gue = GueOf(tunnel);
    gue.extension = {1, 2, 3, 4};
    Packet packet = Udp(tunnel).Gue(gue);
    if (tunnel.profile == RP_PROFILE_GRE_KEY)
      packet = packet.Gre({.key = tunnel.vni});
    EXPECT_THAT(Uplink(packet.Then(Inner())), Dropped(RP_DROP_GUE_SURPLUS))
        << form;
  }
}

// Sizes of the fields of F, T, R, K, N, A; those of unassigned bits are not
// known.
TEST_P(MalformedTest, Case10And43And44FlagThatIsNotUnderstood) {
  const std::pair<uint16_t, size_t> flags[] = {
      {0x0800, 8}, {0x0400, 4}, {0x0200, 4}, {0x0100, 4},
      {0x0080, 4}, {0x0040, 8}, {0x0020, 0}, {0x0010, 0},
      {0x0008, 0}, {0x0004, 0}, {0x0002, 0}};
  for (const char* form : {"None", "Mac", "Cookie"}) {
    const Tunnel tunnel = Use(form);
    for (const auto& [flag, size] : flags) {
      GueFields gue = GueOf(tunnel);
      gue.more_flags = flag;
      gue.extension = Bytes(size, 0);
      EXPECT_THAT(Uplink(WithGue(tunnel, gue)), Dropped(RP_DROP_GUE_FLAGS))
          << form << " flag " << flag;
    }
  }
}

TEST_P(MalformedTest, Case11PrivateFlagsOfLinux) {
  for (const char* form : {"None", "Mac", "Cookie"}) {
    const Tunnel tunnel = Use(form);
    GueFields gue = GueOf(tunnel);
    gue.more_flags = 0x0001;
    Put32(gue.extension, 0x80000000);
    Put32(gue.extension, 0x0014001a);
    EXPECT_THAT(Uplink(WithGue(tunnel, gue)),
                Dropped(RP_DROP_GUE_PRIVATE_FLAGS))
        << form;
  }
}

TEST_P(MalformedTest, Case12SecurityFieldOfAReservedKind) {
  for (const char* form : {"None", "Mac", "Cookie"}) {
    const Tunnel tunnel = Use(form);
    for (const uint16_t kind : {5, 6, 7}) {
      GueFields gue = {.group = tunnel.vni};
      gue.more_flags = static_cast<uint16_t>(kind << 12);
      gue.extension = Bytes(16, 0);
      EXPECT_THAT(Uplink(WithGue(tunnel, gue)),
                  Dropped(RP_DROP_GUE_SEC_RESERVED))
          << form << " " << kind;
    }
  }
}

TEST_P(MalformedTest, Case13SecurityFieldMissingOrOfAnotherKind) {
  const Tunnel mac = Use("Mac");
  const GueFields as_mac = GueOf(mac);
  const GueFields bare = {.group = mac.vni};
  GueFields hmac = {.group = mac.vni, .more_flags = 0x4000};
  hmac.extension = Bytes(40, 0);
  GueFields wide = {.group = mac.vni, .more_flags = 0x3000};
  wide.extension = Bytes(32, 0);
  const GueFields as_cookie = {.group = mac.vni, .cookie = mac.cookie};
  for (const GueFields& gue : {bare, hmac, wide, as_cookie, GueFields{}})
    EXPECT_THAT(Uplink(WithGue(mac, gue)), Dropped(RP_DROP_GUE_SEC));
  const Tunnel cookie = Use("Cookie");
  for (const GueFields& gue : {bare, hmac, wide, as_mac, GueFields{}})
    EXPECT_THAT(Uplink(WithGue(cookie, gue)), Dropped(RP_DROP_GUE_SEC));
  const Tunnel none = Use("None");
  for (const GueFields& gue : {hmac, wide, as_mac, as_cookie})
    EXPECT_THAT(Uplink(WithGue(none, gue)), Dropped(RP_DROP_GUE_SEC));
}

TEST_P(MalformedTest, Case15NoGroupIdentifierInATenantProfile) {
  for (const char* form : {"Mac", "Cookie"}) {
    const Tunnel tunnel = Use(form);
    GueFields gue = GueOf(tunnel);
    gue.group = {};
    EXPECT_THAT(Uplink(WithGue(tunnel, gue)), Dropped(RP_DROP_GUE_NO_GROUP))
        << form;
  }
}

TEST_P(MalformedTest, Case15GroupIdentifierToAPeerThatIsBoundToOneVnet) {
  const Tunnel tunnel = Use("None");
  EXPECT_THAT(Uplink(WithGue(tunnel, {.group = tunnel.vni})), DroppedSomehow());
}

TEST_P(MalformedTest, Case15VniZeroReservedOrNotAllowed) {
  const std::pair<uint32_t, uint32_t> cases[] = {
      {0, RP_DROP_VNI_INVALID},
      {0xffffffff, RP_DROP_VNI_INVALID},
      {4242, RP_DROP_VNI_REFUSED},
      {0x01000000u | kVni, RP_DROP_VNI_REFUSED}};
  for (const char* form : {"Mac", "Cookie", "GreKey"}) {
    const Tunnel tunnel = Use(form);
    for (const auto& [vni, reason] : cases) {
      Tunnel forger = tunnel;
      forger.vni = vni;
      EXPECT_THAT(Uplink(FromPeer(forger).Then(Inner())), Dropped(reason))
          << form << " VNI " << vni;
    }
  }
}

TEST_P(MalformedTest, Case16ControlMessage) {
  for (const char* form : {"None", "Mac", "Cookie", "GreKey"}) {
    const Tunnel tunnel = Use(form);
    for (const uint8_t type : {0, 1, 4, 41, 47, 254}) {
      GueFields gue = GueOf(tunnel);
      gue.control = true;
      gue.protocol = type;
      EXPECT_THAT(Uplink(WithGue(tunnel, gue)), Dropped(RP_DROP_GUE_CONTROL))
          << form << " type " << int{type};
    }
  }
}

TEST_P(MalformedTest, Case17ExperimentalControlMessage) {
  const Tunnel tunnel = Use("None");
  const GueFields gue = {.control = true, .protocol = 255};
  for (const Bytes& payload : {Bytes{}, Bytes{1, 2, 3}, Bytes(8, 7)})
    EXPECT_THAT(Uplink(Udp(tunnel).Gue(gue).Payload(payload)),
                Dropped(RP_DROP_GUE_EXPERIMENT))
        << payload.size();
}

TEST_P(MalformedTest, Case18To21PayloadThatIsNotCarried) {
  struct {
    std::vector<uint8_t> protocols;
    uint32_t reason;
  } const cases[] = {
      {{59}, RP_DROP_GUE_NO_NEXT},
      {{0, 43, 44, 60}, RP_DROP_GUE_PROTO_EXT},
      {{1, 6, 17, 58}, RP_DROP_GUE_PROTO_L4},
      {{47, 50, 51, 132, 137, 143, 253, 255}, RP_DROP_GUE_PROTO}};
  for (const char* form : {"None", "Mac", "Cookie"}) {
    const Tunnel tunnel = Use(form);
    for (const auto& [protocols, reason] : cases)
      for (const uint8_t protocol : protocols) {
        GueFields gue = GueOf(tunnel);
        gue.protocol = protocol;
        EXPECT_THAT(Uplink(WithGue(tunnel, gue)), Dropped(reason))
            << form << " protocol " << int{protocol};
      }
  }
}

TEST_P(MalformedTest, Case21IpWithoutGreFromAPeerOfProfileGreKey) {
  const Tunnel tunnel = Use("GreKey");
  EXPECT_THAT(Uplink(Udp(tunnel).Gue().Then(Inner())),
              Dropped(RP_DROP_GUE_PROTO));
}

TEST_P(MalformedTest, Case38UdpChecksumWrong) {
  for (const char* form : {"None", "Variant1", "Mac", "Cookie", "GreKey"}) {
    const Tunnel tunnel = Use(form);
    Bytes frame = FromPeer(tunnel).Then(Inner()).Build();
    frame.back() ^= 1;
    EXPECT_THAT(programs().RunOn(kUplink, frame), Dropped(RP_DROP_UDP_CSUM))
        << form;
  }
}

TEST_P(MalformedTest, Case40SenderThatIsNotAPeer) {
  Tunnel gue = Use("None");
  Tunnel gre = Use("Gre");
  for (Tunnel stranger : {gue, gre}) {
    stranger.peer = GetParam() ? "192.0.2.66" : "2001:db8::66";
    EXPECT_THAT(Uplink(FromPeer(stranger).Then(Inner())),
                Dropped(RP_DROP_NO_PEER));
  }
}

TEST_P(MalformedTest, Case40PeerThatSendsToAnotherAddressOfOurs) {
  Tunnel tunnel = Use("Mac");
  tunnel.edge = GetParam() ? "192.0.2.3" : "2001:db8::3";
  AddAddress(tunnel.edge, RP_ADDRESS_TUNNEL);
  EXPECT_THAT(Uplink(FromPeer(tunnel).Then(Inner())), Dropped(RP_DROP_NO_PEER));
}

TEST_P(MalformedTest, Case41ReflectedPacketWithOurOwnAddressAsSource) {
  for (const char* form : {"Mac", "None", "Gre"}) {
    const Tunnel tunnel = Use(form);
    Tunnel mirror = tunnel;
    mirror.peer = tunnel.edge;
    EXPECT_THAT(Uplink(FromPeer(mirror).Then(Inner())),
                Dropped(RP_DROP_REFLECTED))
        << form;
  }
}

}  // namespace
}  // namespace rampart::testing

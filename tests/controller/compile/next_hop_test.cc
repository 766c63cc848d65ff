// SPDX-License-Identifier: Apache-2.0
// Headers against an independent encoder: libtins makes whole frames, and what
// the data plane fills in is filled in here before they are compared.
#include "controller/compile/next_hop.h"

#include <gtest/gtest.h>
#include <tins/tins.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace rampart {
namespace {

using Bytes = std::vector<uint8_t>;

constexpr MacAddress kOurMac = {0x02, 0, 0, 0, 0, 0x01};
constexpr MacAddress kGatewayMac = {0x02, 0, 0, 0, 0, 0x02};
constexpr uint16_t kGuePort = 6080;
constexpr uint16_t kEntropy = 0xc9a5;
constexpr size_t kInnerSize = 100;
constexpr uint32_t kVni = 0x12c;

IpAddress Ip(std::string_view text) { return IpAddress::Parse(text).value(); }

Bytes Hex(absl::string_view text) {
  const std::string raw =
      absl::HexStringToBytes(absl::StrReplaceAll(text, {{" ", ""}}));
  return Bytes(raw.begin(), raw.end());
}

std::string Text(const Bytes& bytes) {
  return absl::BytesToHexString(absl::string_view(
      reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

Bytes HeaderOf(const rp_next_hop& hop) {
  return Bytes(hop.header, hop.header + hop.header_len);
}

const char* Local(Family outer) {
  return outer == Family::kV4 ? "192.0.2.1" : "2001:db8::1";
}
const char* Remote(Family outer) {
  return outer == Family::kV4 ? "192.0.2.2" : "2001:db8::2";
}

LinkPath Path(std::vector<LinkPath::Vlan> vlans = {}) {
  return {.slot = 3,
          .source = kOurMac,
          .destination = kGatewayMac,
          .vlans = std::move(vlans),
          .mtu = 1500};
}

Tunnel MakeTunnel(TunnelType type, const Peer& peer) {
  Tunnel tunnel;
  tunnel.id = 7;
  tunnel.name = "syd";
  tunnel.type = type;
  tunnel.peers = {Peer(), peer};
  return tunnel;
}

// The frame that libtins makes around `payload` (tunnel headers and inner
// packet) for the path and outer addresses above.
Bytes LibtinsFrame(Family outer, bool udp, const LinkPath& path,
                   const Bytes& payload) {
  Tins::RawPDU raw(payload);
  std::unique_ptr<Tins::PDU> l4;
  if (udp) {
    l4 = std::make_unique<Tins::UDP>(kGuePort, kEntropy);
    *l4 /= raw;
  } else {
    l4.reset(raw.clone());
  }
  std::unique_ptr<Tins::PDU> l3;
  if (outer == Family::kV4) {
    auto ip = std::make_unique<Tins::IP>(Remote(outer), Local(outer));
    ip->ttl(64);
    ip->id(0);
    ip->flags(Tins::IP::DONT_FRAGMENT);
    ip->protocol(udp ? 17 : 47);
    l3 = std::move(ip);
  } else {
    auto ip = std::make_unique<Tins::IPv6>(Remote(outer), Local(outer));
    ip->hop_limit(64);
    ip->next_header(udp ? 17 : 47);
    l3 = std::move(ip);
  }
  l3->inner_pdu(l4->clone());
  if (!path.ethernet) return l3->serialize();
  Tins::EthernetII eth(Tins::HWAddress<6>(path.destination.data()),
                       Tins::HWAddress<6>(path.source.data()));
  for (const LinkPath::Vlan& vlan : path.vlans) eth /= Tins::Dot1Q(vlan.id);
  eth /= *l3;
  Bytes frame = eth.serialize();
  for (size_t i = 0; i < path.vlans.size(); ++i) {  // its own choice is 0x88a8
    frame[12 + 4 * i] = path.vlans[i].protocol >> 8;
    frame[13 + 4 * i] = path.vlans[i].protocol & 0xff;
  }
  return frame;
}

void AddToField(Bytes& frame, size_t at, uint16_t value) {
  const uint32_t sum = (frame[at] << 8 | frame[at + 1]) + value;
  frame[at] = sum >> 8;
  frame[at + 1] = sum;
}

// Does what the data plane does with a next hop, but for checksums of UDP and
// GRE, sequence number, epoch and MAC.
Bytes SendThrough(const rp_next_hop& hop, const Bytes& inner) {
  Bytes frame = HeaderOf(hop);
  frame.insert(frame.end(), inner.begin(), inner.end());
  const size_t ip = hop.outer_offset;
  const bool v4 = (hop.flags & RP_NEXT_HOP_OUTER4) != 0;
  const size_t l4 = ip + (v4 ? 20 : 40);
  if (v4) {
    const uint16_t length = frame.size() - ip;
    AddToField(frame, ip + 2, length);
    // RFC 1624: the field changes from 0 to `length`.
    uint32_t sum = 0xffff ^ (frame[ip + 10] << 8 | frame[ip + 11]);
    sum += length;
    sum = (sum & 0xffff) + (sum >> 16);
    frame[ip + 10] = frame[ip + 11] = 0;
    AddToField(frame, ip + 10, ~sum);
  } else {
    AddToField(frame, ip + 4, frame.size() - l4);
  }
  if (hop.flags & RP_NEXT_HOP_UDP) {
    AddToField(frame, l4, kEntropy);
    AddToField(frame, l4 + 4, frame.size() - l4);
  }
  return frame;
}

Peer GuePeer(Auth auth, int variant = 0) {
  Peer peer;
  peer.auth = auth;
  peer.variant = variant;
  if (auth == Auth::kMac) {
    for (uint8_t i = 0; i < 2; ++i) {
      PeerKey key;
      key.key_id = i + 1;
      for (uint8_t j = 0; j < 16; ++j) key.secret.push_back(0x10 * i + j);
      peer.keys.push_back(key);
    }
  } else if (auth == Auth::kCookie) {
    peer.keys.resize(1);
    peer.keys[0].secret = Hex("1122334455667788");
  }
  return peer;
}

Peer GrePeer(std::optional<uint32_t> key, bool checksum, bool sequence) {
  Peer peer;
  peer.gre_key = key;
  peer.checksum = checksum;
  peer.sequence = sequence;
  return peer;
}

constexpr int kCsum = RP_NEXT_HOP_UDP_CSUM;
constexpr int kMac = RP_NEXT_HOP_MAC;
constexpr int kGreCsum = RP_NEXT_HOP_GRE_CSUM;
constexpr int kGreSeq = RP_NEXT_HOP_GRE_SEQ;

struct Profile {
  const char* name;
  TunnelType type;
  Peer peer;
  const char* header4;  // behind outer UDP or IP, for inner IPv4
  const char* header6;  // for inner IPv6
  int flags4;           // over IPv4, beside OUTER4 and UDP
  int flags6;           // over IPv6
  int mtu4;             // on a link of 1500 over IPv4
  int mtu6;
};

const Profile kProfiles[] = {
    {"mac", TunnelType::kGue, GuePeer(Auth::kMac),
     "0504a000 0000012c 01020000 00000000 0000000000000000",
     "0529a000 0000012c 01020000 00000000 0000000000000000", kMac, kMac | kCsum,
     1448, 1428},
    {"cookie", TunnelType::kGue, GuePeer(Auth::kCookie),
     "03049000 0000012c 1122334455667788", "03299000 0000012c 1122334455667788",
     kCsum, kCsum, 1456, 1436},
    {"gre-key", TunnelType::kGue, GuePeer(Auth::kGreKey),
     "002f0000 20000800 0000012c", "002f0000 200086dd 0000012c", kCsum, kCsum,
     1460, 1440},
    {"none variant 0", TunnelType::kGue, GuePeer(Auth::kNone), "00040000",
     "00290000", 0, kCsum, 1468, 1448},
    {"none variant 1", TunnelType::kGue, GuePeer(Auth::kNone, 1), "", "", 0,
     kCsum, 1472, 1452},
    {"gre", TunnelType::kGre, GrePeer({}, false, false), "00000800", "000086dd",
     0, 0, 1476, 1456},
    {"gre key", TunnelType::kGre, GrePeer(42, false, false), "200008000000002a",
     "200086dd0000002a", 0, 0, 1472, 1452},
    {"gre key 0", TunnelType::kGre, GrePeer(0, false, false),
     "2000080000000000", "200086dd00000000", 0, 0, 1472, 1452},
    {"gre checksum", TunnelType::kGre, GrePeer({}, true, false),
     "80000800 00000000", "800086dd 00000000", kGreCsum, kGreCsum, 1472, 1452},
    {"gre sequence", TunnelType::kGre, GrePeer({}, false, true),
     "10000800 00000000", "100086dd 00000000", kGreSeq, kGreSeq, 1472, 1452},
    {"gre all", TunnelType::kGre, GrePeer(0x01020304, true, true),
     "b0000800 00000000 01020304 00000000",
     "b00086dd 00000000 01020304 00000000", kGreCsum | kGreSeq,
     kGreCsum | kGreSeq, 1464, 1444},
};

class TunnelNextHopTest
    : public ::testing::TestWithParam<std::tuple<Family, Family>> {
 protected:
  Family outer() const { return std::get<0>(GetParam()); }
  Family inner() const { return std::get<1>(GetParam()); }
  rp_next_hop Compile(const Profile& profile, const LinkPath& path) const {
    Peer peer = profile.peer;
    peer.remote = Ip(Remote(outer()));
    return CompileTunnelNextHop(MakeTunnel(profile.type, peer), 1, kVni,
                                inner(), Ip(Local(outer())), kGuePort, path);
  }
  const char* TunnelHeader(const Profile& profile) const {
    return inner() == Family::kV4 ? profile.header4 : profile.header6;
  }
};

INSTANTIATE_TEST_SUITE_P(
    AllFamilies, TunnelNextHopTest,
    ::testing::Combine(::testing::Values(Family::kV4, Family::kV6),
                       ::testing::Values(Family::kV4, Family::kV6)),
    [](const auto& i) {
      return absl::StrCat("Outer", static_cast<int>(std::get<0>(i.param)),
                          "Inner", static_cast<int>(std::get<1>(i.param)));
    });

TEST_P(TunnelNextHopTest, FramesEqualThoseOfLibtins) {
  const LinkPath layer3 = {.ethernet = false};
  const std::vector<LinkPath> paths = {Path(), Path({{0x8100, 100}}),
                                       Path({{0x88a8, 4000}, {0x8100, 7}}),
                                       layer3};
  const Bytes inner_packet(kInnerSize, 0x45);
  for (const Profile& profile : kProfiles) {
    const bool udp = profile.type == TunnelType::kGue;
    Bytes payload = Hex(TunnelHeader(profile));
    payload.insert(payload.end(), inner_packet.begin(), inner_packet.end());
    for (const LinkPath& path : paths) {
      const rp_next_hop hop = Compile(profile, path);
      Bytes expected = LibtinsFrame(outer(), udp, path, payload);
      if (udp) {  // libtins fills in a checksum
        const size_t l4 = hop.outer_offset + (outer() == Family::kV4 ? 20 : 40);
        expected[l4 + 6] = expected[l4 + 7] = 0;
      }
      EXPECT_EQ(Text(SendThrough(hop, inner_packet)), Text(expected))
          << profile.name << " with " << path.vlans.size() << " VLAN tags";
    }
  }
}

TEST_P(TunnelNextHopTest, FlagsAndMtuFollowTheProfile) {
  for (const Profile& profile : kProfiles) {
    const rp_next_hop hop = Compile(profile, Path({{0x8100, 100}}));
    const bool v4 = outer() == Family::kV4;
    int flags = v4 ? profile.flags4 : profile.flags6;
    flags |= v4 ? RP_NEXT_HOP_OUTER4 : RP_NEXT_HOP_OUTER6;
    if (profile.type == TunnelType::kGue) flags |= RP_NEXT_HOP_UDP;
    EXPECT_EQ(hop.flags, flags) << profile.name;
    EXPECT_EQ(hop.mtu, v4 ? profile.mtu4 : profile.mtu6) << profile.name;
    EXPECT_EQ(hop.outer_offset, 18) << profile.name;
    EXPECT_EQ(hop.kind, RP_NEXT_HOP_SEND);
    EXPECT_EQ(hop.slot, 3u);
  }
}

TEST_P(TunnelNextHopTest, SaysWhatItIsFor) {
  const rp_next_hop hop = Compile(kProfiles[0], Path());
  EXPECT_EQ(hop.use, RP_USE_TUNNEL);
  EXPECT_EQ(hop.tunnel, 7u);
  EXPECT_EQ(hop.realm, kVni);
  EXPECT_EQ(hop.peer, 1u);
  EXPECT_EQ(hop.family, static_cast<int>(inner()));
}

TEST_P(TunnelNextHopTest, TheFirstKeySigns) {
  const rp_next_hop hop = Compile(kProfiles[0], Path());
  EXPECT_EQ(hop.k0, 0x0706050403020100u);
  EXPECT_EQ(hop.k1, 0x0f0e0d0c0b0a0908u);
  EXPECT_EQ(Compile(kProfiles[1], Path()).k0, 0u) << "cookies are not signed";
}

TEST_P(TunnelNextHopTest, WithoutItsSecretAPeerIsDown) {
  for (const Auth auth : {Auth::kMac, Auth::kCookie}) {
    for (const bool listed : {false, true}) {
      Profile profile = kProfiles[0];
      profile.peer = GuePeer(auth);
      profile.peer.keys.resize(listed ? 1 : 0);
      if (listed) profile.peer.keys[0].secret.clear();
      const rp_next_hop hop = Compile(profile, Path());
      EXPECT_EQ(hop.kind, RP_NEXT_HOP_DOWN);
      EXPECT_EQ(hop.header_len, 0);
      EXPECT_EQ(hop.tunnel, 7u);
    }
  }
}

TEST_P(TunnelNextHopTest, MtuStaysInItsField) {
  const struct {
    uint32_t link;
    bool fits;
  } cases[] = {{65536 + 200, false}, {20, false}, {9000, true}};
  for (const auto& c : cases) {
    LinkPath path = Path();
    path.mtu = c.link;
    const rp_next_hop hop = Compile(kProfiles[0], path);
    const uint16_t overhead = hop.header_len - hop.outer_offset;
    if (c.fits)
      EXPECT_EQ(hop.mtu, c.link - overhead);
    else
      EXPECT_EQ(hop.mtu, c.link > 65535 ? 65535 : 0);
  }
}

// The frame of profile mac with everything that the data plane fills in zero,
// and the IPv4 checksum of just these bytes.
TEST(NextHopTest, TheTemplateIsThisByteForByte) {
  Peer peer = GuePeer(Auth::kMac);
  peer.remote = Ip("192.0.2.2");
  const rp_next_hop hop =
      CompileTunnelNextHop(MakeTunnel(TunnelType::kGue, peer), 1, 0x12c,
                           Family::kV4, Ip("192.0.2.1"), 6080, Path());
  EXPECT_EQ(HeaderOf(hop),
            Hex("020000000002 020000000001 0800"
                "4500 0000 0000 4000 4011 b6e9 c0000201 c0000202"
                "0000 17c0 0000 0000"
                "0504a000 0000012c 01020000 00000000 0000000000000000"));
}

TEST(NextHopTest, OntoALinkThereIsOnlyItsHeader) {
  const struct {
    const char* name;
    Family inner;
    LinkPath path;
    const char* header;
  } cases[] = {
      {"IPv4", Family::kV4, Path(), "020000000002 020000000001 0800"},
      {"IPv6", Family::kV6, Path(), "020000000002 020000000001 86dd"},
      {"one tag", Family::kV6, Path({{0x8100, 4094}}),
       "020000000002 020000000001 8100 0ffe 86dd"},
      {"two tags", Family::kV4, Path({{0x88a8, 1}, {0x8100, 2}}),
       "020000000002 020000000001 88a8 0001 8100 0002 0800"},
      {"no link header", Family::kV4, {.ethernet = false}, ""},
  };
  for (const auto& c : cases) {
    const rp_next_hop hop = CompileLinkNextHop(RP_USE_INTERFACE, c.inner,
                                               Ip("10.1.0.9"), 5, 1001, c.path);
    EXPECT_EQ(Text(HeaderOf(hop)), Text(Hex(c.header))) << c.name;
    EXPECT_EQ(hop.kind, RP_NEXT_HOP_SEND) << c.name;
    EXPECT_EQ(hop.flags, 0) << c.name;
    EXPECT_EQ(hop.mtu, 1500) << c.name;
    EXPECT_EQ(hop.use, RP_USE_INTERFACE);
    EXPECT_EQ(hop.tunnel, 5u);
    EXPECT_EQ(hop.realm, 1001u);
    EXPECT_EQ(hop.family, static_cast<int>(c.inner));
    EXPECT_EQ(IpAddress::FromMapped(hop.address), Ip("10.1.0.9"));
  }
}

TEST(NextHopTest, ADropHasItsReasonAndNothingElse) {
  const rp_next_hop hop = CompileDropNextHop(RP_DROP_BLACKHOLE);
  EXPECT_EQ(hop.kind, RP_NEXT_HOP_DROP);
  EXPECT_EQ(hop.reason, RP_DROP_BLACKHOLE);
  EXPECT_EQ(hop.use, RP_USE_REASON);
  EXPECT_EQ(hop.header_len, 0);
}

}  // namespace
}  // namespace rampart

// SPDX-License-Identifier: Apache-2.0
#include "controller/compile/next_hop.h"

#include <endian.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>
#include <string_view>

#include "controller/base/status.h"
#include "controller/compile/peer_key.h"

namespace rampart {
namespace {

constexpr uint16_t kEthertypeIpv4 = 0x0800;
constexpr uint16_t kEthertypeIpv6 = 0x86dd;
constexpr uint8_t kHopLimit = 64;

// GUE flags (draft-ietf-intarea-gue-extensions-06 section 2).
constexpr uint16_t kGueGroup = 0x8000;
constexpr uint16_t kGueSecurity8 = 0x1000;
constexpr uint16_t kGueSecurity16 = 0x2000;
// The MAC covers the outer addresses.
constexpr uint8_t kMacBindsAddresses = 0x02;

// GRE flags (RFC 2784 section 2.1, RFC 2890 section 2).
constexpr uint16_t kGreChecksum = 0x8000;
constexpr uint16_t kGreKey = 0x2000;
constexpr uint16_t kGreSequence = 0x1000;

uint16_t Ethertype(Family family) {
  return family == Family::kV4 ? kEthertypeIpv4 : kEthertypeIpv6;
}

uint8_t IpProtocol(Family family) {
  return family == Family::kV4 ? IPPROTO_IPIP : IPPROTO_IPV6;
}

// Appends to rp_next_hop.header in network order.
class HeaderWriter {
 public:
  explicit HeaderWriter(rp_next_hop& hop) : hop_(hop) {}

  void Bytes(const void* bytes, size_t size) {
    RP_CHECK(hop_.header_len + size <= sizeof(hop_.header));
    std::memcpy(hop_.header + hop_.header_len, bytes, size);
    hop_.header_len += size;
  }
  void Bytes(std::string_view bytes) { Bytes(bytes.data(), bytes.size()); }
  void U8(uint8_t value) { Bytes(&value, sizeof(value)); }
  void U16(uint16_t value) {
    value = htobe16(value);
    Bytes(&value, sizeof(value));
  }
  void U32(uint32_t value) {
    value = htobe32(value);
    Bytes(&value, sizeof(value));
  }
  void U64(uint64_t value) {
    value = htobe64(value);
    Bytes(&value, sizeof(value));
  }

 private:
  rp_next_hop& hop_;
};

void WriteLink(HeaderWriter& out, const LinkPath& path, uint16_t ethertype) {
  if (!path.ethernet) return;
  out.Bytes(path.destination.data(), path.destination.size());
  out.Bytes(path.source.data(), path.source.size());
  RP_CHECK(path.vlans.size() <= 2);
  for (const LinkPath::Vlan& vlan : path.vlans) {
    out.U16(vlan.protocol);
    out.U16(vlan.id);
  }
  out.U16(ethertype);
}

// RFC 1071, over a header of even length whose checksum field is zero.
uint16_t HeaderChecksum(const uint8_t* header, size_t size) {
  uint32_t sum = 0;
  for (size_t i = 0; i < size; i += 2) sum += header[i] << 8 | header[i + 1];
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return ~sum;
}

void WriteIpv4(HeaderWriter& out, rp_next_hop& hop, uint8_t protocol,
               const IpAddress& source, const IpAddress& destination) {
  constexpr uint16_t kDontFragment = 0x4000;
  hop.flags |= RP_NEXT_HOP_OUTER4;
  out.U16(0x4500);  // version, header length; TOS
  out.U16(0);       // total length
  out.U16(0);       // identification: any, as DF is set (RFC 6864 section 4.1)
  out.U16(kDontFragment);
  out.U8(kHopLimit);
  out.U8(protocol);
  out.U16(0);  // checksum
  out.Bytes(source.bytes());
  out.Bytes(destination.bytes());
  uint8_t* header = hop.header + hop.outer_offset;
  const uint16_t checksum = htobe16(HeaderChecksum(header, 20));
  std::memcpy(header + 10, &checksum, sizeof(checksum));
}

void WriteIpv6(HeaderWriter& out, rp_next_hop& hop, uint8_t protocol,
               const IpAddress& source, const IpAddress& destination) {
  hop.flags |= RP_NEXT_HOP_OUTER6;
  out.U32(0x60000000);  // version, traffic class, flow label
  out.U16(0);           // payload length
  out.U8(protocol);
  out.U8(kHopLimit);
  out.Bytes(source.bytes());
  out.Bytes(destination.bytes());
}

// A checksum is sent where nothing else protects the VNI, and always over
// IPv6 (RFC 6935 section 5). Profile mac protects it itself; plain peers get
// what stock Linux sends them.
bool SendsUdpChecksum(const Peer& peer) {
  return !peer.remote.is_v4() || peer.auth == Auth::kCookie ||
         peer.auth == Auth::kGreKey;
}

void WriteUdp(HeaderWriter& out, rp_next_hop& hop, const Peer& peer,
              uint16_t port) {
  hop.flags |= RP_NEXT_HOP_UDP;
  if (SendsUdpChecksum(peer)) hop.flags |= RP_NEXT_HOP_UDP_CSUM;
  out.U16(0);  // source port
  out.U16(port);
  out.U16(0);  // length
  out.U16(0);  // checksum
}

// Variant 0, data message (draft-ietf-intarea-gue-09 section 3.1). words: of
// the header behind its first four bytes.
void WriteGueBase(HeaderWriter& out, uint8_t words, uint8_t protocol,
                  uint16_t flags) {
  out.U8(words);
  out.U8(protocol);
  out.U16(flags);
}

void WriteGreBase(HeaderWriter& out, uint16_t flags, Family inner) {
  out.U16(flags);
  out.U16(Ethertype(inner));
}

void WriteGueMac(HeaderWriter& out, rp_next_hop& hop, const Peer& peer,
                 uint32_t realm, Family inner) {
  const rp_peer_key key = CompilePeerKey(peer.auth, peer.keys[0]);
  hop.flags |= RP_NEXT_HOP_MAC;
  hop.k0 = key.k0;
  hop.k1 = key.k1;
  WriteGueBase(out, 5, IpProtocol(inner), kGueGroup | kGueSecurity16);
  out.U32(realm);
  out.U8(key.id);
  out.U8(kMacBindsAddresses);
  out.U16(0);  // tag
  out.U32(0);  // epoch
  out.U64(0);  // MAC
}

void WriteGue(HeaderWriter& out, rp_next_hop& hop, const Peer& peer,
              uint32_t realm, Family inner) {
  switch (peer.auth) {
    case Auth::kMac:
      return WriteGueMac(out, hop, peer, realm, inner);
    case Auth::kCookie: {
      const std::vector<uint8_t>& cookie = peer.keys[0].secret;
      WriteGueBase(out, 3, IpProtocol(inner), kGueGroup | kGueSecurity8);
      out.U32(realm);
      return out.Bytes(cookie.data(), cookie.size());
    }
    case Auth::kGreKey:
      WriteGueBase(out, 0, IPPROTO_GRE, 0);
      WriteGreBase(out, kGreKey, inner);
      return out.U32(realm);
    case Auth::kNone:
      // Variant 1 has no header: the first nibble of the packet is its mark.
      if (peer.variant == 0) WriteGueBase(out, 0, IpProtocol(inner), 0);
      return;
  }
}

void WriteGre(HeaderWriter& out, rp_next_hop& hop, const Peer& peer,
              Family inner) {
  WriteGreBase(out,
               (peer.checksum ? kGreChecksum : 0) |
                   (peer.gre_key ? kGreKey : 0) |
                   (peer.sequence ? kGreSequence : 0),
               inner);
  if (peer.checksum) {
    hop.flags |= RP_NEXT_HOP_GRE_CSUM;
    out.U32(0);  // checksum, reserved
  }
  if (peer.gre_key) out.U32(*peer.gre_key);
  if (peer.sequence) {
    hop.flags |= RP_NEXT_HOP_GRE_SEQ;
    out.U32(0);
  }
}

// Largest packet that still fits behind `overhead` bytes.
uint16_t InnerMtu(uint32_t link_mtu, uint32_t overhead) {
  if (link_mtu <= overhead) return 0;
  return std::min<uint32_t>(link_mtu - overhead, UINT16_MAX);
}

// Without its secret, nothing that the peer would accept can be sent.
bool HasSecret(const Tunnel& tunnel, const Peer& peer) {
  if (tunnel.type != TunnelType::kGue) return true;
  if (peer.auth != Auth::kMac && peer.auth != Auth::kCookie) return true;
  return !peer.keys.empty() && CompilePeerKey(peer.auth, peer.keys[0]).used;
}

}  // namespace

rp_next_hop CompileTunnelNextHop(const Tunnel& tunnel, uint32_t peer_index,
                                 uint32_t realm, Family inner,
                                 const IpAddress& local, uint16_t gue_port,
                                 const LinkPath& path) {
  RP_CHECK(peer_index < tunnel.peers.size());
  const Peer& peer = tunnel.peers[peer_index];
  const bool gue = tunnel.type == TunnelType::kGue;
  RP_CHECK(gue || tunnel.type == TunnelType::kGre);
  RP_CHECK(local.family() == peer.remote.family());
  rp_next_hop hop = {};
  hop.use = RP_USE_TUNNEL;
  hop.tunnel = tunnel.id;
  hop.realm = realm;
  hop.peer = peer_index;
  hop.family = static_cast<uint8_t>(inner);
  hop.slot = static_cast<uint16_t>(path.slot);
  if (!HasSecret(tunnel, peer)) {
    hop.kind = RP_NEXT_HOP_DOWN;
    return hop;
  }
  hop.kind = RP_NEXT_HOP_SEND;
  HeaderWriter out(hop);
  WriteLink(out, path, Ethertype(local.family()));
  hop.outer_offset = hop.header_len;
  const uint8_t protocol = gue ? IPPROTO_UDP : IPPROTO_GRE;
  if (local.is_v4())
    WriteIpv4(out, hop, protocol, local, peer.remote);
  else
    WriteIpv6(out, hop, protocol, local, peer.remote);
  if (gue) {
    WriteUdp(out, hop, peer, gue_port);
    WriteGue(out, hop, peer, realm, inner);
  } else {
    WriteGre(out, hop, peer, inner);
  }
  hop.mtu = InnerMtu(path.mtu, hop.header_len - hop.outer_offset);
  return hop;
}

rp_next_hop CompileLinkNextHop(rp_next_hop_use use, Family inner,
                               const IpAddress& address, uint32_t tunnel,
                               uint32_t realm, const LinkPath& path) {
  rp_next_hop hop = {};
  hop.kind = RP_NEXT_HOP_SEND;
  hop.use = use;
  hop.family = static_cast<uint8_t>(inner);
  hop.tunnel = tunnel;
  hop.realm = realm;
  hop.slot = static_cast<uint16_t>(path.slot);
  address.ToMapped(hop.address);
  HeaderWriter out(hop);
  WriteLink(out, path, Ethertype(inner));
  hop.mtu = InnerMtu(path.mtu, 0);
  return hop;
}

rp_next_hop CompileDropNextHop(rp_outcome reason) {
  rp_next_hop hop = {};
  hop.kind = RP_NEXT_HOP_DROP;
  hop.use = RP_USE_REASON;
  hop.reason = reason;
  return hop;
}

}  // namespace rampart

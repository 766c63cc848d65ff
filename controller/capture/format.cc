// SPDX-License-Identifier: Apache-2.0
#include "controller/capture/format.h"

#include <netinet/in.h>

#include <cstring>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "controller/base/ip.h"

namespace rampart {
namespace {

constexpr size_t kDepthMax = 4;  // IP headers in one frame
constexpr uint16_t kIp4 = 0x0800;
constexpr uint16_t kIp6 = 0x86dd;
constexpr uint16_t kVlan = 0x8100;
constexpr uint16_t kServiceVlan = 0x88a8;
// RFC 9293 section 3.1, from the lowest bit; '.' is ACK, as in tcpdump.
constexpr char kTcpFlags[] = "FSRP.UEC";

// Walks over a frame; reads behind its end give zero and are remembered.
class Cursor {
 public:
  explicit Cursor(absl::Span<const uint8_t> bytes) : bytes_(bytes) {}

  size_t at() const { return at_; }
  bool cut() const { return cut_; }
  void Skip(size_t count) { at_ += count; }

  uint8_t U8(size_t offset) {
    if (at_ + offset < bytes_.size()) return bytes_[at_ + offset];
    cut_ = true;
    return 0;
  }
  uint16_t U16(size_t offset) {
    return static_cast<uint16_t>(U8(offset) << 8 | U8(offset + 1));
  }
  uint32_t U32(size_t offset) {
    return static_cast<uint32_t>(U16(offset)) << 16 | U16(offset + 2);
  }
  IpAddress Address(size_t offset, bool v4) {
    uint8_t bytes[16];
    for (size_t i = 0; i < (v4 ? 4u : 16u); ++i) bytes[i] = U8(offset + i);
    if (!v4) return IpAddress::V6(bytes);
    uint32_t word;
    std::memcpy(&word, bytes, sizeof(word));
    return IpAddress::V4(word);
  }

 private:
  absl::Span<const uint8_t> bytes_;
  size_t at_ = 0;
  bool cut_ = false;
};

struct Ip {
  bool v4 = true;
  IpAddress source, destination;
  uint8_t protocol = 0;
  size_t length = 0;
  int ttl = 0;
  std::string marks;  // " df", " frag 1480+"
  bool first = true;  // not a later fragment
};

void ReadFragment(uint16_t word, bool v4, Ip& ip) {
  const unsigned offset = v4 ? (word & 0x1fffu) * 8 : word & 0xfff8u;
  const bool more = v4 ? word & 0x2000 : word & 1;
  ip.first = offset == 0;
  if (offset != 0 || more)
    absl::StrAppend(&ip.marks, " frag ", offset, more ? "+" : "");
}

// Leaves the cursor behind the header and its extensions.
Ip ReadIp4(Cursor& cursor) {
  Ip ip = {.v4 = true,
           .source = cursor.Address(12, true),
           .destination = cursor.Address(16, true),
           .protocol = cursor.U8(9),
           .length = cursor.U16(2),
           .ttl = cursor.U8(8)};
  const uint16_t fragment = cursor.U16(6);
  if (fragment & 0x4000) ip.marks = " df";
  ReadFragment(fragment, true, ip);
  cursor.Skip((cursor.U8(0) & 0xfu) * 4);
  return ip;
}

Ip ReadIp6(Cursor& cursor) {
  Ip ip = {.v4 = false,
           .source = cursor.Address(8, false),
           .destination = cursor.Address(24, false),
           .protocol = cursor.U8(6),
           .length = size_t{40} + cursor.U16(4),
           .ttl = cursor.U8(7)};
  cursor.Skip(40);
  // RFC 8200 section 4.
  while (!cursor.cut() && ip.first &&
         (ip.protocol == IPPROTO_HOPOPTS || ip.protocol == IPPROTO_ROUTING ||
          ip.protocol == IPPROTO_DSTOPTS || ip.protocol == IPPROTO_FRAGMENT)) {
    if (ip.protocol == IPPROTO_FRAGMENT) ReadFragment(cursor.U16(2), false, ip);
    const size_t length =
        ip.protocol == IPPROTO_FRAGMENT ? 8 : (cursor.U8(1) + size_t{1}) * 8;
    ip.protocol = cursor.U8(0);
    cursor.Skip(length);
  }
  return ip;
}

std::string IcmpText(const Ip& ip, Cursor& cursor) {
  const int type = cursor.U8(0);
  const bool request = type == (ip.v4 ? 8 : 128);
  if (request || type == (ip.v4 ? 0 : 129))
    return absl::StrCat("icmp echo ", request ? "request" : "reply", " id ",
                        cursor.U16(4), " seq ", cursor.U16(6));
  return absl::StrCat("icmp type ", type, " code ", cursor.U8(1));
}

std::string TcpText(Cursor& cursor) {
  std::string flags;
  for (int bit = 0; bit < 8; ++bit)
    if (cursor.U8(13) >> bit & 1) flags.push_back(kTcpFlags[bit]);
  std::string text = absl::StrCat("tcp ", flags.empty() ? "none" : flags,
                                  " seq ", cursor.U32(4));
  if (flags.find('.') != std::string::npos)
    absl::StrAppend(&text, " ack ", cursor.U32(8));
  return absl::StrCat(text, " win ", cursor.U16(14));
}

std::string EndText(const IpAddress& address, std::optional<uint16_t> port) {
  const std::string text = address.ToString();
  if (!port) return text;
  return address.is_v4() ? absl::StrCat(text, ":", *port)
                         : absl::StrCat("[", text, "]:", *port);
}

// What a tunnel header says, and what follows it: IPPROTO_IPIP, IPPROTO_IPV6
// or nothing that is known.
struct Tunnel {
  std::string text;
  uint8_t protocol = 0;
};

// controller/compile/next_hop.cc writes them, bpf/gue.h reads them.
Tunnel ReadGre(Cursor& cursor) {
  Tunnel tunnel = {.text = "gre"};
  const uint16_t flags = cursor.U16(0);
  const uint16_t type = cursor.U16(2);
  size_t length = 4;
  if (flags & 0x8000) length += 4;  // checksum
  if (flags & 0x2000) {
    absl::StrAppend(&tunnel.text, " key ", cursor.U32(length));
    length += 4;
  }
  if (flags & 0x1000) {
    absl::StrAppend(&tunnel.text, " seq ", cursor.U32(length));
    length += 4;
  }
  cursor.Skip(length);
  if (type == kIp4) tunnel.protocol = IPPROTO_IPIP;
  if (type == kIp6) tunnel.protocol = IPPROTO_IPV6;
  return tunnel;
}

Tunnel ReadGue(Cursor& cursor) {
  Tunnel tunnel = {.text = "gue"};
  const uint32_t word = cursor.U32(0);
  const uint32_t variant = word >> 30;
  if (variant == 1) {  // the packet itself follows
    tunnel.text = "gue variant 1";
    tunnel.protocol = word >> 28 == 4 ? IPPROTO_IPIP : IPPROTO_IPV6;
    return tunnel;
  }
  if (variant != 0 || word & 0x20000000) {
    absl::StrAppend(&tunnel.text, variant != 0 ? " variant " : " control ",
                    variant != 0 ? variant : word >> 16 & 0xff);
    return tunnel;
  }
  if (word & 0x8000) absl::StrAppend(&tunnel.text, " vni ", cursor.U32(4));
  const uint32_t security = word >> 12 & 7;
  if (security == 1) absl::StrAppend(&tunnel.text, " cookie");
  if (security == 2)
    absl::StrAppend(&tunnel.text, " mac key ", cursor.U8(8), " epoch ",
                    cursor.U32(12));
  cursor.Skip(4 + (word >> 24 & 0x1f) * size_t{4});
  tunnel.protocol = static_cast<uint8_t>(word >> 16);
  if (tunnel.protocol != IPPROTO_GRE) return tunnel;
  Tunnel gre = ReadGre(cursor);
  return {tunnel.text + " " + gre.text, gre.protocol};
}

// What is behind an IP header.
struct Payload {
  std::string text;
  std::optional<uint16_t> sport, dport;
  uint8_t next = 0;  // as Tunnel::protocol
};

Payload ReadPayload(Cursor& cursor, const Ip& ip, uint16_t gue_port) {
  const uint8_t icmp = ip.v4 ? uint8_t{IPPROTO_ICMP} : uint8_t{IPPROTO_ICMPV6};
  Payload payload = {.text = absl::StrCat("proto ", ip.protocol)};
  if (!ip.first) return payload;
  if (ip.protocol == IPPROTO_UDP && cursor.U16(2) == gue_port) {
    cursor.Skip(8);
    Tunnel gue = ReadGue(cursor);
    return {.text = std::move(gue.text), .next = gue.protocol};
  }
  if (ip.protocol == IPPROTO_GRE) {
    Tunnel gre = ReadGre(cursor);
    return {.text = std::move(gre.text), .next = gre.protocol};
  }
  if (ip.protocol == IPPROTO_TCP || ip.protocol == IPPROTO_UDP) {
    payload.sport = cursor.U16(0);
    payload.dport = cursor.U16(2);
    payload.text = ip.protocol == IPPROTO_UDP ? "udp" : TcpText(cursor);
  } else if (ip.protocol == icmp) {
    payload.text = IcmpText(ip, cursor);
  }
  return payload;
}

// Returns the ethertype of what comes next if that is another IP header.
std::optional<uint16_t> ReadPacket(Cursor& cursor, bool v4, uint16_t gue_port,
                                   std::vector<PacketLine>& lines) {
  const size_t offset = cursor.at();
  const Ip ip = v4 ? ReadIp4(cursor) : ReadIp6(cursor);
  const Payload payload = ReadPayload(cursor, ip, gue_port);
  lines.push_back({absl::StrCat(EndText(ip.source, payload.sport), " > ",
                                EndText(ip.destination, payload.dport), " ",
                                payload.text, " len ", ip.length, " ttl ",
                                ip.ttl, ip.marks, cursor.cut() ? " cut" : ""),
                   offset});
  if (cursor.cut()) return std::nullopt;
  if (payload.next == IPPROTO_IPIP) return kIp4;
  if (payload.next == IPPROTO_IPV6) return kIp6;
  return std::nullopt;
}

// Up to two VLAN tags, as the data plane takes them. Returns the ethertype.
uint16_t ReadEthernet(Cursor& cursor) {
  uint16_t type = cursor.U16(12);
  cursor.Skip(14);
  for (int i = 0; i < 2 && (type == kVlan || type == kServiceVlan); ++i) {
    type = cursor.U16(2);
    cursor.Skip(4);
  }
  return type;
}

}  // namespace

std::vector<PacketLine> FormatPacket(LinkType link,
                                     absl::Span<const uint8_t> bytes,
                                     uint16_t gue_port) {
  Cursor cursor(bytes);
  std::vector<PacketLine> lines;
  std::optional<uint16_t> type = link == LinkType::kEthernet
                                     ? ReadEthernet(cursor)
                                 : cursor.U8(0) >> 4 == 6 ? kIp6
                                                          : kIp4;
  if (cursor.cut()) return {{.text = "cut", .offset = 0}};
  if (type != kIp4 && type != kIp6)
    return {{.text = absl::StrFormat("ethertype 0x%04x len %d", *type,
                                     bytes.size()),
             .offset = cursor.at()}};
  while (type && lines.size() < kDepthMax)
    type = ReadPacket(cursor, type == kIp4, gue_port, lines);
  return lines;
}

std::string FormatOneLine(LinkType link, absl::Span<const uint8_t> bytes,
                          uint16_t gue_port) {
  return absl::StrJoin(
      FormatPacket(link, bytes, gue_port), " | ",
      [](std::string* out, const PacketLine& line) { out->append(line.text); });
}

}  // namespace rampart

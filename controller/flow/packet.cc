// SPDX-License-Identifier: Apache-2.0
#include "controller/flow/packet.h"

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>

#include <algorithm>
#include <cstring>

namespace rampart {
namespace {

constexpr int kExtensionHeadersMax = 8;

uint16_t Load16(absl::Span<const uint8_t> bytes, size_t offset) {
  return static_cast<uint16_t>(bytes[offset] << 8 | bytes[offset + 1]);
}

IpAddress LoadV4(const uint8_t* p) {
  uint32_t address;
  std::memcpy(&address, p, sizeof(address));
  return IpAddress::V4(address);
}

IpAddress LoadV6(const uint8_t* p) {
  uint8_t address[16];
  std::memcpy(address, p, sizeof(address));
  return IpAddress::V6(address);
}

bool ParseV4(absl::Span<const uint8_t> bytes, Packet& packet) {
  if (bytes.size() < 20) return false;
  const size_t header = (bytes[0] & 0xf) * size_t{4};
  const size_t total = Load16(bytes, 2);
  if (header < 20 || total < header || total > bytes.size()) return false;
  const uint16_t fragment = Load16(bytes, 6);
  packet.bytes = bytes.subspan(0, total);
  packet.fragment = (fragment & 0x3fff) != 0;
  packet.first = (fragment & 0x1fff) == 0;
  packet.tuple.protocol = bytes[9];
  packet.tuple.source.address = LoadV4(&bytes[12]);
  packet.tuple.destination.address = LoadV4(&bytes[16]);
  packet.l4 = header;
  return true;
}

// Walks from the fixed header to the upper layer (RFC 8200 section 4).
bool SkipExtensions(Packet& packet, uint8_t next) {
  for (int i = 0; i <= kExtensionHeadersMax; ++i) {
    if (next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING &&
        next != IPPROTO_DSTOPTS && next != IPPROTO_FRAGMENT) {
      packet.tuple.protocol = next;
      return true;
    }
    if (packet.bytes.size() < packet.l4 + 8) return false;
    const uint8_t* header = &packet.bytes[packet.l4];
    size_t length = 8;
    if (next == IPPROTO_FRAGMENT) {
      packet.fragment_header = packet.l4;
      const uint16_t offset = Load16(packet.bytes, packet.l4 + 2);
      packet.fragment |= (offset & 0xfff9) != 0;
      packet.first &= (offset & 0xfff8) == 0;
    } else {
      length = (size_t{header[1]} + 1) * 8;
    }
    next = header[0];
    packet.l4 += length;
    if (packet.l4 > packet.bytes.size()) return false;
    // What follows a later fragment's header is not a header.
    if (!packet.first) {
      packet.tuple.protocol = next;
      return true;
    }
  }
  return false;
}

bool ParseV6(absl::Span<const uint8_t> bytes, Packet& packet) {
  if (bytes.size() < 40) return false;
  const size_t total = size_t{40} + Load16(bytes, 4);
  if (total > bytes.size()) return false;
  packet.bytes = bytes.subspan(0, total);
  packet.tuple.source.address = LoadV6(&bytes[8]);
  packet.tuple.destination.address = LoadV6(&bytes[24]);
  packet.l4 = 40;
  return SkipExtensions(packet, bytes[6]);
}

bool ParsePorts(Packet& packet) {
  const absl::Span<const uint8_t> l4 = packet.bytes.subspan(packet.l4);
  FlowTuple& tuple = packet.tuple;
  switch (tuple.protocol) {
    case IPPROTO_TCP:
      if (l4.size() < 20) return false;
      packet.tcp_flags = l4[13];
      break;
    case IPPROTO_UDP:
      if (l4.size() < 8) return false;
      break;
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
      if (l4.size() < 8) return false;
      packet.icmp_type = l4[0];
      if (packet.IsEchoRequest())
        tuple.source.port = Load16(l4, 4);
      else if (packet.IsEcho())
        tuple.destination.port = Load16(l4, 4);
      return true;
    default:
      return true;
  }
  tuple.source.port = Load16(l4, 0);
  tuple.destination.port = Load16(l4, 2);
  return true;
}

}  // namespace

bool Packet::IsEchoRequest() const {
  return is_v4() ? tuple.protocol == IPPROTO_ICMP && icmp_type == ICMP_ECHO
                 : tuple.protocol == IPPROTO_ICMPV6 &&
                       icmp_type == ICMP6_ECHO_REQUEST;
}

bool Packet::IsEcho() const {
  if (IsEchoRequest()) return true;
  return is_v4() ? tuple.protocol == IPPROTO_ICMP && icmp_type == ICMP_ECHOREPLY
                 : tuple.protocol == IPPROTO_ICMPV6 &&
                       icmp_type == ICMP6_ECHO_REPLY;
}

uint8_t EchoTypeOf(const FlowTuple& tuple) {
  const bool reply = tuple.source.port == 0 && tuple.destination.port != 0;
  if (tuple.protocol == IPPROTO_ICMP) return reply ? ICMP_ECHOREPLY : ICMP_ECHO;
  if (tuple.protocol == IPPROTO_ICMPV6)
    return reply ? ICMP6_ECHO_REPLY : ICMP6_ECHO_REQUEST;
  return 0;
}

std::optional<Packet> ParsePacket(uint32_t realm,
                                  absl::Span<const uint8_t> bytes) {
  Packet packet;
  packet.tuple.realm = realm;
  if (bytes.empty()) return std::nullopt;
  const int version = bytes[0] >> 4;
  if (version != 4 && version != 6) return std::nullopt;
  if (version == 4 ? !ParseV4(bytes, packet) : !ParseV6(bytes, packet))
    return std::nullopt;
  if (packet.first && !ParsePorts(packet)) return std::nullopt;
  return packet;
}

}  // namespace rampart

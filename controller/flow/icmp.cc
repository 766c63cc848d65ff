// SPDX-License-Identifier: Apache-2.0
#include "controller/flow/icmp.h"

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>

#include <algorithm>
#include <cstring>

#include "absl/types/span.h"
#include "controller/base/status.h"
#include "controller/flow/checksum.h"

namespace rampart {
namespace {

constexpr uint8_t kHopLimit = 64;
constexpr size_t kIpv4ErrorMax = 576;
constexpr size_t kIpv6ErrorMax = 1280;
constexpr size_t kIcmpHeader = 8;
constexpr size_t kTcpHeader = 20;
constexpr size_t kUdpHeader = 8;
// RFC 1812 section 4.3.2.5: errors have precedence 6.
constexpr uint8_t kErrorTos = 0xc0;
constexpr uint8_t kIcmp6Redirect = 137;

void Store16(uint8_t* p, uint16_t value) {
  p[0] = value >> 8;
  p[1] = value & 0xff;
}

void Store32(uint8_t* p, uint32_t value) {
  Store16(p, value >> 16);
  Store16(p + 2, value & 0xffff);
}

uint32_t Load32(const uint8_t* p) {
  return uint32_t{p[0]} << 24 | p[1] << 16 | p[2] << 8 | p[3];
}

struct IpHeader {
  IpAddress source;
  IpAddress destination;
  uint8_t protocol = 0;
  uint8_t tos = 0;
};

size_t HeaderSize(const IpHeader& header) {
  return header.source.is_v4() ? 20 : 40;
}

// A packet with room for `payload` bytes behind its finished IP header.
std::vector<uint8_t> NewPacket(const IpHeader& header, size_t payload) {
  RP_CHECK(header.source.family() == header.destination.family());
  std::vector<uint8_t> packet(HeaderSize(header) + payload);
  uint8_t* p = packet.data();
  const std::string_view source = header.source.bytes();
  const std::string_view destination = header.destination.bytes();
  if (header.source.is_v4()) {
    p[0] = 0x45;
    p[1] = header.tos;
    Store16(p + 2, packet.size());
    Store16(p + 6, 0x4000);  // DF, so the identification may be 0 (RFC 6864)
    p[8] = kHopLimit;
    p[9] = header.protocol;
    std::memcpy(p + 12, source.data(), 4);
    std::memcpy(p + 16, destination.data(), 4);
    const uint16_t check = ~FoldSum(SumBytes({p, 20}));
    std::memcpy(p + 10, &check, sizeof(check));
  } else {
    p[0] = 0x60;
    Store16(p + 4, payload);
    p[6] = header.protocol;
    p[7] = kHopLimit;
    std::memcpy(p + 8, source.data(), 16);
    std::memcpy(p + 24, destination.data(), 16);
  }
  return packet;
}

// Fills in the checksum at `offset` of what follows the IP header.
void FinishChecksum(const IpHeader& header, std::vector<uint8_t>& packet,
                    size_t offset) {
  const absl::Span<uint8_t> l4 =
      absl::MakeSpan(packet).subspan(HeaderSize(header));
  uint64_t sum = SumBytes(l4);
  if (header.protocol != IPPROTO_ICMP) {
    for (const IpAddress& address : {header.source, header.destination}) {
      sum += SumBytes({reinterpret_cast<const uint8_t*>(address.bytes().data()),
                       address.bytes().size()});
    }
    sum += htons(static_cast<uint16_t>(l4.size())) + htons(header.protocol);
  }
  const uint16_t check = ~FoldSum(sum);
  std::memcpy(&l4[offset], &check, sizeof(check));
}

bool IsIcmpV4Error(uint8_t type) {
  return type == ICMP_DEST_UNREACH || type == ICMP_SOURCE_QUENCH ||
         type == ICMP_REDIRECT || type == ICMP_TIME_EXCEEDED ||
         type == ICMP_PARAMETERPROB;
}

bool IsIcmpV6Error(uint8_t type) {
  return type < ICMP6_ECHO_REQUEST || type == kIcmp6Redirect;
}

bool MayHaveError(IcmpError error, const Packet& packet) {
  const FlowTuple& tuple = packet.tuple;
  if (!packet.first || tuple.source.address.IsMartian()) return false;
  if (packet.is_v4()) {
    return !tuple.destination.address.IsMartian() &&
           !(tuple.protocol == IPPROTO_ICMP && IsIcmpV4Error(packet.icmp_type));
  }
  // Path MTU discovery has to work for multicast too.
  if (tuple.destination.address.IsMulticast() &&
      error != IcmpError::kPacketTooBig)
    return false;
  return !(tuple.protocol == IPPROTO_ICMPV6 && IsIcmpV6Error(packet.icmp_type));
}

struct TypeCode {
  uint8_t type;
  uint8_t code;
};

TypeCode TypeOf(IcmpError error, bool v4) {
  switch (error) {
    case IcmpError::kTimeExceeded:
      return v4 ? TypeCode{ICMP_TIME_EXCEEDED, ICMP_EXC_TTL}
                : TypeCode{ICMP6_TIME_EXCEEDED, ICMP6_TIME_EXCEED_TRANSIT};
    case IcmpError::kPacketTooBig:
      return v4 ? TypeCode{ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED}
                : TypeCode{ICMP6_PACKET_TOO_BIG, 0};
    case IcmpError::kHostUnreachable:
      return v4 ? TypeCode{ICMP_DEST_UNREACH, ICMP_HOST_UNREACH}
                : TypeCode{ICMP6_DST_UNREACH, ICMP6_DST_UNREACH_ADDR};
    case IcmpError::kAdminProhibited:
      break;
  }
  return v4 ? TypeCode{ICMP_DEST_UNREACH, ICMP_PKT_FILTERED}
            : TypeCode{ICMP6_DST_UNREACH, ICMP6_DST_UNREACH_ADMIN};
}

constexpr size_t RoundUp(size_t value, size_t unit) {
  return (value + unit - 1) / unit * unit;
}

constexpr size_t kExtensionHeader = 4;
constexpr size_t kObjectHeader = 4;
constexpr uint8_t kExtensionVersion = 2;
// Of the quoted packet, if an extension follows: who does not know the length
// field takes 128 bytes for it (RFC 4884 section 5).
constexpr size_t kQuoteBeforeExtension = 128;

// RFC 4884 sections 7 and 8: one object in an extension structure.
std::vector<uint8_t> ExtensionAbout(std::string_view about) {
  if (about.empty()) return {};
  about = about.substr(0, kIcmpAboutMax);
  const size_t object = kObjectHeader + RoundUp(about.size(), 4);
  std::vector<uint8_t> extension(kExtensionHeader + object);
  extension[0] = kExtensionVersion << 4;
  Store16(&extension[kExtensionHeader], object);
  extension[kExtensionHeader + 2] = kIcmpAboutClass;
  extension[kExtensionHeader + 3] = 1;
  std::memcpy(&extension[kExtensionHeader + kObjectHeader], about.data(),
              about.size());
  const uint16_t check = ~FoldSum(SumBytes(extension));
  std::memcpy(&extension[2], &check, sizeof(check));
  return extension;
}

}  // namespace

std::vector<uint8_t> BuildIcmpError(IcmpError error, const Packet& packet,
                                    const IpAddress& source, uint16_t mtu,
                                    std::string_view about) {
  if (!MayHaveError(error, packet)) return {};
  const bool v4 = packet.is_v4();
  const IpHeader header = {
      .source = source,
      .destination = packet.tuple.source.address,
      .protocol = v4 ? uint8_t{IPPROTO_ICMP} : uint8_t{IPPROTO_ICMPV6},
      .tos = kErrorTos};
  const size_t room =
      (v4 ? kIpv4ErrorMax : kIpv6ErrorMax) - HeaderSize(header) - kIcmpHeader;
  const std::vector<uint8_t> extension = ExtensionAbout(about);
  const size_t unit = v4 ? 4 : 8;  // of the length field
  const size_t quote =
      std::min(packet.bytes.size(), (room - extension.size()) / unit * unit);
  const size_t padded =
      extension.empty() ? std::min(packet.bytes.size(), room)
                        : std::max(RoundUp(quote, unit), kQuoteBeforeExtension);
  std::vector<uint8_t> result =
      NewPacket(header, kIcmpHeader + padded + extension.size());
  uint8_t* icmp = result.data() + HeaderSize(header);
  const TypeCode type = TypeOf(error, v4);
  icmp[0] = type.type;
  icmp[1] = type.code;
  // RFC 1191: the second half of the word; RFC 4443: all of it.
  if (error == IcmpError::kPacketTooBig) Store16(icmp + 6, mtu);
  if (extension.empty()) {
    std::memcpy(icmp + kIcmpHeader, packet.bytes.data(), padded);
  } else {
    icmp[v4 ? 5 : 4] = padded / unit;
    std::memcpy(icmp + kIcmpHeader, packet.bytes.data(), quote);
    std::copy(extension.begin(), extension.end(), icmp + kIcmpHeader + padded);
  }
  FinishChecksum(header, result, 2);
  return result;
}

std::vector<uint8_t> BuildEchoReply(const Packet& packet) {
  RP_CHECK(packet.IsEchoRequest());
  const absl::Span<const uint8_t> request = packet.bytes.subspan(packet.l4);
  const IpHeader header = {.source = packet.tuple.destination.address,
                           .destination = packet.tuple.source.address,
                           .protocol = packet.tuple.protocol};
  std::vector<uint8_t> result = NewPacket(header, request.size());
  uint8_t* icmp = result.data() + HeaderSize(header);
  std::memcpy(icmp, request.data(), request.size());
  icmp[0] = packet.is_v4() ? ICMP_ECHOREPLY : ICMP6_ECHO_REPLY;
  Store16(icmp + 2, 0);
  FinishChecksum(header, result, 2);
  return result;
}

std::vector<uint8_t> BuildEchoRequest(const IpAddress& source,
                                      const IpAddress& destination, uint16_t id,
                                      uint16_t sequence,
                                      absl::Span<const uint8_t> payload) {
  const bool v4 = source.is_v4();
  IpHeader header = {.source = source, .destination = destination};
  header.protocol = v4 ? uint8_t{IPPROTO_ICMP} : uint8_t{IPPROTO_ICMPV6};
  std::vector<uint8_t> result = NewPacket(header, kIcmpHeader + payload.size());
  uint8_t* icmp = result.data() + HeaderSize(header);
  icmp[0] = v4 ? uint8_t{ICMP_ECHO} : uint8_t{ICMP6_ECHO_REQUEST};
  Store16(icmp + 4, id);
  Store16(icmp + 6, sequence);
  std::copy(payload.begin(), payload.end(), icmp + kIcmpHeader);
  FinishChecksum(header, result, 2);
  return result;
}

std::vector<uint8_t> BuildUdp(const Endpoint& source,
                              const Endpoint& destination,
                              absl::Span<const uint8_t> payload) {
  const IpHeader header = {.source = source.address,
                           .destination = destination.address,
                           .protocol = IPPROTO_UDP};
  std::vector<uint8_t> result = NewPacket(header, kUdpHeader + payload.size());
  uint8_t* udp = result.data() + HeaderSize(header);
  Store16(udp, source.port);
  Store16(udp + 2, destination.port);
  Store16(udp + 4, kUdpHeader + payload.size());
  std::copy(payload.begin(), payload.end(), udp + kUdpHeader);
  FinishChecksum(header, result, 6);
  if (udp[6] == 0 && udp[7] == 0) Store16(udp + 6, 0xffff);  // RFC 768
  return result;
}

std::vector<uint8_t> BuildTcpReset(const Packet& packet) {
  if (packet.tcp_flags & kTcpRst) return {};
  const absl::Span<const uint8_t> segment = packet.bytes.subspan(packet.l4);
  const IpHeader header = {.source = packet.tuple.destination.address,
                           .destination = packet.tuple.source.address,
                           .protocol = IPPROTO_TCP};
  std::vector<uint8_t> result = NewPacket(header, kTcpHeader);
  uint8_t* tcp = result.data() + HeaderSize(header);
  Store16(tcp, packet.tuple.destination.port);
  Store16(tcp + 2, packet.tuple.source.port);
  if (packet.tcp_flags & kTcpAck) {
    std::memcpy(tcp + 4, &segment[8], 4);
    tcp[13] = kTcpRst;
  } else {
    const size_t data_offset =
        std::min<size_t>((segment[12] >> 4) * size_t{4}, segment.size());
    // SYN and FIN take a sequence number each.
    const uint32_t length = segment.size() - data_offset +
                            ((packet.tcp_flags & kTcpSyn) != 0) +
                            ((packet.tcp_flags & kTcpFin) != 0);
    Store32(tcp + 8, Load32(&segment[4]) + length);
    tcp[13] = kTcpRst | kTcpAck;
  }
  tcp[12] = (kTcpHeader / 4) << 4;
  FinishChecksum(header, result, 16);
  return result;
}

}  // namespace rampart

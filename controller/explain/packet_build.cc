// SPDX-License-Identifier: Apache-2.0
#include "controller/explain/packet_build.h"

#include <netinet/in.h>

#include <cstring>

#include "controller/flow/checksum.h"

namespace rampart {
namespace {

constexpr size_t kIp4Header = 20;
constexpr size_t kIp6Header = 40;
constexpr size_t kTcpHeader = 20;
constexpr size_t kPortsHeader = 8;  // UDP, and ICMP of both families

bool IsIcmp(uint8_t protocol) {
  return protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6;
}

size_t IpHeader(const PacketFields& fields) {
  return fields.source.is_v4() ? kIp4Header : kIp6Header;
}

void Set16(std::vector<uint8_t>& packet, size_t at, size_t value) {
  packet[at] = static_cast<uint8_t>(value >> 8);
  packet[at + 1] = static_cast<uint8_t>(value);
}

// In the order of memory, as sums are.
void SetSum(std::vector<uint8_t>& packet, size_t at, uint64_t sum) {
  const auto checksum = static_cast<uint16_t>(~FoldSum(sum));
  std::memcpy(packet.data() + at, &checksum, sizeof(checksum));
}

void SetAddresses(const PacketFields& fields, size_t at,
                  std::vector<uint8_t>& packet) {
  for (const IpAddress* address : {&fields.source, &fields.destination}) {
    const std::string_view bytes = address->bytes();
    std::memcpy(packet.data() + at, bytes.data(), bytes.size());
    at += bytes.size();
  }
}

void SetIp4(const PacketFields& fields, std::vector<uint8_t>& packet) {
  packet[0] = 0x45;
  packet[1] = fields.tos;
  Set16(packet, 2, fields.length);
  packet[6] = fields.dont_fragment ? 0x40 : 0;
  packet[8] = fields.ttl;
  packet[9] = fields.protocol;
  SetAddresses(fields, 12, packet);
  SetSum(packet, 10, SumBytes({packet.data(), kIp4Header}));
}

void SetIp6(const PacketFields& fields, std::vector<uint8_t>& packet) {
  packet[0] = static_cast<uint8_t>(0x60 | fields.tos >> 4);
  packet[1] = static_cast<uint8_t>(fields.tos << 4);
  Set16(packet, 4, fields.length - kIp6Header);
  packet[6] = fields.protocol;
  packet[7] = fields.ttl;
  SetAddresses(fields, 8, packet);
}

// Of the pseudo header (RFC 9293 section 3.1, RFC 8200 section 8.1).
uint64_t PseudoSum(const PacketFields& fields, size_t length) {
  std::vector<uint8_t> words(4);
  words[1] = fields.protocol;
  Set16(words, 2, length);
  uint64_t sum = SumBytes(words);
  for (const IpAddress* address : {&fields.source, &fields.destination}) {
    const std::string_view bytes = address->bytes();
    sum += SumBytes(
        {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
  }
  return sum;
}

void SetL4(const PacketFields& fields, std::vector<uint8_t>& packet) {
  const size_t l4 = IpHeader(fields);
  const size_t length = packet.size() - l4;
  const uint64_t pseudo =
      fields.protocol == IPPROTO_ICMP ? 0 : PseudoSum(fields, length);
  size_t checksum = 0;  // where it is
  if (IsIcmp(fields.protocol)) {
    packet[l4] = fields.icmp_type;
    packet[l4 + 1] = fields.icmp_code;
    Set16(packet, l4 + 4, fields.icmp_id);
    checksum = l4 + 2;
  } else if (fields.protocol == IPPROTO_UDP) {
    Set16(packet, l4, fields.source_port);
    Set16(packet, l4 + 2, fields.destination_port);
    Set16(packet, l4 + 4, length);
    checksum = l4 + 6;
  } else if (fields.protocol == IPPROTO_TCP) {
    Set16(packet, l4, fields.source_port);
    Set16(packet, l4 + 2, fields.destination_port);
    packet[l4 + 12] = (kTcpHeader / 4) << 4;
    packet[l4 + 13] = fields.tcp_flags;
    Set16(packet, l4 + 14, 0xffff);  // window
    checksum = l4 + 16;
  } else {
    return;
  }
  SetSum(packet, checksum,
         pseudo + SumBytes(absl::MakeConstSpan(packet).subspan(l4)));
  // RFC 768: 0 would say that there is none.
  if (fields.protocol == IPPROTO_UDP && packet[checksum] == 0 &&
      packet[checksum + 1] == 0)
    Set16(packet, checksum, 0xffff);
}

}  // namespace

uint16_t HeaderLength(const PacketFields& fields) {
  size_t length = IpHeader(fields);
  if (fields.protocol == IPPROTO_TCP)
    length += kTcpHeader;
  else if (fields.protocol == IPPROTO_UDP || IsIcmp(fields.protocol))
    length += kPortsHeader;
  return static_cast<uint16_t>(length);
}

std::vector<uint8_t> BuildPacket(const PacketFields& fields) {
  std::vector<uint8_t> packet(fields.length);
  fields.source.is_v4() ? SetIp4(fields, packet) : SetIp6(fields, packet);
  SetL4(fields, packet);
  return packet;
}

}  // namespace rampart

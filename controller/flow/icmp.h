// SPDX-License-Identifier: Apache-2.0
// Packets that the edge itself sends inside a vnet: ICMP and ICMPv6 errors,
// echo replies, UDP datagrams, TCP resets. Pure functions.
#ifndef RAMPART_CONTROLLER_FLOW_ICMP_H_
#define RAMPART_CONTROLLER_FLOW_ICMP_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "controller/base/ip.h"
#include "controller/flow/packet.h"

namespace rampart {

enum class IcmpError {
  kTimeExceeded,     // 11/0, ICMPv6 3/0
  kPacketTooBig,     // 3/4 with the MTU (RFC 1191), ICMPv6 2/0
  kAdminProhibited,  // 3/13, ICMPv6 1/1
  kHostUnreachable,  // 3/1, ICMPv6 1/3
};

// The error about `packet`, from `source` (of the packet's family) to the
// packet's sender, quoting as much of it as fits into 576 bytes (RFC 1812
// section 4.3.2.3) or 1280 (RFC 4443 section 2.4 c). mtu: kPacketTooBig only.
// Empty if there must be no error about this packet: RFC 1812 section 4.3.2.7,
// RFC 4443 section 2.4 e. about: kAdminProhibited only: text for people, at
// most kIcmpAboutMax bytes of it, in an extension object (RFC 4884) of class
// kIcmpAboutClass and C-Type 1, filled up with zeros; empty: none.
std::vector<uint8_t> BuildIcmpError(IcmpError error, const Packet& packet,
                                    const IpAddress& source, uint16_t mtu = 0,
                                    std::string_view about = {});

inline constexpr uint8_t kIcmpAboutClass = 247;  // private use
inline constexpr size_t kIcmpAboutMax = 256;

// The reply to `packet`, which is an echo request.
std::vector<uint8_t> BuildEchoReply(const Packet& packet);

// An echo request. id, sequence: host order.
std::vector<uint8_t> BuildEchoRequest(const IpAddress& source,
                                      const IpAddress& destination, uint16_t id,
                                      uint16_t sequence,
                                      absl::Span<const uint8_t> payload);

// A datagram.
std::vector<uint8_t> BuildUdp(const Endpoint& source,
                              const Endpoint& destination,
                              absl::Span<const uint8_t> payload);

// The reset that answers a segment nobody takes (RFC 9293 section 3.10.7.1).
// Empty if that is a reset itself.
std::vector<uint8_t> BuildTcpReset(const Packet& packet);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_FLOW_ICMP_H_

// SPDX-License-Identifier: Apache-2.0
// A punted IP packet, understood as far as a flow key needs.
#ifndef RAMPART_CONTROLLER_FLOW_PACKET_H_
#define RAMPART_CONTROLLER_FLOW_PACKET_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/types/span.h"
#include "controller/flow/hooks.h"

namespace rampart {

enum TcpFlag : uint8_t {
  kTcpFin = 0x01,
  kTcpSyn = 0x02,
  kTcpRst = 0x04,
  kTcpAck = 0x10,
};

struct Packet {
  absl::Span<const uint8_t> bytes;  // the IP packet, cut to its own length
  FlowTuple tuple;                  // ports as in maps/flow.h
  size_t l4 = 0;          // offset behind the IP header and its extensions
  uint8_t tcp_flags = 0;  // TCP
  uint8_t icmp_type = 0;  // ICMP, ICMPv6
  bool fragment = false;  // more follow, or not the first
  bool first = true;      // holds the start of its datagram
  std::optional<size_t> fragment_header;  // IPv6: its offset, if there is one

  bool is_v4() const { return tuple.source.address.is_v4(); }
  bool IsEchoRequest() const;
  bool IsEcho() const;  // request or reply
  // RFC 793: opens a connection.
  bool IsSyn() const { return (tcp_flags & (kTcpSyn | kTcpAck)) == kTcpSyn; }
};

// Of the first packet of an ICMP or ICMPv6 flow: only echo begins one, and a
// reply's identifier stands where a destination port would. Else 0.
uint8_t EchoTypeOf(const FlowTuple& tuple);

// Nothing if the packet is shorter than its headers say, or has more than
// eight extension headers. Keeps pointing into `bytes`.
std::optional<Packet> ParsePacket(uint32_t realm,
                                  absl::Span<const uint8_t> bytes);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_FLOW_PACKET_H_

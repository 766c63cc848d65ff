// SPDX-License-Identifier: Apache-2.0
// Makes IP packets whose lengths and checksums are right.
#ifndef RAMPART_CONTROLLER_EXPLAIN_PACKET_BUILD_H_
#define RAMPART_CONTROLLER_EXPLAIN_PACKET_BUILD_H_

#include <cstdint>
#include <vector>

#include "controller/base/ip.h"

namespace rampart {

struct PacketFields {
  IpAddress source;  // both of one family
  IpAddress destination;
  uint8_t protocol = 0;  // IANA number
  uint16_t source_port = 0;
  uint16_t destination_port = 0;
  uint8_t tcp_flags = 0;
  uint8_t icmp_type = 0;
  uint8_t icmp_code = 0;
  uint16_t icmp_id = 0;
  uint8_t ttl = 64;
  uint8_t tos = 0;
  bool dont_fragment = false;  // IPv4
  uint16_t length = 0;         // of the IP packet
};

// Bytes of the headers alone: the least that `length` may be.
uint16_t HeaderLength(const PacketFields& fields);

// length: HeaderLength() or more; what is behind the headers is zero.
std::vector<uint8_t> BuildPacket(const PacketFields& fields);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_EXPLAIN_PACKET_BUILD_H_

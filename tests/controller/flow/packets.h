// SPDX-License-Identifier: Apache-2.0
// IP packets made by libtins, which knows nothing of the code under test.
#ifndef RAMPART_TESTS_CONTROLLER_FLOW_PACKETS_H_
#define RAMPART_TESTS_CONTROLLER_FLOW_PACKETS_H_

#include <netinet/in.h>

#include <cstdint>
#include <string>
#include <vector>

#include "controller/base/ip.h"
#include "controller/flow/packet.h"

namespace rampart {

inline IpAddress Ip(std::string_view text) {
  return IpAddress::Parse(text).value();
}

inline uint8_t IcmpOf(const IpAddress& address) {
  return address.is_v4() ? uint8_t{IPPROTO_ICMP} : uint8_t{IPPROTO_ICMPV6};
}

struct PacketSpec {
  IpAddress source;
  IpAddress destination;
  uint8_t protocol = IPPROTO_UDP;  // ICMP: echo, of the addresses' family
  uint16_t sport = 1234;           // ICMP: identifier
  uint16_t dport = 443;
  uint8_t tcp_flags = kTcpSyn;
  uint8_t ttl = 64;
  bool echo_reply = false;
  size_t payload = 16;  // bytes; 1448 and more do not fit a usual MTU
};

std::vector<uint8_t> BuildPacket(const PacketSpec& spec);

// The tuple of such a packet, as in maps/flow.h.
FlowTuple TupleOfSpec(uint32_t realm, const PacketSpec& spec);

}  // namespace rampart

#endif  // RAMPART_TESTS_CONTROLLER_FLOW_PACKETS_H_

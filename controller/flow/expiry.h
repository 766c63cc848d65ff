// SPDX-License-Identifier: Apache-2.0
// When a flow is over. The data plane applies the same rules to every packet:
// it takes an expired entry for a miss and never revives it.
#ifndef RAMPART_CONTROLLER_FLOW_EXPIRY_H_
#define RAMPART_CONTROLLER_FLOW_EXPIRY_H_

#include <netinet/in.h>

#include <algorithm>
#include <cstdint>

#include "maps/flow.h"

namespace rampart {

// The same knowledge as the other entry of the flow writes it.
inline uint8_t SwapTcp(uint8_t tcp) {
  return static_cast<uint8_t>(tcp << RP_TCP_REVERSE | tcp >> RP_TCP_REVERSE);
}

// Whether `bits` (enum rp_tcp_seen) were all seen in both directions.
inline bool TcpBoth(uint8_t tcp, uint8_t bits) {
  return (tcp & SwapTcp(tcp) & bits) == bits;
}

inline bool TcpReset(uint8_t tcp) {
  return ((tcp | SwapTcp(tcp)) & RP_TCP_RST) != 0;
}

// Over, but remembered for its last segments. A SYN starts a new flow.
inline bool TcpClosing(uint8_t tcp) {
  return TcpReset(tcp) || TcpBoth(tcp, RP_TCP_FIN);
}

// marks: as in rp_flow. tcp: what both entries have seen, from the view of
// either.
inline rp_timeout TimeoutOf(uint8_t protocol, uint16_t marks, uint8_t tcp) {
  if (marks >> RP_FLOW_KIND_SHIFT == RP_FLOW_REFUSED) return RP_TIMEOUT_DENIED;
  switch (protocol) {
    case IPPROTO_TCP:
      if (TcpClosing(tcp)) return RP_TIMEOUT_TCP_CLOSING;
      return TcpBoth(tcp, RP_TCP_SYN | RP_TCP_ACK) ? RP_TIMEOUT_TCP_ESTABLISHED
                                                   : RP_TIMEOUT_TCP_OPENING;
    case IPPROTO_UDP:
      if ((marks & RP_FLOW_BRIEF) != 0) return RP_TIMEOUT_UDP_BRIEF;
      return TcpBoth(tcp, RP_TCP_ACK) ? RP_TIMEOUT_UDP
                                      : RP_TIMEOUT_UDP_UNREPLIED;
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
      return RP_TIMEOUT_ICMP;
    default:
      return RP_TIMEOUT_OTHER;
  }
}

// Ticks since `last_seen`; 0 if that is ahead of `now`, because a CPU of the
// data plane may have read the clock later.
inline uint32_t IdleTicks(uint32_t now, uint32_t last_seen) {
  return static_cast<uint32_t>(
      std::max<int32_t>(static_cast<int32_t>(now - last_seen), 0));
}

// The sweep waits this much longer than the data plane, so that no packet can
// be using an entry while it is deleted.
inline constexpr uint32_t kExpirySlackTicks = 2;

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_FLOW_EXPIRY_H_

// SPDX-License-Identifier: Apache-2.0
// What policy is asked about.
#ifndef RAMPART_CONTROLLER_POLICY_QUERY_H_
#define RAMPART_CONTROLLER_POLICY_QUERY_H_

#include <cstdint>
#include <string_view>

#include "absl/time/time.h"
#include "controller/base/ip.h"
#include "controller/model/resources.h"

namespace rampart {

// A flow, by the names that rules use. Whoever makes one keeps what it points
// to.
struct PolicyQuery {
  std::string_view vnet;
  std::string_view tunnel;          // empty: it comes from outside
  std::string_view identity;        // of the sender; empty: nobody knows
  const Labels* context = nullptr;  // null: none
  IpAddress source;
  IpAddress destination;
  uint16_t source_port = 0;  // TCP and UDP
  uint16_t destination_port = 0;
  uint8_t protocol = 0;   // IANA number; ICMPv6 is 58
  uint8_t icmp_type = 0;  // ICMP, ICMPv6
  absl::Time time;        // of its first packet
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_POLICY_QUERY_H_

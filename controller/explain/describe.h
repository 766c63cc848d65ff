// SPDX-License-Identifier: Apache-2.0
// A packet in words: "src 10.1.0.5 dst 10.2.0.9 proto tcp dport 22 from tunnel
// acme/fra".
#ifndef RAMPART_CONTROLLER_EXPLAIN_DESCRIBE_H_
#define RAMPART_CONTROLLER_EXPLAIN_DESCRIBE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace rampart {

struct DescribedPacket {
  std::vector<uint8_t> packet;  // from its IP header on
  // Where it comes on; empty: not said.
  std::string tunnel;  // "fra" or "acme/fra"
  std::string vnet;    // "main" or "acme/main"
  std::string device;
};

// words, in any order, unambiguous prefixes of the first of each too:
//   src ADDRESS, dst ADDRESS               needed
//   proto tcp|udp|icmp|NAME|0-255          tcp if there are ports or flags,
//                                          else icmp
//   sport N, dport N                       tcp, udp: 40000; 80, of udp 53
//   flags LETTERS (SAFRPUEC, "." is A)     tcp: S
//   icmp TYPE CODE                         echo request
//   id N                                   identifier of an echo
//   ttl N (64), tos N (0), len N (bytes of the IP packet; its headers), df
//   from tunnel NAME, from device NAME, from vnet NAME, also vnet NAME
// Errors: InvalidArgument that names the word.
absl::StatusOr<DescribedPacket> DescribePacket(
    absl::Span<const std::string> words);

// The words of an origin alone: from, vnet; no packet. Errors: as above.
absl::StatusOr<DescribedPacket> DescribeOrigin(
    absl::Span<const std::string> words);

// The help of the words above, a line each.
extern const char kDescriptionHelp[];

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_EXPLAIN_DESCRIBE_H_

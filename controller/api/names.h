// SPDX-License-Identifier: Apache-2.0
// Numbers of maps/ as words for people.
#ifndef RAMPART_CONTROLLER_API_NAMES_H_
#define RAMPART_CONTROLLER_API_NAMES_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace rampart {

// "tcp", "icmpv6", or the number.
std::string ProtocolName(uint8_t protocol);
// The other way round. Errors: InvalidArgument.
absl::StatusOr<uint8_t> ParseProtocol(std::string_view text);

// "underlay", "stack", or the VNI. realm: host order.
std::string RealmName(uint32_t realm);

// Both directions of enum rp_tcp_seen as one state: SYN_SENT, SYN_RECEIVED,
// ESTABLISHED, CLOSING (one FIN), CLOSED (both), RESET; NONE if nothing was
// seen.
std::string_view TcpState(uint8_t seen);

// A row of maps/outcomes.h.
struct DropReason {
  uint16_t value;
  std::string_view symbol;
  std::string_view id;
  std::string_view help;
};
absl::Span<const DropReason> DropReasons();
// The symbol of any outcome, or its number.
std::string OutcomeName(uint32_t outcome);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_API_NAMES_H_

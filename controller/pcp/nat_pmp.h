// SPDX-License-Identifier: Apache-2.0
// Messages of the NAT Port Mapping Protocol (RFC 6886), which is version 0 of
// PCP on the same port, and for IPv4 only.
#ifndef RAMPART_CONTROLLER_PCP_NAT_PMP_H_
#define RAMPART_CONTROLLER_PCP_NAT_PMP_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/types/span.h"
#include "controller/base/ip.h"

namespace rampart {

inline constexpr uint8_t kNatPmpVersion = 0;

// RFC 6886 section 3.5.
enum class NatPmpResult : uint16_t {
  kSuccess = 0,
  kNotAuthorized = 2,
  kNetworkFailure = 3,
  kOutOfResources = 4,
  kUnsupportedOpcode = 5,
};

enum class NatPmpOpcode : uint8_t {
  kExternalAddress = 0,
  kMapUdp = 1,
  kMapTcp = 2,
  kOther,
};

struct NatPmpRequest {
  NatPmpOpcode opcode = NatPmpOpcode::kOther;
  uint8_t opcode_byte = 0;
  // Mappings:
  uint16_t inside_port = 0;
  uint16_t suggested_port = 0;  // 0: any
  uint32_t lifetime = 0;        // seconds; 0: delete
};

// Nothing: not a request, or cut short: no answer.
std::optional<NatPmpRequest> ReadNatPmp(absl::Span<const uint8_t> payload);

// epoch: seconds. What belongs to the answer beside the result is zero if it
// is not kSuccess.
std::vector<uint8_t> NatPmpAnswer(const NatPmpRequest& request,
                                  NatPmpResult result, uint32_t epoch,
                                  const IpAddress& address, uint16_t port,
                                  uint32_t lifetime);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_PCP_NAT_PMP_H_

// SPDX-License-Identifier: Apache-2.0
// Messages of the Port Control Protocol (RFC 6887) as values.
#ifndef RAMPART_CONTROLLER_PCP_MESSAGE_H_
#define RAMPART_CONTROLLER_PCP_MESSAGE_H_

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/types/span.h"
#include "controller/base/endpoint.h"

namespace rampart {

inline constexpr uint8_t kPcpVersion = 2;

// RFC 6887 section 7.4.
enum class PcpResult : uint8_t {
  kSuccess = 0,
  kUnsuppVersion = 1,
  kNotAuthorized = 2,
  kMalformedRequest = 3,
  kUnsuppOpcode = 4,
  kUnsuppOption = 5,
  kMalformedOption = 6,
  kNetworkFailure = 7,
  kNoResources = 8,
  kUnsuppProtocol = 9,
  kUserExQuota = 10,
  kCannotProvideExternal = 11,
  kAddressMismatch = 12,
};

enum class PcpOpcode : uint8_t { kAnnounce = 0, kMap = 1, kPeer = 2 };

using PcpNonce = std::array<uint8_t, 12>;

// A request; what its opcode does not have is left unset.
struct PcpRequest {
  PcpOpcode opcode = PcpOpcode::kAnnounce;
  uint32_t lifetime = 0;  // seconds; 0: delete
  PcpNonce nonce = {};
  uint8_t protocol = 0;
  uint16_t inside_port = 0;
  Endpoint suggested;  // unspecified address, port 0: any
  Endpoint remote;     // PEER
  bool prefer_failure = false;
};

// What became of reading a request: it is one, or which error to answer.
struct PcpReading {
  PcpResult result = PcpResult::kSuccess;
  PcpRequest request;
};

// source: of the packet. Nothing: no answer at all (RFC 6887 section 8.2).
std::optional<PcpReading> ReadPcp(absl::Span<const uint8_t> payload,
                                  const IpAddress& source);

// Seconds for which the same error is to be expected (section 7.4).
uint32_t PcpErrorLifetime(PcpResult result);

struct PcpStamp {
  uint32_t lifetime = 0;  // seconds
  uint32_t epoch = 0;     // seconds
};
// An error is the request once more (section 8.2). understood: ReadPcp() found
// nothing wrong.
std::vector<uint8_t> PcpError(absl::Span<const uint8_t> payload,
                              PcpResult result, PcpStamp stamp,
                              bool understood);
// outside: what was assigned; of a deletion, what was suggested.
std::vector<uint8_t> PcpSuccess(const PcpRequest& request, PcpStamp stamp,
                                const Endpoint& outside);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_PCP_MESSAGE_H_

// SPDX-License-Identifier: Apache-2.0
#include "controller/pcp/nat_pmp.h"

#include "controller/base/status.h"
#include "controller/pcp/wire.h"

namespace rampart {
namespace {

constexpr uint8_t kResponse = 128;
constexpr size_t kMapSize = 12;  // RFC 6886 section 3.3

}  // namespace

std::optional<NatPmpRequest> ReadNatPmp(absl::Span<const uint8_t> payload) {
  if (payload.size() < 2 || payload[0] != kNatPmpVersion ||
      payload[1] >= kResponse)
    return std::nullopt;
  NatPmpRequest request;
  request.opcode_byte = payload[1];
  if (payload[1] >= static_cast<uint8_t>(NatPmpOpcode::kOther)) return request;
  request.opcode = NatPmpOpcode{payload[1]};
  if (request.opcode == NatPmpOpcode::kExternalAddress) return request;
  if (payload.size() < kMapSize) return std::nullopt;
  request.inside_port = Read16(payload, 4);
  request.suggested_port = Read16(payload, 6);
  request.lifetime = Read32(payload, 8);
  return request;
}

std::vector<uint8_t> NatPmpAnswer(const NatPmpRequest& request,
                                  NatPmpResult result, uint32_t epoch,
                                  const IpAddress& address, uint16_t port,
                                  uint32_t lifetime) {
  std::vector<uint8_t> answer = {
      kNatPmpVersion, static_cast<uint8_t>(request.opcode_byte | kResponse)};
  Add16(answer, static_cast<uint16_t>(result));
  Add32(answer, epoch);
  const bool ok = result == NatPmpResult::kSuccess;
  switch (request.opcode) {
    case NatPmpOpcode::kExternalAddress: {
      const IpAddress told = ok ? address : IpAddress();
      RP_CHECK(told.is_v4());
      answer.insert(answer.end(), told.bytes().begin(), told.bytes().end());
      break;
    }
    case NatPmpOpcode::kMapUdp:
    case NatPmpOpcode::kMapTcp:
      Add16(answer, request.inside_port);
      Add16(answer, ok ? port : 0);
      Add32(answer, ok ? lifetime : 0);
      break;
    case NatPmpOpcode::kOther:
      break;
  }
  return answer;
}

}  // namespace rampart

// SPDX-License-Identifier: Apache-2.0
#include "controller/pcp/message.h"

#include <algorithm>
#include <cstddef>

#include "controller/pcp/wire.h"

namespace rampart {
namespace {

using Bytes = absl::Span<const uint8_t>;

constexpr uint8_t kResponse = 0x80;  // in the second byte
constexpr size_t kHeader = 24;       // RFC 6887 sections 7.1 and 7.2
constexpr size_t kMaxMessage = 1100;
constexpr size_t kMapData = 36;   // section 11.1
constexpr size_t kPeerData = 56;  // section 12.1
constexpr size_t kOptionHeader = 4;
constexpr uint8_t kThirdParty = 1;
constexpr uint8_t kPreferFailure = 2;
constexpr uint8_t kFirstIgnorable = 128;

// Bytes of the request in front of its options; 0: no such opcode.
size_t FixedSize(uint8_t opcode) {
  switch (PcpOpcode{opcode}) {
    case PcpOpcode::kAnnounce:
      return kHeader;
    case PcpOpcode::kMap:
      return kHeader + kMapData;
    case PcpOpcode::kPeer:
      return kHeader + kPeerData;
  }
  return 0;
}

PcpResult ReadThirdParty(Bytes data, const IpAddress& source) {
  if (data.size() != 16) return PcpResult::kMalformedOption;
  // Section 13.1: nobody may speak for another here.
  return ReadAddress(data, 0) == source ? PcpResult::kMalformedRequest
                                        : PcpResult::kUnsuppOption;
}

PcpResult ReadPreferFailure(Bytes data, PcpRequest& request) {
  if (!data.empty() || request.opcode != PcpOpcode::kMap ||
      request.lifetime == 0 || request.suggested.port == 0 ||
      request.prefer_failure)
    return PcpResult::kMalformedOption;
  request.prefer_failure = true;
  return PcpResult::kSuccess;
}

PcpResult ReadOption(uint8_t code, Bytes data, const IpAddress& source,
                     PcpRequest& request) {
  if (code >= kFirstIgnorable) return PcpResult::kSuccess;
  if (code == kPreferFailure) return ReadPreferFailure(data, request);
  if (code == kThirdParty) return ReadThirdParty(data, source);
  return PcpResult::kUnsuppOption;
}

// The structure of all options is checked before any of them is judged
// (section 7.3).
PcpResult ReadOptions(Bytes options, const IpAddress& source,
                      PcpRequest& request) {
  for (const bool judge : {false, true}) {
    for (Bytes rest = options; !rest.empty();) {
      const size_t length = Read16(rest, 2);
      const size_t padded = (length + 3) / 4 * 4;
      if (padded > rest.size() - kOptionHeader)
        return PcpResult::kMalformedOption;
      if (judge) {
        const PcpResult result = ReadOption(
            rest[0], rest.subspan(kOptionHeader, length), source, request);
        if (result != PcpResult::kSuccess) return result;
      }
      rest.remove_prefix(kOptionHeader + padded);
    }
  }
  return PcpResult::kSuccess;
}

void ReadData(Bytes data, PcpRequest& request) {
  std::copy_n(data.begin(), request.nonce.size(), request.nonce.begin());
  request.protocol = data[12];
  request.inside_port = Read16(data, 16);
  request.suggested = {ReadAddress(data, 20), Read16(data, 18)};
  if (request.opcode == PcpOpcode::kPeer)
    request.remote = {ReadAddress(data, 40), Read16(data, 36)};
}

}  // namespace

std::optional<PcpReading> ReadPcp(Bytes payload, const IpAddress& source) {
  if (payload.size() < 2 || (payload[1] & kResponse) != 0) return std::nullopt;
  if (payload[0] != kPcpVersion) return PcpReading{PcpResult::kUnsuppVersion};
  if (payload.size() < kHeader) return std::nullopt;
  if (payload.size() > kMaxMessage || payload.size() % 4 != 0)
    return PcpReading{PcpResult::kMalformedRequest};
  const size_t fixed = FixedSize(payload[1]);
  if (fixed == 0) return PcpReading{PcpResult::kUnsuppOpcode};
  if (payload.size() < fixed) return PcpReading{PcpResult::kMalformedRequest};
  if (ReadAddress(payload, 8) != source)
    return PcpReading{PcpResult::kAddressMismatch};

  PcpReading reading;
  PcpRequest& request = reading.request;
  request.opcode = PcpOpcode{payload[1]};
  request.lifetime = Read32(payload, 4);
  if (fixed > kHeader) ReadData(payload.subspan(kHeader), request);
  reading.result = ReadOptions(payload.subspan(fixed), source, request);
  return reading;
}

uint32_t PcpErrorLifetime(PcpResult result) {
  switch (result) {
    case PcpResult::kNetworkFailure:
    case PcpResult::kNoResources:
    case PcpResult::kUserExQuota:
    case PcpResult::kCannotProvideExternal:
      return 30;
    default:
      return 30 * 60;
  }
}

std::vector<uint8_t> PcpError(Bytes payload, PcpResult result, PcpStamp stamp,
                              bool understood) {
  std::vector<uint8_t> answer = {kPcpVersion,
                                 static_cast<uint8_t>(payload[1] | kResponse),
                                 0, static_cast<uint8_t>(result)};
  Add32(answer, stamp.lifetime);
  Add32(answer, stamp.epoch);
  // Section 7.2: the last 96 bits of the client's address come back, unless
  // the request could be read.
  if (understood) answer.resize(kHeader);
  const Bytes rest = payload.subspan(std::min(answer.size(), payload.size()));
  const size_t room = kMaxMessage - answer.size();
  answer.insert(answer.end(), rest.begin(),
                rest.begin() + std::min(rest.size(), room));
  answer.resize(std::max(kHeader, (answer.size() + 3) / 4 * 4));
  return answer;
}

std::vector<uint8_t> PcpSuccess(const PcpRequest& request, PcpStamp stamp,
                                const Endpoint& outside) {
  std::vector<uint8_t> answer = {
      kPcpVersion,
      static_cast<uint8_t>(static_cast<uint8_t>(request.opcode) | kResponse), 0,
      static_cast<uint8_t>(PcpResult::kSuccess)};
  Add32(answer, stamp.lifetime);
  Add32(answer, stamp.epoch);
  answer.resize(kHeader);
  if (request.opcode == PcpOpcode::kAnnounce) return answer;
  answer.insert(answer.end(), request.nonce.begin(), request.nonce.end());
  answer.insert(answer.end(), {request.protocol, 0, 0, 0});
  Add16(answer, request.inside_port);
  Add16(answer, outside.port);
  AddAddress(answer, outside.address);
  if (request.opcode == PcpOpcode::kPeer) {
    Add16(answer, request.remote.port);
    Add16(answer, 0);
    AddAddress(answer, request.remote.address);
  }
  if (request.prefer_failure)
    answer.insert(answer.end(), {kPreferFailure, 0, 0, 0});
  return answer;
}

}  // namespace rampart

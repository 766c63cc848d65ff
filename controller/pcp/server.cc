// SPDX-License-Identifier: Apache-2.0
#include "controller/pcp/server.h"

#include <netinet/in.h>

#include <utility>

namespace rampart {
namespace {

using Outcome = PcpMappings::Outcome;

// Requests that wait for a block; clients ask again (RFC 6887 section 8.2).
constexpr size_t kMaxWaiting = 1000;

Outcome Failed(PcpResult result) {
  return {.result = result, .lifetime = PcpErrorLifetime(result)};
}

bool IsTcpOrUdp(uint8_t protocol) {
  return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP;
}

// RFC 6887 sections 11.3 and 15.1: what protocol and port 0 mean. Mappings of
// a whole protocol or host are not possible, so there is none to delete.
PcpResult CheckMap(const PcpRequest& request) {
  if (request.protocol == 0 && request.inside_port != 0)
    return PcpResult::kMalformedRequest;
  if (request.lifetime != 0 &&
      (!IsTcpOrUdp(request.protocol) || request.inside_port == 0))
    return PcpResult::kUnsuppProtocol;
  return PcpResult::kSuccess;
}

// Section 12.3.
PcpResult CheckPeer(const PcpRequest& request, const IpAddress& client) {
  if (!IsTcpOrUdp(request.protocol)) return PcpResult::kUnsuppProtocol;
  const Endpoint& remote = request.remote;
  if (request.inside_port == 0 || remote.port == 0 ||
      remote.address.IsMartian() || remote.address.family() != client.family())
    return PcpResult::kMalformedRequest;
  return PcpResult::kSuccess;
}

NatPmpResult ToNatPmp(PcpResult result) {
  switch (result) {
    case PcpResult::kSuccess:
      return NatPmpResult::kSuccess;
    case PcpResult::kNetworkFailure:
      return NatPmpResult::kNetworkFailure;
    case PcpResult::kNoResources:
    case PcpResult::kUserExQuota:
      return NatPmpResult::kOutOfResources;
    case PcpResult::kUnsuppOpcode:
      return NatPmpResult::kUnsupportedOpcode;
    default:
      return NatPmpResult::kNotAuthorized;
  }
}

}  // namespace

void PcpServer::Receive(const PcpClient& client,
                        absl::Span<const uint8_t> payload) {
  if (!payload.empty() && payload[0] == kNatPmpVersion &&
      client.subscriber.address.is_v4())
    ReceiveNatPmp(client, payload);
  else
    ReceivePcp(client, payload);
}

void PcpServer::ReceivePcp(const PcpClient& client,
                           absl::Span<const uint8_t> payload) {
  const std::optional<PcpReading> reading =
      ReadPcp(payload, client.subscriber.address);
  if (!reading) return;
  const bool understood = reading->result == PcpResult::kSuccess;
  const Outcome outcome =
      understood ? Do(client, reading->request) : Failed(reading->result);
  if (outcome.wait) return Wait(client, payload);
  const PcpStamp stamp = {.lifetime = outcome.lifetime,
                          .epoch = mappings_.Epoch()};
  SendWhenDurable(outcome.record, client,
                  outcome.result == PcpResult::kSuccess
                      ? PcpSuccess(reading->request, stamp, outcome.outside)
                      : PcpError(payload, outcome.result, stamp, understood));
}

Outcome PcpServer::Do(const PcpClient& client, const PcpRequest& request) {
  if (request.opcode == PcpOpcode::kAnnounce) return {};
  const PcpResult result = request.opcode == PcpOpcode::kMap
                               ? CheckMap(request)
                               : CheckPeer(request, client.subscriber.address);
  if (result != PcpResult::kSuccess) return Failed(result);
  return mappings_.Do(client.pool, client.subscriber,
                      {.key = {.protocol = request.protocol,
                               .inside_port = request.inside_port,
                               .remote = request.remote},
                       .nonce = request.nonce,
                       .suggested = request.suggested,
                       .lifetime = request.lifetime,
                       .prefer_failure = request.prefer_failure});
}

void PcpServer::ReceiveNatPmp(const PcpClient& client,
                              absl::Span<const uint8_t> payload) {
  const std::optional<NatPmpRequest> request = ReadNatPmp(payload);
  if (!request) return;
  const Outcome outcome = Do(client, *request);
  if (outcome.wait) return Wait(client, payload);
  SendWhenDurable(outcome.record, client,
                  NatPmpAnswer(*request, ToNatPmp(outcome.result),
                               mappings_.Epoch(), outcome.outside.address,
                               outcome.outside.port, outcome.lifetime));
}

// A mapping of NAT-PMP has the nonce 0: it has none.
Outcome PcpServer::Do(const PcpClient& client, const NatPmpRequest& request) {
  if (request.opcode == NatPmpOpcode::kOther)
    return Failed(PcpResult::kUnsuppOpcode);
  if (client.pool.empty()) return Failed(PcpResult::kNotAuthorized);
  if (request.opcode == NatPmpOpcode::kExternalAddress)
    return ExternalAddress(client);
  const uint8_t protocol =
      request.opcode == NatPmpOpcode::kMapUdp ? IPPROTO_UDP : IPPROTO_TCP;
  if (request.inside_port == 0)  // RFC 6886 section 3.4
    return request.lifetime == 0
               ? mappings_.DeleteAll(client.subscriber, protocol, {})
               : Failed(PcpResult::kNotAuthorized);
  const uint16_t suggested =
      request.lifetime == 0 ? uint16_t{0} : request.suggested_port;
  return mappings_.Do(
      client.pool, client.subscriber,
      {.key = {.protocol = protocol, .inside_port = request.inside_port},
       .suggested = {IpAddress(), suggested},
       .lifetime = request.lifetime});
}

// The address that the subscriber is paired with. One without mappings is
// paired by a mapping that is given back at once: its block rests, and so does
// the pairing, longer than it takes to ask for a mapping next.
Outcome PcpServer::ExternalAddress(const PcpClient& client) {
  const NatAllocator::Request request = {.pool = client.pool,
                                         .subscriber = client.subscriber,
                                         .protocol = IPPROTO_UDP,
                                         .inside_port = client.port,
                                         .remote = {client.server, kPcpPort}};
  const NatGrant grant = nat_.Acquire(request);
  if (grant.verdict == NatVerdict::kLogging) return {.wait = true};
  if (!grant.ok()) return Failed(PcpResult::kNetworkFailure);
  nat_.Release(request, grant.outside);
  return {.outside = grant.outside};
}

void PcpServer::Wait(const PcpClient& client,
                     absl::Span<const uint8_t> payload) {
  if (waiting_.size() < kMaxWaiting)
    waiting_.push_back({client, {payload.begin(), payload.end()}});
}

void PcpServer::SendWhenDurable(uint64_t record, const PcpClient& client,
                                std::vector<uint8_t> payload) {
  if (record <= durable_)
    send_(client, payload);
  else
    answers_.push_back({record, client, std::move(payload)});
}

void PcpServer::Logged(uint64_t up_to) {
  durable_ = up_to;
  for (; !answers_.empty() && answers_.front().record <= up_to;
       answers_.pop_front())
    send_(answers_.front().client, answers_.front().payload);
  std::vector<Request> requests;
  requests.swap(waiting_);
  for (const Request& request : requests)
    Receive(request.client, request.payload);
}

}  // namespace rampart

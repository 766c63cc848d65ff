// SPDX-License-Identifier: Apache-2.0
// Answers subscribers who ask for mappings: PCP (RFC 6887) and NAT-PMP (RFC
// 6886).
#ifndef RAMPART_CONTROLLER_PCP_SERVER_H_
#define RAMPART_CONTROLLER_PCP_SERVER_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "controller/nat/types.h"
#include "controller/pcp/mappings.h"
#include "controller/pcp/message.h"
#include "controller/pcp/nat_pmp.h"
#include "maps/punt.h"

namespace rampart {

inline constexpr uint16_t kPcpPort = 5351;  // UDP, of the server

struct PcpClient {
  Subscriber subscriber;
  uint16_t port = 0;  // where the answer goes
  IpAddress server;   // where the request was sent, and the answer is from
  // The pool on the subscriber's way to the Internet; empty: there is none, or
  // it is not for PCP.
  std::string pool;
  rp_punt punt = {};  // how the request came, for the way back
};

// Does no I/O. A mapping is promised only when its record is durable, so an
// answer may come later than its request.
class PcpServer {
 public:
  using Send = std::function<void(const PcpClient&,
                                  const std::vector<uint8_t>& payload)>;
  // nat and mappings must outlive this.
  PcpServer(NatAllocator& nat, PcpMappings& mappings, Send send)
      : nat_(nat), mappings_(mappings), send_(std::move(send)) {}

  // A UDP payload that came to kPcpPort of a router address.
  void Receive(const PcpClient& client, absl::Span<const uint8_t> payload);
  // Records up to this number are durable. Tell NatAllocator first.
  void Logged(uint64_t up_to);

 private:
  struct Request {
    PcpClient client;
    std::vector<uint8_t> payload;
  };
  struct Answer {
    uint64_t record;
    PcpClient client;
    std::vector<uint8_t> payload;
  };
  using Outcome = PcpMappings::Outcome;

  void ReceivePcp(const PcpClient& client, absl::Span<const uint8_t> payload);
  Outcome Do(const PcpClient& client, const PcpRequest& request);
  void ReceiveNatPmp(const PcpClient& client,
                     absl::Span<const uint8_t> payload);
  Outcome Do(const PcpClient& client, const NatPmpRequest& request);
  Outcome ExternalAddress(const PcpClient& client);
  void Wait(const PcpClient& client, absl::Span<const uint8_t> payload);
  void SendWhenDurable(uint64_t record, const PcpClient& client,
                       std::vector<uint8_t> payload);

  NatAllocator& nat_;
  PcpMappings& mappings_;
  const Send send_;
  uint64_t durable_ = 0;          // records up to this number
  std::vector<Request> waiting_;  // for blocks of ports
  std::deque<Answer> answers_;    // by record
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_PCP_SERVER_H_

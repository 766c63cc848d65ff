// SPDX-License-Identifier: Apache-2.0
// Requests of PCP and NAT-PMP, which come as packets to a router address.
#ifndef RAMPART_CONTROLLER_FLOW_PORT_CONTROL_H_
#define RAMPART_CONTROLLER_FLOW_PORT_CONTROL_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "controller/base/clock.h"
#include "controller/compile/snapshot.h"
#include "controller/flow/packet.h"
#include "controller/flow/rate_limit.h"
#include "controller/flow/replies.h"
#include "controller/nat/allocator.h"
#include "controller/nat/block_log.h"
#include "controller/pcp/mappings.h"
#include "controller/pcp/server.h"

namespace rampart {

class PortControl {
 public:
  struct Dependencies {  // all outlive this
    NatAllocator& nat;
    BlockLog& log;
    const Clock& clock;
    Replies& replies;
  };
  explicit PortControl(const Dependencies& dependencies);

  // The mappings of an earlier run, once, before flows are adopted. Errors:
  // those of BlockLog.
  absl::Status Restore();
  // Mappings of vnets that are gone end.
  void Use(const Snapshot* snapshot);

  // Whether a packet to a router address is for this.
  static bool IsFor(const Packet& packet);
  // The source of the packet has been checked.
  void OnPacket(const rp_punt& punt, const Packet& packet);

  // Records up to this number are durable. Tell NatAllocator first.
  void Logged(uint64_t up_to) { server_.Logged(up_to); }
  void OnTick() { mappings_.Expire(); }

 private:
  std::string PoolOf(uint32_t realm, Family family) const;

  const Dependencies deps_;
  PcpMappings mappings_;
  PcpServer server_;
  const Snapshot* snapshot_ = nullptr;
  // RFC 6887 section 8.2: clients ask again. Each request may cost a record.
  RateLimit limit_{100, 50};
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_FLOW_PORT_CONTROL_H_

// SPDX-License-Identifier: Apache-2.0
// What the edge itself sends: ICMP errors, echo replies, resets, back the way
// the packet came.
#ifndef RAMPART_CONTROLLER_FLOW_REPLIES_H_
#define RAMPART_CONTROLLER_FLOW_REPLIES_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "controller/base/clock.h"
#include "controller/compile/snapshot.h"
#include "controller/dataplane/data_plane.h"
#include "controller/flow/hooks.h"
#include "controller/flow/icmp.h"
#include "controller/flow/next_hops.h"
#include "controller/flow/packet.h"
#include "controller/flow/rate_limit.h"
#include "controller/netlink/underlay.h"

namespace rampart {

class Replies {
 public:
  struct Dependencies {  // all outlive this
    DataPlane& data_plane;
    const Underlay& underlay;
    const Clock& clock;
    NextHops& next_hops;
    FlowHooks& hooks;
  };
  explicit Replies(const Dependencies& dependencies) : deps_(dependencies) {}

  void Use(const Snapshot* snapshot) { snapshot_ = snapshot; }

  // Each sends nothing if the realm has had its share, or if there must be no
  // such answer to the packet, or no way back.
  void SendIcmpError(IcmpError error, const rp_punt& punt, const Packet& packet,
                     std::string_view about = {});
  void SendEchoReply(const rp_punt& punt, const Packet& packet);
  void SendTcpReset(const rp_punt& punt, const Packet& packet);
  // The way back of whatever came as `punt` says. Both of one family.
  void SendUdp(const rp_punt& punt, const Endpoint& source,
               const Endpoint& destination, absl::Span<const uint8_t> payload);

 private:
  // Back to the sender, if the rate allows.
  void Send(const rp_punt& punt, const IpAddress& sender,
            const std::vector<uint8_t>& reply);
  absl::StatusOr<uint32_t> WayBack(const rp_punt& punt,
                                   const IpAddress& sender);
  IpAddress SourceOfErrors(const rp_punt& punt, const Packet& packet) const;

  Dependencies deps_;
  const Snapshot* snapshot_ = nullptr;
  RateLimit limit_{100, 50};
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_FLOW_REPLIES_H_

// SPDX-License-Identifier: Apache-2.0
// Echo requests through each peer of the tunnels that have probes, and what
// follows from their answers.
#ifndef RAMPART_CONTROLLER_FLOW_PROBES_H_
#define RAMPART_CONTROLLER_FLOW_PROBES_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "controller/compile/snapshot.h"
#include "controller/dataplane/data_plane.h"
#include "controller/flow/hooks.h"
#include "controller/flow/next_hops.h"
#include "controller/flow/packet.h"
#include "controller/health/peer_health.h"

namespace rampart {

// A probe leaves like any packet of the edge, by a next hop of its own that
// only ever leads to that peer. Its answer comes on through the tunnel, by
// whichever peer the other end likes; it is of no flow, and so it is punted.
class Probes {
 public:
  struct Dependencies {  // all outlive this
    DataPlane& data_plane;
    FlowHooks& hooks;
    NextHops& next_hops;
    PeerHealth& health;
    // Nobody can answer who has not seen a probe. Another one in each run.
    uint64_t nonce;
  };
  explicit Probes(const Dependencies& dependencies) : deps_(dependencies) {}

  void Use(const Snapshot* snapshot) { snapshot_ = snapshot; }

  // Whether this is the answer to a probe, which ends here then.
  bool OnPacket(const rp_punt& punt, const Packet& packet);
  // Sends what is due, and moves the flows of peers that have become up or
  // down. Errors: those of next hops.
  absl::Status OnTick();

  std::vector<PeerChange> TakeChanges() { return std::exchange(changes_, {}); }

 private:
  void Send(const Snapshot::TunnelRef& tunnel, uint32_t peer,
            uint16_t sequence);
  uint16_t id() const { return static_cast<uint16_t>(deps_.nonce); }

  const Dependencies deps_;
  const Snapshot* snapshot_ = nullptr;
  std::vector<PeerChange> changes_;  // that nobody has taken
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_FLOW_PROBES_H_

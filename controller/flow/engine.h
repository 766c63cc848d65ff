// SPDX-License-Identifier: Apache-2.0
// The slow path: every new flow is decided here once.
#ifndef RAMPART_CONTROLLER_FLOW_ENGINE_H_
#define RAMPART_CONTROLLER_FLOW_ENGINE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controller/base/clock.h"
#include "controller/compile/snapshot.h"
#include "controller/dataplane/data_plane.h"
#include "controller/flow/flow_count.h"
#include "controller/flow/hooks.h"
#include "controller/flow/judge.h"
#include "controller/flow/past.h"
#include "controller/health/peer_health.h"
#include "controller/model/on_change.h"
#include "controller/nat/allocator.h"
#include "controller/nat/block_log.h"
#include "controller/netlink/underlay.h"

namespace rampart {

// Single-threaded; everything happens in the calls below.
class Engine {
 public:
  // All must outlive the engine.
  struct Dependencies {
    DataPlane& data_plane;
    Underlay& underlay;
    FlowHooks& hooks;
    const Clock& clock;
    std::function<uint32_t(uint32_t bound)> random;  // uniform in [0, bound)
    BlockLog* block_log = nullptr;  // null: blocks of ports are not logged
    PastSnapshots past = nullptr;   // null: nobody knows them
  };

  virtual ~Engine() = default;

  // Puts a snapshot in force: peers, grants, addresses, rp_config, next hops.
  // Additions are written before removals, so live flows never miss. Flows
  // that `on_change` ends are ended by the sweep that follows. The first call
  // also adopts the flows and NAT state found in pinned maps.
  virtual absl::Status Apply(std::shared_ptr<const Snapshot> snapshot,
                             OnChange on_change) = 0;

  // Handles waiting punts, at most `budget`. Returns the number handled.
  virtual absl::StatusOr<int> ProcessPunts(int budget) = 0;

  // Call every kEngineTick: a slice of the idle scan, retries of unresolved
  // next hops, the clock offset of profile mac.
  virtual absl::Status OnTick() = 0;

  // Records of the block log are durable (call when its fd() is readable).
  virtual void OnLogged() = 0;

  // The underlay changed (call from Underlay's listener).
  virtual void OnUnderlayChange() = 0;

  struct FlowView {  // forward direction, with what its reverse counts
    FlowTuple tuple;
    Endpoint translated_source;  // after the rewrite
    Endpoint translated_destination;
    uint32_t on_ramp = 0;  // tunnel id
    rp_next_hop next_hop = {};
    uint32_t reverse_realm = 0;
    uint64_t packets[2] = {};
    uint64_t bytes[2] = {};
    absl::Duration idle;
    absl::Duration expires_in;
    uint8_t tcp = 0;  // enum rp_tcp_seen
    rp_flow_kind kind = RP_FLOW_FORWARD;
    uint32_t epoch = 0;  // that admitted it
    std::string rule;
  };
  // Refusals that are remembered too.
  virtual void ForEachFlow(
      absl::FunctionRef<void(const FlowView&)> visit) const = 0;
  // What `next`, which is not in force, would make of the flows there are now:
  // visits those that would not stay. Cost: as ForEachFlow(), but that only
  // flows of tenants that were edited are decided about; false if that took
  // longer than `patience`, and not all were looked at.
  virtual bool Forecast(
      const Snapshot& next, absl::Duration patience,
      absl::FunctionRef<void(const FlowView&, const Judgement&)> visit)
      const = 0;
  virtual void ForEachNatSession(
      absl::FunctionRef<void(const NatSession&)> visit) const = 0;
  // Null before the first Apply().
  virtual const NatAllocator* nat() const = 0;

  struct Statistics {
    uint64_t punts = 0;
    uint64_t flows_started = 0;
    uint64_t flows_ended = 0;
    uint64_t flows_adopted = 0;
    uint64_t flows = 0;  // now
    uint64_t pending_packets = 0;
    // What became of the punts of this run; together they are `punts`.
    uint64_t punts_dropped = 0;
    uint64_t punts_injected = 0;
    uint64_t punts_answered = 0;
    uint64_t punts_waiting = 0;
  };
  virtual Statistics statistics() const = 0;
  // How full a map is, as the engine knows without asking the kernel.
  struct MapUse {
    std::string_view map;
    uint64_t entries = 0;
    uint64_t capacity = 0;
    uint64_t refused = 0;  // did not get in since the start
  };
  virtual std::vector<MapUse> map_use() const = 0;
  // Flows by realm: the vnet they came on from, or lead to from outside. Only
  // realms that have had flows.
  virtual const absl::flat_hash_map<uint32_t, FlowCount>& flow_counts()
      const = 0;
  // What its probes say about a peer of a tunnel, by its position.
  virtual PeerView peer(uint32_t tunnel, uint32_t position) const = 0;
  // Peers that have become up or down since the last call, for the log.
  virtual std::vector<PeerChange> TakePeerChanges() = 0;
};

inline constexpr absl::Duration kEngineTick = absl::Milliseconds(100);

// Errors: what reading the pinned maps says.
absl::StatusOr<std::unique_ptr<Engine>> MakeEngine(
    const Engine::Dependencies& dependencies);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_FLOW_ENGINE_H_

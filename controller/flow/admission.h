// SPDX-License-Identifier: Apache-2.0
// What becomes of a punted packet: the one decision about each flow.
#ifndef RAMPART_CONTROLLER_FLOW_ADMISSION_H_
#define RAMPART_CONTROLLER_FLOW_ADMISSION_H_

#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "controller/base/clock.h"
#include "controller/compile/snapshot.h"
#include "controller/dataplane/data_plane.h"
#include "controller/flow/flow_entry.h"
#include "controller/flow/flows.h"
#include "controller/flow/hooks.h"
#include "controller/flow/next_hops.h"
#include "controller/flow/packet.h"
#include "controller/flow/pending.h"
#include "controller/flow/replies.h"
#include "controller/flow/slow_drops.h"
#include "controller/nat/allocator.h"

namespace rampart {

class Admission {
 public:
  struct Dependencies {  // all outlive this
    DataPlane& data_plane;
    FlowHooks& hooks;
    const Clock& clock;
    Flows& flows;
    NextHops& next_hops;
    Replies& replies;
    SlowDrops& drops;
    uint64_t hash_seed;
  };
  explicit Admission(const Dependencies& dependencies) : deps_(dependencies) {}

  void Use(const Snapshot* snapshot, NatAllocator* nat);

  // Punted packets. All are decided about before the first flow is written, so
  // that memory has time to come. Errors are the kernel's and concern the whole
  // controller; whatever is wrong with a packet is counted.
  absl::Status OnPunts(absl::Span<const DataPlane::Punt> punts);
  // Lets go the packets whose next hop is resolved now, and drops those that
  // have waited too long.
  absl::Status ServePending();

  size_t pending() const { return pending_.size(); }

 private:
  struct Arrival {
    const rp_punt& punt;
    const Packet& packet;
    Snapshot::TunnelRef on_ramp;  // null members: gone
    Snapshot::VnetRef vnet;
    const FlowTuple& tuple() const { return packet.tuple; }
  };
  Arrival ArrivalOf(const rp_punt& punt, const Packet& packet) const {
    return {punt, packet, snapshot_->FindTunnel(punt.tunnel),
            snapshot_->FindVnet(punt.realm)};
  }
  // A flow that is allowed, with its first packet: to be written.
  template <typename F>
  struct Decided {
    Arrival arrival;
    FlowPair<F> pair;
    std::string rule;
    std::optional<NatAllocator::Request> request;  // the NAT port's
    Endpoint outside;
  };
  // Why a packet does not go on; false if it does.
  struct Refusal {
    rp_outcome reason = RP_FORWARDED;
    bool remember = true;  // for all packets of the tuple
    bool tell = false;     // the sender
    explicit operator bool() const { return reason != RP_FORWARDED; }
  };

  absl::Status OnPunt(const Arrival& arrival);
  // The sender is told why its packet cannot go on.
  void Tell(const Arrival& arrival, rp_outcome reason, IcmpError error);
  template <typename F>
  absl::Status OnMiss(const Arrival& arrival);
  // allowed_by: the rule, if the hooks were asked before. Null: asks them.
  template <typename F>
  absl::Status Decide(const Arrival& arrival, const std::string* allowed_by);
  Refusal CheckSource(const Arrival& arrival) const;
  Refusal CheckRoute(const Arrival& arrival,
                     const Snapshot::RouteRef& route) const;
  Refusal AskHooks(const Arrival& arrival, const Snapshot::RouteRef& route,
                   std::string& rule);
  bool IsForRouter(const Arrival& arrival) const;

  template <typename F>
  absl::Status Admit(const Arrival& arrival, const Snapshot::RouteRef& route,
                     const std::string& rule);
  // Without NAT. Errors: no way out or back.
  absl::StatusOr<FlowPlan> Plan(const Arrival& arrival,
                                const Snapshot::RouteRef& route);
  template <typename F>
  std::vector<Decided<F>>& decided() {
    return std::get<std::vector<Decided<F>>>(decided_);
  }
  // Writes all that is decided, and lets the packets go.
  template <typename F>
  absl::Status InstallDecided();
  template <typename F>
  absl::Status Install(const Decided<F>& decided);
  // Writes the pair, over entries that are over if need be. RP_FORWARDED if
  // it is written, RP_PUNTED if this tuple is a live flow's already.
  template <typename F>
  absl::StatusOr<rp_outcome> Write(const FlowPair<F>& pair,
                                   const std::string& rule, bool reopen);
  void Wait(const Arrival& arrival, uint32_t next_hop, const std::string& rule);
  template <typename F>
  absl::Status Resume(const Arrival& arrival, const Pending::Waiting& waiting);

  template <typename F>
  absl::Status Refuse(const Arrival& arrival, const Refusal& refusal);
  // Writes the refusal. RP_PUNTED if the tuple is a live flow's.
  template <typename F>
  absl::StatusOr<rp_outcome> Remember(const Arrival& arrival,
                                      rp_outcome reason);
  void Drop(const Arrival& arrival, rp_outcome reason);
  void Inject(const Arrival& arrival);
  // The same for a packet of a flow that exists already.
  void Rejoin(const Arrival& arrival);

  Dependencies deps_;
  const Snapshot* snapshot_ = nullptr;
  NatAllocator* nat_ = nullptr;
  Pending pending_;
  // Of the punts in hand.
  std::vector<Packet> packets_;
  std::tuple<std::vector<Decided<FlowV4>>, std::vector<Decided<FlowV6>>>
      decided_;
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_FLOW_ADMISSION_H_

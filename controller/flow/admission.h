// SPDX-License-Identifier: Apache-2.0
// What becomes of a punted packet: the one decision about each flow.
#ifndef RAMPART_CONTROLLER_FLOW_ADMISSION_H_
#define RAMPART_CONTROLLER_FLOW_ADMISSION_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <source_location>
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
#include "controller/flow/knocks.h"
#include "controller/flow/next_hops.h"
#include "controller/flow/packet.h"
#include "controller/flow/parts.h"
#include "controller/flow/pending.h"
#include "controller/flow/port_control.h"
#include "controller/flow/probes.h"
#include "controller/flow/reassembly.h"
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
    Probes& probes;
    uint64_t hash_seed;
  };
  explicit Admission(const Dependencies& dependencies);

  // port_control: null if requests for mappings are not answered.
  void Use(const Snapshot* snapshot, NatAllocator* nat,
           PortControl* port_control);

  // Punted packets. All are decided about before the first flow is written, so
  // that memory has time to come. Errors are the kernel's and concern the whole
  // controller; whatever is wrong with a packet is counted.
  absl::Status OnPunts(absl::Span<const DataPlane::Punt> punts);
  // Lets go the packets whose next hop is resolved now, and drops those that
  // have waited too long. recorded: so is what waits for the log of ports.
  absl::Status ServePending(bool recorded = false);

  // Once a tick of the engine: gives up what has waited too long.
  absl::Status OnTick();

  size_t pending() const { return pending_.size(); }
  // What became of punted packets, beside those that were dropped; fragments
  // count one by one.
  uint64_t injected() const { return injected_; }
  uint64_t answered() const { return answered_; }
  uint64_t waiting() const { return waiting_; }

 private:
  struct Arrival {
    const rp_punt& punt;
    const Packet& packet;
    Snapshot::TunnelRef on_ramp;  // null members: gone
    Snapshot::VnetRef vnet;
    std::optional<Snapshot::RouteRef> route;  // of the destination
    // All fragments of a complete datagram, of which `packet` is the first.
    const std::vector<std::vector<uint8_t>>* parts = nullptr;
    const FlowTuple& tuple() const { return packet.tuple; }
  };
  Arrival ArrivalOf(const rp_punt& punt, const Packet& packet) const {
    return {punt, packet, snapshot_->FindTunnel(punt.tunnel),
            snapshot_->FindVnet(punt.realm),
            snapshot_->FindRoute(punt.realm, packet.tuple.destination.address)};
  }
  // The route of a new flow that will ask for a mapping; else null.
  static const Snapshot::RouteRef* NatRoute(const Arrival& arrival);
  // A flow that is allowed, with its first packet: to be written.
  template <typename F>
  struct Decided {
    Arrival arrival;
    FlowPair<F> pair;
    std::string rule;
    Flows::NatHolds holds = {};
  };
  // Why a packet does not go on; false if it does.
  struct Refusal {
    rp_outcome reason = RP_FORWARDED;
    bool remember = true;  // for all packets of the tuple
    // The sender is told; of TCP, kAdminProhibited by a reset.
    std::optional<IcmpError> tell = std::nullopt;
    explicit operator bool() const { return reason != RP_FORWARDED; }
  };

  // What the hooks said.
  struct Allowed {
    std::string rule;
    std::string_view pool;  // instead of the route's; empty: that one
  };

  // Who packets from outside are for.
  struct Inside {
    Subscriber subscriber;
    Endpoint endpoint;
    std::string_view pool;
    const Tunnel* tunnel = nullptr;
    Allowed allowed;  // to enter
  };

  absl::Status OnPunt(const Arrival& arrival);
  absl::Status OnFragment(const Arrival& arrival);
  // Cuts a packet that is too big.
  void Split(const Arrival& arrival);
  // The sender is told why its packet cannot go on.
  void Tell(const Arrival& arrival, rp_outcome reason, IcmpError error);
  template <typename F>
  absl::Status OnMiss(const Arrival& arrival);
  template <typename F>
  absl::Status Decide(const Arrival& arrival, FlowStart::Asked asked);
  Refusal CheckSource(const Arrival& arrival) const;
  // Whether a packet may begin a flow that is translated.
  static Refusal CheckOpening(const Packet& packet);
  Refusal CheckRoute(const Arrival& arrival,
                     const Snapshot::RouteRef& route) const;
  static bool Explains(const Arrival& arrival);
  static std::string WhyRefused(const Arrival& arrival, rp_outcome reason);
  Refusal AskHooks(const Arrival& arrival, const Snapshot::RouteRef& route,
                   FlowStart::Asked asked, Allowed& allowed);
  bool IsForRouter(const Arrival& arrival) const;

  // From outside, to a NAT address.
  template <typename F>
  absl::Status DecideInbound(const Arrival& arrival, FlowStart::Asked asked);
  // Whether the pool's filtering, the routes and the hooks let `remote` in.
  Refusal FindInside(uint8_t protocol, const Endpoint& outside,
                     const Endpoint& remote, FlowStart::Asked asked,
                     Inside& inside);
  bool HoldInside(uint8_t protocol, const Inside& inside,
                  const Endpoint& outside, const Endpoint& remote,
                  Flows::NatHolds& holds);
  // Whether who is behind tuple.destination lets the host in whose mapping
  // `holds` has; then its own is added. If it is only the filter that does not,
  // the mapping may stay behind as a knock.
  Refusal EnterHairpin(const FlowTuple& tuple, Flows::NatHolds& holds,
                       Inside& inside);
  absl::Status PlanHairpin(const Arrival& arrival, const Inside& inside,
                           FlowPlan& plan);
  // From a vnet to a NAT address, and so to another host behind one (RFC 4787
  // REQ-9).
  template <typename F>
  absl::Status AdmitHairpin(const Arrival& arrival,
                            const Snapshot::RouteRef& route,
                            const Allowed& allowed);
  NatVerdict Hold(const NatAllocator::Request& request, Flows::NatHolds& holds);
  void Release(Flows::NatHolds& holds);
  static std::string_view PoolOf(const Snapshot::RouteRef& route,
                                 const Allowed& allowed) {
    return allowed.pool.empty() ? route.route->pool : allowed.pool;
  }
  static NatAllocator::Request RequestOf(const Arrival& arrival,
                                         std::string_view pool);
  template <typename F>
  void Admitted(const Arrival& arrival, const FlowPlan& plan,
                const std::string& rule, Flows::NatHolds holds);
  template <typename F>
  absl::Status RefuseMapping(const Arrival& arrival, NatVerdict verdict);
  // False if one of the plan's next hops is not resolved: the packet waits.
  bool Resolved(const Arrival& arrival, const FlowPlan& plan);
  uint64_t HashOf(const FlowTuple& tuple) const;
  // Not of the bits that outer source ports are made of.
  uint32_t PeerHashOf(const FlowTuple& tuple) const {
    return static_cast<uint32_t>(HashOf(tuple) >> 32);
  }
  // What is the same for all plans.
  FlowPlan BeginPlan(const FlowTuple& tuple) const;

  template <typename F>
  absl::Status Admit(const Arrival& arrival, const Snapshot::RouteRef& route,
                     const Allowed& allowed);
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
  absl::Status Install(Decided<F>& decided);
  // Writes the pair, over entries that are over if need be. RP_FORWARDED if
  // it is written, RP_PUNTED if this tuple is a live flow's already.
  template <typename F>
  absl::StatusOr<rp_outcome> Write(const FlowPair<F>& pair,
                                   const std::string& rule, bool reopen);
  void Wait(const Arrival& arrival, uint32_t next_hop);
  absl::Status Resume(absl::Span<const Pending::Waiting> ready);
  template <typename F>
  absl::Status Resume(const Arrival& arrival, const Pending::Waiting& waiting);

  template <typename F>
  absl::Status Refuse(const Arrival& arrival, const Refusal& refusal);
  // Writes the refusal. RP_PUNTED if the tuple is a live flow's.
  template <typename F>
  absl::StatusOr<rp_outcome> Remember(const Arrival& arrival,
                                      rp_outcome reason);
  void Drop(const Arrival& arrival, rp_outcome reason,
            std::source_location where = std::source_location::current());
  void AnswerEcho(const Arrival& arrival);
  void InjectParts(const Arrival& arrival);
  void Inject(const Arrival& arrival);
  // The same for a packet of a flow that exists already.
  void Rejoin(const Arrival& arrival);

  static uint64_t PacketsOf(const Arrival& arrival) {
    return arrival.parts != nullptr ? arrival.parts->size() : 1;
  }

  Dependencies deps_;
  uint64_t injected_ = 0;
  uint64_t answered_ = 0;
  uint64_t waiting_ = 0;  // for a next hop, a record, their other fragments
  const Snapshot* snapshot_ = nullptr;
  NatAllocator* nat_ = nullptr;
  PortControl* port_control_ = nullptr;
  Pending pending_;
  Reassembly reassembly_;
  Knocks knocks_;
  Parts parts_;
  // Of the punts in hand.
  absl::Time now_;
  std::vector<Packet> packets_;
  std::deque<Reassembly::Datagram> datagrams_;  // complete, and
  std::deque<Packet> first_parts_;              // the first of each
  std::tuple<std::vector<Decided<FlowV4>>, std::vector<Decided<FlowV6>>>
      decided_;
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_FLOW_ADMISSION_H_

// SPDX-License-Identifier: Apache-2.0
// What an application built on librampart decides. Policy is one of them.
#ifndef RAMPART_CONTROLLER_FLOW_HOOKS_H_
#define RAMPART_CONTROLLER_FLOW_HOOKS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "absl/time/time.h"
#include "controller/base/clock.h"
#include "controller/base/ip.h"
#include "controller/compile/snapshot.h"
#include "controller/nat/allocator.h"
#include "maps/outcomes.h"

namespace rampart {

// A flow as its first packet shows it, in the realm it comes on in.
struct FlowTuple {
  uint32_t realm = 0;
  Endpoint source;
  Endpoint destination;
  uint8_t protocol = 0;  // IANA number; ICMPv6 is 58
  friend bool operator==(const FlowTuple&, const FlowTuple&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const FlowTuple& t) {
    return H::combine(std::move(h), t.realm, t.source, t.destination,
                      t.protocol);
  }
};

struct FlowStart {
  FlowTuple tuple;
  Snapshot::VnetRef vnet;
  Snapshot::TunnelRef on_ramp;
  Snapshot::RouteRef route;   // where it would leave
  std::string_view identity;  // of the sender; empty: nobody knows
  uint8_t icmp_type = 0;      // ICMP, ICMPv6
  absl::Time time;            // of its first packet; now, if it is asked again
  enum class Asked {
    kFirst,
    kWaited,  // was allowed, and had to wait until it could be installed
    kAgain,   // lives: the configuration has changed
  };
  Asked asked = Asked::kFirst;
};

// With the sender's identity as its tunnel knows it. vnet and on_ramp: of one
// tenant, or without members.
inline FlowStart MakeFlowStart(const FlowTuple& tuple,
                               const Snapshot::VnetRef& vnet,
                               const Snapshot::TunnelRef& on_ramp,
                               const Snapshot::RouteRef& route,
                               absl::Time time) {
  FlowStart start = {.tuple = tuple,
                     .vnet = vnet,
                     .on_ramp = on_ramp,
                     .route = route,
                     .identity = {},
                     .time = time};
  if (vnet.policy != nullptr && on_ramp.tunnel != nullptr)
    start.identity =
        vnet.policy->IdentityOf(*on_ramp.tunnel, tuple.source.address);
  return start;
}

struct Decision {
  enum class Action { kAllow, kDeny, kReject };
  Action action = Action::kDeny;
  // For logs; empty: no rule matched. Each different one is kept for ever.
  std::string rule;
  // Counted for a refusal.
  rp_outcome reason = RP_DROP_POLICY_DEFAULT;
  // A refusal is good for all packets of the tuple for some seconds; false: for
  // this one.
  bool remember = true;
  // The NAT pool instead of the route's; empty: that one. Valid as long as the
  // snapshot.
  std::string_view pool = {};
};

enum class FlowEndReason { kIdle, kFin, kReset, kPolicy, kRemoved, kReplaced };

// A flow that is decided about, as far as it has come.
struct FlowState {
  FlowTuple tuple;
  Endpoint source;             // after the rewrite; as in the tuple if it stays
  Endpoint destination;        // likewise
  uint32_t reverse_realm = 0;  // that its answers come on in
  uint32_t on_ramp = 0;        // tunnel id; RP_TUNNEL_UNDERLAY: it is outside
  uint32_t off_ramp = 0;       // likewise
  uint32_t epoch = 0;          // of the configuration that decided about it
  uint32_t start = 0;          // tick
  uint32_t age = 0;            // ticks
  uint64_t packets[2] = {};    // [0] forward, [1] reverse
  uint64_t bytes[2] = {};      // IP total lengths
  // That decided; empty after adoption. Valid as long as the engine.
  std::string_view rule;
  absl::Duration duration() const { return FromTicks(age); }
};

struct FlowEnd : FlowState {
  FlowEndReason reason = FlowEndReason::kIdle;
};

// Called on the controller's only thread; must not block. References are valid
// during the call.
class FlowHooks {
 public:
  virtual ~FlowHooks() = default;
  // The configuration in force from now on; valid until the next call is over.
  virtual void OnApply(const Snapshot& /*snapshot*/) {}
  // Also asked again about every live flow after a change of the
  // configuration; then `route` may be empty. A refusal with
  // RP_DROP_POLICY_REVOKED ends it whatever the change was to do to flows.
  virtual Decision OnFlowStart(const FlowStart& start) = 0;
  virtual void OnFlowEnd(const FlowEnd& end) = 0;

  // How flows are followed on their way. Asked once, before the first flow;
  // who does not follow them is not called, and pays nothing.
  struct Following {
    // OnFlowInstalled(), OnFlowRefused(), OnPacketMade()
    bool installed = false;
    uint32_t update = 0;  // ticks between calls of OnFlowUpdate(); 0: none
  };
  virtual Following following() const { return {}; }
  // Both entries are written, so its rewrite is known.
  virtual void OnFlowInstalled(const FlowState& /*flow*/) {}
  // A refusal is remembered from now on.
  virtual void OnFlowRefused(const FlowState& /*flow*/, rp_outcome /*reason*/) {
  }
  // The edge itself has sent a packet of no flow: an answer, an ICMP error.
  virtual void OnPacketMade() {}
  // The flow lives, and has had packets since the last call.
  virtual void OnFlowUpdate(const FlowState& /*flow*/) {}
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_FLOW_HOOKS_H_

// SPDX-License-Identifier: Apache-2.0
// What an application built on librampart decides. Policy is one of them.
#ifndef RAMPART_CONTROLLER_FLOW_HOOKS_H_
#define RAMPART_CONTROLLER_FLOW_HOOKS_H_

#include <cstdint>
#include <string>
#include <utility>

#include "absl/time/time.h"
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
  Snapshot::RouteRef route;  // where it would leave
};

struct Decision {
  enum class Action { kAllow, kDeny, kReject };
  Action action = Action::kDeny;
  // For logs; empty: no rule matched. Each different one is kept for ever.
  std::string rule;
  // Counted for a refusal.
  rp_outcome reason = RP_DROP_POLICY_DEFAULT;
};

enum class FlowEndReason { kIdle, kFin, kReset, kPolicy, kRemoved, kReplaced };

struct FlowEnd {
  FlowTuple tuple;
  uint64_t packets[2] = {};  // [0] forward, [1] reverse
  uint64_t bytes[2] = {};    // IP total lengths
  absl::Duration duration;   // since start or adoption
  FlowEndReason reason = FlowEndReason::kIdle;
  std::string rule;  // that allowed it; empty after adoption
};

// Called on the controller's only thread; must not block. References are valid
// during the call.
class FlowHooks {
 public:
  virtual ~FlowHooks() = default;
  // Also asked again about every live flow after a change of the
  // configuration; then `route` may be empty.
  virtual Decision OnFlowStart(const FlowStart& start) = 0;
  virtual void OnFlowEnd(const FlowEnd& end) = 0;
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_FLOW_HOOKS_H_

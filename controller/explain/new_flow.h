// SPDX-License-Identifier: Apache-2.0
// What the controller would decide about a packet that has no flow, without
// deciding it.
#ifndef RAMPART_CONTROLLER_EXPLAIN_NEW_FLOW_H_
#define RAMPART_CONTROLLER_EXPLAIN_NEW_FLOW_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "controller/compile/snapshot.h"
#include "controller/flow/packet.h"
#include "controller/nat/allocator.h"
#include "controller/policy/explain.h"

namespace rampart {

// One thing that is looked at, in the order of controller/flow/admission.
struct ExplainedStep {
  std::string stage;  // "source", "route", "policy", "nat", "answer"
  std::string text;
};

struct NewFlowExplanation {
  // RP_FORWARDED: it would begin. RP_PUNTED: the edge answers the packet itself
  // and there is no flow. Else the reason.
  rp_outcome outcome = RP_FORWARDED;
  std::vector<ExplainedStep> steps;
  std::optional<Snapshot::RouteRef> route;  // that wins
  std::vector<Snapshot::RouteRef> lost;     // shorter prefixes
  std::optional<PolicyExplanation> policy;  // if it comes so far
  std::string pool;                         // of NAT; "": not translated
};

struct NewFlow {
  uint32_t realm = 0;
  uint32_t tunnel = 0;  // RP_TUNNEL_UNDERLAY: from outside
  uint32_t peer = 0;    // position in the tunnel
  absl::Time time = absl::Now();
};

// packet: whole; of a datagram in fragments the first one. Changes nothing and
// knows no secrets of the moment: whether the next hop answers, whether a port
// is still free when the packet really comes, whom a knock lets in, how much
// of a rule's limits is used up. nat may be
// null. Cost: some look-ups, and one pass over the rules and over NAT's
// subscribers.
NewFlowExplanation ExplainNewFlow(const Snapshot& snapshot,
                                  const NatAllocator* nat, const NewFlow& flow,
                                  const Packet& packet);

// "acme/main", "acme/fra".
std::string NameOf(const Snapshot::VnetRef& vnet);
std::string NameOf(const Snapshot::TunnelRef& tunnel);
// "10.0.0.0/8 to tunnel fra".
std::string ToString(const Snapshot::RouteRef& route);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_EXPLAIN_NEW_FLOW_H_

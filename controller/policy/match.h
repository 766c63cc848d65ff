// SPDX-License-Identifier: Apache-2.0
// Whether a rule is about a flow, part by part.
#ifndef RAMPART_CONTROLLER_POLICY_MATCH_H_
#define RAMPART_CONTROLLER_POLICY_MATCH_H_

#include "controller/flow/hooks.h"

namespace rampart {

// Parts of a PolicyMatch: the cheapest first, names last.
enum class PolicyPart {
  kProtocol,
  kDestinationPorts,
  kSourcePorts,
  kSources,
  kDestinations,
  kVnet,
  kTunnel,
};
inline constexpr PolicyPart kPolicyParts[] = {
    PolicyPart::kProtocol,     PolicyPart::kDestinationPorts,
    PolicyPart::kSourcePorts,  PolicyPart::kSources,
    PolicyPart::kDestinations, PolicyPart::kVnet,
    PolicyPart::kTunnel};

// Whether this part of the match lets the flow through.
bool PartMatches(PolicyPart part, const PolicyMatch& match,
                 const FlowStart& start);

// Whether all do.
bool Matches(const PolicyMatch& match, const FlowStart& start);

// The first rule of the tenant that matches; null: none.
const PolicyRule* FindRule(const Tenant& tenant, const FlowStart& start);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_POLICY_MATCH_H_

// SPDX-License-Identifier: Apache-2.0
// Why policy decides as it does about a flow, and what would change that.
#ifndef RAMPART_CONTROLLER_POLICY_EXPLAIN_H_
#define RAMPART_CONTROLLER_POLICY_EXPLAIN_H_

#include <string>
#include <vector>

#include "controller/flow/hooks.h"

namespace rampart {

// One part of a rule that keeps it from matching.
struct PolicyDifference {
  std::string field;   // "dport"
  std::string why;     // "dport 80 != 22"
  std::string change;  // "dport = 22": with it, this part matches
};

// A rule that allows flows, and all that keeps it from allowing this one.
// Policy allows the flow that is changed in all of `differences`.
struct NearRule {
  const PolicyRule* rule = nullptr;
  std::vector<PolicyDifference> differences;
};

struct PolicyExplanation {
  Decision decision;  // as PolicyHooks::OnFlowStart() says, limits aside
  size_t tried = 0;   // rules looked at, the one that matched among them
  const PolicyRule* matched = nullptr;  // null: none, so it is refused
  bool revoked = false;                 // an identity is; no rule was looked at
  // The shadow rule that would decide if it were in force.
  const PolicyRule* shadow = nullptr;
  // If the flow is refused: at most three, those with the fewest differences
  // first, another protocol last of them, then in the order of the rules.
  std::vector<NearRule> nearest;
};

// start.vnet must be known. Pointers are into its tenant. Cost: that of some
// decisions more, however many rules there are.
PolicyExplanation ExplainPolicy(const FlowStart& start);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_POLICY_EXPLAIN_H_

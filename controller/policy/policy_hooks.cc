// SPDX-License-Identifier: Apache-2.0
#include "controller/policy/policy_hooks.h"

#include "controller/policy/match.h"

namespace rampart {

Decision DecisionOf(const PolicyRule& rule) {
  switch (rule.action) {
    case PolicyAction::kAllow:
      return {.action = Decision::Action::kAllow, .rule = rule.name};
    case PolicyAction::kReject:
      return {.action = Decision::Action::kReject,
              .rule = rule.name,
              .reason = RP_DROP_POLICY_REJECT};
    case PolicyAction::kDeny:
      break;
  }
  return {.action = Decision::Action::kDeny,
          .rule = rule.name,
          .reason = RP_DROP_POLICY_DENY};
}

Decision PolicyHooks::OnFlowStart(const FlowStart& start) {
  if (start.vnet.tenant == nullptr) return Decision();
  const PolicyRule* rule = FindRule(*start.vnet.tenant, start);
  return rule != nullptr ? DecisionOf(*rule) : Decision();
}

}  // namespace rampart

// SPDX-License-Identifier: Apache-2.0
// rampartd's own FlowHooks: the policies of the resources.
#ifndef RAMPART_CONTROLLER_POLICY_POLICY_HOOKS_H_
#define RAMPART_CONTROLLER_POLICY_POLICY_HOOKS_H_

#include "controller/flow/hooks.h"

namespace rampart {

// What a rule that matches decides.
Decision DecisionOf(const PolicyRule& rule);

// Ordered rules of the flow's tenant, first match decides, none matches: deny
// with RP_DROP_POLICY_DEFAULT.
class PolicyHooks : public FlowHooks {
 public:
  Decision OnFlowStart(const FlowStart& start) override;
  void OnFlowEnd(const FlowEnd&) override {}
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_POLICY_POLICY_HOOKS_H_

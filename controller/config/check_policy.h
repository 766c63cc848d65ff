// SPDX-License-Identifier: Apache-2.0
// What the policy of one tenant says about itself.
#ifndef RAMPART_CONTROLLER_CONFIG_CHECK_POLICY_H_
#define RAMPART_CONTROLLER_CONFIG_CHECK_POLICY_H_

#include "controller/config/edge_config.h"
#include "controller/model/mistakes.h"
#include "controller/model/resources.h"

namespace rampart {

// Reports names that are used twice or lead nowhere; and if `run_tests`, that
// is, if nothing else is wrong with the tenant, the tests that fail.
void CheckPolicy(const Tenant& tenant, const EdgeConfig& edge, bool run_tests,
                 Mistakes& mistakes);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_CONFIG_CHECK_POLICY_H_

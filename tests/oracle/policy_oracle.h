// SPDX-License-Identifier: Apache-2.0
// First-match policy, evaluated over a flow written out as text.
#ifndef RAMPART_TESTS_ORACLE_POLICY_ORACLE_H_
#define RAMPART_TESTS_ORACLE_POLICY_ORACLE_H_

#include <string>
#include <vector>

#include "controller/model/resources.h"

namespace rampart::oracle {

struct PolicyFlow {
  std::string vnet;
  std::string tunnel;
  int protocol = 0;
  IpAddress source;
  IpAddress destination;
  int source_port = 0;
  int destination_port = 0;
};

// Position of the rule that decides; -1: none.
int DecidingRule(const std::vector<PolicyRule>& rules, const PolicyFlow& flow);

}  // namespace rampart::oracle

#endif  // RAMPART_TESTS_ORACLE_POLICY_ORACLE_H_

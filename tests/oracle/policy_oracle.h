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
  std::string identity;
  int icmp_type = 0;
  Labels context;
  int day = 0;     // 0: Monday
  int minute = 0;  // since midnight
};

// Position of the rule that decides; -1: none. Shadow rules do if `shadows`.
int DecidingRule(const std::vector<PolicyRule>& rules,
                 const std::vector<Group>& groups, const PolicyFlow& flow,
                 bool shadows = true);

}  // namespace rampart::oracle

#endif  // RAMPART_TESTS_ORACLE_POLICY_ORACLE_H_

// SPDX-License-Identifier: Apache-2.0
// Runs the tests that a tenant's policy brings along.
#ifndef RAMPART_CONTROLLER_POLICY_POLICY_TEST_RUN_H_
#define RAMPART_CONTROLLER_POLICY_POLICY_TEST_RUN_H_

#include <optional>
#include <string>

#include "controller/policy/compiled_policy.h"

namespace rampart {

struct PolicyTestResult {
  bool passed = false;
  PolicyVerdict verdict;
  // When it is so: the first of all moments at which the test fails, if it is
  // about any; the beginning of a week's minute.
  absl::Time time;
  bool timed = false;  // the time matters to this policy
};

// A test without a time must hold at any. Its identity and context are its
// tunnel's if it names none of its own.
PolicyTestResult RunPolicyTest(const CompiledPolicy& policy,
                               const PolicyTest& test);

// What the policy said instead, for people: `"web" allows it`, `no rule
// matches, so it is denied`.
std::string ToString(const PolicyTestResult& result);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_POLICY_POLICY_TEST_RUN_H_

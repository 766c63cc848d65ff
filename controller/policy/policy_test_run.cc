// SPDX-License-Identifier: Apache-2.0
#include "controller/policy/policy_test_run.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "controller/base/text.h"
#include "controller/model/words.h"

namespace rampart {
namespace {

// A Monday, 00:00 UTC.
absl::Time Monday() { return absl::UnixEpoch() + absl::Hours(4 * 24); }

PolicyQuery QueryOf(const CompiledPolicy& policy, const PolicyTest& test) {
  PolicyQuery query = {.vnet = test.vnet,
                       .tunnel = test.tunnel,
                       .identity = test.identity,
                       .context = &test.context,
                       .source = test.source,
                       .destination = test.destination,
                       .source_port = test.source_port,
                       .destination_port = test.destination_port,
                       .protocol = test.protocol,
                       .icmp_type = test.icmp_type};
  const std::vector<Tunnel>& tunnels = policy.tenant().tunnels;
  const auto tunnel =
      std::find_if(tunnels.begin(), tunnels.end(),
                   [&](const Tunnel& t) { return t.name == test.tunnel; });
  if (tunnel == tunnels.end()) return query;
  if (test.identity.empty())
    query.identity = policy.IdentityOf(*tunnel, test.source);
  if (test.context.empty()) query.context = &tunnel->context;
  return query;
}

bool Fits(const PolicyVerdict& verdict, const PolicyTest& test) {
  if (verdict.action != test.expect) return false;
  return test.rule.empty() ||
         (verdict.rule != nullptr && verdict.rule->name == test.rule);
}

}  // namespace

PolicyTestResult RunPolicyTest(const CompiledPolicy& policy,
                               const PolicyTest& test) {
  PolicyQuery query = QueryOf(policy, test);
  PolicyTestResult result;
  const auto run = [&](absl::Time time) {
    query.time = result.time = time;
    result.verdict = policy.Decide(query);
    result.passed = Fits(result.verdict, test);
    return result.passed;
  };
  if (test.time) {
    run(*test.time);
    return result;
  }
  const std::vector<int> minutes = policy.Minutes();
  result.timed = minutes.size() > 1;
  for (const int minute : minutes)
    if (!run(Monday() + absl::Minutes(minute))) break;
  return result;
}

std::string ToString(const PolicyTestResult& result) {
  const PolicyVerdict& verdict = result.verdict;
  std::string text;
  if (verdict.revoked)
    text = "the identity is revoked, so it is denied";
  else if (verdict.rule == nullptr)
    text = "no rule matches, so it is denied";
  else
    text = absl::StrCat("rule ", Quoted(verdict.rule->name), " says ",
                        Abseil(WordOf(kPolicyActions, verdict.action)));
  if (!result.passed && result.timed)
    absl::StrAppend(
        &text, " on ",
        absl::FormatTime("%a %H:%M", result.time, absl::UTCTimeZone()));
  return text;
}

}  // namespace rampart

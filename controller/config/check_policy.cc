// SPDX-License-Identifier: Apache-2.0
#include "controller/config/check_policy.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "controller/base/text.h"
#include "controller/config/names_of.h"
#include "controller/model/words.h"
#include "controller/policy/policy_test_run.h"

namespace rampart {
namespace {

class PolicyChecker {
 public:
  PolicyChecker(const Tenant& tenant, const EdgeConfig& edge,
                Mistakes& mistakes)
      : tenant_(tenant), edge_(edge), mistakes_(mistakes) {
    for (const Group& group : tenant.groups) groups_[group.name] = &group;
  }

  void Check() {
    CheckNames("group", tenant_.groups);
    CheckNames("policy", tenant_.policies);
    CheckNames("test", tenant_.tests);
    for (const PolicyRule& rule : tenant_.policies) CheckRule(rule);
    for (const PolicyTest& test : tenant_.tests) CheckTest(test);
    for (const Tunnel& tunnel : tenant_.tunnels) CheckIdentities(tunnel);
  }

  void RunTests() {
    if (tenant_.tests.empty()) return;
    const CompiledPolicy policy(tenant_);
    for (const PolicyTest& test : tenant_.tests) {
      const PolicyTestResult result = RunPolicyTest(policy, test);
      if (result.passed) continue;
      const std::string by =
          test.rule.empty() ? "" : absl::StrCat(" by ", Quoted(test.rule));
      Add(test.line, "test ", Quoted(test.name), " expects ",
          Abseil(WordOf(kPolicyActions, test.expect)), by, ", and ",
          ToString(result), "; mend the policy, or the test");
    }
  }

 private:
  template <typename... Parts>
  void Add(int line, const Parts&... parts) {
    mistakes_.Add(line, absl::StrCat(parts...));
  }

  // Names that a parser refused are empty and were reported.
  template <typename T>
  void CheckNames(const char* what, const std::vector<T>& objects) {
    absl::flat_hash_map<absl::string_view, int> first;
    for (const T& object : objects) {
      if (object.name.empty()) continue;
      const auto [it, inserted] = first.emplace(object.name, object.line);
      if (!inserted)
        Add(object.line, "duplicate ", what, " ", Quoted(object.name),
            " (first on line ", it->second, "); give each ", what,
            " its own name");
    }
  }

  // member: what the group must hold to be of use here.
  template <typename T>
  void CheckGroups(const PolicyRule& rule,
                   const std::vector<std::string>& groups,
                   std::vector<T> Group::*member, const char* what) {
    for (const std::string& name : groups) {
      const auto it = groups_.find(name);
      if (it == groups_.end())
        Add(rule.line, "policy ", Quoted(rule.name), ": tenant ",
            Quoted(tenant_.name), " has no group ", Quoted(name), "; ",
            Suggestion(name, NamesOf(tenant_.groups)));
      else if ((it->second->*member).empty())
        Add(rule.line, "policy ", Quoted(rule.name), ": group ", Quoted(name),
            " holds no ", what, "; add some to it, or leave it out");
    }
  }

  template <typename T>
  void CheckName(int line, const std::string& who, const char* what,
                 const std::string& name, const std::vector<T>& known) {
    if (name.empty()) return;
    const auto it =
        std::find_if(known.begin(), known.end(),
                     [&](const T& object) { return object.name == name; });
    if (it == known.end())
      Add(line, who, ": tenant ", Quoted(tenant_.name), " has no ", what, " ",
          Quoted(name), "; ", Suggestion(name, NamesOf(known)));
  }

  void CheckRule(const PolicyRule& rule) {
    const std::string who = absl::StrCat("policy ", Quoted(rule.name));
    const PolicyMatch& match = rule.match;
    CheckName(rule.line, who, "vnet", match.vnet, tenant_.vnets);
    CheckName(rule.line, who, "tunnel", match.tunnel, tenant_.tunnels);
    CheckGroups(rule, match.source_groups, &Group::prefixes, "prefixes");
    CheckGroups(rule, match.destination_groups, &Group::prefixes, "prefixes");
    CheckGroups(rule, match.identity_groups, &Group::identities, "identities");
    const auto pool = std::find_if(
        edge_.pools.begin(), edge_.pools.end(),
        [&](const NatPoolConfig& known) { return known.name == rule.pool; });
    if (!rule.pool.empty() && pool == edge_.pools.end())
      Add(rule.line, who, ": edge ", Quoted(edge_.edge), " has no pool ",
          Quoted(rule.pool), "; ", Suggestion(rule.pool, NamesOf(edge_.pools)));
  }

  void CheckTest(const PolicyTest& test) {
    const std::string who = absl::StrCat("test ", Quoted(test.name));
    CheckName(test.line, who, "vnet", test.vnet, tenant_.vnets);
    CheckName(test.line, who, "tunnel", test.tunnel, tenant_.tunnels);
    CheckName(test.line, who, "policy", test.rule, tenant_.policies);
  }

  void CheckIdentities(const Tunnel& tunnel) {
    absl::flat_hash_map<Prefix, absl::string_view> first;
    for (const TunnelIdentity& known : tunnel.identities) {
      const auto [it, inserted] = first.emplace(known.sources, known.identity);
      if (!inserted)
        Add(tunnel.line, "tunnel ", Quoted(tunnel.name), ": ",
            known.sources.ToString(), " belongs to ",
            Quoted({it->second.data(), it->second.size()}), " and to ",
            Quoted(known.identity), "; write it once");
    }
  }

  const Tenant& tenant_;
  const EdgeConfig& edge_;
  Mistakes& mistakes_;
  absl::flat_hash_map<absl::string_view, const Group*> groups_;
};

}  // namespace

void CheckPolicy(const Tenant& tenant, const EdgeConfig& edge, bool run_tests,
                 Mistakes& mistakes) {
  const size_t before = mistakes.count();
  PolicyChecker checker(tenant, edge, mistakes);
  checker.Check();
  if (run_tests && mistakes.count() == before) checker.RunTests();
}

}  // namespace rampart

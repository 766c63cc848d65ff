// SPDX-License-Identifier: Apache-2.0
// GET /v1/policies/hits, POST /v1/policies/test.
#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "controller/api/handlers.h"
#include "controller/base/status.h"
#include "controller/base/text.h"
#include "controller/config/edge_config.h"
#include "controller/model/words.h"
#include "controller/policy/policy_test_run.h"

namespace rampart {
namespace {

Json HitsRow(const Tenant& tenant, const PolicyRule* rule,
             const PolicyHits& hits) {
  Json row = {
      {"tenant", tenant.name},   {"rule", nullptr},
      {"action", "deny"},        {"shadow", rule != nullptr && rule->shadow},
      {"hits", hits.hits},       {"differs", hits.differs},
      {"limited", hits.limited}, {"flows", hits.flows},
      {"last", nullptr}};
  if (rule != nullptr) {
    row["rule"] = rule->name;
    row["action"] = WordOf(kPolicyActions, rule->action);
  }
  if (hits.last != absl::InfinitePast()) row["last"] = TimeToString(hits.last);
  return row;
}

void AddTests(const Tenant& tenant, Json& document) {
  if (tenant.tests.empty()) return;
  const CompiledPolicy policy(tenant);
  for (const PolicyTest& test : tenant.tests) {
    const PolicyTestResult result = RunPolicyTest(policy, test);
    document["tests"].push_back(
        {{"tenant", tenant.name},
         {"name", test.name},
         {"passed", result.passed},
         {"expect", WordOf(kPolicyActions, test.expect)},
         {"says", ToString(result)}});
    Json& count = document[result.passed ? "passed" : "failed"];
    count = count.get<uint64_t>() + 1;
  }
}

}  // namespace

absl::StatusOr<Json> GetPolicyHits(const Backend& backend, const Query& query) {
  const std::string_view wanted = FindParameter(query, "tenant");
  const PolicyHooks* policy = backend.policy();
  if (policy == nullptr)
    return absl::FailedPreconditionError(
        "policy hits: this edge does not decide by the policies of the "
        "resources");
  const std::shared_ptr<const Snapshot> snapshot = backend.snapshot();
  Json document = Document("policy-hits");
  document["since"] = TimeToString(backend.started());
  document["rules"] = Json::array();
  document["revoked"] = Json::array();
  bool found = wanted.empty();
  for (const Tenant& tenant : snapshot->resources().tenants) {
    if (!wanted.empty() && tenant.name != wanted) continue;
    found = true;
    for (const PolicyRule& rule : tenant.policies)
      document["rules"].push_back(
          HitsRow(tenant, &rule, policy->Hits(tenant, &rule)));
    document["rules"].push_back(
        HitsRow(tenant, nullptr, policy->Hits(tenant, nullptr)));
    if (!tenant.revoked.empty())
      document["revoked"].push_back(
          {{"tenant", tenant.name}, {"flows", policy->Revoked(tenant)}});
  }
  if (!found)
    return absl::NotFoundError(absl::StrCat("policy hits: tenant ",
                                            Quoted(wanted), ": there is none"));
  return document;
}

absl::StatusOr<Json> PostPolicyTest(const Backend& backend,
                                    const std::string& body) {
  const Json json = Json::parse(body, nullptr, /*allow_exceptions=*/false);
  const auto text_of = [&](const char* key) {
    return json.is_object() && json.contains(key) && json[key].is_string()
               ? json[key].get<std::string>()
               : std::string();
  };
  const std::string file = text_of("file");
  const std::string text = text_of("text");
  if (!json.is_object() || file.empty() != text.empty())
    return absl::InvalidArgumentError(
        "policy test: the body must be JSON: {\"file\": name for messages, "
        "\"text\": resources as YAML}, or {} for the policy in force");
  const std::shared_ptr<const Snapshot> snapshot = backend.snapshot();
  Resources resources = snapshot->resources();
  if (!file.empty()) {
    ASSIGN_OR_RETURN(resources, ParseResources(file, text, snapshot->edge()));
  }
  Json document = Document("policy-test");
  document["file"] = file;
  document["passed"] = 0;
  document["failed"] = 0;
  document["tests"] = Json::array();
  for (const Tenant& tenant : resources.tenants) AddTests(tenant, document);
  return document;
}

}  // namespace rampart

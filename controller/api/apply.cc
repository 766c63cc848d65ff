// SPDX-License-Identifier: Apache-2.0
// POST /v1/apply: resources as text; check, diff, then one epoch. And what
// they would make of live flows.
#include <utility>

#include "controller/api/change.h"
#include "controller/api/handlers.h"
#include "controller/base/status.h"
#include "controller/config/check.h"
#include "controller/config/edge_config.h"
#include "controller/model/keep_same.h"

namespace rampart {
namespace {

// Rows of a policy diff.
constexpr size_t kFlowsMax = 1000;

struct ApplyRequest {
  Json body;
  std::string file;
  StoredResources next;
};

// The resources of the body, checked, with ids.
absl::StatusOr<ApplyRequest> ParseRequest(Backend& backend,
                                          const std::string& text) {
  ApplyRequest request;
  request.body = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  const Json& body = request.body;
  const auto is_text = [&](const char* key) {
    return body.is_object() && body.contains(key) && body[key].is_string();
  };
  if (!is_text("file") || !is_text("text"))
    return absl::InvalidArgumentError(
        "apply: the body must be JSON: {\"file\": name for messages, "
        "\"text\": resources as YAML, \"dry_run\": true or false, "
        "\"on_change\": \"keep\", \"recheck\" or \"cut\", \"confirm\": \"5m\", "
        "\"comment\": text}");
  request.file = body["file"];
  const std::shared_ptr<const Snapshot> current = backend.snapshot();
  ASSIGN_OR_RETURN(Resources resources,
                   ParseResources(request.file, body["text"].get<std::string>(),
                                  current->edge(), current->resources()));
  ASSIGN_OR_RETURN(request.next, backend.Preview(std::move(resources)));
  return request;
}

}  // namespace

absl::StatusOr<Json> PostApply(Backend& backend, const ApiCall& call) {
  ASSIGN_OR_RETURN(ApplyRequest request,
                   ParseRequest(backend, call.request.body));
  ASSIGN_OR_RETURN(const ChangeOptions options,
                   ParseChangeOptions(request.body));
  return MakeChange(
      backend, std::move(request.next.resources), options,
      {.who = call.request.who, .what = "apply -f " + request.file});
}

absl::StatusOr<Json> PostPolicyDiff(Backend& backend, const ApiCall& call) {
  ASSIGN_OR_RETURN(ApplyRequest request,
                   ParseRequest(backend, call.request.body));
  KeepSame(backend.snapshot()->resources(), request.next.resources);
  Json rows = Json::array();
  Json document = Document("policy-diff");
  document["epoch"] = backend.snapshot()->epoch();
  const Json flows =
      ForecastOf(backend, request.next.resources, kFlowsMax, &rows);
  document["truncated"] = flows["changed"] > rows.size();
  document["flows"] = flows;
  document["changes"] = std::move(rows);
  return document;
}

}  // namespace rampart

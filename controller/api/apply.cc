// SPDX-License-Identifier: Apache-2.0
// POST /v1/apply: resources as text; check, diff, then one epoch.
#include "controller/api/handlers.h"
#include "controller/api/resource_rows.h"
#include "controller/base/status.h"
#include "controller/config/edge_config.h"
#include "controller/model/keep_same.h"

namespace rampart {
namespace {

struct ApplyRequest {
  std::string file;
  std::string text;
  bool dry_run = false;
};

absl::StatusOr<ApplyRequest> ParseRequest(const std::string& body) {
  const Json json = Json::parse(body, nullptr, /*allow_exceptions=*/false);
  const auto has = [&](const char* key, bool (Json::*is)() const) {
    return json.is_object() && json.contains(key) && (json[key].*is)();
  };
  if (!has("file", &Json::is_string) || !has("text", &Json::is_string) ||
      (json.contains("dry_run") && !has("dry_run", &Json::is_boolean)))
    return absl::InvalidArgumentError(
        "apply: the body must be JSON: {\"file\": name for messages, "
        "\"text\": resources as YAML, \"dry_run\": true or false}");
  return ApplyRequest{.file = json["file"],
                      .text = json["text"],
                      .dry_run = json.value("dry_run", false)};
}

}  // namespace

absl::StatusOr<Json> PostApply(Backend& backend, const ApiCall& call) {
  ASSIGN_OR_RETURN(const ApplyRequest request, ParseRequest(call.request.body));
  const std::shared_ptr<const Snapshot> current = backend.snapshot();
  ASSIGN_OR_RETURN(Resources resources,
                   ParseResources(request.file, request.text, current->edge()));
  ASSIGN_OR_RETURN(StoredResources preview,
                   backend.Preview(std::move(resources)));
  KeepSame(current->resources(), preview.resources);
  const Json diff = DiffResources(current->resources(), preview.resources);
  const bool same = diff["added"].empty() && diff["changed"].empty() &&
                    diff["removed"].empty();
  uint32_t epoch = current->epoch();
  if (!request.dry_run && !same) {
    ASSIGN_OR_RETURN(epoch,
                     backend.Apply({.resources = std::move(preview.resources),
                                    .if_epoch = current->epoch(),
                                    .who = call.request.who,
                                    .what = "apply -f " + request.file}));
  }
  Json document = Document("apply");
  document["dry_run"] = request.dry_run;
  document["epoch"] = epoch;
  document.update(diff);
  return document;
}

}  // namespace rampart

// SPDX-License-Identifier: Apache-2.0
#include "controller/api/change.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "controller/api/handlers.h"
#include "controller/api/resource_rows.h"
#include "controller/base/status.h"
#include "controller/base/text.h"
#include "controller/model/keep_same.h"
#include "controller/model/words.h"

namespace rampart {
namespace {

constexpr absl::Duration kPatience = absl::Milliseconds(250);
constexpr absl::Duration kConfirmMin = absl::Seconds(1);
constexpr absl::Duration kConfirmMax = absl::Hours(24 * 30);
constexpr size_t kCommentMax = 1000;

constexpr std::string_view kFates[] = {"removed", "revoked", "refused",
                                       "differs", "stays"};

absl::StatusOr<absl::Duration> ParseConfirm(const std::string& text) {
  absl::Duration duration;
  if (absl::ParseDuration(text, &duration) && duration >= kConfirmMin &&
      duration <= kConfirmMax)
    return duration;
  return absl::InvalidArgumentError(
      absl::StrCat("confirm: ", Quoted(text),
                   " is no duration from 1s to 720h; write 30s, 5m or 1h"));
}

// Null if it is not there. Errors: it is something else.
absl::StatusOr<const Json*> Find(const Json& body, const char* key,
                                 bool (Json::*is)() const,
                                 std::string_view kind) {
  const auto it = body.find(key);
  if (it == body.end() || it->is_null()) return nullptr;
  if (((*it).*is)()) return &*it;
  return absl::InvalidArgumentError(
      absl::StrCat(key, ": must be ", Abseil(kind)));
}

bool IsEmpty(const Json& diff) {
  return diff["added"].empty() && diff["changed"].empty() &&
         diff["removed"].empty();
}

}  // namespace

absl::StatusOr<ChangeOptions> ParseChangeOptions(const Json& body) {
  ChangeOptions options;
  if (!body.is_object()) return options;
  ASSIGN_OR_RETURN(const Json* const dry_run,
                   Find(body, "dry_run", &Json::is_boolean, "true or false"));
  if (dry_run != nullptr) options.dry_run = dry_run->get<bool>();
  ASSIGN_OR_RETURN(const Json* const on_change,
                   Find(body, "on_change", &Json::is_string, "text"));
  if (on_change != nullptr) {
    const auto word = OneOf(kOnChanges)(on_change->get<std::string>());
    if (!word.ok())
      return absl::InvalidArgumentError(
          absl::StrCat("on_change: ", word.status().message()));
    options.on_change = *word;
  }
  ASSIGN_OR_RETURN(const Json* const confirm,
                   Find(body, "confirm", &Json::is_string, "text"));
  if (confirm != nullptr) {
    ASSIGN_OR_RETURN(options.confirm,
                     ParseConfirm(confirm->get<std::string>()));
  }
  ASSIGN_OR_RETURN(const Json* const comment,
                   Find(body, "comment", &Json::is_string, "text"));
  if (comment != nullptr) options.comment = comment->get<std::string>();
  if (options.comment.size() > kCommentMax)
    return absl::InvalidArgumentError(
        absl::StrCat("comment: has ", options.comment.size(),
                     " bytes; write at most ", kCommentMax));
  return options;
}

Json ForecastOf(const Backend& backend, const Resources& next, size_t limit,
                Json* rows) {
  const std::shared_ptr<const Snapshot> current = backend.snapshot();
  const Snapshot snapshot(current->edge(), next, current->epoch() + 1,
                          current.get());
  uint64_t changed = 0;
  uint64_t ends[3] = {};
  const bool complete = backend.engine().Forecast(
      snapshot, kPatience,
      [&](const Engine::FlowView& flow, const Judgement& judgement) {
        for (const auto& word : kOnChanges)
          ends[static_cast<int>(word.value)] +=
              Ends(judgement.fate, word.value);
        if (++changed > limit || rows == nullptr) return;
        Json row = FlowRow(ToFacts(*current, flow));
        row["fate"] = kFates[static_cast<int>(judgement.fate)];
        row["rule_then"] = judgement.rule;
        row["why"] = judgement.why;
        rows->push_back(std::move(row));
      });
  Json forecast = {{"live", backend.engine().statistics().flows},
                   {"changed", changed},
                   {"ends", Json::object()},
                   {"complete", complete}};
  for (const auto& word : kOnChanges)
    forecast["ends"][std::string(word.text)] =
        ends[static_cast<int>(word.value)];
  return forecast;
}

absl::StatusOr<Json> MakeChange(Backend& backend, Resources resources,
                                const ChangeOptions& options,
                                const ChangeAuthor& author) {
  const std::shared_ptr<const Snapshot> current = backend.snapshot();
  KeepSame(current->resources(), resources);
  const Json diff = DiffResources(current->resources(), resources);
  Json document = Document("apply");
  document["dry_run"] = options.dry_run;
  document["epoch"] = current->epoch();
  document.update(diff);
  document["flows"] = ForecastOf(backend, resources, 0, nullptr);
  document["on_change"] = WordOf(kOnChanges, options.on_change);
  document["confirm_by"] = nullptr;
  if (options.dry_run || IsEmpty(diff)) return document;
  ASSIGN_OR_RETURN(const uint32_t epoch,
                   backend.Apply({.resources = std::move(resources),
                                  .if_epoch = current->epoch(),
                                  .on_change = options.on_change,
                                  .who = author.who,
                                  .what = author.what,
                                  .comment = options.comment,
                                  .confirm = options.confirm,
                                  .ends_probation = author.ends_probation}));
  document["epoch"] = epoch;
  if (const auto& probation = backend.store().probation())
    document["confirm_by"] = TimeText(probation->deadline);
  return document;
}

}  // namespace rampart

// SPDX-License-Identifier: Apache-2.0
// The history of the configuration, and the way back.
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "controller/api/change.h"
#include "controller/api/handlers.h"
#include "controller/base/status.h"
#include "controller/base/text.h"
#include "controller/config/check.h"
#include "controller/config/secrets.h"
#include "controller/model/words.h"

namespace rampart {
namespace {

Json EpochRow(const EpochRecord& record) {
  return {{"epoch", record.epoch},
          {"time", TimeText(record.time)},
          {"who", record.who},
          {"what", record.what},
          {"comment", record.comment},
          {"on_change", WordOf(kOnChanges, record.on_change)},
          {"tenants", record.tenants}};
}

absl::StatusOr<uint32_t> ParseEpoch(const std::string& text) {
  uint32_t epoch = 0;
  if (absl::SimpleAtoi(text, &epoch)) return epoch;
  return absl::InvalidArgumentError(
      absl::StrCat("epoch: ", Quoted(text), " is no number"));
}

}  // namespace

std::string TimeText(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone());
}

absl::StatusOr<Json> GetEpochs(Backend& backend, const Query& query) {
  ASSIGN_OR_RETURN(const size_t limit, LimitOf(query));
  ASSIGN_OR_RETURN(const std::vector<EpochRecord> history,
                   backend.store().History(static_cast<int>(limit)));
  Json document = Document("epochs");
  document["epoch"] = backend.snapshot()->epoch();
  document["probation"] = nullptr;
  if (const auto& probation = backend.store().probation())
    document["probation"] = {{"epoch", probation->epoch},
                             {"back_to", probation->back_to},
                             {"deadline", TimeText(probation->deadline)}};
  document["epochs"] = Json::array();
  for (const EpochRecord& record : history)
    document["epochs"].push_back(EpochRow(record));
  return document;
}

absl::StatusOr<Json> PostRollback(Backend& backend, const ApiCall& call) {
  ASSIGN_OR_RETURN(const uint32_t epoch, ParseEpoch(call.names[0]));
  const Json body =
      Json::parse(call.request.body, nullptr, /*allow_exceptions=*/false);
  if (!call.request.body.empty() && !body.is_object())
    return absl::InvalidArgumentError(
        "rollback: the body must be JSON: {\"dry_run\", \"on_change\", "
        "\"confirm\", \"comment\"}, or empty");
  ASSIGN_OR_RETURN(ChangeOptions options, ParseChangeOptions(body));
  ASSIGN_OR_RETURN(StoredResources past, backend.store().LoadEpoch(epoch));
  // This edge may have changed since, and its key files, too.
  RETURN_IF_ERROR(LoadSecrets(past.resources));
  RETURN_IF_ERROR(CheckResources(past.resources, backend.snapshot()->edge()));
  return MakeChange(backend, std::move(past.resources), options,
                    {.who = call.request.who,
                     .what = absl::StrCat("rollback to epoch ", epoch),
                     .ends_probation = true});
}

absl::StatusOr<Json> PostConfirm(Backend& backend, const ApiCall& call) {
  ASSIGN_OR_RETURN(const uint32_t epoch, ParseEpoch(call.names[0]));
  RETURN_IF_ERROR(backend.store().Confirm(epoch));
  Json document = Document("confirmation");
  document["epoch"] = epoch;
  return document;
}

}  // namespace rampart

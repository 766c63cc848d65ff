// SPDX-License-Identifier: Apache-2.0
// New resources on their way into force: what they change, what becomes of
// live flows, then one epoch; or only the first two.
#ifndef RAMPART_CONTROLLER_API_CHANGE_H_
#define RAMPART_CONTROLLER_API_CHANGE_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "controller/api/backend.h"
#include "controller/api/json.h"
#include "controller/model/on_change.h"
#include "controller/model/resources.h"

namespace rampart {

// How it is to be done: fields of a request.
struct ChangeOptions {
  bool dry_run = false;
  OnChange on_change = OnChange::kRecheck;
  std::optional<absl::Duration> confirm;
  std::string comment;
};

// Of "dry_run", "on_change", "confirm" ("5m") and "comment"; others are left
// alone. Errors: InvalidArgument.
absl::StatusOr<ChangeOptions> ParseChangeOptions(const Json& body);

// Who makes it, and as what.
struct ChangeAuthor {
  std::string who;
  std::string what;
  bool ends_probation = false;  // as in Change
};

// kind "apply". resources: checked, with secrets, with the ids of
// Backend::Preview(). Without a difference there is no new epoch. Errors: as
// Backend::Apply().
absl::StatusOr<Json> MakeChange(Backend& backend, Resources resources,
                                const ChangeOptions& options,
                                const ChangeAuthor& author);

// {"live", "changed", "ends": {"keep", "recheck", "cut"}, "complete"}: how many
// flows there are, how many would be decided otherwise, and how many would end.
// rows: of those, at most `limit`; null: none. Looks at flows for a quarter of
// a second: new ones wait meanwhile.
Json ForecastOf(const Backend& backend, const Resources& next, size_t limit,
                Json* rows);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_API_CHANGE_H_

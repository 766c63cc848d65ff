// SPDX-License-Identifier: Apache-2.0
// Where resources live between restarts, and what they were before.
#ifndef RAMPART_CONTROLLER_STORE_STORE_H_
#define RAMPART_CONTROLLER_STORE_STORE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "controller/model/on_change.h"
#include "controller/model/resources.h"

namespace rampart {

struct StoredResources {
  uint32_t epoch = 0;  // 0: nothing was ever applied
  Resources resources;
  // What was asked for live flows when this epoch began. A controller that
  // starts with it asks the same, for it may have been killed meanwhile.
  OnChange on_change = OnChange::kRecheck;
};

// What a change says about itself.
struct EpochNote {
  // The change was made knowing this epoch. Another one in force: Aborted.
  uint32_t from = 0;
  absl::Time time;
  std::string who;      // "alice (uid 1000)"
  std::string what;     // "route add 10.1.0.0/16 via fra"
  std::string comment;  // in the words of who made it
  OnChange on_change = OnChange::kRecheck;
  // The change is on probation until then (see Probation).
  std::optional<absl::Time> confirm_by;
};

// An epoch of the history.
struct EpochRecord {
  uint32_t epoch = 0;
  absl::Time time;
  std::string who;
  std::string what;
  std::string comment;
  OnChange on_change = OnChange::kRecheck;
  // Names of those that came, changed or went, sorted; moving in the file
  // changes nothing.
  std::vector<std::string> tenants;
};

// A change that is taken back unless somebody confirms it: whoever cut himself
// off by it need do nothing. The store only remembers; whoever sees that
// `deadline` has passed replaces the resources with those of `back_to`.
struct Probation {
  uint32_t epoch = 0;    // in force
  uint32_t back_to = 0;  // the one before
  absl::Time deadline;
};

// Holds the resources in force, those of earlier epochs, and the ids given to
// tenants and tunnels. An id, once given to a name, is never given to another.
// Secrets are not stored: what comes from the store has none but for those
// that Replace() and Preview() were given (see LoadSecrets() in
// config/secrets.h). Tenants that nobody edited since they came from here or
// went here are the same Shared<> again, and cost nothing: a change of one
// tenant costs what that tenant costs. For one thread at a time.
//
// All of it may fail with Unavailable (the store cannot be reached, locked,
// full) and DataLoss (damaged); a change that fails has changed nothing.
class StateStore {
 public:
  virtual ~StateStore() = default;
  virtual absl::StatusOr<StoredResources> Load() = 0;
  // Fills in the ids of tenants and tunnels that are known by name, gives new
  // ones to the others, replaces the stored resources, adds to the history and
  // ends any probation, in one durable transaction. Returns what was stored,
  // with its epoch (note.from + 1). Errors: Aborted; ResourceExhausted (ids).
  virtual absl::StatusOr<StoredResources> Replace(Resources resources,
                                                  const EpochNote& note) = 0;
  // Same ids as Replace() would give, without storing anything.
  virtual absl::StatusOr<StoredResources> Preview(Resources resources) = 0;

  // Newest first, at most `limit`. A store keeps as many as kEpochsKept and
  // kHistoryBytes allow, but always the last two.
  virtual absl::StatusOr<std::vector<EpochRecord>> History(int limit) = 0;
  // What was in force then; of epoch 0 nothing. Errors: NotFound, naming the
  // oldest that is kept.
  virtual absl::StatusOr<StoredResources> LoadEpoch(uint32_t epoch) = 0;

  // Of the epoch in force, if it has one. Cost: none, may be asked every tick.
  virtual const std::optional<Probation>& probation() const = 0;
  // Ends it: the epoch stays. Errors: FailedPrecondition if `epoch` is on no
  // probation.
  virtual absl::Status Confirm(uint32_t epoch) = 0;

  // Random, made with the store; pinned maps remember it, because the tunnel
  // ids in them mean nothing to another store.
  virtual uint64_t store_id() const = 0;
};

inline constexpr int kEpochsKept = 1000;
// Of documents of tenants that are no longer in force.
inline constexpr int64_t kHistoryBytes = int64_t{256} << 20;

// url: "sqlite:///path"; the folder is made if missing. Errors:
// InvalidArgument for another scheme, FailedPrecondition for a file of another
// schema version or program, Unavailable when it cannot be opened, read or
// written; Load() and Replace() also DataLoss for a damaged file.
absl::StatusOr<std::unique_ptr<StateStore>> OpenStateStore(
    std::string_view url);

// What the store in `path` holds, without changing anything and while its owner
// may be writing. Errors: NotFound if there is no such file; as
// OpenStateStore().
absl::StatusOr<StoredResources> ReadStateFile(const std::string& path);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_STORE_STORE_H_

// SPDX-License-Identifier: Apache-2.0
// Where resources live between restarts.
#ifndef RAMPART_CONTROLLER_STORE_STORE_H_
#define RAMPART_CONTROLLER_STORE_STORE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controller/model/resources.h"

namespace rampart {

struct StoredResources {
  uint32_t epoch = 0;  // 0: nothing was ever applied
  Resources resources;
};

// Holds the resources in force and the ids given to them. An id, once given to
// a name, is never given to another. Secrets are not stored: Load() leaves them
// empty (see LoadSecrets() in config/secrets.h), the others return what they
// were given. For one thread at a time.
class StateStore {
 public:
  virtual ~StateStore() = default;
  virtual absl::StatusOr<StoredResources> Load() = 0;
  // Fills in the ids of tenants and tunnels that are known by name, gives new
  // ones to the others, and replaces the stored resources in one durable
  // transaction. Returns what was stored, with its epoch (previous + 1).
  virtual absl::StatusOr<StoredResources> Replace(Resources resources) = 0;
  // Same ids as Replace() would give, without storing anything.
  virtual absl::StatusOr<StoredResources> Preview(Resources resources) = 0;
  // Random, made with the store; pinned maps remember it, because the tunnel
  // ids in them mean nothing to another store.
  virtual uint64_t store_id() const = 0;
};

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

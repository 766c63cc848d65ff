// SPDX-License-Identifier: Apache-2.0
// A file with the last known epoch of a store that is somewhere else, so that
// an edge starts without it. It has the tables of a SQLite store: what reads
// one reads the other.
#ifndef RAMPART_CONTROLLER_STORE_COPY_H_
#define RAMPART_CONTROLLER_STORE_COPY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controller/store/sqlite.h"
#include "controller/store/store.h"

namespace rampart {

// For one thread at a time.
class StateCopy {
 public:
  struct Content {
    uint64_t store_id = 0;  // of the original
    StoredResources stored;
  };

  // The folder of `path` is made if missing. Errors: FailedPrecondition if the
  // file is no copy of the store `original` (its URL); those of Sqlite::Open().
  static absl::StatusOr<StateCopy> Open(std::string path,
                                        std::string_view original);

  // Nothing, if nothing was written yet.
  absl::StatusOr<std::optional<Content>> Read();
  // Replaces what is there in one durable transaction. Costs what tenants cost
  // that are not the same Shared<> as in the last call.
  absl::Status Write(uint64_t store_id, const StoredResources& stored);

 private:
  StateCopy(std::string path, Sqlite database)
      : path_(std::move(path)), database_(std::move(database)) {}
  absl::Status CheckOriginal(std::string_view original);
  absl::Status WriteTenants(const Resources& resources);
  absl::Status WriteEpoch(const StoredResources& stored);

  std::string path_;
  Sqlite database_;
  Resources written_;
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_STORE_COPY_H_

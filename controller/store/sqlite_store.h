// SPDX-License-Identifier: Apache-2.0
// The state store in one SQLite file. README.md has its tables.
#ifndef RAMPART_CONTROLLER_STORE_SQLITE_STORE_H_
#define RAMPART_CONTROLLER_STORE_SQLITE_STORE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "controller/store/ids.h"
#include "controller/store/sqlite.h"
#include "controller/store/store.h"

namespace rampart {

class SqliteStore final : public StateStore {
 public:
  // The folder of `path` is made if missing. A file of schema version 1 is
  // brought up to date. Errors: as OpenStateStore().
  static absl::StatusOr<std::unique_ptr<SqliteStore>> Open(std::string path);
  // As ReadStateFile().
  static absl::StatusOr<StoredResources> OpenToRead(const std::string& path);

  // Reads all of it, whatever is known already.
  absl::StatusOr<StoredResources> Load() override;
  absl::StatusOr<StoredResources> Replace(Resources resources,
                                          const EpochNote& note) override;
  absl::StatusOr<StoredResources> Preview(Resources resources) override;
  absl::StatusOr<std::vector<EpochRecord>> History(int limit) override;
  absl::StatusOr<StoredResources> LoadEpoch(uint32_t epoch) override;
  const std::optional<Probation>& probation() const override {
    return probation_;
  }
  absl::Status Confirm(uint32_t epoch) override;
  uint64_t store_id() const override { return store_id_; }

 private:
  // A tenant in force, and the epoch since which it is what it is.
  struct Version {
    Shared<Tenant> tenant;
    uint32_t from = 0;
  };
  using Versions = absl::flat_hash_map<std::string, Version>;
  // What a change does to the tables.
  struct Difference {
    std::vector<std::string> tenants;  // EpochRecord::tenants
    Versions versions;
    int64_t closed = 0;  // bytes that are only history from now on
  };

  SqliteStore(std::string path, Sqlite database)
      : path_(std::move(path)), database_(std::move(database)) {}
  absl::Status Prepare();
  // Tenants that are known already are not parsed again.
  absl::StatusOr<StoredResources> ReadEpoch(uint32_t epoch,
                                            const Versions& known,
                                            Versions* read);
  absl::Status ReadAll();
  // If another program has written meanwhile.
  absl::Status ReadAllIfStale();
  absl::Status ReadIds();
  absl::Status ReadProbation();

  absl::Status WriteNext(const StoredResources& next, const EpochNote& note,
                         Difference& difference);
  absl::Status WriteIds(const std::vector<NewId>& given);
  absl::Status WriteTenants(const StoredResources& next,
                            Difference& difference);
  absl::Status WriteTenant(const Shared<Tenant>& tenant, uint32_t epoch,
                           Difference& difference);
  absl::Status Close(const std::string& tenant, uint32_t epoch,
                     Difference& difference);
  absl::Status WriteEpoch(const StoredResources& next, const EpochNote& note,
                          const Difference& difference);
  absl::Status WriteProbation(const StoredResources& next,
                              const EpochNote& note);
  absl::Status Prune();

  const std::string path_;
  Sqlite database_;
  uint64_t store_id_ = 0;
  // What is in the file.
  StoredResources current_;
  Versions versions_;
  Ids ids_;
  std::optional<Probation> probation_;
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_STORE_SQLITE_STORE_H_

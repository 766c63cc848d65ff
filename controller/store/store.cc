// SPDX-License-Identifier: Apache-2.0
#include "controller/store/store.h"

#include <sys/random.h>

#include <cerrno>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <system_error>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "controller/base/status.h"
#include "controller/base/text.h"
#include "controller/model/json.h"
#include "controller/store/ids.h"
#include "controller/store/sqlite.h"

namespace rampart {
namespace {

constexpr std::string_view kScheme = "sqlite://";
constexpr int64_t kSchemaVersion = 1;
constexpr int64_t kApplicationId = 0x52414d50;  // "RAMP"

// state holds one row. A tenant is one JSON document, as in model/json.h.
constexpr const char* kSchema[] = {
    "CREATE TABLE state (one INTEGER PRIMARY KEY CHECK (one = 1),"
    " store_id INTEGER NOT NULL, epoch INTEGER NOT NULL, file TEXT NOT NULL,"
    " next_tenant INTEGER NOT NULL, next_tunnel INTEGER NOT NULL) STRICT",
    "CREATE TABLE tenants (position INTEGER PRIMARY KEY,"
    " document TEXT NOT NULL) STRICT",
};

struct State {
  StoredResources stored;
  NextIds next;
};

class SqliteStore final : public StateStore {
 public:
  static absl::StatusOr<std::unique_ptr<StateStore>> Open(std::string path);

  absl::StatusOr<StoredResources> Load() override;
  absl::StatusOr<StoredResources> Replace(Resources resources) override;
  absl::StatusOr<StoredResources> Preview(Resources resources) override;
  uint64_t store_id() const override { return store_id_; }

 private:
  SqliteStore(std::string path, Sqlite database)
      : path_(std::move(path)), database_(std::move(database)) {}
  absl::Status Prepare();
  absl::Status CheckVersion();
  absl::Status Create();
  absl::StatusOr<State> Read();
  absl::StatusOr<State> Next(Resources resources);
  absl::Status Write(const State& state);

  const std::string path_;
  Sqlite database_;
  uint64_t store_id_ = 0;
};

absl::StatusOr<std::unique_ptr<StateStore>> SqliteStore::Open(
    std::string path) {
  const std::filesystem::path folder =
      std::filesystem::path(path).parent_path();
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error)
    return absl::UnavailableError(
        absl::StrCat("state store ", path, ": make folder: ", error.message()));
  ASSIGN_OR_RETURN(Sqlite database, Sqlite::Open(path));
  auto store =
      absl::WrapUnique(new SqliteStore(std::move(path), std::move(database)));
  RETURN_IF_ERROR(store->Prepare());
  return store;
}

absl::Status SqliteStore::Prepare() {
  RETURN_IF_ERROR(database_.Write([&]() -> absl::Status {
    ASSIGN_OR_RETURN(
        const int64_t tables,
        database_.QueryInteger("SELECT count(*) FROM sqlite_schema"));
    return tables == 0 ? Create() : CheckVersion();
  }));
  ASSIGN_OR_RETURN(const int64_t id,
                   database_.QueryInteger("SELECT store_id FROM state"));
  store_id_ = static_cast<uint64_t>(id);
  return absl::OkStatus();
}

absl::Status SqliteStore::CheckVersion() {
  ASSIGN_OR_RETURN(const int64_t application,
                   database_.QueryInteger("PRAGMA application_id"));
  ASSIGN_OR_RETURN(const int64_t version,
                   database_.QueryInteger("PRAGMA user_version"));
  if (application != kApplicationId)
    return absl::FailedPreconditionError(
        absl::StrCat("state store ", path_,
                     ": is another program's database; name another file"));
  if (version != kSchemaVersion)
    return absl::FailedPreconditionError(
        absl::StrCat("state store ", path_, ": schema version ", version,
                     ", and this program needs ", kSchemaVersion,
                     "; use the program that wrote it, or name another file"));
  return absl::OkStatus();
}

absl::Status SqliteStore::Create() {
  int64_t id = 0;
  while (id == 0)
    if (getrandom(&id, sizeof(id), 0) != sizeof(id))
      return absl::ErrnoToStatus(errno, "state store: getrandom");
  for (const char* table : kSchema) RETURN_IF_ERROR(database_.Run(table));
  RETURN_IF_ERROR(
      database_.Run("INSERT INTO state VALUES (1, ?, 0, '', 1, 1)", {id}));
  RETURN_IF_ERROR(
      database_.Run(absl::StrCat("PRAGMA application_id=", kApplicationId)));
  return database_.Run(absl::StrCat("PRAGMA user_version=", kSchemaVersion));
}

absl::StatusOr<State> SqliteStore::Read() {
  State state;
  RETURN_IF_ERROR(database_.Query(
      "SELECT epoch, file, next_tenant, next_tunnel FROM state",
      [&](const Sqlite::Row& row) {
        state.stored.epoch = static_cast<uint32_t>(row.Integer(0));
        state.stored.resources.file = std::string(row.Text(1));
        state.next = {.tenant = row.Integer(2), .tunnel = row.Integer(3)};
      }));
  absl::Status status;
  RETURN_IF_ERROR(database_.Query(
      "SELECT document FROM tenants ORDER BY position",
      [&](const Sqlite::Row& row) {
        absl::StatusOr<Tenant> tenant =
            TenantFromJson(nlohmann::ordered_json::parse(
                row.Text(0), nullptr, /*allow_exceptions=*/false));
        if (tenant.ok())
          state.stored.resources.tenants.push_back(*std::move(tenant));
        else
          status.Update(tenant.status());
      }));
  if (!status.ok())
    return absl::DataLossError(
        absl::StrCat("state store ", path_, ": tenant: ", status.message()));
  return state;
}

// What follows the state in force.
absl::StatusOr<State> SqliteStore::Next(Resources resources) {
  ASSIGN_OR_RETURN(State state, Read());
  RETURN_IF_ERROR(AssignIds(state.stored.resources, resources, state.next));
  state.stored.resources = std::move(resources);
  ++state.stored.epoch;
  return state;
}

absl::Status SqliteStore::Write(const State& state) {
  const Resources& resources = state.stored.resources;
  RETURN_IF_ERROR(database_.Run("DELETE FROM tenants"));
  int64_t position = 0;
  for (const Tenant& tenant : resources.tenants) {
    // Replaces what is not UTF-8, which no reader lets pass.
    const std::string document = ToJson(tenant).dump(
        -1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
    RETURN_IF_ERROR(database_.Run("INSERT INTO tenants VALUES (?, ?)",
                                  {++position, document}));
  }
  return database_.Run(
      "UPDATE state SET epoch = ?, file = ?, next_tenant = ?, next_tunnel = ?",
      {int64_t{state.stored.epoch}, resources.file, state.next.tenant,
       state.next.tunnel});
}

absl::StatusOr<StoredResources> SqliteStore::Load() {
  State state;
  RETURN_IF_ERROR(database_.Read([&]() -> absl::Status {
    ASSIGN_OR_RETURN(state, Read());
    return absl::OkStatus();
  }));
  return std::move(state.stored);
}

absl::StatusOr<StoredResources> SqliteStore::Replace(Resources resources) {
  State state;
  RETURN_IF_ERROR(database_.Write([&]() -> absl::Status {
    ASSIGN_OR_RETURN(state, Next(std::move(resources)));
    return Write(state);
  }));
  return std::move(state.stored);
}

absl::StatusOr<StoredResources> SqliteStore::Preview(Resources resources) {
  State state;
  RETURN_IF_ERROR(database_.Read([&]() -> absl::Status {
    ASSIGN_OR_RETURN(state, Next(std::move(resources)));
    return absl::OkStatus();
  }));
  return std::move(state.stored);
}

}  // namespace

absl::StatusOr<std::unique_ptr<StateStore>> OpenStateStore(
    std::string_view url) {
  if (!url.starts_with(kScheme) || url.size() == kScheme.size())
    return absl::InvalidArgumentError(
        absl::StrCat("state store ", Quoted(url),
                     ": is not one; write sqlite:// and a "
                     "path, such as sqlite:///var/lib/rampart/state.db"));
  return SqliteStore::Open(std::string(url.substr(kScheme.size())));
}

}  // namespace rampart

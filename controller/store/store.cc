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
#include "absl/time/clock.h"
#include "controller/base/status.h"
#include "controller/base/text.h"
#include "controller/model/json.h"
#include "controller/store/ids.h"
#include "controller/store/sqlite.h"

namespace rampart {
namespace {

constexpr std::string_view kScheme = "sqlite://";
constexpr Sqlite::Schema kSchema = {.application_id = 0x52414d50,  // "RAMP"
                                    .version = 1};

// state holds one row. A tenant is one JSON document, as in model/json.h. Rows
// of ids stay; tunnel is empty for the tenant's own.
constexpr const char* kTables[] = {
    "CREATE TABLE state (one INTEGER PRIMARY KEY CHECK (one = 1),"
    " store_id INTEGER NOT NULL, epoch INTEGER NOT NULL, file TEXT NOT NULL)"
    " STRICT",
    "CREATE TABLE tenants (position INTEGER PRIMARY KEY,"
    " document TEXT NOT NULL) STRICT",
    "CREATE TABLE ids (tenant TEXT NOT NULL, tunnel TEXT NOT NULL,"
    " id INTEGER NOT NULL, PRIMARY KEY (tenant, tunnel)) STRICT",
    "CREATE UNIQUE INDEX once ON ids (tunnel = '', id)",
};

absl::StatusOr<StoredResources> ReadAll(Sqlite& database,
                                        const std::string& path) {
  StoredResources stored;
  RETURN_IF_ERROR(database.Query(
      "SELECT epoch, file FROM state", [&](const Sqlite::Row& row) {
        stored.epoch = static_cast<uint32_t>(row.Integer(0));
        stored.resources.file = std::string(row.Text(1));
      }));
  absl::Status status;
  RETURN_IF_ERROR(database.Query(
      "SELECT document FROM tenants ORDER BY position",
      [&](const Sqlite::Row& row) {
        absl::StatusOr<Tenant> tenant =
            TenantFromJson(nlohmann::ordered_json::parse(
                row.Text(0), nullptr, /*allow_exceptions=*/false));
        if (tenant.ok())
          stored.resources.tenants.emplace_back(*std::move(tenant));
        else
          status.Update(tenant.status());
      }));
  if (!status.ok())
    return absl::DataLossError(
        absl::StrCat("state store ", path, ": tenant: ", status.message()));
  return stored;
}

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
  absl::Status Create();
  absl::StatusOr<Ids> ReadIds();
  absl::StatusOr<StoredResources> Next(Resources resources);
  absl::Status WriteId(std::string_view tenant, std::string_view tunnel,
                       uint32_t id);
  absl::Status Write(const StoredResources& stored);

  const std::string path_;
  Sqlite database_;
  uint64_t store_id_ = 0;
};

absl::StatusOr<std::unique_ptr<StateStore>> SqliteStore::Open(
    std::string path) {
  const std::filesystem::path folder =
      std::filesystem::path(path).parent_path();
  std::error_code error;
  if (std::filesystem::create_directories(folder, error))
    std::filesystem::permissions(folder, std::filesystem::perms::owner_all,
                                 error);
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
  RETURN_IF_ERROR(database_.UseSchema(kSchema, [&] { return Create(); }));
  ASSIGN_OR_RETURN(const int64_t id,
                   database_.QueryInteger("SELECT store_id FROM state"));
  store_id_ = static_cast<uint64_t>(id);
  return absl::OkStatus();
}

absl::Status SqliteStore::Create() {
  int64_t id = 0;
  while (id == 0)
    if (getrandom(&id, sizeof(id), 0) != sizeof(id))
      return absl::ErrnoToStatus(errno, "state store: getrandom");
  for (const char* table : kTables) RETURN_IF_ERROR(database_.Run(table));
  return database_.Run("INSERT INTO state VALUES (1, ?, 0, '')", {id});
}

absl::StatusOr<Ids> SqliteStore::ReadIds() {
  Ids ids;
  RETURN_IF_ERROR(database_.Query(
      "SELECT tenant, tunnel, id FROM ids", [&](const Sqlite::Row& row) {
        std::string tenant(row.Text(0));
        std::string tunnel(row.Text(1));
        const auto id = static_cast<uint32_t>(row.Integer(2));
        if (tunnel.empty())
          ids.tenants[std::move(tenant)] = id;
        else
          ids.tunnels[{std::move(tenant), std::move(tunnel)}] = id;
      }));
  return ids;
}

// What follows the state in force.
absl::StatusOr<StoredResources> SqliteStore::Next(Resources resources) {
  ASSIGN_OR_RETURN(const int64_t epoch,
                   database_.QueryInteger("SELECT epoch FROM state"));
  ASSIGN_OR_RETURN(Ids ids, ReadIds());
  RETURN_IF_ERROR(AssignIds(resources, ids));
  return StoredResources{.epoch = static_cast<uint32_t>(epoch + 1),
                         .resources = std::move(resources)};
}

// Fails if the id belongs to another name.
absl::Status SqliteStore::WriteId(std::string_view tenant,
                                  std::string_view tunnel, uint32_t id) {
  return database_.Run(
      "INSERT INTO ids VALUES (?, ?, ?)"
      " ON CONFLICT (tenant, tunnel) DO NOTHING",
      {tenant, tunnel, int64_t{id}});
}

absl::Status SqliteStore::Write(const StoredResources& stored) {
  RETURN_IF_ERROR(database_.Run("DELETE FROM tenants"));
  int64_t position = 0;
  for (const Tenant& tenant : stored.resources.tenants) {
    // Replaces what is not UTF-8, which no reader lets pass.
    const std::string document = ToJson(tenant).dump(
        -1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
    RETURN_IF_ERROR(database_.Run("INSERT INTO tenants VALUES (?, ?)",
                                  {++position, document}));
    RETURN_IF_ERROR(WriteId(tenant.name, "", tenant.id));
    for (const Tunnel& tunnel : tenant.tunnels)
      RETURN_IF_ERROR(WriteId(tenant.name, tunnel.name, tunnel.id));
  }
  return database_.Run("UPDATE state SET epoch = ?, file = ?",
                       {int64_t{stored.epoch}, stored.resources.file});
}

absl::StatusOr<StoredResources> SqliteStore::Load() {
  StoredResources stored;
  RETURN_IF_ERROR(database_.Read([&]() -> absl::Status {
    ASSIGN_OR_RETURN(stored, ReadAll(database_, path_));
    return absl::OkStatus();
  }));
  return stored;
}

absl::StatusOr<StoredResources> SqliteStore::Replace(Resources resources) {
  StoredResources stored;
  RETURN_IF_ERROR(database_.Write([&]() -> absl::Status {
    ASSIGN_OR_RETURN(stored, Next(std::move(resources)));
    return Write(stored);
  }));
  return stored;
}

absl::StatusOr<StoredResources> SqliteStore::Preview(Resources resources) {
  StoredResources stored;
  RETURN_IF_ERROR(database_.Read([&]() -> absl::Status {
    ASSIGN_OR_RETURN(stored, Next(std::move(resources)));
    return absl::OkStatus();
  }));
  return stored;
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

absl::StatusOr<StoredResources> ReadStateFile(const std::string& path) {
  ASSIGN_OR_RETURN(Sqlite database,
                   Sqlite::OpenToRead(path, absl::Now() + absl::Seconds(5)));
  RETURN_IF_ERROR(database.CheckSchema(kSchema));
  StoredResources stored;
  RETURN_IF_ERROR(database.Read([&]() -> absl::Status {
    ASSIGN_OR_RETURN(stored, ReadAll(database, path));
    return absl::OkStatus();
  }));
  return stored;
}

}  // namespace rampart

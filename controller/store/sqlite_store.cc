// SPDX-License-Identifier: Apache-2.0
// StateStore in one SQLite file. Tenants are JSON documents, a row each;
// secrets are not stored, only the names of the files that hold them.
#include <errno.h>
#include <sys/random.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "controller/base/status.h"
#include "controller/model/json.h"
#include "controller/store/sqlite.h"
#include "controller/store/store.h"

namespace rampart {
namespace {

constexpr int64_t kSchemaVersion = 1;
constexpr absl::string_view kScheme = "sqlite://";

// Ids are kept by name for ever: AUTOINCREMENT never gives one out again.
constexpr char kSchema[] = R"(
  CREATE TABLE meta (
    schema INTEGER NOT NULL, store_id INTEGER NOT NULL,
    epoch INTEGER NOT NULL, file TEXT NOT NULL) STRICT;
  CREATE TABLE tenant_ids (
    id INTEGER PRIMARY KEY AUTOINCREMENT, tenant TEXT NOT NULL,
    name TEXT NOT NULL, UNIQUE (tenant, name)) STRICT;
  CREATE TABLE tunnel_ids (
    id INTEGER PRIMARY KEY AUTOINCREMENT, tenant TEXT NOT NULL,
    name TEXT NOT NULL, UNIQUE (tenant, name)) STRICT;
  CREATE TABLE tenants (
    position INTEGER PRIMARY KEY, document TEXT NOT NULL) STRICT;
)";

class SqliteStore final : public StateStore {
 public:
  static absl::StatusOr<std::unique_ptr<StateStore>> Open(
      const std::string& path);

  absl::StatusOr<StoredResources> Load() override;
  absl::StatusOr<StoredResources> Replace(Resources resources) override;
  absl::StatusOr<StoredResources> Preview(Resources resources) override;
  uint64_t store_id() const override { return store_id_; }

 private:
  explicit SqliteStore(Sqlite db) : db_(std::move(db)) {}

  absl::Status Prepare();
  absl::Status Create();
  absl::StatusOr<uint32_t> Epoch() const;
  // Within a transaction: gives ids.
  absl::Status GiveIds(Resources& resources) const;
  absl::Status Write(const StoredResources& stored) const;

  Sqlite db_;
  uint64_t store_id_ = 0;
};

absl::StatusOr<std::unique_ptr<StateStore>> SqliteStore::Open(
    const std::string& path) {
  std::error_code error;
  const std::filesystem::path folder =
      std::filesystem::path(path).parent_path();
  if (!folder.empty() && !std::filesystem::exists(folder, error)) {
    std::filesystem::create_directories(folder, error);
    std::filesystem::permissions(folder, std::filesystem::perms::owner_all,
                                 error);
  }
  ASSIGN_OR_RETURN(Sqlite db, Sqlite::Open(path));
  auto store = std::unique_ptr<SqliteStore>(new SqliteStore(std::move(db)));
  if (absl::Status status = store->Prepare(); !status.ok())
    return absl::Status(status.code(),
                        absl::StrCat("state ", path, ": ", status.message()));
  return store;
}

absl::Status SqliteStore::Prepare() {
  ASSIGN_OR_RETURN(SqliteTransaction transaction,
                   SqliteTransaction::Begin(db_));
  ASSIGN_OR_RETURN(SqliteStatement tables,
                   db_.Prepare("SELECT count(*) FROM sqlite_master"));
  RETURN_IF_ERROR(tables.Run());
  if (tables.Integer(0) == 0) RETURN_IF_ERROR(Create());
  ASSIGN_OR_RETURN(SqliteStatement meta,
                   db_.Prepare("SELECT schema, store_id FROM meta"));
  ASSIGN_OR_RETURN(const bool found, meta.Step());
  if (!found || meta.Integer(0) != kSchemaVersion) {
    return absl::FailedPreconditionError(absl::StrCat(
        "has schema ", found ? meta.Integer(0) : 0, ", this version reads ",
        kSchemaVersion, "; use the rampartd that wrote it, or another file"));
  }
  store_id_ = static_cast<uint64_t>(meta.Integer(1));
  return transaction.Commit();
}

absl::Status SqliteStore::Create() {
  int64_t id = 0;
  if (getrandom(&id, sizeof(id), 0) != sizeof(id))
    return absl::ErrnoToStatus(errno, "getrandom");
  RETURN_IF_ERROR(db_.Execute(kSchema));
  ASSIGN_OR_RETURN(SqliteStatement insert,
                   db_.Prepare("INSERT INTO meta VALUES (?, ?, 0, '')"));
  return insert.Bind(kSchemaVersion).Bind(id).Run();
}

absl::StatusOr<uint32_t> SqliteStore::Epoch() const {
  ASSIGN_OR_RETURN(SqliteStatement meta, db_.Prepare("SELECT epoch FROM meta"));
  RETURN_IF_ERROR(meta.Run());
  return static_cast<uint32_t>(meta.Integer(0));
}

absl::StatusOr<StoredResources> SqliteStore::Load() {
  StoredResources stored;
  ASSIGN_OR_RETURN(SqliteStatement meta,
                   db_.Prepare("SELECT epoch, file FROM meta"));
  RETURN_IF_ERROR(meta.Run());
  stored.epoch = static_cast<uint32_t>(meta.Integer(0));
  stored.resources.file = meta.Text(1);
  ASSIGN_OR_RETURN(
      SqliteStatement rows,
      db_.Prepare("SELECT document FROM tenants ORDER BY position"));
  for (;;) {
    ASSIGN_OR_RETURN(const bool more, rows.Step());
    if (!more) return stored;
    ASSIGN_OR_RETURN(Tenant tenant,
                     TenantFromJson(nlohmann::ordered_json::parse(
                         rows.Text(0), nullptr, false)));
    stored.resources.tenants.push_back(std::move(tenant));
  }
}

// The id of a name, given now if it has none.
absl::StatusOr<uint32_t> GiveId(const Sqlite& db, std::string_view table,
                                std::string_view tenant,
                                std::string_view name) {
  const std::string in_table(table);
  ASSIGN_OR_RETURN(SqliteStatement known,
                   db.Prepare(absl::StrCat("SELECT id FROM ", in_table,
                                           " WHERE tenant = ? AND name = ?")));
  ASSIGN_OR_RETURN(const bool found, known.Bind(tenant).Bind(name).Step());
  if (found) return static_cast<uint32_t>(known.Integer(0));
  ASSIGN_OR_RETURN(
      SqliteStatement insert,
      db.Prepare(absl::StrCat("INSERT INTO ", in_table,
                              " (tenant, name) VALUES (?, ?) RETURNING id")));
  RETURN_IF_ERROR(insert.Bind(tenant).Bind(name).Run());
  return static_cast<uint32_t>(insert.Integer(0));
}

absl::Status SqliteStore::GiveIds(Resources& resources) const {
  for (Tenant& tenant : resources.tenants) {
    ASSIGN_OR_RETURN(tenant.id,
                     GiveId(db_, "tenant_ids", tenant.name, tenant.name));
    for (Tunnel& tunnel : tenant.tunnels) {
      ASSIGN_OR_RETURN(tunnel.id,
                       GiveId(db_, "tunnel_ids", tenant.name, tunnel.name));
    }
  }
  return absl::OkStatus();
}

absl::Status SqliteStore::Write(const StoredResources& stored) const {
  RETURN_IF_ERROR(db_.Execute("DELETE FROM tenants"));
  for (const Tenant& tenant : stored.resources.tenants) {
    ASSIGN_OR_RETURN(SqliteStatement insert,
                     db_.Prepare("INSERT INTO tenants (document) VALUES (?)"));
    RETURN_IF_ERROR(insert.Bind(ToJson(tenant).dump()).Run());
  }
  ASSIGN_OR_RETURN(SqliteStatement meta,
                   db_.Prepare("UPDATE meta SET epoch = ?, file = ?"));
  return meta.Bind(int64_t{stored.epoch}).Bind(stored.resources.file).Run();
}

absl::StatusOr<StoredResources> SqliteStore::Preview(Resources resources) {
  ASSIGN_OR_RETURN(const SqliteTransaction undone,
                   SqliteTransaction::Begin(db_));
  ASSIGN_OR_RETURN(const uint32_t epoch, Epoch());
  RETURN_IF_ERROR(GiveIds(resources));
  return StoredResources{epoch + 1, std::move(resources)};
}

absl::StatusOr<StoredResources> SqliteStore::Replace(Resources resources) {
  ASSIGN_OR_RETURN(SqliteTransaction transaction,
                   SqliteTransaction::Begin(db_));
  ASSIGN_OR_RETURN(const uint32_t epoch, Epoch());
  RETURN_IF_ERROR(GiveIds(resources));
  StoredResources stored{epoch + 1, std::move(resources)};
  RETURN_IF_ERROR(Write(stored));
  RETURN_IF_ERROR(transaction.Commit());
  return stored;
}

}  // namespace

absl::StatusOr<std::unique_ptr<StateStore>> OpenStateStore(
    std::string_view url) {
  const absl::string_view text(url.data(), url.size());
  if (!absl::StartsWith(text, kScheme) || text.size() == kScheme.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("state \"", text,
                     "\": not a store this version has; write "
                     "sqlite:///var/lib/rampart/state.db"));
  }
  return SqliteStore::Open(std::string(text.substr(kScheme.size())));
}

}  // namespace rampart

// SPDX-License-Identifier: Apache-2.0
#include "controller/store/copy.h"

#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "controller/base/status.h"
#include "controller/base/text.h"
#include "controller/model/json.h"
#include "controller/model/words.h"
#include "controller/store/schema.h"
#include "controller/store/sqlite_store.h"

namespace rampart {
namespace {

using Json = nlohmann::ordered_json;

std::string Text(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// A store of its own must never be taken for a copy and overwritten.
absl::Status MakeTable(Sqlite& database, std::string_view original,
                       const std::string& path) {
  ASSIGN_OR_RETURN(const int64_t marked,
                   database.QueryInteger("SELECT count(*) FROM sqlite_master"
                                         " WHERE name = 'copy'"));
  if (marked != 0) return absl::OkStatus();
  ASSIGN_OR_RETURN(const int64_t epoch,
                   database.QueryInteger("SELECT epoch FROM state"));
  if (epoch != 0)
    return absl::FailedPreconditionError(absl::StrCat(
        "local copy ", path,
        ": is a state store of its own; name another file in etcd.copy"));
  RETURN_IF_ERROR(
      database.Run("CREATE TABLE copy (original TEXT NOT NULL) STRICT"));
  return database.Run("INSERT INTO copy VALUES (?)", {original});
}

}  // namespace

absl::StatusOr<StateCopy> StateCopy::Open(std::string path,
                                          std::string_view original) {
  std::error_code error;
  const auto folder = std::filesystem::path(path).parent_path();
  if (std::filesystem::create_directories(folder, error))
    std::filesystem::permissions(folder, std::filesystem::perms::owner_all,
                                 error);
  if (error)
    return absl::UnavailableError(
        absl::StrCat("local copy ", path, ": make folder: ", error.message()));
  ASSIGN_OR_RETURN(Sqlite database, Sqlite::Open(path));
  RETURN_IF_ERROR(UseStateSchema(database));
  RETURN_IF_ERROR(
      database.Write([&] { return MakeTable(database, original, path); }));
  StateCopy copy(std::move(path), std::move(database));
  RETURN_IF_ERROR(copy.CheckOriginal(original));
  return copy;
}

absl::Status StateCopy::CheckOriginal(std::string_view original) {
  std::string known;
  RETURN_IF_ERROR(database_.Query(
      "SELECT original FROM copy",
      [&](const Sqlite::Row& row) { known = std::string(row.Text(0)); }));
  if (known == original) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "local copy ", path_, ": is one of ", known, ", not of ",
      Abseil(original), "; remove it, or name another file in etcd.copy"));
}

absl::StatusOr<std::optional<StateCopy::Content>> StateCopy::Read() {
  ASSIGN_OR_RETURN(const int64_t epochs,
                   database_.QueryInteger("SELECT count(*) FROM orders"));
  if (epochs == 0) return std::nullopt;
  Content content;
  ASSIGN_OR_RETURN(const int64_t id,
                   database_.QueryInteger("SELECT store_id FROM state"));
  content.store_id = static_cast<uint64_t>(id);
  ASSIGN_OR_RETURN(content.stored, SqliteStore::OpenToRead(path_));
  written_ = content.stored.resources;
  return content;
}

absl::Status StateCopy::Write(uint64_t store_id,
                              const StoredResources& stored) {
  RETURN_IF_ERROR(database_.Write([&]() -> absl::Status {
    RETURN_IF_ERROR(
        database_.Run("UPDATE state SET store_id = ?, epoch = ?, file = ?",
                      {static_cast<int64_t>(store_id), int64_t{stored.epoch},
                       stored.resources.file}));
    RETURN_IF_ERROR(WriteTenants(stored.resources));
    return WriteEpoch(stored);
  }));
  written_ = stored.resources;
  return absl::OkStatus();
}

// A row of `ids` belongs to one name only: those of the original do, and the
// rows are replaced as a whole when that changes.
absl::Status StateCopy::WriteTenants(const Resources& resources) {
  absl::flat_hash_map<std::string, const Shared<Tenant>*> before;
  for (const Shared<Tenant>& tenant : written_.tenants)
    before.emplace(tenant->name, &tenant);
  Json order = Json::array();
  for (const Shared<Tenant>& tenant : resources.tenants) {
    order.push_back(tenant->name);
    const auto it = before.find(tenant->name);
    const bool same = it != before.end() && it->second->SameAs(tenant);
    if (it != before.end()) before.erase(it);
    if (same) continue;
    const std::string document =
        Text(ToJson(static_cast<const Tenant&>(tenant)));
    RETURN_IF_ERROR(
        database_.Run("INSERT OR REPLACE INTO tenants VALUES (?, 0, ?, ?, ?)",
                      {tenant->name, kForever,
                       static_cast<int64_t>(document.size()), document}));
    RETURN_IF_ERROR(
        database_.Run("INSERT OR REPLACE INTO ids VALUES (?, '', ?)",
                      {tenant->name, int64_t{tenant->id}}));
    for (const Tunnel& tunnel : tenant->tunnels)
      RETURN_IF_ERROR(
          database_.Run("INSERT OR REPLACE INTO ids VALUES (?, ?, ?)",
                        {tenant->name, tunnel.name, int64_t{tunnel.id}}));
  }
  for (const auto& [name, tenant] : before)
    RETURN_IF_ERROR(
        database_.Run("DELETE FROM tenants WHERE name = ?", {name}));
  return database_.Run("INSERT OR REPLACE INTO orders VALUES (0, ?)",
                       {Text(order)});
}

absl::Status StateCopy::WriteEpoch(const StoredResources& stored) {
  RETURN_IF_ERROR(database_.Run("DELETE FROM epochs"));
  return database_.Run(
      "INSERT INTO epochs VALUES (?, 0, '', '', '', ?, ?, '[]', 0)",
      {int64_t{stored.epoch}, WordOf(kOnChanges, stored.on_change),
       stored.resources.file});
}

}  // namespace rampart

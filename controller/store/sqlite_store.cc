// SPDX-License-Identifier: Apache-2.0
#include "controller/store/sqlite_store.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "controller/base/status.h"
#include "controller/base/text.h"
#include "controller/model/json.h"
#include "controller/model/words.h"
#include "controller/store/schema.h"

namespace rampart {
namespace {

using Json = nlohmann::ordered_json;

// Replaces what is not UTF-8, which no reader lets pass.
std::string Text(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::vector<std::string> Names(std::string_view text) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  std::vector<std::string> names;
  if (!json.is_array()) return names;
  for (const Json& name : json)
    if (name.is_string()) names.push_back(name.get<std::string>());
  return names;
}

OnChange OnChangeOf(std::string_view word) {
  return OneOf(kOnChanges)(word).value_or(OnChange::kRecheck);
}

std::vector<std::string> OrderOf(const Resources& resources) {
  std::vector<std::string> names;
  names.reserve(resources.tenants.size());
  for (const Tenant& tenant : resources.tenants) names.push_back(tenant.name);
  return names;
}

// What a person would call the same.
Tenant WithoutLines(Tenant tenant) {
  tenant.line = 0;
  const auto forget = [](auto& list) {
    for (auto& object : list) object.line = 0;
  };
  forget(tenant.vnets);
  forget(tenant.tunnels);
  forget(tenant.routes);
  forget(tenant.groups);
  forget(tenant.policies);
  forget(tenant.tests);
  for (Tunnel& tunnel : tenant.tunnels) {
    forget(tunnel.peers);
    for (Peer& peer : tunnel.peers)
      for (PeerKey& key : peer.keys) key.secret.clear();
  }
  return tenant;
}

absl::Status MakeFolder(const std::string& path) {
  const std::filesystem::path folder =
      std::filesystem::path(path).parent_path();
  std::error_code error;
  if (std::filesystem::create_directories(folder, error))
    std::filesystem::permissions(folder, std::filesystem::perms::owner_all,
                                 error);
  if (!error) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat("state store ", path, ": make folder: ", error.message()));
}

absl::StatusOr<Tenant> ParseTenant(std::string_view document) {
  return TenantFromJson(
      Json::parse(document, nullptr, /*allow_exceptions=*/false));
}

}  // namespace

absl::StatusOr<std::unique_ptr<SqliteStore>> SqliteStore::Open(
    std::string path) {
  RETURN_IF_ERROR(MakeFolder(path));
  ASSIGN_OR_RETURN(Sqlite database, Sqlite::Open(path));
  RETURN_IF_ERROR(UseStateSchema(database));
  auto store =
      absl::WrapUnique(new SqliteStore(std::move(path), std::move(database)));
  RETURN_IF_ERROR(store->Prepare());
  return store;
}

absl::StatusOr<StoredResources> SqliteStore::OpenToRead(
    const std::string& path) {
  ASSIGN_OR_RETURN(Sqlite database,
                   Sqlite::OpenToRead(path, absl::Now() + absl::Seconds(5)));
  RETURN_IF_ERROR(database.CheckSchema(kStateSchema));
  SqliteStore store(path, std::move(database));
  return store.Load();
}

absl::Status SqliteStore::Prepare() {
  ASSIGN_OR_RETURN(const int64_t id,
                   database_.QueryInteger("SELECT store_id FROM state"));
  store_id_ = static_cast<uint64_t>(id);
  return absl::OkStatus();
}

absl::StatusOr<StoredResources> SqliteStore::Load() {
  RETURN_IF_ERROR(database_.Read([&] { return ReadAll(); }));
  return current_;
}

absl::Status SqliteStore::ReadAll() {
  ASSIGN_OR_RETURN(const int64_t epoch,
                   database_.QueryInteger("SELECT epoch FROM state"));
  Versions versions;
  ASSIGN_OR_RETURN(
      current_, ReadEpoch(static_cast<uint32_t>(epoch), Versions(), &versions));
  versions_ = std::move(versions);
  RETURN_IF_ERROR(ReadIds());
  return ReadProbation();
}

absl::Status SqliteStore::ReadAllIfStale() {
  ASSIGN_OR_RETURN(const int64_t epoch,
                   database_.QueryInteger("SELECT epoch FROM state"));
  if (epoch == current_.epoch && epoch != 0) return absl::OkStatus();
  return ReadAll();
}

absl::Status SqliteStore::ReadIds() {
  ids_ = Ids();
  return database_.Query(
      "SELECT tenant, tunnel, id FROM ids", [&](const Sqlite::Row& row) {
        std::string tenant(row.Text(0));
        std::string tunnel(row.Text(1));
        const auto id = static_cast<uint32_t>(row.Integer(2));
        if (tunnel.empty())
          ids_.tenants[std::move(tenant)] = id;
        else
          ids_.tunnels[{std::move(tenant), std::move(tunnel)}] = id;
      });
}

absl::Status SqliteStore::ReadProbation() {
  probation_.reset();
  return database_.Query(
      "SELECT epoch, back_to, deadline FROM probation",
      [&](const Sqlite::Row& row) {
        probation_ = {.epoch = static_cast<uint32_t>(row.Integer(0)),
                      .back_to = static_cast<uint32_t>(row.Integer(1)),
                      .deadline = absl::FromUnixMicros(row.Integer(2))};
      });
}

absl::StatusOr<StoredResources> SqliteStore::ReadEpoch(uint32_t epoch,
                                                       const Versions& known,
                                                       Versions* read) {
  StoredResources stored = {.epoch = epoch};
  RETURN_IF_ERROR(
      database_.Query("SELECT file, on_change FROM epochs WHERE epoch = ?",
                      {int64_t{epoch}}, [&](const Sqlite::Row& row) {
                        stored.resources.file = std::string(row.Text(0));
                        stored.on_change = OnChangeOf(row.Text(1));
                      }));
  Versions versions;
  absl::Status status;
  const auto visit = [&](const Sqlite::Row& row) {
    std::string name(row.Text(0));
    const auto since = static_cast<uint32_t>(row.Integer(1));
    const auto same = known.find(name);
    if (same != known.end() && same->second.from == since) {
      versions.emplace(std::move(name), same->second);
      return;
    }
    absl::StatusOr<Tenant> tenant = ParseTenant(row.Text(2));
    if (tenant.ok())
      versions[std::move(name)] = {*std::move(tenant), since};
    else
      status.Update(tenant.status());
  };
  RETURN_IF_ERROR(
      database_.Query("SELECT name, since, document FROM tenants"
                      " WHERE since <= ?1 AND until > ?1",
                      {int64_t{epoch}}, visit));
  std::vector<std::string> order;
  RETURN_IF_ERROR(database_.Query(
      "SELECT names FROM orders WHERE since <= ? ORDER BY since DESC LIMIT 1",
      {int64_t{epoch}},
      [&](const Sqlite::Row& row) { order = Names(row.Text(0)); }));
  for (const std::string& name : order)
    if (const auto it = versions.find(name); it != versions.end())
      stored.resources.tenants.push_back(it->second.tenant);
  if (status.ok() && (order.size() != versions.size() ||
                      stored.resources.tenants.size() != versions.size()))
    status = absl::DataLossError("the list of them is not complete");
  if (!status.ok())
    return absl::DataLossError(
        absl::StrCat("state store ", path_, ": tenant: ", status.message()));
  if (read != nullptr) *read = std::move(versions);
  return stored;
}

absl::StatusOr<StoredResources> SqliteStore::LoadEpoch(uint32_t epoch) {
  StoredResources stored;
  if (epoch == 0) return stored;
  RETURN_IF_ERROR(database_.Read([&]() -> absl::Status {
    RETURN_IF_ERROR(ReadAllIfStale());
    int64_t found = 0;
    int64_t oldest = 0;
    RETURN_IF_ERROR(database_.Query(
        "SELECT count(*) FILTER (WHERE epoch = ?), min(epoch) FROM epochs",
        {int64_t{epoch}}, [&](const Sqlite::Row& row) {
          found = row.Integer(0);
          oldest = row.Integer(1);
        }));
    if (found == 0)
      return absl::NotFoundError(absl::StrCat(
          "epoch ", epoch, ": is not in the history, which goes from ", oldest,
          " to ", current_.epoch));
    ASSIGN_OR_RETURN(stored, ReadEpoch(epoch, versions_, nullptr));
    return absl::OkStatus();
  }));
  return stored;
}

absl::StatusOr<std::vector<EpochRecord>> SqliteStore::History(int limit) {
  std::vector<EpochRecord> records;
  RETURN_IF_ERROR(database_.Query(
      "SELECT epoch, time, who, what, comment, on_change, tenants FROM epochs"
      " ORDER BY epoch DESC LIMIT ?",
      {int64_t{limit}}, [&](const Sqlite::Row& row) {
        records.push_back({.epoch = static_cast<uint32_t>(row.Integer(0)),
                           .time = absl::FromUnixMicros(row.Integer(1)),
                           .who = std::string(row.Text(2)),
                           .what = std::string(row.Text(3)),
                           .comment = std::string(row.Text(4)),
                           .on_change = OnChangeOf(row.Text(5)),
                           .tenants = Names(row.Text(6))});
      }));
  return records;
}

absl::StatusOr<StoredResources> SqliteStore::Preview(Resources resources) {
  RETURN_IF_ERROR(database_.Read([&] { return ReadAllIfStale(); }));
  ASSIGN_OR_RETURN(const std::vector<NewId> given,
                   AssignIds(resources, current_.resources, ids_));
  TakeBack(given, ids_);
  return StoredResources{.epoch = current_.epoch + 1,
                         .resources = std::move(resources)};
}

absl::StatusOr<StoredResources> SqliteStore::Replace(Resources resources,
                                                     const EpochNote& note) {
  StoredResources next = {.resources = std::move(resources),
                          .on_change = note.on_change};
  Difference difference;
  std::vector<NewId> given;
  const absl::Status status = database_.Write([&]() -> absl::Status {
    RETURN_IF_ERROR(ReadAllIfStale());
    if (note.from != current_.epoch)
      return absl::AbortedError(absl::StrCat(
          "epoch ", note.from, " was to be changed, and ", current_.epoch,
          " is in force; look at it, then try again"));
    next.epoch = current_.epoch + 1;
    ASSIGN_OR_RETURN(given,
                     AssignIds(next.resources, current_.resources, ids_));
    RETURN_IF_ERROR(WriteIds(given));
    return WriteNext(next, note, difference);
  });
  if (!status.ok()) {
    TakeBack(given, ids_);
    return status;
  }
  current_ = next;
  versions_ = std::move(difference.versions);
  probation_.reset();
  if (note.confirm_by)
    probation_ = {.epoch = next.epoch,
                  .back_to = note.from,
                  .deadline = *note.confirm_by};
  return next;
}

absl::Status SqliteStore::WriteNext(const StoredResources& next,
                                    const EpochNote& note,
                                    Difference& difference) {
  RETURN_IF_ERROR(WriteTenants(next, difference));
  RETURN_IF_ERROR(WriteEpoch(next, note, difference));
  RETURN_IF_ERROR(WriteProbation(next, note));
  return Prune();
}

// Fails if an id belongs to another name.
absl::Status SqliteStore::WriteIds(const std::vector<NewId>& given) {
  for (const NewId& id : given)
    RETURN_IF_ERROR(database_.Run("INSERT INTO ids VALUES (?, ?, ?)",
                                  {id.tenant, id.tunnel, int64_t{id.id}}));
  return absl::OkStatus();
}

absl::Status SqliteStore::WriteTenants(const StoredResources& next,
                                       Difference& difference) {
  for (const Shared<Tenant>& tenant : next.resources.tenants)
    RETURN_IF_ERROR(WriteTenant(tenant, next.epoch, difference));
  for (const Tenant& tenant : current_.resources.tenants) {
    if (difference.versions.contains(tenant.name)) continue;
    RETURN_IF_ERROR(Close(tenant.name, next.epoch, difference));
    difference.tenants.push_back(tenant.name);
  }
  std::sort(difference.tenants.begin(), difference.tenants.end());
  const std::vector<std::string> order = OrderOf(next.resources);
  if (next.epoch > 1 && order == OrderOf(current_.resources))
    return absl::OkStatus();
  return database_.Run("INSERT INTO orders VALUES (?, ?)",
                       {int64_t{next.epoch}, Text(Json(order))});
}

absl::Status SqliteStore::WriteTenant(const Shared<Tenant>& tenant,
                                      uint32_t epoch, Difference& difference) {
  const auto old = versions_.find(tenant->name);
  const bool is_new = old == versions_.end();
  Version& version = difference.versions[tenant->name];
  version = {tenant, is_new ? epoch : old->second.from};
  if (!is_new && old->second.tenant.SameAs(tenant)) return absl::OkStatus();
  const std::string document = Text(ToJson(*tenant));
  bool same = false;
  if (!is_new)
    RETURN_IF_ERROR(database_.Query(
        "SELECT document FROM tenants WHERE name = ? AND since = ?",
        {tenant->name, int64_t{version.from}},
        [&](const Sqlite::Row& row) { same = row.Text(0) == document; }));
  if (same) return absl::OkStatus();
  if (!is_new) RETURN_IF_ERROR(Close(tenant->name, epoch, difference));
  version.from = epoch;
  if (is_new || !(WithoutLines(*tenant) == WithoutLines(*old->second.tenant)))
    difference.tenants.push_back(tenant->name);
  return database_.Run("INSERT INTO tenants VALUES (?, ?, ?, ?, ?)",
                       {tenant->name, int64_t{epoch}, kForever,
                        static_cast<int64_t>(document.size()), document});
}

absl::Status SqliteStore::Close(const std::string& tenant, uint32_t epoch,
                                Difference& difference) {
  return database_.Query(
      "UPDATE tenants SET until = ? WHERE name = ? AND since = ?"
      " RETURNING size",
      {int64_t{epoch}, tenant, int64_t{versions_.at(tenant).from}},
      [&](const Sqlite::Row& row) { difference.closed += row.Integer(0); });
}

absl::Status SqliteStore::WriteEpoch(const StoredResources& next,
                                     const EpochNote& note,
                                     const Difference& difference) {
  RETURN_IF_ERROR(database_.Run(
      "INSERT INTO epochs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
      {int64_t{next.epoch}, absl::ToUnixMicros(note.time), note.who, note.what,
       note.comment, WordOf(kOnChanges, note.on_change), next.resources.file,
       Text(Json(difference.tenants)), difference.closed}));
  return database_.Run("UPDATE state SET epoch = ?, file = ?",
                       {int64_t{next.epoch}, next.resources.file});
}

absl::Status SqliteStore::WriteProbation(const StoredResources& next,
                                         const EpochNote& note) {
  RETURN_IF_ERROR(database_.Run("DELETE FROM probation"));
  if (!note.confirm_by) return absl::OkStatus();
  return database_.Run("INSERT INTO probation VALUES (1, ?, ?, ?)",
                       {int64_t{next.epoch}, int64_t{note.from},
                        absl::ToUnixMicros(*note.confirm_by)});
}

// A version of a tenant that ended with epoch e is needed by those before e.
absl::Status SqliteStore::Prune() {
  ASSIGN_OR_RETURN(
      const int64_t oldest,
      database_.QueryInteger(absl::StrCat(
          "SELECT min(epoch) FROM (SELECT epoch,"
          " row_number() OVER (ORDER BY epoch DESC) AS kept,"
          " sum(closed) OVER (ORDER BY epoch DESC) - closed AS bytes"
          " FROM epochs) WHERE kept <= 2 OR (kept <= ",
          kEpochsKept, " AND bytes <= ", kHistoryBytes, ")")));
  RETURN_IF_ERROR(
      database_.Run("DELETE FROM tenants WHERE until <= ?", {oldest}));
  RETURN_IF_ERROR(
      database_.Run("DELETE FROM orders WHERE since <"
                    " (SELECT max(since) FROM orders WHERE since <= ?)",
                    {oldest}));
  return database_.Run("DELETE FROM epochs WHERE epoch < ?", {oldest});
}

absl::Status SqliteStore::Confirm(uint32_t epoch) {
  if (!probation_ || probation_->epoch != epoch)
    return absl::FailedPreconditionError(absl::StrCat(
        "epoch ", epoch, ": waits for no confirmation; it is ",
        epoch == current_.epoch ? "in force to stay" : "not in force"));
  RETURN_IF_ERROR(database_.Run("DELETE FROM probation"));
  probation_.reset();
  return absl::OkStatus();
}

}  // namespace rampart

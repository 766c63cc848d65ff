// SPDX-License-Identifier: Apache-2.0
#include "controller/store/sqlite.h"

#include "absl/strings/str_cat.h"
#include "controller/base/status.h"

namespace rampart {
namespace {

constexpr int kBusyMilliseconds = 5000;

absl::Status ErrorOf(sqlite3* db) {
  const char* path = sqlite3_db_filename(db, "main");
  return absl::UnavailableError(absl::StrCat(
      "state ", path == nullptr ? "" : path, ": ", sqlite3_errmsg(db)));
}

}  // namespace

SqliteStatement& SqliteStatement::Bind(int64_t value) {
  RP_CHECK(sqlite3_bind_int64(statement_.get(), next_++, value) == SQLITE_OK);
  return *this;
}

SqliteStatement& SqliteStatement::Bind(std::string_view value) {
  RP_CHECK(sqlite3_bind_text(statement_.get(), next_++, value.data(),
                             static_cast<int>(value.size()),
                             SQLITE_TRANSIENT) == SQLITE_OK);
  return *this;
}

absl::StatusOr<bool> SqliteStatement::Step() {
  switch (sqlite3_step(statement_.get())) {
    case SQLITE_ROW:
      return true;
    case SQLITE_DONE:
      return false;
    default:
      return ErrorOf(sqlite3_db_handle(statement_.get()));
  }
}

absl::Status SqliteStatement::Run() { return Step().status(); }

int64_t SqliteStatement::Integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

std::string SqliteStatement::Text(int column) const {
  const unsigned char* text = sqlite3_column_text(statement_.get(), column);
  return {reinterpret_cast<const char*>(text),
          static_cast<size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

absl::StatusOr<Sqlite> Sqlite::Open(const std::string& path) {
  sqlite3* raw = nullptr;
  const int result = sqlite3_open_v2(
      path.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr);
  Sqlite db(raw);
  if (result != SQLITE_OK) {
    return absl::UnavailableError(
        absl::StrCat("state ", path, ": ", sqlite3_errstr(result)));
  }
  sqlite3_busy_timeout(raw, kBusyMilliseconds);
  RETURN_IF_ERROR(
      db.Execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"));
  return db;
}

absl::Status Sqlite::Execute(const char* sql) const {
  return sqlite3_exec(db_.get(), sql, nullptr, nullptr, nullptr) == SQLITE_OK
             ? absl::OkStatus()
             : ErrorOf(db_.get());
}

absl::StatusOr<SqliteStatement> Sqlite::Prepare(std::string_view sql) const {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(db_.get(), sql.data(), static_cast<int>(sql.size()),
                         &statement, nullptr) != SQLITE_OK)
    return ErrorOf(db_.get());
  return SqliteStatement(statement);
}

absl::StatusOr<SqliteTransaction> SqliteTransaction::Begin(const Sqlite& db) {
  RETURN_IF_ERROR(db.Execute("BEGIN IMMEDIATE"));
  return SqliteTransaction(&db);
}

SqliteTransaction::~SqliteTransaction() {
  if (db_ != nullptr) db_->Execute("ROLLBACK").IgnoreError();
}

absl::Status SqliteTransaction::Commit() {
  RETURN_IF_ERROR(db_->Execute("COMMIT"));
  db_ = nullptr;
  return absl::OkStatus();
}

}  // namespace rampart

// SPDX-License-Identifier: Apache-2.0
#include "controller/store/sqlite.h"

#include <sqlite3.h>

#include "absl/strings/str_cat.h"
#include "controller/base/status.h"
#include "controller/base/text.h"

namespace rampart {
namespace {

// For another process that looks into the file; rampartd is the only writer.
constexpr int kBusyMilliseconds = 2000;

constexpr std::string_view kTableCount = "SELECT count(*) FROM sqlite_schema";

absl::StatusCode CodeOf(int sqlite_code) {
  switch (sqlite_code & 0xff) {
    case SQLITE_NOTADB:
      return absl::StatusCode::kFailedPrecondition;
    case SQLITE_CORRUPT:
    case SQLITE_CONSTRAINT:  // what is stored contradicts what is written
      return absl::StatusCode::kDataLoss;
    default:
      return absl::StatusCode::kUnavailable;
  }
}

void Bind(sqlite3_stmt* statement, int index, const Sqlite::Value& value) {
  if (const auto* integer = std::get_if<int64_t>(&value)) {
    RP_CHECK(sqlite3_bind_int64(statement, index, *integer) == SQLITE_OK);
    return;
  }
  // The caller's text outlives the statement.
  const std::string_view text = std::get<std::string_view>(value);
  RP_CHECK(sqlite3_bind_text64(statement, index, text.data(), text.size(),
                               SQLITE_STATIC, SQLITE_UTF8) == SQLITE_OK);
}

}  // namespace

int64_t Sqlite::Row::Integer(int column) const {
  return sqlite3_column_int64(statement_, column);
}

std::string_view Sqlite::Row::Text(int column) const {
  const auto* text = sqlite3_column_text(statement_, column);
  return {reinterpret_cast<const char*>(text),
          static_cast<size_t>(sqlite3_column_bytes(statement_, column))};
}

bool Sqlite::Row::IsNull(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

void Sqlite::Close::operator()(sqlite3* database) const {
  sqlite3_close_v2(database);
}

void Sqlite::Finalize::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

absl::StatusOr<Sqlite> Sqlite::Open(const std::string& path) {
  sqlite3* database = nullptr;
  const int result =
      sqlite3_open_v2(path.c_str(), &database,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr);
  Sqlite sqlite(database, path);
  if (result != SQLITE_OK) return sqlite.Error("open");
  sqlite3_extended_result_codes(database, 1);
  sqlite3_busy_timeout(database, kBusyMilliseconds);
  for (const char* pragma :
       {"PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL",
        "PRAGMA foreign_keys=ON", "PRAGMA trusted_schema=OFF"})
    RETURN_IF_ERROR(sqlite.Run(pragma));
  return sqlite;
}

absl::Status Sqlite::Error(std::string_view what) const {
  sqlite3* database = database_.get();
  const int code = sqlite3_extended_errcode(database);
  return absl::Status(CodeOf(code),
                      absl::StrCat("state store ", path_, ": ", Abseil(what),
                                   ": ", sqlite3_errmsg(database)));
}

absl::Status Sqlite::UseSchema(const Schema& schema,
                               absl::FunctionRef<absl::Status()> create) {
  ASSIGN_OR_RETURN(const int64_t tables, QueryInteger(kTableCount));
  if (tables == 0)
    RETURN_IF_ERROR(Write([&]() -> absl::Status {
      ASSIGN_OR_RETURN(const int64_t still, QueryInteger(kTableCount));
      if (still != 0) return absl::OkStatus();
      RETURN_IF_ERROR(create());
      RETURN_IF_ERROR(
          Run(absl::StrCat("PRAGMA application_id=", schema.application_id)));
      return Run(absl::StrCat("PRAGMA user_version=", schema.version));
    }));
  return CheckSchema(schema);
}

absl::Status Sqlite::CheckSchema(const Schema& schema) {
  ASSIGN_OR_RETURN(const int64_t application,
                   QueryInteger("PRAGMA application_id"));
  ASSIGN_OR_RETURN(const int64_t version, QueryInteger("PRAGMA user_version"));
  if (application != schema.application_id)
    return absl::FailedPreconditionError(
        absl::StrCat("state store ", path_,
                     ": is another program's database; name another file"));
  if (version != schema.version)
    return absl::FailedPreconditionError(
        absl::StrCat("state store ", path_, ": schema version ", version,
                     ", and this program needs ", schema.version,
                     "; use the program that wrote it, or name another file"));
  return absl::OkStatus();
}

absl::StatusOr<Sqlite::Statement> Sqlite::Prepare(std::string_view sql) {
  if (const auto kept = statements_.extract(Abseil(sql)))
    return std::move(kept.mapped());
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(database_.get(), sql.data(), sql.size(), &statement,
                         nullptr) != SQLITE_OK)
    return Error(sql);
  return Statement(statement);
}

absl::Status Sqlite::Query(std::string_view sql,
                           std::initializer_list<Value> values,
                           absl::FunctionRef<void(const Row&)> visit) {
  ASSIGN_OR_RETURN(Statement statement, Prepare(sql));
  int index = 0;
  for (const Value& value : values) Bind(statement.get(), ++index, value);
  int result;
  while ((result = sqlite3_step(statement.get())) == SQLITE_ROW)
    visit(Row(statement.get()));
  if (result != SQLITE_DONE) return Error(sql);
  sqlite3_reset(statement.get());
  statements_.insert_or_assign(std::string(sql), std::move(statement));
  return absl::OkStatus();
}

absl::Status Sqlite::Run(std::string_view sql,
                         std::initializer_list<Value> values) {
  return Query(sql, values, [](const Row&) {});
}

absl::Status Sqlite::Query(std::string_view sql,
                           absl::FunctionRef<void(const Row&)> visit) {
  return Query(sql, {}, visit);
}

absl::StatusOr<int64_t> Sqlite::QueryInteger(std::string_view sql) {
  int64_t value = 0;
  int rows = 0;
  RETURN_IF_ERROR(Query(sql, [&](const Row& row) {
    value = row.Integer(0);
    ++rows;
  }));
  if (rows != 1)
    return absl::DataLossError(absl::StrCat("state store ", path_, ": ",
                                            Abseil(sql), ": ", rows, " rows"));
  return value;
}

absl::Status Sqlite::Write(absl::FunctionRef<absl::Status()> body) {
  return Transaction("BEGIN IMMEDIATE", body);
}

absl::Status Sqlite::Read(absl::FunctionRef<absl::Status()> body) {
  return Transaction("BEGIN", body);
}

absl::Status Sqlite::Transaction(std::string_view begin,
                                 absl::FunctionRef<absl::Status()> body) {
  RETURN_IF_ERROR(Run(begin));
  absl::Status status = body();
  if (status.ok()) status = Run("COMMIT");
  // Fails only if SQLite rolled back by itself.
  if (!status.ok()) Run("ROLLBACK").IgnoreError();
  return status;
}

}  // namespace rampart

// SPDX-License-Identifier: Apache-2.0
#include "controller/store/sqlite.h"

#include <sqlite3.h>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
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
    case SQLITE_INTERRUPT:
      return absl::StatusCode::kDeadlineExceeded;
    case SQLITE_ERROR:  // a statement that is none, or may not be run
    case SQLITE_AUTH:
    case SQLITE_RANGE:
      return absl::StatusCode::kInvalidArgument;
    case SQLITE_CORRUPT:
    case SQLITE_CONSTRAINT:  // what is stored contradicts what is written
      return absl::StatusCode::kDataLoss;
    default:
      return absl::StatusCode::kUnavailable;
  }
}

void Bind(sqlite3_stmt* statement, int index, const Sqlite::Value& value) {
  if (std::holds_alternative<std::monostate>(value)) {
    RP_CHECK(sqlite3_bind_null(statement, index) == SQLITE_OK);
    return;
  }
  if (const auto* integer = std::get_if<int64_t>(&value)) {
    RP_CHECK(sqlite3_bind_int64(statement, index, *integer) == SQLITE_OK);
    return;
  }
  // The caller's text outlives the statement.
  const std::string_view text = std::get<std::string_view>(value);
  RP_CHECK(sqlite3_bind_text64(statement, index, text.data(), text.size(),
                               SQLITE_STATIC, SQLITE_UTF8) == SQLITE_OK);
}

// How often a statement looks at the time: steps of SQLite's machine.
constexpr int kStepsPerLook = 10000;

int IsLate(void* deadline) {
  return absl::Now() > *static_cast<const absl::Time*>(deadline) ? 1 : 0;
}

// What a statement that only looks needs; everything else is refused.
int AllowReading(void*, int action, const char*, const char* function,
                 const char*, const char*) {
  switch (action) {
    case SQLITE_SELECT:
    case SQLITE_READ:
    case SQLITE_RECURSIVE:
      return SQLITE_OK;
    case SQLITE_FUNCTION:
      return function != nullptr &&
                     std::string_view(function) == "load_extension"
                 ? SQLITE_DENY
                 : SQLITE_OK;
    default:
      return SQLITE_DENY;
  }
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

bool Sqlite::Row::IsInteger(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_INTEGER;
}

int Sqlite::Row::columns() const { return sqlite3_column_count(statement_); }

std::string_view Sqlite::Row::Name(int column) const {
  return sqlite3_column_name(statement_, column);
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

absl::StatusOr<Sqlite> Sqlite::OpenToRead(const std::string& path,
                                          absl::Time deadline) {
  sqlite3* database = nullptr;
  const int result =
      sqlite3_open_v2(path.c_str(), &database, SQLITE_OPEN_READONLY, nullptr);
  Sqlite sqlite(database, path);
  if (result == SQLITE_CANTOPEN)
    return absl::NotFoundError(absl::StrCat(path, ": cannot be opened"));
  if (result != SQLITE_OK) return sqlite.Error("open");
  sqlite3_extended_result_codes(database, 1);
  sqlite3_busy_timeout(database, kBusyMilliseconds);
  // Before the first look at the file: its own schema is not trusted.
  RETURN_IF_ERROR(sqlite.Run("PRAGMA trusted_schema=OFF"));
  RETURN_IF_ERROR(sqlite.Run("PRAGMA query_only=ON"));
  sqlite.deadline_ = std::make_unique<absl::Time>(deadline);
  sqlite3_progress_handler(database, kStepsPerLook, &IsLate,
                           sqlite.deadline_.get());
  return sqlite;
}

void Sqlite::OnlyRead() {
  sqlite3_set_authorizer(database_.get(), &AllowReading, nullptr);
  statements_.clear();  // prepared without being asked about
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
  if (statement == nullptr)
    return absl::InvalidArgumentError(
        absl::StrCat("state store ", path_, ": an empty statement"));
  return Statement(statement);
}

absl::Status Sqlite::Query(std::string_view sql,
                           std::initializer_list<Value> values,
                           absl::FunctionRef<void(const Row&)> visit) {
  return Query(sql, absl::MakeConstSpan(values.begin(), values.size()), visit);
}

absl::Status Sqlite::Query(std::string_view sql, absl::Span<const Value> values,
                           absl::FunctionRef<void(const Row&)> visit) {
  return QueryWhile(sql, values, [&](const Row& row) {
    visit(row);
    return true;
  });
}

absl::Status Sqlite::QueryWhile(std::string_view sql,
                                absl::Span<const Value> values,
                                absl::FunctionRef<bool(const Row&)> visit) {
  ASSIGN_OR_RETURN(Statement statement, Prepare(sql));
  int index = 0;
  for (const Value& value : values) Bind(statement.get(), ++index, value);
  int result;
  while ((result = sqlite3_step(statement.get())) == SQLITE_ROW)
    if (!visit(Row(statement.get()))) break;
  if (result != SQLITE_DONE && result != SQLITE_ROW) return Error(sql);
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

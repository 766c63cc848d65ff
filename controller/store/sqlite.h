// SPDX-License-Identifier: Apache-2.0
// A SQLite database with absl::Status. Thread-compatible.
#ifndef RAMPART_CONTROLLER_STORE_SQLITE_H_
#define RAMPART_CONTROLLER_STORE_SQLITE_H_

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace rampart {

class SqliteStatement {
 public:
  // Binds the next parameter, from the first. The text is copied.
  SqliteStatement& Bind(int64_t value);
  SqliteStatement& Bind(std::string_view value);

  // Goes to the next row; false behind the last. Errors: those of Sqlite.
  absl::StatusOr<bool> Step();
  // Runs a statement that has no rows.
  absl::Status Run();

  int64_t Integer(int column) const;
  std::string Text(int column) const;

 private:
  friend class Sqlite;
  explicit SqliteStatement(sqlite3_stmt* statement)
      : statement_(statement, sqlite3_finalize) {}

  std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> statement_;
  int next_ = 1;
};

class Sqlite {
 public:
  // Opens or makes the file; every commit is durable when it returns (WAL with
  // synchronous=FULL). Errors: Unavailable, "state PATH: what SQLite says".
  static absl::StatusOr<Sqlite> Open(const std::string& path);

  absl::Status Execute(const char* sql) const;
  absl::StatusOr<SqliteStatement> Prepare(std::string_view sql) const;

 private:
  explicit Sqlite(sqlite3* db) : db_(db, sqlite3_close_v2) {}

  std::unique_ptr<sqlite3, int (*)(sqlite3*)> db_;
};

// A transaction that is undone unless committed.
class SqliteTransaction {
 public:
  // Takes the write lock at once. db must outlive it.
  static absl::StatusOr<SqliteTransaction> Begin(const Sqlite& db);
  SqliteTransaction(SqliteTransaction&& other) noexcept
      : db_(std::exchange(other.db_, nullptr)) {}
  SqliteTransaction& operator=(SqliteTransaction&&) = delete;
  ~SqliteTransaction();

  absl::Status Commit();

 private:
  explicit SqliteTransaction(const Sqlite* db) : db_(db) {}

  const Sqlite* db_;  // null once it is over
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_STORE_SQLITE_H_

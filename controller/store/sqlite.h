// SPDX-License-Identifier: Apache-2.0
// SQLite as this project uses it. The only file pair that includes sqlite3.h.
#ifndef RAMPART_CONTROLLER_STORE_SQLITE_H_
#define RAMPART_CONTROLLER_STORE_SQLITE_H_

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"

struct sqlite3;
struct sqlite3_stmt;

namespace rampart {

// One connection; for one thread at a time. Errors: Unavailable (locked, full,
// not writable), DataLoss (damaged file), FailedPrecondition (no database);
// messages name the file.
class Sqlite {
 public:
  using Value = std::variant<std::monostate, int64_t, std::string_view>;

  // One row of a result, valid during the call it is given to.
  class Row {
   public:
    explicit Row(sqlite3_stmt* statement) : statement_(statement) {}
    int64_t Integer(int column) const;
    std::string_view Text(int column) const;
    bool IsNull(int column) const;
    bool IsInteger(int column) const;
    int columns() const;
    std::string_view Name(int column) const;

   private:
    sqlite3_stmt* statement_;
  };

  // The file is made if missing; its folder must be there. Every commit is on
  // the disk when it returns.
  static absl::StatusOr<Sqlite> Open(const std::string& path);

  // Only for reading; statements end at the deadline with DeadlineExceeded.
  // Errors: NotFound if there is no file.
  static absl::StatusOr<Sqlite> OpenToRead(const std::string& path,
                                           absl::Time deadline);
  // From now on statements may be anybody's: they can look at the tables, and
  // do nothing else.
  void OnlyRead();

  // What a file holds, and in which shape.
  struct Schema {
    int64_t application_id;
    int64_t version;
  };
  // Makes an empty file one of `schema`, with what `create` puts into it.
  // Errors: FailedPrecondition if it is another program's or version's.
  absl::Status UseSchema(const Schema& schema,
                         absl::FunctionRef<absl::Status()> create);

  // Errors: as UseSchema(), also if the file is empty.
  absl::Status CheckSchema(const Schema& schema);

  // Runs one statement with `values` for its question marks.
  absl::Status Run(std::string_view sql,
                   std::initializer_list<Value> values = {});
  // And calls `visit` for each row of its result.
  absl::Status Query(std::string_view sql, std::initializer_list<Value> values,
                     absl::FunctionRef<void(const Row&)> visit);
  absl::Status Query(std::string_view sql,
                     absl::FunctionRef<void(const Row&)> visit);
  // With values in a list that is made while running.
  absl::Status Query(std::string_view sql, absl::Span<const Value> values,
                     absl::FunctionRef<void(const Row&)> visit);
  // Until `visit` returns false.
  absl::Status QueryWhile(std::string_view sql, absl::Span<const Value> values,
                          absl::FunctionRef<bool(const Row&)> visit);
  // The only value of the only row.
  absl::StatusOr<int64_t> QueryInteger(std::string_view sql);

  // Runs `body` in a transaction that holds the write lock from its start;
  // undone if `body` or the commit fails.
  absl::Status Write(absl::FunctionRef<absl::Status()> body);
  // Runs `body`, which only reads, on one state of the file; waits for nobody.
  absl::Status Read(absl::FunctionRef<absl::Status()> body);

 private:
  struct Close {
    void operator()(sqlite3* database) const;
  };
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  using Statement = std::unique_ptr<sqlite3_stmt, Finalize>;

  Sqlite(sqlite3* database, std::string path)
      : database_(database), path_(std::move(path)) {}
  absl::Status Error(std::string_view what) const;
  absl::StatusOr<Statement> Prepare(std::string_view sql);
  absl::Status Transaction(std::string_view begin,
                           absl::FunctionRef<absl::Status()> body);

  std::unique_ptr<absl::Time> deadline_;  // outlives the database
  std::unique_ptr<sqlite3, Close> database_;
  std::string path_;
  // Those not running, by their text: preparing one costs as much as a row.
  absl::flat_hash_map<std::string, Statement> statements_;
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_STORE_SQLITE_H_

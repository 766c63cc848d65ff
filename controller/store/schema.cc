// SPDX-License-Identifier: Apache-2.0
#include "controller/store/schema.h"

#include <sys/random.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "controller/base/status.h"

namespace rampart {
namespace {

// README.md says what a row is.
constexpr const char* kHistoryTables[] = {
    "CREATE TABLE tenants (name TEXT NOT NULL, since INTEGER NOT NULL,"
    " until INTEGER NOT NULL, size INTEGER NOT NULL, document TEXT NOT NULL,"
    " PRIMARY KEY (name, since)) STRICT",
    "CREATE INDEX ended ON tenants (until)",
    "CREATE TABLE orders (since INTEGER PRIMARY KEY, names TEXT NOT NULL)"
    " STRICT",
    "CREATE TABLE epochs (epoch INTEGER PRIMARY KEY, time INTEGER NOT NULL,"
    " who TEXT NOT NULL, what TEXT NOT NULL, comment TEXT NOT NULL,"
    " on_change TEXT NOT NULL, file TEXT NOT NULL, tenants TEXT NOT NULL,"
    " closed INTEGER NOT NULL) STRICT",
    "CREATE TABLE probation (one INTEGER PRIMARY KEY CHECK (one = 1),"
    " epoch INTEGER NOT NULL, back_to INTEGER NOT NULL,"
    " deadline INTEGER NOT NULL) STRICT",
};
constexpr const char* kTables[] = {
    ("CREATE TABLE state (one INTEGER PRIMARY KEY CHECK (one = 1),"
     " store_id INTEGER NOT NULL, epoch INTEGER NOT NULL, file TEXT NOT NULL)"
     " STRICT"),
    ("CREATE TABLE ids (tenant TEXT NOT NULL, tunnel TEXT NOT NULL,"
     " id INTEGER NOT NULL, PRIMARY KEY (tenant, tunnel)) STRICT"),
    "CREATE UNIQUE INDEX once ON ids (tunnel = '', id)",
};

// Version 1 knew only what is in force.
constexpr const char* kFromVersion1[] = {
    ("INSERT INTO tenants SELECT json_extract(document, '$.name'), epoch,"
     " 1 << 32, length(CAST(document AS BLOB)), document"
     " FROM old_tenants, state"),
    ("INSERT INTO orders SELECT epoch, (SELECT json_group_array(name) FROM"
     " (SELECT json_extract(document, '$.name') AS name FROM old_tenants"
     " ORDER BY position)) FROM state"),
    ("INSERT INTO epochs SELECT epoch, 0, '', 'upgrade from a version without"
     " history', '', 'recheck', file, '[]', 0 FROM state WHERE epoch > 0"),
    "DROP TABLE old_tenants",
    "PRAGMA user_version=2",
};

absl::Status RunAll(Sqlite& database,
                    absl::Span<const char* const> statements) {
  for (const char* statement : statements)
    RETURN_IF_ERROR(database.Run(statement));
  return absl::OkStatus();
}

absl::Status Create(Sqlite& database) {
  int64_t id = 0;
  while (id == 0)
    if (getrandom(&id, sizeof(id), 0) != sizeof(id))
      return absl::ErrnoToStatus(errno, "state store: getrandom");
  RETURN_IF_ERROR(RunAll(database, kTables));
  RETURN_IF_ERROR(RunAll(database, kHistoryTables));
  return database.Run("INSERT INTO state VALUES (1, ?, 0, '')", {id});
}

absl::Status Upgrade(Sqlite& database) {
  return database.Write([&]() -> absl::Status {
    RETURN_IF_ERROR(database.Run("ALTER TABLE tenants RENAME TO old_tenants"));
    RETURN_IF_ERROR(RunAll(database, kHistoryTables));
    return RunAll(database, kFromVersion1);
  });
}

}  // namespace

absl::Status UseStateSchema(Sqlite& database) {
  const Sqlite::Schema old = {.application_id = kStateSchema.application_id,
                              .version = 1};
  if (database.CheckSchema(old).ok()) RETURN_IF_ERROR(Upgrade(database));
  return database.UseSchema(kStateSchema, [&] { return Create(database); });
}

}  // namespace rampart

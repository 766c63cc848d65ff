// SPDX-License-Identifier: Apache-2.0
// The tables of the state store.
#ifndef RAMPART_CONTROLLER_STORE_SCHEMA_H_
#define RAMPART_CONTROLLER_STORE_SCHEMA_H_

#include "absl/status/status.h"
#include "controller/store/sqlite.h"

namespace rampart {

inline constexpr Sqlite::Schema kStateSchema = {
    .application_id = 0x52414d50,  // "RAMP"
    .version = 2};

// tenants.until of what is in force: after every epoch.
inline constexpr int64_t kForever = int64_t{1} << 32;

// Makes the tables of an empty file, or brings those of version 1 up to date.
// Errors: as Sqlite::UseSchema().
absl::Status UseStateSchema(Sqlite& database);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_STORE_SCHEMA_H_

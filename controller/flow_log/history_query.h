// SPDX-License-Identifier: Apache-2.0
// Questions to the history, with or without a controller.
#ifndef RAMPART_CONTROLLER_FLOW_LOG_HISTORY_QUERY_H_
#define RAMPART_CONTROLLER_FLOW_LOG_HISTORY_QUERY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "controller/api/http.h"
#include "controller/api/json.h"

namespace rampart {

// The history beside a state store: state.db has state.flows.db.
std::string FlowHistoryPath(std::string store_path);

// Names of the columns of a record, in order.
std::vector<std::string> HistoryColumns();

// kind flow-history: records that match, oldest first; of too many the newest.
// query: selectors (api/selectors.h), and
//   event    START, UPDATE, END, DENY or GAP
//   flow     FlowIdText()
//   last     "7d", "90m": from then on
//   since, until   RFC 3339
//   after    sequence number: the oldest ones behind it, for reading in pages
//   limit    1 to 100000 (1000)
//   sql      instead of all of these but limit: one statement that reads;
//            its result is `rows`, objects
// patience: how long it may take. Errors: InvalidArgument, DeadlineExceeded;
// NotFound if there is no history.
absl::StatusOr<Json> HistoryDocument(const std::string& path,
                                     const Query& query, absl::Time now,
                                     absl::Duration patience);

// What the chain says about the file.
struct ChainReport {
  uint64_t first = 0;  // sequence numbers
  uint64_t last = 0;
  uint64_t records = 0;  // with gaps
  uint64_t gaps = 0;
  uint64_t missing = 0;  // records that gaps declare
  // "record 17: changed after it was written"; at most 100.
  std::vector<std::string> findings;
};
// Reads the whole file: some 5 us a record. Errors: as HistoryDocument().
absl::StatusOr<ChainReport> VerifyHistory(const std::string& path);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_FLOW_LOG_HISTORY_QUERY_H_

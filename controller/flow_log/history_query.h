// SPDX-License-Identifier: Apache-2.0
// Questions to the history, with or without a controller.
#ifndef RAMPART_CONTROLLER_FLOW_LOG_HISTORY_QUERY_H_
#define RAMPART_CONTROLLER_FLOW_LOG_HISTORY_QUERY_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "controller/api/http.h"
#include "controller/api/json.h"

namespace rampart {

// kind flow-history: records that match, oldest first; of too many the newest.
// query: selectors (api/selectors.h), and
//   event    START, UPDATE, END, DENY or GAP
//   flow     FlowIdText()
//   last     "7d", "90m": from then on
//   since, until   RFC 3339
//   after    sequence number: the oldest ones behind it, for reading in pages
//   limit    1 to 100000 (1000)
//   sql      instead of all of these but limit: one statement that reads;
//            `columns` and `rows` are its result
// It takes 10 s at most. Errors: InvalidArgument, DeadlineExceeded; NotFound if
// there is no history.
absl::StatusOr<Json> HistoryDocument(const std::string& path,
                                     const Query& query, absl::Time now);

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

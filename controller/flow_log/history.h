// SPDX-License-Identifier: Apache-2.0
// The flow log as an SQLite file for questions about the past. Batches of
// records are chained by hashes, so that a record which was changed or taken
// out later is found.
#ifndef RAMPART_CONTROLLER_FLOW_LOG_HISTORY_H_
#define RAMPART_CONTROLLER_FLOW_LOG_HISTORY_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "controller/base/sha256.h"
#include "controller/flow_log/row.h"
#include "controller/flow_log/sink.h"
#include "controller/store/sqlite.h"

namespace rampart {

// Tables: `records` has the columns of row.h and the row's hash; `batches` what
// was written by one transaction. The hash of a row is over its columns, that
// of a batch over the hash of the batch before and those of its rows.
inline constexpr Sqlite::Schema kHistorySchema = {
    .application_id = 0x52504648,  // "RPFH"
    .version = 1};

// Of the columns as texts, each ended by a zero byte; NULL is a byte 1 alone.
Sha256Digest RowDigest(const FlowRow& row);
// What is kept beside a row: the first 16 digits.
std::string RowHash(const Sha256Digest& digest);
// rows: their digests, 32 bytes each, in order.
std::string BatchHash(std::string_view previous, std::string_view rows);

class HistorySink final : public FlowSink {
 public:
  struct Options {
    std::string path;                           // made for its owner only
    absl::Duration keep = absl::Hours(7 * 24);  // batches; whole ones go
    uint64_t size = uint64_t{1} << 30;          // bytes of the file, about
    absl::Duration linger = absl::Milliseconds(250);
  };
  // Errors: those of Sqlite::Open() and Sqlite::UseSchema().
  static absl::StatusOr<std::unique_ptr<HistorySink>> Open(Options options);

  std::string name() const override { return options_.path; }
  uint64_t last() const override { return last_; }
  absl::Duration linger() const override { return options_.linger; }
  absl::Status Write(absl::Span<const FlowItem> items) override;

 private:
  HistorySink(Options options, Sqlite file)
      : options_(std::move(options)), file_(std::move(file)) {}
  // Where an earlier run ended.
  absl::Status Continue();
  struct Batch {
    uint64_t first = 0;
    uint64_t last = 0;
    int64_t rows = 0;
    std::string time;
    std::string digests;
  };
  absl::Status Add(const FlowRow& row, Batch& batch);
  absl::Status AddItem(const FlowItem& item, Batch& batch);
  absl::Status AddBatch(const Batch& batch);
  absl::Status Prune(absl::Time now);
  absl::StatusOr<bool> IsTooMuch(absl::Time now);

  const Options options_;
  Sqlite file_;
  uint64_t last_ = 0;
  std::string hash_;  // of the last batch
  std::string next_hash_;
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_FLOW_LOG_HISTORY_H_

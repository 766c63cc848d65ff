// SPDX-License-Identifier: Apache-2.0
#include "controller/flow_log/history.h"

#include <fcntl.h>

#include <cerrno>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "controller/base/status.h"
#include "controller/base/text.h"
#include "controller/base/unique_fd.h"

namespace rampart {
namespace {

constexpr char kRecords[] = "CREATE TABLE records ("
#define X(name, type) #name " " #type ", "
    RP_FLOW_COLUMNS(X)
#undef X
        "hash TEXT NOT NULL, PRIMARY KEY (seq)) STRICT";
constexpr char kBatches[] =
    "CREATE TABLE batches (first INTEGER PRIMARY KEY, last INTEGER NOT NULL,"
    " rows INTEGER NOT NULL, time TEXT NOT NULL, previous TEXT NOT NULL,"
    " hash TEXT NOT NULL) STRICT";
constexpr std::string_view kInsert = "INSERT INTO records VALUES ("
#define X(name, type) "?, "
    RP_FLOW_COLUMNS(X)
#undef X
        "?)";
constexpr std::string_view kInsertBatch =
    "INSERT INTO batches VALUES (?, ?, ?, ?, ?, ?)";
constexpr std::string_view kLastBatch =
    "SELECT last, hash FROM batches ORDER BY first DESC LIMIT 1";
constexpr std::string_view kOldestBatch =
    "SELECT first, last, time FROM batches ORDER BY first LIMIT 1";
constexpr std::string_view kUsedBytes =
    "SELECT (page_count - freelist_count) * page_size FROM"
    " pragma_page_count, pragma_freelist_count, pragma_page_size";

// Enough to get below the limit again while records come as fast as they can.
constexpr int kPrunedAtOnce = 4;

absl::Status MakePrivate(const std::string& path) {
  const UniqueFd file(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (file.valid()) return absl::OkStatus();
  return absl::ErrnoToStatus(errno,
                             absl::StrCat("flow history ", path, ": open"));
}

absl::Time TimeOf(const FlowItem& item) {
  if (const auto* gap = std::get_if<FlowGap>(&item)) return gap->time;
  return std::get<0>(item)->records.back().time;
}

}  // namespace

Sha256Digest RowDigest(const FlowRow& row) {
  std::string text;
  text.reserve(512);
  for (const FlowCell& cell : row) {
    if (const auto* number = std::get_if<int64_t>(&cell))
      absl::StrAppend(&text, *number);
    else if (const auto* string = std::get_if<std::string>(&cell))
      text += *string;
    else
      text += '\1';
    text += '\0';
  }
  return Sha256(text);
}

std::string RowHash(const Sha256Digest& digest) {
  return DigestText(digest).substr(0, 16);
}

std::string BatchHash(std::string_view previous, std::string_view rows) {
  return DigestText(Sha256(absl::StrCat(Abseil(previous), Abseil(rows))));
}

absl::StatusOr<std::unique_ptr<HistorySink>> HistorySink::Open(
    Options options) {
  RETURN_IF_ERROR(MakePrivate(options.path));
  ASSIGN_OR_RETURN(Sqlite file, Sqlite::Open(options.path));
  RETURN_IF_ERROR(file.UseSchema(kHistorySchema, [&]() -> absl::Status {
    RETURN_IF_ERROR(file.Run(kRecords));
    return file.Run(kBatches);
  }));
  auto sink =
      absl::WrapUnique(new HistorySink(std::move(options), std::move(file)));
  RETURN_IF_ERROR(sink->Continue());
  return sink;
}

absl::Status HistorySink::Continue() {
  return file_.Query(kLastBatch, [this](const Sqlite::Row& row) {
    last_ = static_cast<uint64_t>(row.Integer(0));
    hash_ = std::string(row.Text(1));
  });
}

absl::Status HistorySink::Add(const FlowRow& row, Batch& batch) {
  const Sha256Digest digest = RowDigest(row);
  const std::string hash = RowHash(digest);
  std::vector<Sqlite::Value> values;
  values.reserve(row.size() + 1);
  for (const FlowCell& cell : row) {
    if (const auto* number = std::get_if<int64_t>(&cell))
      values.emplace_back(*number);
    else if (const auto* text = std::get_if<std::string>(&cell))
      values.emplace_back(std::string_view(*text));
    else
      values.emplace_back();
  }
  values.emplace_back(std::string_view(hash));
  RETURN_IF_ERROR(file_.Query(kInsert, absl::MakeConstSpan(values),
                              [](const Sqlite::Row&) {}));
  batch.last = static_cast<uint64_t>(std::get<int64_t>(row[0]));
  if (batch.rows++ == 0) {
    batch.first = batch.last;
    batch.time = std::get<std::string>(row[1]);
  }
  batch.digests.append(reinterpret_cast<const char*>(digest.data()),
                       digest.size());
  return absl::OkStatus();
}

absl::Status HistorySink::AddItem(const FlowItem& item, Batch& batch) {
  if (const auto* gap = std::get_if<FlowGap>(&item))
    return gap->last > last_ ? Add(RowOf(*gap), batch) : absl::OkStatus();
  const FlowChunk& chunk = *std::get<0>(item);
  for (const FlowRecord& record : chunk.records)
    if (record.sequence > last_)
      RETURN_IF_ERROR(Add(RowOf(record, *chunk.names), batch));
  return absl::OkStatus();
}

absl::Status HistorySink::AddBatch(const Batch& batch) {
  next_hash_ = BatchHash(hash_, batch.digests);
  return file_.Run(
      kInsertBatch,
      {static_cast<int64_t>(batch.first), static_cast<int64_t>(batch.last),
       batch.rows, std::string_view(batch.time), std::string_view(hash_),
       std::string_view(next_hash_)});
}

absl::Status HistorySink::Write(absl::Span<const FlowItem> items) {
  Batch batch;
  RETURN_IF_ERROR(file_.Write([&]() -> absl::Status {
    for (const FlowItem& item : items) RETURN_IF_ERROR(AddItem(item, batch));
    if (batch.rows == 0) return absl::OkStatus();
    RETURN_IF_ERROR(AddBatch(batch));
    return Prune(TimeOf(items.back()));
  }));
  if (batch.rows == 0) return absl::OkStatus();
  last_ = batch.last;
  hash_ = next_hash_;
  return absl::OkStatus();
}

absl::StatusOr<bool> HistorySink::IsTooMuch(absl::Time now) {
  ASSIGN_OR_RETURN(const int64_t used, file_.QueryInteger(kUsedBytes));
  if (static_cast<uint64_t>(used) > options_.size) return true;
  const std::string oldest = FlowTimeText(now - options_.keep);
  bool old = false;
  RETURN_IF_ERROR(file_.Query(kOldestBatch, [&](const Sqlite::Row& row) {
    old = row.Text(2) < oldest;
  }));
  return old;
}

// The newest batch stays: the chain goes on from it.
absl::Status HistorySink::Prune(absl::Time now) {
  for (int i = 0; i < kPrunedAtOnce; ++i) {
    ASSIGN_OR_RETURN(const bool too_much, IsTooMuch(now));
    ASSIGN_OR_RETURN(const int64_t batches,
                     file_.QueryInteger("SELECT count(*) FROM (SELECT 1 FROM"
                                        " batches LIMIT 2)"));
    if (!too_much || batches < 2) return absl::OkStatus();
    int64_t first = 0;
    int64_t last = 0;
    RETURN_IF_ERROR(file_.Query(kOldestBatch, [&](const Sqlite::Row& row) {
      first = row.Integer(0);
      last = row.Integer(1);
    }));
    RETURN_IF_ERROR(file_.Run("DELETE FROM records WHERE seq <= ?", {last}));
    RETURN_IF_ERROR(file_.Run("DELETE FROM batches WHERE first = ?", {first}));
  }
  return absl::OkStatus();
}

}  // namespace rampart

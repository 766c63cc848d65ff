// SPDX-License-Identifier: Apache-2.0
#include "controller/flow_log/history_query.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controller/api/names.h"
#include "controller/api/selectors.h"
#include "controller/base/status.h"
#include "controller/base/text.h"
#include "controller/flow_log/history.h"
#include "controller/flow_log/row.h"
#include "controller/store/sqlite.h"

namespace rampart {
namespace {

constexpr std::string_view kOther[] = {"event", "flow",  "last", "since",
                                       "until", "after", "sql",  "limit"};
constexpr std::string_view kEvents[] = {"START", "UPDATE", "END", "DENY",
                                        "GAP"};

int ColumnOf(FlowColumn column) { return static_cast<int>(column); }

Json CellOf(const Sqlite::Row& row, int column) {
  if (row.IsNull(column)) return nullptr;
  if (row.IsInteger(column)) return row.Integer(column);
  return std::string(row.Text(column));
}

Json RowOf(const Sqlite::Row& row) {
  Json json = Json::object();
  const bool gap = !row.IsNull(ColumnOf(FlowColumn::first));
  for (int i = 0; i < static_cast<int>(std::size(kFlowColumns)); ++i) {
    const bool both = i <= ColumnOf(FlowColumn::event);
    if (both || gap == (i >= ColumnOf(FlowColumn::first)))
      json[std::string(kFlowColumns[i])] = CellOf(row, i);
  }
  return json;
}

absl::StatusOr<size_t> LimitIn(const Query& query) {
  const std::string text(FindParameter(query, "limit"));
  uint32_t limit = 1000;
  if (!text.empty() &&
      (!absl::SimpleAtoi(text, &limit) || limit < 1 || limit > 100000))
    return absl::InvalidArgumentError(
        absl::StrCat("limit: '", text, "' is not a number from 1 to 100000"));
  return limit;
}

// "7d", "12h", "90m", "30s".
absl::StatusOr<absl::Duration> ParseLast(const std::string& text) {
  int64_t days;
  absl::Duration duration;
  if (text.ends_with('d') &&
      absl::SimpleAtoi(text.substr(0, text.size() - 1), &days) && days > 0)
    return absl::Hours(24) * days;
  if (absl::ParseDuration(text, &duration) && duration > absl::ZeroDuration())
    return duration;
  return absl::InvalidArgumentError(absl::StrCat(
      "last: '", text, "' is no duration; write 30s, 90m, 12h or 7d"));
}

absl::StatusOr<std::string> TimeIn(const std::string& name,
                                   const std::string& text) {
  absl::Time time;
  std::string error;
  if (!absl::ParseTime(absl::RFC3339_full, text, &time, &error))
    return absl::InvalidArgumentError(absl::StrCat(
        name, ": '", text, "' is no time; write it like 2026-11-21T19:43:02Z"));
  return FlowTimeText(time);
}

// What SQLite can look at; the selectors do the rest.
struct Condition {
  std::vector<std::string> terms = {"1"};
  std::vector<std::string> texts;  // for the question marks
};

absl::Status AddTerm(const std::string& name, const std::string& text,
                     absl::Time now, Condition& condition) {
  const auto add = [&](std::string_view term, std::string value) {
    condition.terms.emplace_back(term);
    condition.texts.push_back(std::move(value));
  };
  if (name == "event") {
    if (std::find(std::begin(kEvents), std::end(kEvents), text) ==
        std::end(kEvents))
      return absl::InvalidArgumentError(absl::StrCat(
          "event: '", text, "'; there are START, UPDATE, END, DENY and GAP"));
    add("event = ?", text);
  } else if (name == "flow") {
    add("flow = ?", text);
  } else if (name == "last") {
    ASSIGN_OR_RETURN(const absl::Duration duration, ParseLast(text));
    add("time >= ?", FlowTimeText(now - duration));
  } else if (name == "since" || name == "until") {
    ASSIGN_OR_RETURN(std::string time, TimeIn(name, text));
    add(name == "since" ? "time >= ?" : "time <= ?", std::move(time));
  } else if (name == "after") {
    uint64_t after;
    if (!absl::SimpleAtoi(text, &after))
      return absl::InvalidArgumentError(
          absl::StrCat("after: '", text, "' is no sequence number"));
    add("seq > CAST(? AS INTEGER)", text);
  }
  return absl::OkStatus();
}

// The external address: what a host's is made, or what was asked for a host.
IpAddress NatAddress(const Sqlite::Row& row, const IpAddress& source,
                     const IpAddress& destination) {
  const auto at = [&](FlowColumn column) {
    return IpAddress::Parse(row.Text(ColumnOf(column))).value_or(IpAddress());
  };
  if (row.IsNull(ColumnOf(FlowColumn::nat))) return {};
  const IpAddress to_source = at(FlowColumn::to_src);
  return to_source != source ? to_source : destination;
}

absl::StatusOr<Selectable> ToSelectable(const Sqlite::Row& row) {
  const auto port = [&](FlowColumn column) {
    return static_cast<uint16_t>(row.Integer(ColumnOf(column)));
  };
  ASSIGN_OR_RETURN(const IpAddress source,
                   IpAddress::Parse(row.Text(ColumnOf(FlowColumn::src))));
  ASSIGN_OR_RETURN(const IpAddress destination,
                   IpAddress::Parse(row.Text(ColumnOf(FlowColumn::dst))));
  ASSIGN_OR_RETURN(const uint8_t protocol,
                   ParseProtocol(row.Text(ColumnOf(FlowColumn::proto))));
  return Selectable{.source = source,
                    .destination = destination,
                    .source_port = port(FlowColumn::sport),
                    .destination_port = port(FlowColumn::dport),
                    .protocol = protocol,
                    .tenant = row.Text(ColumnOf(FlowColumn::tenant)),
                    .vnet = row.Text(ColumnOf(FlowColumn::vnet)),
                    .on_ramp = row.Text(ColumnOf(FlowColumn::on_ramp)),
                    .off_ramp = row.Text(ColumnOf(FlowColumn::off_ramp)),
                    .state = {},
                    .rule = row.Text(ColumnOf(FlowColumn::rule)),
                    .nat = NatAddress(row, source, destination)};
}

absl::StatusOr<Json> Select(Sqlite& file, const Query& query, absl::Time now,
                            size_t limit) {
  ASSIGN_OR_RETURN(const Selectors selectors, Selectors::Parse(query, kOther));
  Condition condition;
  bool selective = false;
  for (const auto& [name, value] : query) {
    RETURN_IF_ERROR(AddTerm(name, value, now, condition));
    selective |= std::find(std::begin(kOther), std::end(kOther), name) ==
                 std::end(kOther);
  }
  const bool paged = !FindParameter(query, "after").empty();
  const std::string sql = absl::StrCat("SELECT * FROM records WHERE ",
                                       absl::StrJoin(condition.terms, " AND "),
                                       " ORDER BY seq", paged ? "" : " DESC");
  std::vector<Sqlite::Value> values(condition.texts.begin(),
                                    condition.texts.end());
  std::vector<Json> rows;
  bool more = false;
  RETURN_IF_ERROR(file.QueryWhile(
      sql, absl::MakeConstSpan(values), [&](const Sqlite::Row& row) {
        const bool gap = !row.IsNull(ColumnOf(FlowColumn::first));
        if (selective && !gap) {
          const absl::StatusOr<Selectable> flow = ToSelectable(row);
          if (!flow.ok() || !selectors.Match(*flow)) return true;
        }
        more = rows.size() == limit;
        if (!more) rows.push_back(RowOf(row));
        return !more;
      }));
  if (!paged) std::reverse(rows.begin(), rows.end());
  Json document = Document("flow-history");
  document["truncated"] = more;
  document["records"] = std::move(rows);
  return document;
}

absl::StatusOr<Json> RunSql(Sqlite& file, const std::string& sql,
                            size_t limit) {
  file.OnlyRead();
  Json rows = Json::array();
  bool more = false;
  RETURN_IF_ERROR(file.QueryWhile(sql, {}, [&](const Sqlite::Row& row) {
    more = rows.size() == limit;
    if (more) return false;
    Json cells = Json::object();
    for (int i = 0; i < row.columns(); ++i)
      cells[std::string(row.Name(i))] = CellOf(row, i);
    rows.push_back(std::move(cells));
    return true;
  }));
  Json document = Document("flow-history");
  document["truncated"] = more;
  document["rows"] = std::move(rows);
  return document;
}

absl::StatusOr<Sqlite> OpenHistory(const std::string& path,
                                   absl::Duration patience) {
  ASSIGN_OR_RETURN(Sqlite file,
                   Sqlite::OpenToRead(path, absl::Now() + patience));
  RETURN_IF_ERROR(file.CheckSchema(kHistorySchema));
  return file;
}

// Follows the chain through the file.
class Verifier {
 public:
  explicit Verifier(Sqlite& file) : file_(file) {}

  absl::StatusOr<ChainReport> Run() {
    std::vector<Batch> batches;
    RETURN_IF_ERROR(file_.Query(
        "SELECT first, last, rows, previous, hash FROM batches ORDER BY first",
        [&](const Sqlite::Row& row) {
          batches.push_back({row.Integer(0), row.Integer(1), row.Integer(2),
                             std::string(row.Text(3)),
                             std::string(row.Text(4))});
        }));
    for (const Batch& batch : batches) RETURN_IF_ERROR(Check(batch));
    ASSIGN_OR_RETURN(const int64_t behind,
                     file_.QueryInteger(absl::StrCat(
                         "SELECT count(*) FROM records WHERE seq > ", seen_)));
    if (behind > 0) Find(absl::StrCat(behind, " records in no batch"));
    report_.last = static_cast<uint64_t>(seen_);
    return std::move(report_);
  }

 private:
  struct Batch {
    int64_t first;
    int64_t last;
    int64_t rows;
    std::string previous;
    std::string hash;
  };

  void Find(std::string what) {
    if (report_.findings.size() < 100)
      report_.findings.push_back(std::move(what));
  }

  absl::Status Check(const Batch& batch) {
    const std::string name =
        absl::StrCat("batch ", batch.first, "-", batch.last);
    const size_t before = report_.findings.size();
    if (begun_ && batch.previous != hash_)
      Find(absl::StrCat(name, ": does not follow the batch before it"));
    std::string digests;
    RETURN_IF_ERROR(file_.Query(
        "SELECT * FROM records WHERE seq > ? AND seq <= ? ORDER BY seq",
        {begun_ ? seen_ : batch.first - 1, batch.last},
        [&](const Sqlite::Row& row) { CheckRow(row, digests); }));
    if (BatchHash(batch.previous, digests) != batch.hash &&
        report_.findings.size() == before)
      Find(absl::StrCat(name, ": a record and its hash were changed"));
    hash_ = batch.hash;
    seen_ = batch.last;
    return absl::OkStatus();
  }

  void CheckRow(const Sqlite::Row& row, std::string& digests) {
    FlowRow cells;
    for (size_t i = 0; i < cells.size(); ++i) {
      const int column = static_cast<int>(i);
      if (row.IsInteger(column))
        cells[i] = row.Integer(column);
      else if (!row.IsNull(column))
        cells[i] = std::string(row.Text(column));
    }
    const Sha256Digest digest = RowDigest(cells);
    digests.append(reinterpret_cast<const char*>(digest.data()), digest.size());
    const int64_t seq = row.Integer(0);
    if (RowHash(digest) != row.Text(static_cast<int>(cells.size())))
      Find(absl::StrCat("record ", seq, ": changed after it was written"));
    const bool gap = !row.IsNull(ColumnOf(FlowColumn::first));
    const int64_t first = gap ? row.Integer(ColumnOf(FlowColumn::first)) : seq;
    if (begun_ && first != seen_ + 1)
      Find(absl::StrCat("records ", seen_ + 1, " to ", first - 1,
                        ": missing, and no gap says so"));
    if (!begun_) report_.first = static_cast<uint64_t>(first);
    begun_ = true;
    seen_ = seq;
    ++report_.records;
    if (!gap) return;
    ++report_.gaps;
    report_.missing += static_cast<uint64_t>(seq - first + 1);
  }

  Sqlite& file_;
  ChainReport report_;
  bool begun_ = false;
  int64_t seen_ = 0;  // sequence number
  std::string hash_;
};

}  // namespace

std::vector<std::string> HistoryColumns() {
  return {std::begin(kFlowColumns), std::end(kFlowColumns)};
}

std::string FlowHistoryPath(std::string store_path) {
  constexpr std::string_view kSuffix = ".db";
  if (store_path.ends_with(kSuffix))
    store_path.resize(store_path.size() - kSuffix.size());
  return store_path + ".flows.db";
}

absl::StatusOr<Json> HistoryDocument(const std::string& path,
                                     const Query& query, absl::Time now,
                                     absl::Duration patience) {
  ASSIGN_OR_RETURN(const size_t limit, LimitIn(query));
  ASSIGN_OR_RETURN(Sqlite file, OpenHistory(path, patience));
  const std::string sql(FindParameter(query, "sql"));
  return sql.empty() ? Select(file, query, now, limit)
                     : RunSql(file, sql, limit);
}

absl::StatusOr<ChainReport> VerifyHistory(const std::string& path) {
  ASSIGN_OR_RETURN(Sqlite file, OpenHistory(path, absl::Hours(1)));
  absl::StatusOr<ChainReport> report = ChainReport();
  RETURN_IF_ERROR(file.Read([&] {
    report = Verifier(file).Run();
    return report.status();
  }));
  return report;
}

}  // namespace rampart

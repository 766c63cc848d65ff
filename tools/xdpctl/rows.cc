// SPDX-License-Identifier: Apache-2.0
#include "tools/xdpctl/rows.h"

#include <algorithm>
#include <cstdint>
#include <numeric>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "controller/base/status.h"
#include "tools/xdpctl/table.h"

namespace rampart::xdpctl {
namespace {

absl::Status NoColumn(const char* option, const std::string& name,
                      const std::vector<Column>& choices) {
  return absl::InvalidArgumentError(absl::StrCat(
      option, ": '", name, "' is no column; there are ",
      absl::StrJoin(choices, ", ", [](std::string* out, const Column& column) {
        out->append(column.header);
      })));
}

// Columns that a name may mean: the one that is called so, or all that begin
// so.
std::vector<Column> Meant(const std::vector<Column>& columns,
                          const std::string& name) {
  std::vector<Column> found;
  for (const Column& column : columns) {
    if (absl::EqualsIgnoreCase(column.header, name)) return {column};
    if (absl::StartsWithIgnoreCase(column.header, name))
      found.push_back(column);
  }
  return found;
}

std::string_view TakeDigits(std::string_view& text) {
  const size_t size =
      std::min(text.find_first_not_of("0123456789"), text.size());
  const std::string_view digits = text.substr(0, size);
  text.remove_prefix(size);
  return digits.substr(std::min(digits.find_first_not_of('0'), size));
}

// Whether a comes before b, runs of digits compared as numbers.
bool NaturalLess(std::string_view a, std::string_view b) {
  while (!a.empty() && !b.empty()) {
    if (absl::ascii_isdigit(a[0]) && absl::ascii_isdigit(b[0])) {
      const std::string_view x = TakeDigits(a), y = TakeDigits(b);
      if (x.size() != y.size()) return x.size() < y.size();
      if (x != y) return x < y;
    } else {
      if (a[0] != b[0]) return a[0] < b[0];
      a.remove_prefix(1);
      b.remove_prefix(1);
    }
  }
  return a.size() < b.size();
}

// Arrays of counters ([forward, reverse]) sort by their sum.
Json SortValue(const Json& value) {
  if (!value.is_array() || value.empty() || !value[0].is_number()) return value;
  double sum = 0;
  for (const Json& part : value)
    if (part.is_number()) sum += part.get<double>();
  return sum;
}

bool Less(const Json& a, const Json& b) {
  if (a.is_number() && b.is_number()) return a < b;
  if (a.is_null() || b.is_null()) return a.is_null() && !b.is_null();
  return NaturalLess(Cell(a), Cell(b));
}

bool HasField(const Json& rows, const std::string& field) {
  return std::any_of(rows.begin(), rows.end(), [&](const Json& row) {
    return row.is_object() && row.contains(field);
  });
}

}  // namespace

absl::StatusOr<std::vector<Column>> ChooseColumns(
    const std::vector<Column>& columns, const std::string& names, bool wide) {
  std::vector<Column> chosen;
  if (names.empty()) {
    std::copy_if(columns.begin(), columns.end(), std::back_inserter(chosen),
                 [&](const Column& column) { return wide || !column.wide; });
    return chosen;
  }
  for (const absl::string_view part : absl::StrSplit(names, ',')) {
    const std::string name(part);
    const std::vector<Column> found = Meant(columns, name);
    if (found.size() != 1)
      return NoColumn("--columns", name, found.empty() ? columns : found);
    chosen.push_back(found[0]);
  }
  return chosen;
}

std::string CellOf(const Column& column, const Json& row, bool exact) {
  if (column.cell == nullptr || (exact && !column.field.empty()))
    return Cell(At(row, column.field));
  return column.cell(row);
}

absl::Status SortRows(Json& rows, const std::vector<Column>& columns,
                      const std::string& key) {
  const bool descending = key.starts_with('-');
  const std::string name = key.substr(descending ? 1 : 0);
  Column by = {.header = {}, .field = name};
  if (!HasField(rows, name)) {
    const std::vector<Column> found = Meant(columns, name);
    if (found.size() != 1)
      return NoColumn("--sort", name, found.empty() ? columns : found);
    by = found[0];
  }
  if (!rows.is_array()) return absl::OkStatus();
  Json keyed = Json::array();
  for (Json& row : rows) {
    Json value = by.field.empty() ? Json(CellOf(by, row, true))
                                  : SortValue(At(row, by.field));
    keyed.push_back(Json::array({std::move(value), std::move(row)}));
  }
  SortStably(keyed, [&](const Json& a, const Json& b) {
    return descending ? Less(b[0], a[0]) : Less(a[0], b[0]);
  });
  for (size_t i = 0; i < keyed.size(); ++i) rows[i] = std::move(keyed[i][1]);
  return absl::OkStatus();
}

// Not std::stable_sort: that of g++ 12 uses what clang 19 finds deprecated.
void SortStably(Json& rows,
                absl::FunctionRef<bool(const Json& a, const Json& b)> before) {
  std::vector<size_t> order(rows.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    if (before(rows[a], rows[b])) return true;
    return a < b && !before(rows[b], rows[a]);
  });
  Json sorted = Json::array();
  for (const size_t i : order) sorted.push_back(std::move(rows[i]));
  rows = std::move(sorted);
}

}  // namespace rampart::xdpctl

// SPDX-License-Identifier: Apache-2.0
#include "tools/xdpctl/table.h"

#include <algorithm>
#include <ostream>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace rampart::xdpctl {
namespace {

bool IsNumber(const std::string& cell) {
  return std::all_of(cell.begin(), cell.end(),
                     [](char c) { return absl::ascii_isdigit(c); });
}

// Characters on the screen: bytes but those that continue a UTF-8 character.
size_t Width(const std::string& cell) {
  return std::count_if(cell.begin(), cell.end(),
                       [](char c) { return (c & 0xc0) != 0x80; });
}

// Escape sequence of a cell's color; "" for most.
std::string_view ColorOf(const std::string& cell) {
  constexpr std::pair<std::string_view, std::string_view> kColors[] = {
      {"ok", "\x1b[32m"},   {"attached", "\x1b[32m"}, {"allow", "\x1b[32m"},
      {"WARN", "\x1b[33m"}, {"degraded", "\x1b[33m"}, {"unused", "\x1b[33m"},
      {"FAIL", "\x1b[31m"}, {"missing", "\x1b[31m"},  {"deny", "\x1b[31m"},
      {"DENY", "\x1b[31m"},
  };
  for (const auto& [word, color] : kColors)
    if (cell == word) return color;
  return cell.starts_with("REFUSED") ? "\x1b[31m" : "";
}

}  // namespace

Table::Table(std::vector<std::string> header) {
  rows_.push_back(std::move(header));
}

void Table::Add(std::vector<std::string> row) {
  row.resize(rows_[0].size());
  for (std::string& cell : row) {
    // A comment must not steer the terminal.
    std::replace_if(cell.begin(), cell.end(), absl::ascii_iscntrl, '?');
    if (cell.empty()) cell = "-";
  }
  rows_.push_back(std::move(row));
}

// A column of numbers may have gaps, but not only gaps.
bool Table::IsNumeric(size_t column) const {
  bool numbers = false;
  for (size_t r = 1; r < rows_.size(); ++r) {
    const std::string& cell = rows_[r][column];
    if (cell == "-") continue;
    if (!IsNumber(cell)) return false;
    numbers = true;
  }
  return numbers;
}

void Table::Print(std::ostream& out, bool headers, bool color) const {
  const size_t columns = rows_[0].size();
  if (columns == 0) return;
  std::vector<size_t> widths(columns);
  std::vector<bool> numeric(columns);
  const size_t first = headers ? 0 : 1;
  for (size_t c = 0; c < columns; ++c) {
    numeric[c] = IsNumeric(c);
    for (size_t r = first; r < rows_.size(); ++r)
      widths[c] = std::max(widths[c], Width(rows_[r][c]));
  }
  for (size_t r = first; r < rows_.size(); ++r) {
    std::string line;
    for (size_t c = 0; c < columns; ++c) {
      const std::string& cell = rows_[r][c];
      const std::string pad(widths[c] - Width(cell), ' ');
      const std::string_view paint = !color   ? ""
                                     : r == 0 ? "\x1b[1m"
                                              : ColorOf(cell);
      const std::string shown =
          paint.empty() ? cell : absl::StrCat(Absl(paint), cell, "\x1b[0m");
      absl::StrAppend(&line, c > 0 ? "  " : "", numeric[c] ? pad : shown,
                      numeric[c] ? shown : pad);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out << line << '\n';
  }
}

const Json& At(const Json& object, std::string_view field) {
  static const Json kNull;
  const auto it = object.find(std::string(field));
  return it != object.end() ? *it : kNull;
}

const Json& At(const Json& object, std::string_view field, size_t index) {
  const Json& array = At(object, field);
  return array.is_array() && index < array.size() ? array[index]
                                                  : At(array, "");
}

std::string Cell(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
  if (value.is_null()) return "";
  if (value.is_number_float())
    return absl::StrFormat("%.1f", value.get<double>());
  if (value.is_array()) {
    std::vector<std::string> parts;
    for (const Json& part : value) parts.push_back(Cell(part));
    return absl::StrJoin(parts, ",");
  }
  if (value.is_object()) {
    std::vector<std::string> parts;
    for (const auto& [key, part] : value.items())
      parts.push_back(absl::StrCat(key, " ", Cell(part)));
    return absl::StrJoin(parts, " ");
  }
  return value.dump();
}

std::string EndpointCell(const Json& address, const Json& port) {
  const std::string text = Cell(address);
  if (text.empty() || port == 0) return text;
  return text.find(':') == std::string::npos
             ? absl::StrCat(text, ":", Cell(port))
             : absl::StrCat("[", text, "]:", Cell(port));
}

std::string HumanBytes(const Json& bytes) {
  if (!bytes.is_number()) return "";
  double value = bytes.get<double>();
  if (value < 1024) return Cell(bytes);
  const char* unit = " KMGTPE";
  while (value >= 1024 && unit[1] != '\0') {
    value /= 1024;
    ++unit;
  }
  return absl::StrFormat("%.1f%c", value, *unit);
}

std::string HumanSeconds(const Json& seconds) {
  if (!seconds.is_number()) return "";
  if (seconds < 60) return absl::StrFormat("%.1fs", seconds.get<double>());
  const auto s = seconds.get<uint64_t>();
  if (s < 3600) return absl::StrFormat("%dm%02ds", s / 60, s % 60);
  if (s < 86400) return absl::StrFormat("%dh%02dm", s / 3600, s / 60 % 60);
  return absl::StrFormat("%dd%02dh", s / 86400, s / 3600 % 24);
}

}  // namespace rampart::xdpctl

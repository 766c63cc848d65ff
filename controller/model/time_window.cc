// SPDX-License-Identifier: Apache-2.0
// How parts of the week and moments are written.
#include <algorithm>
#include <iterator>
#include <optional>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "controller/base/text.h"
#include "controller/model/words.h"

namespace rampart {
namespace {

constexpr const char* kDays[] = {"mon", "tue", "wed", "thu",
                                 "fri", "sat", "sun"};
constexpr int kDayCount = 7;
constexpr uint8_t kAllDays = 0x7f;
constexpr uint16_t kMidnight = 24 * 60;

absl::Status WrongWindow(std::string_view text) {
  return absl::InvalidArgumentError(absl::StrCat(
      Quoted(text),
      " is not a part of the week; write days, hours (UTC) or both, such as "
      "mon-fri 08:00-18:00, sat,sun or 22:00-06:00"));
}

std::optional<int> DayOf(absl::string_view word) {
  const auto* it = std::find(std::begin(kDays), std::end(kDays), word);
  if (it == std::end(kDays)) return std::nullopt;
  return static_cast<int>(it - std::begin(kDays));
}

// "mon-fri,sun"; ranges may go round the week.
std::optional<uint8_t> DaysOf(absl::string_view text) {
  uint8_t days = 0;
  for (const absl::string_view part : absl::StrSplit(text, ',')) {
    const std::pair<absl::string_view, absl::string_view> ends =
        absl::StrSplit(part, absl::MaxSplits('-', 1));
    const std::optional<int> first = DayOf(ends.first);
    const std::optional<int> last =
        part.find('-') == part.npos ? first : DayOf(ends.second);
    if (!first || !last) return std::nullopt;
    for (int day = *first;; day = (day + 1) % kDayCount) {
      days |= 1 << day;
      if (day == *last) break;
    }
  }
  return days;
}

std::optional<uint16_t> MinutesOf(absl::string_view text) {
  const bool shaped =
      text.size() == 5 && text[2] == ':' && absl::ascii_isdigit(text[0]) &&
      absl::ascii_isdigit(text[1]) && absl::ascii_isdigit(text[3]) &&
      absl::ascii_isdigit(text[4]);
  if (!shaped) return std::nullopt;
  const int hours = 10 * (text[0] - '0') + (text[1] - '0');
  const int minutes = 10 * (text[3] - '0') + (text[4] - '0');
  if (minutes > 59 || 60 * hours + minutes > kMidnight) return std::nullopt;
  return static_cast<uint16_t>(60 * hours + minutes);
}

bool ReadHours(absl::string_view text, TimeWindow& window) {
  const std::pair<absl::string_view, absl::string_view> ends =
      absl::StrSplit(text, absl::MaxSplits('-', 1));
  const std::optional<uint16_t> from = MinutesOf(ends.first);
  const std::optional<uint16_t> to = MinutesOf(ends.second);
  // Nothing lies between two equal times, and no day begins at 24:00.
  if (!from || !to || *from == *to || *from == kMidnight) return false;
  window.from = *from;
  window.to = *to;
  return true;
}

std::string DaysToString(uint8_t days) {
  std::vector<std::string> parts;
  for (int day = 0; day < kDayCount; ++day) {
    if (!(days >> day & 1)) continue;
    int last = day;
    while (last + 1 < kDayCount && days >> (last + 1) & 1) ++last;
    parts.push_back(last == day ? std::string(kDays[day])
                                : absl::StrCat(kDays[day], "-", kDays[last]));
    day = last;
  }
  return absl::StrJoin(parts, ",");
}

std::string Hours(uint16_t minutes) {
  return absl::StrFormat("%02d:%02d", minutes / 60, minutes % 60);
}

}  // namespace

absl::StatusOr<TimeWindow> ParseTimeWindow(std::string_view text) {
  TimeWindow window;
  const std::vector<absl::string_view> words =
      absl::StrSplit(Abseil(text), ' ', absl::SkipEmpty());
  if (words.empty() || words.size() > 2) return WrongWindow(text);
  const bool hours_only = words[0].find(':') != absl::string_view::npos;
  if (!hours_only) {
    const std::optional<uint8_t> days = DaysOf(words[0]);
    if (!days) return WrongWindow(text);
    window.days = *days;
  }
  const bool has_hours = hours_only || words.size() == 2;
  if (hours_only && words.size() == 2) return WrongWindow(text);
  if (has_hours && !ReadHours(words.back(), window)) return WrongWindow(text);
  return window;
}

std::string TimeWindowToString(const TimeWindow& window) {
  const bool all_day = window.from == 0 && window.to == kMidnight;
  const std::string hours =
      all_day ? "" : absl::StrCat(Hours(window.from), "-", Hours(window.to));
  if (window.days == kAllDays && !all_day) return hours;
  return absl::StrCat(DaysToString(window.days), all_day ? "" : " ", hours);
}

absl::StatusOr<absl::Time> ParseTime(std::string_view text) {
  absl::Time time;
  std::string error;
  if (!absl::ParseTime(absl::RFC3339_full, Abseil(text), &time, &error))
    return absl::InvalidArgumentError(
        absl::StrCat(Quoted(text),
                     " is not a time; write one such as "
                     "2026-11-22T08:00:00Z"));
  return time;
}

std::string TimeToString(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E*SZ", time, absl::UTCTimeZone());
}

}  // namespace rampart

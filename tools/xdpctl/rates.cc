// SPDX-License-Identifier: Apache-2.0
#include "tools/xdpctl/rates.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <sstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tools/xdpctl/rows.h"
#include "tools/xdpctl/table.h"

namespace rampart::xdpctl {
namespace {

constexpr const char* kOutcomes[] = {"forwarded", "passed", "punted",
                                     "dropped"};
constexpr const char* kFlowKey[] = {"tenant", "vnet", "proto", "src",
                                    "sport",  "dst",  "dport"};

double NumberOf(const Json& value) {
  return value.is_number() ? value.get<double>() : 0;
}

// Of a counter, to one place behind the point.
double Rate(const Json& before, const Json& after, double seconds) {
  const double from = NumberOf(before);
  const double to = NumberOf(after);
  const double gained = to >= from ? to - from : to;
  return std::round(gained / seconds * 10) / 10;
}

using Key = std::vector<std::string>;

Key KeyOf(const Json& row, const std::vector<std::string>& fields) {
  Key key;
  for (const std::string& field : fields) key.push_back(Cell(At(row, field)));
  return key;
}

// Calls add(row before, row after) for each row of `rows` after; null if there
// was none before.
template <typename Add>
Json Pair(const Readings& readings, std::string_view rows,
          const std::vector<std::string>& key, Add add) {
  std::map<Key, const Json*> before;
  for (const Json& row : At(readings.before, rows))
    before[KeyOf(row, key)] = &row;
  static const Json none;
  Json result = Json::array();
  for (const Json& row : At(readings.after, rows)) {
    const auto it = before.find(KeyOf(row, key));
    result.push_back(add(it != before.end() ? *it->second : none, row));
  }
  return result;
}

void SortDescending(Json& rows, const char* field) {
  SortStably(rows, [&](const Json& a, const Json& b) {
    return NumberOf(At(a, field)) > NumberOf(At(b, field));
  });
}

// Adds "<outcome>_ps" of packets, and "bits_ps" of what was forwarded.
void AddOutcomes(const Json& before, const Json& after, double seconds,
                 Json& row) {
  for (const char* outcome : kOutcomes)
    row[absl::StrCat(outcome, "_ps")] =
        Rate(At(At(before, outcome), "packets"),
             At(At(after, outcome), "packets"), seconds);
  row["bits_ps"] = 8 * Rate(At(At(before, "forwarded"), "bytes"),
                            At(At(after, "forwarded"), "bytes"), seconds);
}

// Jiffies of each CPU: all, and those in softirqs (proc(5)).
std::vector<std::pair<double, double>> ReadStat(std::string_view stat) {
  std::vector<std::pair<double, double>> cpus;
  std::istringstream lines{std::string(stat)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string name;
    words >> name;
    if (!name.starts_with("cpu") || name == "cpu") continue;
    std::pair<double, double> jiffies = {0, 0};
    double value;
    for (int field = 0; field < 8 && words >> value; ++field) {
      jiffies.first += value;
      if (field == 6) jiffies.second = value;
    }
    cpus.push_back(jiffies);
  }
  return cpus;
}

}  // namespace

Json DeviceRates(const Readings& readings) {
  return Pair(readings, "devices", {"name"},
              [&](const Json& before, const Json& after) {
                Json row = {{"name", At(after, "name")}};
                row["rx_ps"] =
                    Rate(At(before, "rx"), At(after, "rx"), readings.seconds);
                AddOutcomes(before, after, readings.seconds, row);
                row["gap"] = At(after, "gap");
                return row;
              });
}

Json TenantRates(const Readings& readings) {
  Json rows = Pair(
      readings, "tenants", {"name"},
      [&](const Json& before, const Json& after) {
        const double seconds = readings.seconds;
        Json row = {{"name", At(after, "name")}, {"flows", At(after, "flows")}};
        row["started_ps"] =
            Rate(At(before, "started"), At(after, "started"), seconds);
        row["ended_ps"] =
            Rate(At(before, "ended"), At(after, "ended"), seconds);
        AddOutcomes(before, after, seconds, row);
        return row;
      });
  SortDescending(rows, "forwarded_ps");
  return rows;
}

Json DropRates(const Readings& readings) {
  Json rows = Pair(readings, "drops", {"id", "device"},
                   [&](const Json& before, const Json& after) {
                     Json row = after;
                     row["packets_ps"] =
                         Rate(At(before, "packets"), At(after, "packets"),
                              readings.seconds);
                     return row;
                   });
  SortDescending(rows, "packets");
  SortDescending(rows, "packets_ps");
  return rows;
}

Json FlowRates(const Readings& readings) {
  const std::vector<std::string> key(std::begin(kFlowKey), std::end(kFlowKey));
  Json rows =
      Pair(readings, "flows", key, [&](const Json& before, const Json& after) {
        Json row = after;
        double packets = 0, bytes = 0;
        for (const size_t way : {0, 1}) {
          packets += Rate(At(before, "packets", way), At(after, "packets", way),
                          readings.seconds);
          bytes += Rate(At(before, "bytes", way), At(after, "bytes", way),
                        readings.seconds);
        }
        row["packets_ps"] = packets;
        row["bits_ps"] = 8 * bytes;
        return row;
      });
  SortDescending(rows, "packets_ps");
  return rows;
}

Json MapRates(const Readings& readings) {
  Json rows = Pair(
      readings, "maps", {"name"}, [&](const Json& before, const Json& after) {
        const double capacity = NumberOf(At(after, "capacity"));
        const double entries = NumberOf(At(after, "entries"));
        const double gained =
            before.is_null() ? 0 : entries - NumberOf(At(before, "entries"));
        const double rate = gained / readings.seconds;
        Json row = after;
        row["fill"] = capacity > 0 ? entries / capacity : 0;
        row["entries_ps"] = std::round(rate * 10) / 10;
        row["full_in_s"] =
            rate > 0 ? Json((capacity - entries) / rate) : Json(nullptr);
        return row;
      });
  SortDescending(rows, "fill");
  return rows;
}

Json CpuRates(const Readings& readings, std::string_view stat_before,
              std::string_view stat_after) {
  const auto from = ReadStat(stat_before);
  const auto to = ReadStat(stat_after);
  const Json& before = At(readings.before, "cpus");
  const Json& after = At(readings.after, "cpus");
  static const Json none;
  Json rows = Json::array();
  // The kernel counts CPUs that may come, too.
  const size_t cpus = std::min({after.size(), from.size(), to.size()});
  for (size_t cpu = 0; cpu < cpus; ++cpu) {
    const double all = to[cpu].first - from[cpu].first;
    const double softirq = to[cpu].second - from[cpu].second;
    Json row = {
        {"cpu", cpu},
        {"softirq", all > 0 ? std::round(1000 * softirq / all) / 10 : 0.0}};
    AddOutcomes(cpu < before.size() ? before[cpu] : none, after[cpu],
                readings.seconds, row);
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace rampart::xdpctl

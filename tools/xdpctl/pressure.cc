// SPDX-License-Identifier: Apache-2.0
#include "tools/xdpctl/pressure.h"

#include <CLI/CLI.hpp>
#include <chrono>
#include <memory>

#include "absl/strings/str_format.h"
#include "controller/api/maps.h"
#include "controller/base/clock.h"
#include "controller/base/status.h"
#include "tools/xdpctl/rates.h"
#include "tools/xdpctl/session.h"

namespace rampart::xdpctl {
namespace {

absl::StatusOr<Json> Read(Session& session) {
  return session.GetOrRead("/v1/counters", {}, [](const MapReader& maps) {
    return MapPressureDocument(maps, Clock::Real().Tick());
  });
}

absl::StatusOr<int> Pressure(Session& session, double interval) {
  using Clock = std::chrono::steady_clock;
  ASSIGN_OR_RETURN(const Json before, Read(session));
  const auto begin = Clock::now();
  session.env.wait(interval);
  ASSIGN_OR_RETURN(const Json after, Read(session));
  const std::chrono::duration<double> seconds = Clock::now() - begin;
  Json document = Document("map-pressure");
  document["maps"] = MapRates({before, after, seconds.count()});
  RETURN_IF_ERROR(PrintList(session, document,
                            {.rows = "maps", .columns = PressureColumns()}));
  return kOk;
}

}  // namespace

std::vector<Column> PressureColumns() {
  return {{"MAP", "name"},
          {"ENTRIES", "entries"},
          {"CAPACITY", "capacity"},
          {"FILL", "fill",
           [](const Json& row) {
             const Json& fill = At(row, "fill");
             return fill.is_number()
                        ? absl::StrFormat("%.1f%%", 100 * fill.get<double>())
                        : std::string();
           }},
          {"CHANGE/S", "entries_ps",
           [](const Json& row) {
             const Json& rate = At(row, "entries_ps");
             return rate.is_number()
                        ? absl::StrFormat("%.1f", rate.get<double>())
                        : std::string();
           }},
          {"FULL-IN", "full_in_s",
           [](const Json& row) {
             const Json& full = At(row, "full_in_s");
             return full.is_number() ? HumanSeconds(full) : std::string();
           }},
          {"REFUSED", "refused"},
          {"MEMORY", "memory",
           [](const Json& row) { return HumanBytes(At(row, "memory")); }}};
}

void AddPressure(CLI::App& map, Session& session) {
  auto interval = std::make_shared<double>(1);
  CLI::App* pressure = AddCommand(
      map, session,
      {.name = "pressure",
       .summary = "How full the maps are, and when they will be",
       .text = "Reads twice, some time apart: CHANGE/S and FULL-IN are what "
               "happened in between. REFUSED: entries that found no room since "
               "rampartd started. MEMORY: what the kernel keeps for the map.",
       .example = "xdpctl map pressure -i 5",
       .run = [&session, interval] { return Pressure(session, *interval); }});
  pressure->add_option("-i,--interval", *interval, "Seconds between both reads")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.1, 3600.0))
      ->capture_default_str();
}

}  // namespace rampart::xdpctl

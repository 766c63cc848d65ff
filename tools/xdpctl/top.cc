// SPDX-License-Identifier: Apache-2.0
// What is going on, live: rates between two readings.
#include <CLI/CLI.hpp>
#include <chrono>
#include <fstream>
#include <iterator>
#include <memory>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "controller/base/status.h"
#include "tools/xdpctl/list.h"
#include "tools/xdpctl/nouns.h"
#include "tools/xdpctl/pressure.h"
#include "tools/xdpctl/rates.h"
#include "tools/xdpctl/rows.h"
#include "tools/xdpctl/screen.h"
#include "tools/xdpctl/session.h"

namespace rampart::xdpctl {
namespace {

constexpr size_t kRowsMax = 50;      // of a page
constexpr size_t kFlowsMax = 10000;  // that are compared

struct Arguments {
  std::string what = "devices";
  double interval = 2;  // seconds
};

// One reading and when it was taken.
struct Sample {
  Json document;
  std::string stat;  // /proc/stat
  std::chrono::steady_clock::time_point time;
};

absl::StatusOr<Sample> Take(Session& session, const std::string& what) {
  Sample sample;
  if (what == "flows") {
    ASSIGN_OR_RETURN(
        sample.document,
        session.Get("/v1/flows", {{"limit", absl::StrCat(kFlowsMax)}}));
  } else {
    ASSIGN_OR_RETURN(sample.document, session.Get("/v1/counters"));
  }
  std::ifstream stat("/proc/stat");
  sample.stat.assign(std::istreambuf_iterator<char>(stat), {});
  sample.time = std::chrono::steady_clock::now();
  return sample;
}

std::string Fixed(const Json& value) {
  return value.is_number() ? absl::StrFormat("%.1f", value.get<double>()) : "";
}

template <const char* field>
std::string OneDecimal(const Json& row) {
  return Fixed(At(row, field));
}
#define RP_FIELD(name) constexpr char k_##name[] = #name;
RP_FIELD(rx_ps)
RP_FIELD(forwarded_ps)
RP_FIELD(passed_ps)
RP_FIELD(punted_ps)
RP_FIELD(dropped_ps)
RP_FIELD(started_ps)
RP_FIELD(ended_ps)
RP_FIELD(packets_ps)
RP_FIELD(softirq)
#undef RP_FIELD

template <const char* field>
Column Rate(const char* header) {
  return {header, field, &OneDecimal<field>};
}

Column Megabits() {
  return {"MBIT/S", "bits_ps", [](const Json& row) {
            const Json& bits = At(row, "bits_ps");
            return bits.is_number()
                       ? absl::StrFormat("%.1f", bits.get<double>() / 1e6)
                       : std::string();
          }};
}

std::string Endpoint(const Json& row, const char* address, const char* port) {
  return absl::StrCat(Cell(At(row, address)), " ", Cell(At(row, port)));
}

std::vector<Column> FlowColumns() {
  return {Rate<k_packets_ps>("PKTS/S"),
          Megabits(),
          {"TENANT", "tenant"},
          {"VNET", "vnet"},
          {"PROTO", "proto"},
          {"SOURCE", "src",
           [](const Json& row) { return Endpoint(row, "src", "sport"); }},
          {"DESTINATION", "dst",
           [](const Json& row) { return Endpoint(row, "dst", "dport"); }},
          {"RULE", "rule"}};
}

std::vector<Column> ColumnsFor(const std::string& what) {
  const Column forwarded = Rate<k_forwarded_ps>("FORWARDED/S");
  const Column passed = Rate<k_passed_ps>("PASSED/S");
  const Column punted = Rate<k_punted_ps>("PUNTED/S");
  const Column dropped = Rate<k_dropped_ps>("DROPPED/S");
  if (what == "flows") return FlowColumns();
  if (what == "tenants")
    return {{"TENANT", "name"},
            {"FLOWS", "flows"},
            Rate<k_started_ps>("NEW/S"),
            Rate<k_ended_ps>("ENDED/S"),
            forwarded,
            Megabits(),
            punted,
            dropped};
  if (what == "drops")
    return {{"ID", "id"},
            {"REASON", "reason"},
            {"DEV", "device"},
            Rate<k_packets_ps>("PKTS/S"),
            {"PACKETS", "packets"}};
  if (what == "maps") return PressureColumns();
  if (what == "cpus")
    return {{"CPU", "cpu"}, Rate<k_softirq>("SOFTIRQ%"),
            forwarded,      Megabits(),
            passed,         punted,
            dropped};
  return {{"DEV", "name"}, Rate<k_rx_ps>("RX/S"),
          forwarded,       Megabits(),
          passed,          punted,
          dropped,         {"GAP", "gap"}};
}

Json RowsFor(const std::string& what, const Sample& before,
             const Sample& after) {
  const Readings readings = {
      before.document, after.document,
      std::chrono::duration<double>(after.time - before.time).count()};
  if (what == "flows") return FlowRates(readings);
  if (what == "tenants") return TenantRates(readings);
  if (what == "drops") return DropRates(readings);
  if (what == "maps") return MapRates(readings);
  if (what == "cpus") return CpuRates(readings, before.stat, after.stat);
  return DeviceRates(readings);
}

Table TableFor(const Json& rows, const std::vector<Column>& columns) {
  std::vector<std::string> cells;
  cells.reserve(columns.size());
  for (const Column& column : columns) cells.push_back(column.header);
  Table table(cells);
  for (const Json& row : rows) {
    cells.clear();
    for (const Column& column : columns)
      cells.push_back(CellOf(column, row, /*exact=*/false));
    table.Add(cells);
  }
  return table;
}

void Cut(Json& rows) {
  while (rows.size() > kRowsMax) rows.erase(rows.size() - 1);
}

// A page, or a document in each round.
void Show(Session& session, Screen& screen, const std::string& what,
          Json rows) {
  Cut(rows);
  if (session.format() != Format::kTable && session.format() != Format::kWide) {
    Json document = Document("top");
    document["what"] = what;
    document["rows"] = std::move(rows);
    return session.Print(document, [] {});
  }
  const Table table = TableFor(rows, ColumnsFor(what));
  std::ostringstream page;
  if (session.env.terminal) page << "xdpctl top " << what << "   q: quit\n\n";
  table.Print(page, !session.options.no_headers);
  screen.Draw(page.str());
}

absl::StatusOr<int> Top(Session& session, const Arguments& arguments) {
  ASSIGN_OR_RETURN(Sample before, Take(session, arguments.what));
  Screen screen(session.env);
  for (uint32_t round = 1; screen.Wait(arguments.interval); ++round) {
    ASSIGN_OR_RETURN(Sample after, Take(session, arguments.what));
    Show(session, screen, arguments.what,
         RowsFor(arguments.what, before, after));
    before = std::move(after);
    if (round == session.options.rounds) break;
  }
  return kOk;
}

}  // namespace

void AddTop(CLI::App& app, Session& session) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* top = AddCommand(
      app, session,
      {.name = "top",
       .summary = "What is going on, per second",
       .text = "On a terminal until q is pressed; else a table in each round. "
               "The first one comes after one interval. -c ends it.\n\n"
               "flows compares the first 10000 flows of the table.",
       .example = "xdpctl top tenants -i 1 -c 3",
       .shows = Shows::kPage,
       .run = [&session, arguments] { return Top(session, *arguments); }});
  top->add_option("what", arguments->what,
                  "devices, flows, tenants, drops, maps or cpus")
      ->type_name("WHAT")
      ->check(CLI::IsMember(
          {"devices", "flows", "tenants", "drops", "maps", "cpus"}))
      ->capture_default_str();
  top->add_option("-i,--interval", arguments->interval, "Seconds between reads")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.1, 3600.0))
      ->capture_default_str();
}

}  // namespace rampart::xdpctl

// SPDX-License-Identifier: Apache-2.0
// Maps work from the pins as well.
#include <CLI/CLI.hpp>
#include <memory>

#include "absl/strings/str_cat.h"
#include "controller/api/maps.h"
#include "controller/base/clock.h"
#include "controller/base/status.h"
#include "tools/xdpctl/list.h"
#include "tools/xdpctl/nouns.h"
#include "tools/xdpctl/session.h"

namespace rampart::xdpctl {
namespace {

struct DumpArguments {
  std::string name;
  int limit = 1000;
};

absl::StatusOr<int> List(Session& session) {
  ASSIGN_OR_RETURN(const Json document,
                   session.GetOrRead("/v1/maps", {}, [](const MapReader& maps) {
                     return MapListDocument(maps, Clock::Real().Tick());
                   }));
  session.Print(document, [&] {
    PrintRows(session, At(document, "maps"),
              {{"NAME", "name"},
               {"KEY", "key"},
               {"VALUE", "value"},
               {"ENTRIES", "entries"},
               {"CAPACITY", "capacity"}});
  });
  return session.result;
}

absl::StatusOr<int> Dump(Session& session, const DumpArguments& arguments) {
  ASSIGN_OR_RETURN(const Json document,
                   session.GetOrRead(absl::StrCat("/v1/maps/", arguments.name),
                                     {{"limit", absl::StrCat(arguments.limit)}},
                                     [&](const MapReader& maps) {
                                       return MapDumpDocument(
                                           maps, arguments.name,
                                           arguments.limit,
                                           Clock::Real().Tick());
                                     }));
  session.Print(document,
                [&] { session.Print(TableOf(At(document, "entries"))); });
  session.NoteTruncation(document, At(document, "entries"));
  return session.result;
}

}  // namespace

void AddMap(CLI::App& app, Session& session) {
  CLI::App* map = app.add_subcommand("map", "Maps of the data plane");
  map->add_subcommand("list", "Every map, how full it is")
      ->alias("ls")
      ->callback([&session] { session.result = List(session); });
  CLI::App* dump = map->add_subcommand("dump", "Entries of one map, decoded");
  auto arguments = std::make_shared<DumpArguments>();
  dump->add_option("name", arguments->name, "Name, as in map list")->required();
  dump->add_option("--limit", arguments->limit, "Entries at most")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  dump->callback(
      [&session, arguments] { session.result = Dump(session, *arguments); });
}

}  // namespace rampart::xdpctl

// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <memory>

#include "absl/strings/str_cat.h"
#include "controller/base/status.h"
#include "tools/xdpctl/list.h"
#include "tools/xdpctl/nouns.h"
#include "tools/xdpctl/pressure.h"
#include "tools/xdpctl/session.h"

namespace rampart::xdpctl {
namespace {

struct DumpArguments {
  std::string name;
  int limit = 1000;
};

absl::StatusOr<int> List(Session& session) {
  ASSIGN_OR_RETURN(const Json document, session.Get("/v1/maps"));
  RETURN_IF_ERROR(PrintList(session, document,
                            {.rows = "maps",
                             .columns = {{"NAME", "name"},
                                         {"KEY", "key"},
                                         {"VALUE", "value"},
                                         {"ENTRIES", "entries"},
                                         {"CAPACITY", "capacity"}}}));
  return kOk;
}

absl::StatusOr<int> Dump(Session& session, const DumpArguments& arguments) {
  ASSIGN_OR_RETURN(const Json document,
                   session.Get(absl::StrCat("/v1/maps/", arguments.name),
                               {{"limit", absl::StrCat(arguments.limit)}}));
  const Json& entries = At(document, "entries");
  RETURN_IF_ERROR(PrintList(
      session, document, {.rows = "entries", .columns = ColumnsOf(entries)}));
  session.NoteTruncation(document, entries);
  return kOk;
}

}  // namespace

void AddMap(CLI::App& app, Session& session) {
  CLI::App* map = app.add_subcommand("map", "Maps of the data plane");
  AddCommand(*map, session,
             {.name = "list",
              .aliases = {"ls"},
              .summary = "Every map, how full it is",
              .example = "xdpctl map list --sort -entries",
              .run = [&session] { return List(session); }});
  AddPressure(*map, session);
  auto arguments = std::make_shared<DumpArguments>();
  CLI::App* dump = AddCommand(
      *map, session,
      {.name = "dump",
       .summary = "Entries of one map, decoded",
       .text = "Keys, cookies and authentication codes are never shown.",
       .example = "xdpctl map dump rp_next_hops",
       .exits = {{kNotFound, "there is no such map"}},
       .run = [&session, arguments] { return Dump(session, *arguments); }});
  dump->add_option("name", arguments->name, "Name, as in map list")
      ->type_name("MAP")
      ->required();
  dump->add_option("--limit", arguments->limit, "Entries at most")
      ->type_name("N")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
}

}  // namespace rampart::xdpctl

// SPDX-License-Identifier: Apache-2.0
// Drops work from the pins as well.
#include <CLI/CLI.hpp>
#include <memory>

#include "controller/api/maps.h"
#include "controller/base/status.h"
#include "tools/xdpctl/list.h"
#include "tools/xdpctl/nouns.h"
#include "tools/xdpctl/session.h"

namespace rampart::xdpctl {
namespace {

absl::StatusOr<int> List(Session& session, bool all) {
  ASSIGN_OR_RETURN(const Json document,
                   session.GetOrRead("/v1/drops", {{"all", all ? "1" : "0"}},
                                     [&](const MapReader& maps) {
                                       return DropsDocument(maps, all);
                                     }));
  RETURN_IF_ERROR(PrintList(session, document,
                            {.rows = "drops",
                             .columns = {{"ID", "id"},
                                         {"REASON", "reason"},
                                         {"DEV", "device"},
                                         {"PACKETS", "packets"},
                                         {"BYTES", "bytes"},
                                         {"HELP", "help"}},
                             .name = {"id"}}));
  return kOk;
}

}  // namespace

void AddDrop(CLI::App& app, Session& session) {
  CLI::App* drop = app.add_subcommand("drop", "Dropped packets, by reason");
  auto all = std::make_shared<bool>(false);
  CLI::App* list =
      AddCommand(*drop, session,
                 {.name = "list",
                  .aliases = {"ls"},
                  .summary = "Reasons with their counters",
                  .example = "xdpctl drop list --sort -packets",
                  .run = [&session, all] { return List(session, *all); }});
  list->add_flag("-a,--all", *all, "Also reasons that were never counted");
  AddDropTools(*drop, session);
}

}  // namespace rampart::xdpctl

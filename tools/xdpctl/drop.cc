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
  session.Print(document, [&] {
    PrintRows(session, At(document, "drops"),
              {{"ID", "id"},
               {"REASON", "reason"},
               {"DEV", "device"},
               {"PACKETS", "packets"},
               {"BYTES", "bytes"},
               {"HELP", "help"}});
  });
  return session.result;
}

}  // namespace

void AddDrop(CLI::App& app, Session& session) {
  CLI::App* drop = app.add_subcommand("drop", "Dropped packets, by reason");
  CLI::App* list =
      drop->add_subcommand("list", "Reasons with their counters")->alias("ls");
  auto all = std::make_shared<bool>(false);
  list->add_flag("-a,--all", *all, "Also reasons that were never counted");
  list->callback([&session, all] { session.result = List(session, *all); });
}

}  // namespace rampart::xdpctl

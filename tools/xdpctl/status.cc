// SPDX-License-Identifier: Apache-2.0
#include "controller/base/status.h"

#include <CLI/CLI.hpp>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tools/xdpctl/list.h"
#include "tools/xdpctl/nouns.h"
#include "tools/xdpctl/session.h"

namespace rampart::xdpctl {
namespace {

void PrintStatus(Session& session, const Json& status) {
  std::ostream& out = session.env.out;
  const auto cell = [&](const char* field, const char* inner = nullptr) {
    const Json& value = At(status, field);
    return Cell(inner != nullptr ? At(value, inner) : value);
  };
  out << cell("edge") << "  rampartd " << cell("version") << "  pid "
      << cell("pid") << "  up " << HumanSeconds(At(status, "uptime_s"))
      << "  epoch " << cell("epoch") << "  tenants " << cell("tenants")
      << (At(status, "adopted") == true ? "  data plane adopted\n" : "\n");
  PrintRows(session, At(status, "devices"),
            {{"DEV", "name"},
             {"MODE", "mode"},
             {"ROLE", "role"},
             {"STATE", "state"},
             {"FORWARDED", "forwarded"},
             {"PASSED", "passed"},
             {"PUNTED", "punted"},
             {"DROPPED", "dropped"},
             {"WHY", "why"}});
  out << "flows  " << cell("flows", "now") << " of "
      << cell("flows", "capacity") << "  started " << cell("flows", "started")
      << "  ended " << cell("flows", "ended") << "  adopted "
      << cell("flows", "adopted") << "\nnat    " << cell("nat", "sessions")
      << " sessions\npunts  " << cell("punts", "total") << "  pending "
      << cell("punts", "pending") << "\ndrops  " << cell("drops", "packets")
      << '\n';
  for (const Json& reason : At(status, "degraded"))
    out << "degraded: " << Cell(reason) << '\n';
}

absl::StatusOr<int> Status(Session& session) {
  ASSIGN_OR_RETURN(const Json status, session.Get("/v1/status"));
  session.Print(status, [&] { PrintStatus(session, status); });
  return At(status, "degraded").empty() ? kOk : kDegraded;
}

}  // namespace

void AddStatus(CLI::App& app, Session& session) {
  AddCommand(
      app, session,
      {.name = "status",
       .summary = "The edge on one page",
       .example = "xdpctl status",
       .exits = {{kDegraded, "the edge is degraded; the last lines say why"}},
       .shows = Shows::kPage,
       .run = [&session] { return Status(session); }});
}

}  // namespace rampart::xdpctl

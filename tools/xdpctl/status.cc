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

// What kernel and devices lost beside the outcomes, if anything.
void PrintLosses(Session& session, const Json& status) {
  if (!At(status, "losses").empty()) {
    session.env.out << "losses in kernel and devices:\n";
    PrintRows(session, At(status, "losses"),
              {{"ID", "id"},
               {"DEV", "device"},
               {"PACKETS", "packets"},
               {"HELP", "help"}});
  }
  const std::string why_not = Cell(At(status, "losses_unavailable"));
  if (!why_not.empty())
    session.env.out << "losses behind verdicts are not counted: " << why_not
                    << '\n';
}

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
             {"RX", "rx"},
             {"FORWARDED", "forwarded"},
             {"PASSED", "passed"},
             {"PUNTED", "punted"},
             {"DROPPED", "dropped"},
             {"GAP", "gap"},
             {"WHY", "why"}});
  out << "flows  " << cell("flows", "now") << " of "
      << cell("flows", "capacity") << "  started " << cell("flows", "started")
      << "  ended " << cell("flows", "ended") << "  adopted "
      << cell("flows", "adopted") << "\nnat    " << cell("nat", "sessions")
      << " sessions\npunts  sent " << cell("punts", "sent") << " = received "
      << cell("punts", "total") << " + lost " << cell("punts", "lost")
      << " + in rings " << cell("punts", "in_rings")
      << "\n       received = injected " << cell("punts", "injected")
      << " + dropped " << cell("punts", "dropped") << " + answered "
      << cell("punts", "answered") << " + waiting " << cell("punts", "waiting")
      << "\ndrops  " << cell("drops", "packets") << '\n';
  PrintLosses(session, status);
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

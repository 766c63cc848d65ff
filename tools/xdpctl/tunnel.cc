// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tools/xdpctl/list.h"
#include "tools/xdpctl/nouns.h"
#include "tools/xdpctl/object_change.h"
#include "tools/xdpctl/table.h"

namespace rampart::xdpctl {
namespace {

// "192.0.2.10 (mac),192.0.2.11 (mac)", or "eth1 on edge-a" of an interface.
std::string Ends(const Json& row) {
  if (At(row, "type") == "interface")
    return absl::StrCat(Cell(At(row, "device")), " on ", Cell(At(row, "edge")));
  std::vector<std::string> ends;
  for (const Json& peer : At(row, "peers")) {
    const std::string detail = peer.contains("auth") ? Cell(At(peer, "auth"))
                               : peer.contains("key")
                                   ? absl::StrCat("key ", Cell(At(peer, "key")))
                                   : "";
    ends.push_back(absl::StrCat(
        Cell(At(peer, "remote")), detail.empty() ? "" : " (", detail,
        detail.empty() ? "" : ")", At(peer, "state") == "down" ? " down" : ""));
  }
  return absl::StrJoin(ends, ",");
}

}  // namespace

void AddTunnel(CLI::App& app, Session& session) {
  CLI::App* tunnel = app.add_subcommand("tunnel", "Tunnels");
  AddList(*tunnel, session,
          {.noun = "tunnel",
           .help = "Every tunnel of every tenant",
           .path = "/v1/tunnels",
           .view = {.rows = "tunnels",
                    .columns = {{"TENANT", "tenant"},
                                {"NAME", "name"},
                                {"ID", "id"},
                                {"TYPE", "type"},
                                {"VNET", "vnet"},
                                {"STATE", "state"},
                                {"PEERS", "", &Ends},
                                {"SOURCES", "sources"}},
                    .name = {"tenant", "name"}}});
  AddTunnelChanges(*tunnel, session);
}

}  // namespace rampart::xdpctl

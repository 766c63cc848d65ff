// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>

#include "absl/strings/str_cat.h"
#include "tools/xdpctl/nouns.h"
#include "tools/xdpctl/selected_list.h"
#include "tools/xdpctl/table.h"

namespace rampart::xdpctl {
namespace {

std::string Vnet(const Json& row) {
  return absl::StrCat(Cell(At(row, "tenant")), "/", Cell(At(row, "vnet")));
}

std::string Inside(const Json& row) {
  return EndpointCell(At(row, "inside"), At(row, "inside_port"));
}

std::string Outside(const Json& row) {
  return EndpointCell(At(row, "outside"), At(row, "outside_port"));
}

std::string Remote(const Json& row) {
  return EndpointCell(At(row, "remote"), At(row, "remote_port"));
}

}  // namespace

void AddNat(CLI::App& app, Session& session) {
  CLI::App* nat = app.add_subcommand("nat", "Address translation");
  CLI::App* sessions = nat->add_subcommand("session", "Mappings in use");
  AddSelectedList(*sessions, session,
                  {.help = "NAT mappings that the selectors choose",
                   .path = "/v1/nat/sessions",
                   .rows = "sessions",
                   .columns = {{"VNET", "", &Vnet},
                               {"PROTO", "proto"},
                               {"INSIDE", "", &Inside},
                               {"OUTSIDE", "", &Outside},
                               {"REMOTE", "", &Remote},
                               {"POOL", "pool"},
                               {"FLOWS", "flows"}}});
}

}  // namespace rampart::xdpctl

// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>

#include "tools/xdpctl/list.h"
#include "tools/xdpctl/nouns.h"

namespace rampart::xdpctl {

void AddVnet(CLI::App& app, Session& session) {
  CLI::App* vnet = app.add_subcommand("vnet", "Virtual networks");
  AddList(*vnet, session,
          {.noun = "vnet",
           .help = "Every vnet of every tenant",
           .path = "/v1/vnets",
           .view = {.rows = "vnets",
                    .columns = {{"TENANT", "tenant"},
                                {"NAME", "name"},
                                {"VNI", "vni"},
                                {"DEFAULT", "default"},
                                {"ROUTER", "router"},
                                {"COMMENT", "comment"}},
                    .name = {"tenant", "name"}}});
}

}  // namespace rampart::xdpctl

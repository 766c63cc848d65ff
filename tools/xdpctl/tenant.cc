// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>

#include "tools/xdpctl/list.h"
#include "tools/xdpctl/nouns.h"

namespace rampart::xdpctl {

void AddTenant(CLI::App& app, Session& session) {
  CLI::App* tenant = app.add_subcommand("tenant", "Tenants");
  AddList(*tenant, session,
          {.noun = "tenant",
           .help = "Every tenant",
           .path = "/v1/tenants",
           .view = {.rows = "tenants",
                    .columns = {{"NAME", "name"},
                                {"ID", "id"},
                                {"DEFAULT-VNET", "default_vnet"},
                                {"VNETS", "vnets"},
                                {"TUNNELS", "tunnels"},
                                {"ROUTES", "routes"},
                                {"POLICIES", "policies"}}}});
}

}  // namespace rampart::xdpctl

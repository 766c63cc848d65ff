// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>

#include "tools/xdpctl/list.h"
#include "tools/xdpctl/nouns.h"

namespace rampart::xdpctl {

void AddDev(CLI::App& app, Session& session) {
  CLI::App* dev = app.add_subcommand("dev", "Devices of this edge");
  AddList(*dev, session,
          {.noun = "dev",
           .help = "Devices: how XDP runs there and why, what it did",
           .path = "/v1/devices",
           .view = {.rows = "devices",
                    .columns = {{"DEV", "name"},
                                {"ROLE", "role"},
                                {"STATE", "state"},
                                {"MODE", "mode"},
                                {"VNET", "vnet"},
                                {"TUNNEL", "tunnel"},
                                {"QUEUES", "queues"},
                                {"FORWARDED", "forwarded"},
                                {"PASSED", "passed"},
                                {"PUNTED", "punted"},
                                {"DROPPED", "dropped"},
                                {"WHY", "why"}}}});
  AddPreflight(*dev, session);
}

}  // namespace rampart::xdpctl

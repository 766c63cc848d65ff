// SPDX-License-Identifier: Apache-2.0
// Edges that share a store.
#include <CLI/CLI.hpp>

#include "tools/xdpctl/list.h"
#include "tools/xdpctl/nouns.h"

namespace rampart::xdpctl {

void AddEdge(CLI::App& app, Session& session) {
  CLI::App* edge = app.add_subcommand("edge", "Edges that share a store");
  AddList(*edge, session,
          {.noun = "edge",
           .help = "Every edge that is there, and the epoch in force on it",
           .path = "/v1/edges",
           .view = {.rows = "edges",
                    .columns = {{"EDGE", "edge"},
                                {"EPOCH", "epoch"},
                                {"API", "api"},
                                {"VERSION", "version"},
                                {"STARTED", "started"},
                                {"THIS", "this"}},
                    .name = {"edge"}}});
}

}  // namespace rampart::xdpctl

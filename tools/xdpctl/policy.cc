// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>

#include "tools/xdpctl/list.h"
#include "tools/xdpctl/nouns.h"

namespace rampart::xdpctl {

void AddPolicy(CLI::App& app, Session& session) {
  CLI::App* policy = app.add_subcommand("policy", "Policies");
  AddList(*policy, session,
          {.noun = "policy",
           .help = "Every rule, in the order in which they are tried",
           .path = "/v1/policies",
           .view = {.rows = "policies",
                    .columns = {{"TENANT", "tenant"},
                                {"NAME", "name"},
                                {"ACTION", "action"},
                                {"MATCH", "match"}},
                    .name = {"tenant", "name"}}});
  AddPolicyDiff(*policy, session);
  AddPolicyRehearse(*policy, session);
  AddHistoryVerbs(*policy, session);
}

}  // namespace rampart::xdpctl

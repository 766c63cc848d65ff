// SPDX-License-Identifier: Apache-2.0
#include "tools/xdpctl/command.h"

#include <CLI/CLI.hpp>

#include "tools/xdpctl/session.h"

namespace rampart::xdpctl {

CLI::App* AddCommand(CLI::App& parent, Session& session, Command command) {
  CLI::App* app = parent.add_subcommand(command.name, command.summary);
  for (const std::string& alias : command.aliases) app->alias(alias);
  const Command& kept = session.commands[app] = std::move(command);
  app->callback([&session, &kept] { session.chosen = &kept; });
  return app;
}

}  // namespace rampart::xdpctl

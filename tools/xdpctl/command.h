// SPDX-License-Identifier: Apache-2.0
// A verb: what it does, and all that is ever said about it. --help, `help`,
// `examples` and the manual pages come from here.
#ifndef RAMPART_TOOLS_XDPCTL_COMMAND_H_
#define RAMPART_TOOLS_XDPCTL_COMMAND_H_

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace CLI {
class App;
}

namespace rampart::xdpctl {

class Session;

// What a command prints, which decides what options it takes.
enum class Shows {
  kList,    // rows: every -o, --columns, --sort, --watch
  kPage,    // one document: no csv and no name; --watch
  kStream,  // rows as they come: as kList; -w and -c are the command's own
  kAction,  // it does something: as kPage, but once
};

struct Command {
  std::string name;
  std::vector<std::string> aliases = {};
  std::string summary;    // one line without a full stop
  std::string text = {};  // paragraphs, with an empty line between them
  std::string example;    // a command line that runs as it is
  // Exit codes beyond 0, 1 and 2, and when they come.
  std::vector<std::pair<int, std::string>> exits = {};
  Shows shows = Shows::kList;
  // Returns the exit code. Called once, or once in each round of --watch.
  std::function<absl::StatusOr<int>()> run;
};

// Adds a verb to a noun, or a command to xdpctl itself. Returns it, for its
// options; what these write to must live as long as `run`. An option's
// type_name() tells completion what it takes: see complete.h.
CLI::App* AddCommand(CLI::App& parent, Session& session, Command command);

}  // namespace rampart::xdpctl

#endif  // RAMPART_TOOLS_XDPCTL_COMMAND_H_

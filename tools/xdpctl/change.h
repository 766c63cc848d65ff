// SPDX-License-Identifier: Apache-2.0
// What verbs that change the configuration have in common.
#ifndef RAMPART_TOOLS_XDPCTL_CHANGE_H_
#define RAMPART_TOOLS_XDPCTL_CHANGE_H_

#include <string>

#include "absl/status/statusor.h"
#include "controller/api/json.h"

namespace CLI {
class App;
}

namespace rampart::xdpctl {

class Session;

struct ChangeArguments {
  bool dry_run = false;
  std::string on_change = "recheck";
  std::string confirm;
  std::string comment;
};

// --dry-run, --on-change, --confirm, --comment.
void AddChangeOptions(CLI::App& verb, ChangeArguments& arguments);
// Fields of a request's body.
Json ToJson(const ChangeArguments& arguments);

// A document of the kind "apply".
void PrintApplied(Session& session, const Json& document);

// Of a file, or of stdin if it is "-". Errors: as open() and read().
absl::StatusOr<std::string> ReadText(Session& session, const std::string& file);

}  // namespace rampart::xdpctl

#endif  // RAMPART_TOOLS_XDPCTL_CHANGE_H_

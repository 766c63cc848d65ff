// SPDX-License-Identifier: Apache-2.0
// What may come next on a command line.
#ifndef RAMPART_TOOLS_XDPCTL_COMPLETE_H_
#define RAMPART_TOOLS_XDPCTL_COMPLETE_H_

#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
}

namespace rampart::xdpctl {

class Session;

// Completions of the last of `words`, which may be empty, each with what it
// means after a tab. Values depend on the type_name() of the option: the name
// of a list ("TUNNEL": names as the controller has them now), DROP, MAP,
// COMMAND, SELECTORS, or the choices themselves ("auto|always|never"). None for
// anything else; shells then offer files.
std::vector<std::string> Complete(const CLI::App& root, Session& session,
                                  const std::vector<std::string>& words);

// The script that makes `shell` (bash, zsh, fish) ask for completions; "" for
// another.
std::string_view CompletionScript(std::string_view shell);

}  // namespace rampart::xdpctl

#endif  // RAMPART_TOOLS_XDPCTL_COMPLETE_H_

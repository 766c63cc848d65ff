// SPDX-License-Identifier: Apache-2.0
// What is said about a command: for the screen and as a manual page.
#ifndef RAMPART_TOOLS_XDPCTL_HELP_H_
#define RAMPART_TOOLS_XDPCTL_HELP_H_

#include <string>
#include <utility>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace rampart::xdpctl {

class Session;

using Entries = std::vector<std::pair<std::string, std::string>>;

struct HelpPage {
  std::string name;  // "xdpctl flow list"
  std::string summary;
  std::string synopsis;  // what follows the name
  std::vector<std::string> paragraphs;
  Entries arguments;  // "selectors", "--limit N", and what they mean
  Entries commands;   // those below this one
  std::string example;
  Entries exits;  // "3", and when
};

// The page of xdpctl itself, of a noun or of a verb.
HelpPage PageOf(const CLI::App& app, const Session& session);

// Every command that has a page, xdpctl itself first.
std::vector<const CLI::App*> AllPages(const CLI::App& root);

std::string ToText(const HelpPage& page);  // 80 columns
// man(7) macros.
std::string ToRoff(const HelpPage& page);

// Commands and options that are not for people have no page.
bool IsHidden(const CLI::App& app);
// "N" of "N:INT in [1 - 100000]".
std::string TypeOf(const CLI::Option& option);

}  // namespace rampart::xdpctl

#endif  // RAMPART_TOOLS_XDPCTL_HELP_H_

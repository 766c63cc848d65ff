// SPDX-License-Identifier: Apache-2.0
// What people type instead of the full words.
#ifndef RAMPART_TOOLS_XDPCTL_WORDS_H_
#define RAMPART_TOOLS_XDPCTL_WORDS_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace rampart::xdpctl {

// Completes unambiguous prefixes of subcommands ("ro g" is "route get"), and
// puts in the number of -w, which may be left out.
// Errors: InvalidArgument that lists the choices.
absl::StatusOr<std::vector<std::string>> CompleteWords(
    const CLI::App& app, std::vector<std::string> words);

// The subcommand of `app` that `word` stands for, an unambiguous prefix of its
// name or alias; null if `app` has no subcommands at all. Errors:
// InvalidArgument that lists the choices.
absl::StatusOr<const CLI::App*> FindSubcommand(const CLI::App& app,
                                               const std::string& word);

// The option that `word` names, of `app` or of what it falls through to; null
// if there is none.
const CLI::Option* FindOption(const CLI::App* app, const std::string& word);

// Word processors turn "--" into a dash: "—json" and "–json" become "--json",
// "–j" becomes "-j". Returns true if `word` was changed.
bool FixDashes(std::string& word);

}  // namespace rampart::xdpctl

#endif  // RAMPART_TOOLS_XDPCTL_WORDS_H_

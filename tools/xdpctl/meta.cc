// SPDX-License-Identifier: Apache-2.0
// Commands about xdpctl itself: help, examples, completion, man.
#include <CLI/CLI.hpp>
#include <fstream>
#include <memory>
#include <ostream>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "controller/base/status.h"
#include "tools/xdpctl/complete.h"
#include "tools/xdpctl/help.h"
#include "tools/xdpctl/nouns.h"
#include "tools/xdpctl/session.h"
#include "tools/xdpctl/words.h"

namespace rampart::xdpctl {
namespace {

using Words = std::shared_ptr<std::vector<std::string>>;

absl::StatusOr<int> Help(const CLI::App& root, Session& session,
                         const std::vector<std::string>& words) {
  const CLI::App* at = &root;
  for (const std::string& word : words) {
    ASSIGN_OR_RETURN(const CLI::App* sub, FindSubcommand(*at, word));
    if (sub == nullptr)
      return absl::InvalidArgumentError(absl::StrCat(
          "help: '", word, "': ", PageOf(*at, session).name, " has no verbs"));
    at = sub;
  }
  session.env.out << ToText(PageOf(*at, session));
  return kOk;
}

// Pages whose text has all the words.
absl::StatusOr<int> Examples(const CLI::App& root, Session& session,
                             const std::vector<std::string>& texts) {
  const std::vector<std::string> wanted =
      absl::StrSplit(absl::StrJoin(texts, " "), ' ', absl::SkipEmpty());
  bool any = false;
  for (const CLI::App* app : AllPages(root)) {
    const HelpPage page = PageOf(*app, session);
    const std::string text = absl::AsciiStrToLower(ToText(page));
    if (page.example.empty() ||
        !std::all_of(wanted.begin(), wanted.end(), [&](const auto& word) {
          return absl::StrContains(text, absl::AsciiStrToLower(word));
        }))
      continue;
    any = true;
    session.env.out << "# " << page.summary << '\n' << page.example << '\n';
  }
  if (any) return kOk;
  return absl::NotFoundError(absl::StrCat("examples: none of '",
                                          absl::StrJoin(texts, " "),
                                          "'; `xdpctl examples` lists all"));
}

absl::StatusOr<int> WriteMan(const CLI::App& root, Session& session,
                             const std::string& folder) {
  for (const CLI::App* app : AllPages(root)) {
    const HelpPage page = PageOf(*app, session);
    const std::string path = absl::StrCat(
        folder, "/", absl::StrReplaceAll(page.name, {{" ", "-"}}), ".1");
    std::ofstream file(path);
    file << ToRoff(page);
    file.close();
    if (!file) return absl::ErrnoToStatus(errno, absl::StrCat("man: ", path));
  }
  return kOk;
}

absl::StatusOr<int> PrintCompletions(const CLI::App& root, Session& session,
                                     const std::vector<std::string>& words) {
  session.options.timeout = absl::Milliseconds(40);
  for (const std::string& line : Complete(root, session, words))
    session.env.out << line << '\n';
  return kOk;
}

void AddHelp(CLI::App& app, Session& session) {
  const Words words = std::make_shared<std::vector<std::string>>();
  AddCommand(
      app, session,
      {.name = "help",
       .summary = "What a command does, its options, an example",
       .example = "xdpctl help route get",
       .shows = Shows::kAction,
       .run = [&app, &session, words] { return Help(app, session, *words); }})
      ->add_option("command", *words, "Words of the command")
      ->type_name("COMMAND");
}

void AddExamples(CLI::App& app, Session& session) {
  const Words words = std::make_shared<std::vector<std::string>>();
  AddCommand(app, session,
             {.name = "examples",
              .summary = "Command lines that run as they are",
              .text = "Those whose help has all the words.",
              .example = "xdpctl examples nat port",
              .exits = {{kNotFound, "no help has these words"}},
              .shows = Shows::kAction,
              .run = [&app, &session,
                      words] { return Examples(app, session, *words); }})
      ->add_option("text", *words, "Words to look for; none: all examples")
      ->type_name("TEXT");
}

void AddCompletion(CLI::App& app, Session& session) {
  auto shell = std::make_shared<std::string>();
  AddCommand(
      app, session,
      {.name = "completion",
       .summary = "A script that makes a shell complete xdpctl's words",
       .text =
           "Names of tenants, vnets, tunnels and devices are those that the "
           "controller has now.\n\nFor bash, in ~/.bashrc: "
           "source <(xdpctl completion bash). For zsh, after compinit: "
           "source <(xdpctl completion zsh). For fish: "
           "xdpctl completion fish | source.",
       .example = "xdpctl completion bash",
       .shows = Shows::kAction,
       .run = [&session, shell]() -> absl::StatusOr<int> {
         session.env.out << CompletionScript(*shell);
         return kOk;
       }})
      ->add_option("shell", *shell, "Which shell")
      ->type_name("bash|zsh|fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
}

// What the build and the shells call.
void AddHidden(CLI::App& app, Session& session) {
  auto folder = std::make_shared<std::string>();
  CLI::App* man = AddCommand(app, session,
                             {.name = "__man",
                              .summary = "Write the manual pages",
                              .shows = Shows::kAction,
                              .run = [&app, &session, folder] {
                                return WriteMan(app, session, *folder);
                              }});
  man->group("")->add_option("folder", *folder)->required();
  const Words words = std::make_shared<std::vector<std::string>>();
  CLI::App* complete =
      AddCommand(app, session,
                 {.name = "__complete",
                  .summary = "Complete the last word",
                  .shows = Shows::kAction,
                  .run = [&app, &session, words] {
                    return PrintCompletions(app, session, *words);
                  }});
  complete->group("")->add_option("words", *words);
}

}  // namespace

void AddMeta(CLI::App& app, Session& session) {
  AddHelp(app, session);
  AddExamples(app, session);
  AddCompletion(app, session);
  AddHidden(app, session);
}

}  // namespace rampart::xdpctl

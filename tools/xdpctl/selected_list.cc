// SPDX-License-Identifier: Apache-2.0
#include "tools/xdpctl/selected_list.h"

#include <CLI/CLI.hpp>
#include <memory>

#include "absl/strings/str_cat.h"
#include "controller/api/selectors.h"
#include "controller/base/status.h"
#include "tools/xdpctl/session.h"

namespace rampart::xdpctl {
namespace {

struct Arguments {
  ListCommand command;
  std::vector<std::string> words;
  int limit = 1000;
};

absl::StatusOr<int> List(Session& session, const Arguments& arguments) {
  const ListCommand& command = arguments.command;
  ASSIGN_OR_RETURN(Query query, SelectorWords(arguments.words));
  query.emplace_back("limit", absl::StrCat(arguments.limit));
  ASSIGN_OR_RETURN(const Json document, session.Get(command.path, query));
  RETURN_IF_ERROR(PrintList(session, document, command.view));
  session.NoteTruncation(document, At(document, command.view.rows));
  return kOk;
}

}  // namespace

void AddSelectors(CLI::App& verb, std::vector<std::string>& words) {
  verb.add_option("selectors", words,
                  "Pairs in any order: src|dst|to PREFIX, sport|dport PORT or "
                  "8000-8100, proto NAME, tenant|vnet|tunnel|rule NAME, state "
                  "NAME, nat PREFIX of the external address; `not` in front "
                  "of a pair excludes; keys may be shortened")
      ->type_name("SELECTORS");
}

CLI::App* AddSelectedList(CLI::App& noun, Session& session,
                          ListCommand command) {
  auto arguments = std::make_shared<Arguments>();
  arguments->command = std::move(command);
  CLI::App* verb = AddCommand(
      noun, session,
      {.name = "list",
       .aliases = {"ls"},
       .summary = arguments->command.help,
       .text = arguments->command.text,
       .example = arguments->command.example,
       .run = [&session, arguments] { return List(session, *arguments); }});
  AddSelectors(*verb, arguments->words);
  verb->add_option("--limit", arguments->limit, "Rows at most")
      ->type_name("N")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  return verb;
}

}  // namespace rampart::xdpctl

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
  const Json& rows = At(document, command.rows);
  session.Print(document, [&] { PrintRows(session, rows, command.columns); });
  session.NoteTruncation(document, rows);
  return kOk;
}

}  // namespace

void AddSelectedList(CLI::App& noun, Session& session, ListCommand command) {
  auto arguments = std::make_shared<Arguments>();
  arguments->command = std::move(command);
  CLI::App* verb =
      noun.add_subcommand("list", arguments->command.help)->alias("ls");
  verb->add_option("selectors", arguments->words,
                   "Pairs in any order: src|dst PREFIX, sport|dport PORT, "
                   "proto NAME, tenant|vnet|tunnel NAME, state NAME; `not` in "
                   "front of a pair excludes");
  verb->add_option("--limit", arguments->limit, "Rows at most")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  verb->callback(
      [&session, arguments] { session.result = List(session, *arguments); });
}

std::string EndpointCell(const Json& address, const Json& port) {
  const std::string text = Cell(address);
  if (text.empty() || port == 0) return text;
  return text.find(':') == std::string::npos
             ? absl::StrCat(text, ":", Cell(port))
             : absl::StrCat("[", text, "]:", Cell(port));
}

}  // namespace rampart::xdpctl

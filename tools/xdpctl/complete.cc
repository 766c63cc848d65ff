// SPDX-License-Identifier: Apache-2.0
#include "tools/xdpctl/complete.h"

#include <CLI/CLI.hpp>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "controller/api/map_rows.h"
#include "controller/api/names.h"
#include "controller/api/schema.h"
#include "controller/api/selectors.h"
#include "tools/xdpctl/help.h"
#include "tools/xdpctl/list.h"
#include "tools/xdpctl/session.h"
#include "tools/xdpctl/words.h"

namespace rampart::xdpctl {
namespace {

// Choices, and what each means.
using Choices = std::vector<std::pair<std::string, std::string>>;

Choices Words(std::string_view list, char separator) {
  Choices words;
  for (const absl::string_view word : absl::StrSplit(Absl(list), separator))
    words.emplace_back(std::string(word), "");
  return words;
}

// Names as the controller has them now, or the pins and the state file.
Choices LiveNames(Session& session, const ListCommand& list) {
  Choices names;
  const absl::StatusOr<Json> document = session.Peek(list.path);
  if (!document.ok()) return names;
  for (const Json& row : At(*document, list.view.rows))
    names.emplace_back(NameOf(row, list.view), "");
  return names;
}

Choices Commands(const CLI::App& app) {
  Choices commands;
  for (const CLI::App* sub :
       app.get_subcommands([](const CLI::App*) { return true; }))
    if (!IsHidden(*sub))
      commands.emplace_back(sub->get_name(), sub->get_description());
  return commands;
}

Choices Values(const CLI::App& root, Session& session,
               const std::string& type) {
  const auto list = session.lists.find(type);
  if (list != session.lists.end()) return LiveNames(session, *list->second);
  if (type == "FORMAT")
    return Words("table,wide,name,json,jsonl,yaml,csv", ',');
  if (type == "COMMAND") return Commands(root);
  if (type.find('|') != std::string::npos) return Words(type, '|');
  Choices choices;
  if (type == "MAP")
    for (const MapType& map : MapTypes())
      choices.emplace_back(std::string(map.name), "");
  if (type == "KIND")
    for (const DocumentKind& kind : DocumentKinds())
      choices.emplace_back(std::string(kind.name), std::string(kind.title));
  if (type == "DROP")
    for (const DropReason& reason : DropReasons())
      choices.emplace_back(std::string(reason.id), std::string(reason.help));
  return choices;
}

// Values of a selector.
Choices SelectorValues(const CLI::App& root, Session& session,
                       std::string_view key) {
  if (key == "tenant") return Values(root, session, "TENANT");
  if (key == "vnet") return Values(root, session, "VNET");
  if (key == "tunnel") return Values(root, session, "TUNNEL");
  if (key == "rule") return Values(root, session, "POLICY");
  if (key == "proto") return Words("tcp,udp,icmp,icmpv6,sctp,gre,esp", ',');
  if (key == "state")
    return Words(
        "SYN_SENT,SYN_RECEIVED,ESTABLISHED,CLOSING,CLOSED,RESET,REPLIED,"
        "UNREPLIED,REFUSED",
        ',');
  return {};
}

// words: the selectors before the one that is completed.
Choices Selectors(const CLI::App& root, Session& session,
                  const std::vector<std::string>& words) {
  size_t i = 0;
  while (i < words.size() && words[i] != "not" && i + 1 < words.size()) i += 2;
  if (i < words.size() && words[i] == "not" && i + 1 < words.size())
    return Selectors(root, session, {words.begin() + i + 1, words.end()});
  if (i < words.size() && words[i] != "not")
    return SelectorValues(root, session, words[i]);
  Choices keys;
  for (const std::string_view key : SelectorKeys())
    keys.emplace_back(std::string(key), "");
  if (i == words.size()) keys.emplace_back("not", "excludes the next pair");
  return keys;
}

// Where the words before the last lead.
struct Place {
  const CLI::App* at;
  const CLI::Option* awaits = nullptr;  // an option whose value comes next
  std::vector<std::string> arguments;   // positional, so far
};

Place FindPlace(const CLI::App& root, const std::vector<std::string>& words) {
  Place place = {.at = &root};
  for (size_t i = 0; i + 1 < words.size(); ++i) {
    place.awaits = nullptr;
    if (words[i].size() > 1 && words[i][0] == '-') {
      const CLI::Option* option = FindOption(place.at, words[i]);
      if (option == nullptr || option->get_items_expected_min() == 0 ||
          words[i].find('=') != std::string::npos)
        continue;
      place.awaits = option;
      if (i + 2 < words.size()) ++i;  // its value
      continue;
    }
    const auto sub = FindSubcommand(*place.at, words[i]);
    if (sub.ok() && *sub != nullptr)
      place.at = *sub;
    else
      place.arguments.push_back(words[i]);
  }
  return place;
}

Choices OptionNames(const CLI::App* app) {
  Choices names;
  for (; app != nullptr; app = app->get_parent())
    for (const CLI::Option* option : app->get_options())
      if (!option->get_positional())
        for (const absl::string_view name :
             absl::StrSplit(option->get_name(false, true), ','))
          names.emplace_back(std::string(name), option->get_description());
  return names;
}

Choices PositionalValues(const CLI::App& root, Session& session,
                         const Place& place) {
  std::vector<const CLI::Option*> positional;
  for (const CLI::Option* option : place.at->get_options())
    if (option->get_positional()) positional.push_back(option);
  if (positional.empty()) return {};
  const CLI::Option& option =
      *positional[std::min(place.arguments.size(), positional.size() - 1)];
  const std::string type = TypeOf(option);
  return type == "SELECTORS" ? Selectors(root, session, place.arguments)
                             : Values(root, session, type);
}

Choices ChoicesAt(const CLI::App& root, Session& session, const Place& place,
                  const std::string& word) {
  if (place.awaits != nullptr)
    return Values(root, session, TypeOf(*place.awaits));
  if (word.starts_with('-')) return OptionNames(place.at);
  Choices commands = Commands(*place.at);
  return commands.empty() ? PositionalValues(root, session, place) : commands;
}

}  // namespace

std::vector<std::string> Complete(const CLI::App& root, Session& session,
                                  const std::vector<std::string>& words) {
  if (words.empty()) return {};
  const std::string& word = words.back();
  const Place place = FindPlace(root, words);
  std::vector<std::string> found;
  for (const auto& [choice, meaning] : ChoicesAt(root, session, place, word)) {
    // "fra" is completed to the last part of "acme/frankfurt".
    const std::string last = choice.substr(choice.rfind('/') + 1);
    const std::string& offered = choice.starts_with(word) ? choice : last;
    if (offered.starts_with(word))
      found.push_back(meaning.empty() ? offered
                                      : absl::StrCat(offered, "\t", meaning));
  }
  return found;
}

std::string_view CompletionScript(std::string_view shell) {
  if (shell == "bash")
    return "_xdpctl() {\n"
           "  local IFS=$'\\n'\n"
           "  COMPREPLY=($(xdpctl __complete -- "
           "\"${COMP_WORDS[@]:1:COMP_CWORD}\" 2>/dev/null))\n"
           "  COMPREPLY=(\"${COMPREPLY[@]%%$'\\t'*}\")\n"
           "}\n"
           "complete -o default -F _xdpctl xdpctl\n";
  if (shell == "zsh")
    return "#compdef xdpctl\n"
           "_xdpctl() {\n"
           "  local -a found\n"
           "  found=(\"${(@f)$(xdpctl __complete -- "
           "\"${(@)words[2,CURRENT]}\" 2>/dev/null)}\")\n"
           "  found=(\"${(@)found%%$'\\t'*}\")\n"
           "  if (( ${#found[1]} )); then compadd -a found; else _files; fi\n"
           "}\n"
           "compdef _xdpctl xdpctl\n"
           // Loaded by name from a folder of completions, this is its call.
           "if [[ $funcstack[1] == _xdpctl ]]; then _xdpctl; fi\n";
  if (shell == "fish")
    return "function __xdpctl_complete\n"
           "  set -l words (commandline -opc)\n"
           "  xdpctl __complete -- $words[2..-1] (commandline -ct) "
           "2>/dev/null\n"
           "end\n"
           "complete -c xdpctl -f -a '(__xdpctl_complete)'\n"
           "complete -c xdpctl -s f -l file -r -F\n"
           "complete -c xdpctl -s b -l batch -r -F\n";
  return "";
}

}  // namespace rampart::xdpctl

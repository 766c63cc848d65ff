// SPDX-License-Identifier: Apache-2.0
#include "tools/xdpctl/words.h"

#include <CLI/CLI.hpp>
#include <set>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controller/base/status.h"

namespace rampart::xdpctl {
namespace {

// An option whose value may be left out: the type is in brackets.
bool MayBeBare(const CLI::Option& option) {
  return option.get_type_name().starts_with('[');
}

bool IsNumber(const std::string& word) {
  double number;
  return absl::SimpleAtod(word, &number);
}

}  // namespace

absl::StatusOr<const CLI::App*> FindSubcommand(const CLI::App& app,
                                               const std::string& word) {
  std::vector<std::string> names;
  std::set<const CLI::App*> found;
  std::vector<std::string> choices;
  for (const CLI::App* sub :
       app.get_subcommands([](const CLI::App*) { return true; })) {
    if (sub->get_group().empty()) {  // not for people
      if (sub->get_name() == word) return sub;
      continue;
    }
    std::vector<std::string> spellings = sub->get_aliases();
    spellings.insert(spellings.begin(), sub->get_name());
    names.push_back(sub->get_name());
    for (const std::string& spelling : spellings) {
      if (spelling == word) return sub;
      if (spelling.starts_with(word) && found.insert(sub).second)
        choices.push_back(sub->get_name());
    }
  }
  if (found.size() == 1) return *found.begin();
  if (names.empty()) return nullptr;
  return absl::InvalidArgumentError(
      found.empty() ? absl::StrCat("'", word, "': unknown; there are ",
                                   absl::StrJoin(names, ", "))
                    : absl::StrCat("'", word, "': ambiguous; it could be ",
                                   absl::StrJoin(choices, ", ")));
}

const CLI::Option* FindOption(const CLI::App* app, const std::string& word) {
  const CLI::Option* option = nullptr;
  for (; app != nullptr && option == nullptr; app = app->get_parent())
    option = app->get_option_no_throw(word.substr(0, word.find('=')));
  return option;
}

absl::StatusOr<std::vector<std::string>> CompleteWords(
    const CLI::App& app, std::vector<std::string> words) {
  const CLI::App* at = &app;
  for (size_t i = 0; i < words.size(); ++i) {
    if (words[i] == "--") break;
    if (words[i].size() > 1 && words[i][0] == '-') {
      const CLI::Option* option = FindOption(at, words[i]);
      if (option == nullptr || option->get_items_expected_min() == 0 ||
          words[i].find('=') != std::string::npos)
        continue;
      ++i;
      if (MayBeBare(*option) && (i == words.size() || !IsNumber(words[i])))
        words.insert(words.begin() + i, "2");
      continue;
    }
    ASSIGN_OR_RETURN(const CLI::App* sub, FindSubcommand(*at, words[i]));
    if (sub == nullptr) break;
    words[i] = sub->get_name();
    at = sub;
  }
  return words;
}

bool FixDashes(std::string& word) {
  // U+2012 to U+2015 (figure dash to horizontal bar), U+2212 (minus).
  constexpr std::string_view kDashes[] = {"\u2012", "\u2013", "\u2014",
                                          "\u2015", "\u2212"};
  size_t end = 0;
  bool typographic = false;
  for (bool more = true; more;) {
    more = false;
    if (word.substr(end, 1) == "-") {
      ++end;
      more = true;
    }
    for (const std::string_view dash : kDashes) {
      if (std::string_view(word).substr(end).starts_with(dash)) {
        end += dash.size();
        typographic = more = true;
      }
    }
  }
  if (!typographic) return false;
  const std::string name = word.substr(end);
  word = (name.size() > 1 ? "--" : "-") + name;
  return true;
}

}  // namespace rampart::xdpctl

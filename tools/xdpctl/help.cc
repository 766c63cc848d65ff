// SPDX-License-Identifier: Apache-2.0
#include "tools/xdpctl/help.h"

#include <CLI/CLI.hpp>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "tools/xdpctl/session.h"

namespace rampart::xdpctl {
namespace {

constexpr char kAbout[] =
    "Shows and steers a Rampart edge: asks rampartd on its Unix socket, or, "
    "when no controller runs, reads the pinned maps and the state file.\n\n"
    "Any unambiguous prefix of a word will do (xdpctl ro g 10.1.2.3). Scripts "
    "should spell words out: a new command may make a prefix ambiguous.\n\n"
    "What is wanted goes to the standard output, notes and errors to the "
    "standard error, an error on one line.\n\n"
    "Every JSON document names its schema, which `xdpctl schema` prints; "
    "inside a version fields are only added.";

std::vector<const CLI::App*> Below(const CLI::App& app) {
  std::vector<const CLI::App*> below;
  for (const CLI::App* sub :
       app.get_subcommands([](const CLI::App*) { return true; }))
    if (!IsHidden(*sub)) below.push_back(sub);
  return below;
}

std::string FullName(const CLI::App& app) {
  return app.get_parent() == nullptr
             ? app.get_name()
             : absl::StrCat(FullName(*app.get_parent()), " ", app.get_name());
}

std::string Placeholder(const CLI::Option& option) {
  std::string name = option.get_name();
  if (option.get_expected_max() > 1) name += "...";
  return option.get_required() ? name : absl::StrCat("[", name, "]");
}

// "-o,--output FORMAT".
std::string Spelling(const CLI::Option& option) {
  if (option.get_positional()) return option.get_name();
  const std::string names =
      absl::StrJoin(absl::StrSplit(option.get_name(false, true), ','), ", ");
  return option.get_items_expected_max() == 0
             ? names
             : absl::StrCat(names, " ", TypeOf(option));
}

std::string Meaning(const CLI::Option& option) {
  const std::string ready = option.get_default_str();
  return absl::StrCat(option.get_description(),
                      ready.empty() ? "" : absl::StrCat(" (", ready, ")"));
}

void AddOptions(const CLI::App& app, HelpPage& page) {
  bool options = false;
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_positional())
      absl::StrAppend(&page.synopsis, page.synopsis.empty() ? "" : " ",
                      Placeholder(*option));
    else
      options = true;
    page.arguments.emplace_back(Spelling(*option), Meaning(*option));
  }
  if (options)
    page.synopsis = absl::StrCat("[OPTIONS]", page.synopsis.empty() ? "" : " ",
                                 page.synopsis);
}

void AddExits(const Command* command, HelpPage& page) {
  page.exits = {{"0", "done"},
                {"1", "error: not allowed, no answer, a bug"},
                {"2", "usage, mistakes in a file, conflict"}};
  if (command != nullptr) {
    for (const auto& [code, when] : command->exits)
      page.exits.emplace_back(absl::StrCat(code), when);
    return;
  }
  page.exits.insert(
      page.exits.end(),
      {{"3", "not found: no such tenant, route, map, file"},
       {"4", "the answer is \"deny\" or \"would fail\""},
       {"5",
        "the answer is complete, but the edge is degraded, or there are "
        "warnings"},
       {"6", "answered from pins and state file, without the controller"}});
}

// Lines of at most 80 columns; `first` is where the text begins already.
std::string Wrap(const std::string& text, size_t indent, size_t first) {
  std::string out;
  size_t column = first;
  for (const absl::string_view word :
       absl::StrSplit(text, ' ', absl::SkipEmpty())) {
    if (column > indent && column + 1 + word.size() > 80) {
      absl::StrAppend(&out, "\n", std::string(indent, ' '));
      column = indent;
    } else if (column > indent) {
      out += ' ';
      ++column;
    }
    absl::StrAppend(&out, word);
    column += word.size();
  }
  return out + "\n";
}

void AppendEntries(std::string& out, const char* title,
                   const Entries& entries) {
  constexpr size_t kIndent = 26;
  if (entries.empty()) return;
  absl::StrAppend(&out, "\n", title, ":\n");
  for (const auto& [name, meaning] : entries) {
    absl::StrAppend(&out, "  ", name);
    const size_t used = name.size() + 2;
    absl::StrAppend(&out, used + 2 > kIndent
                              ? "\n" + std::string(kIndent, ' ')
                              : std::string(kIndent - used, ' '));
    out += Wrap(meaning, kIndent, kIndent);
  }
}

}  // namespace

bool IsHidden(const CLI::App& app) { return app.get_group().empty(); }

std::string TypeOf(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  return type.substr(0, type.find(':'));
}

HelpPage PageOf(const CLI::App& app, const Session& session) {
  const bool root = app.get_parent() == nullptr;
  const auto known = session.commands.find(&app);
  const Command* command =
      known != session.commands.end() ? &known->second : nullptr;
  HelpPage page = {.name = FullName(app), .summary = app.get_description()};
  for (const CLI::App* sub : Below(app))
    page.commands.emplace_back(sub->get_name(), sub->get_description());
  const std::string text = root                 ? kAbout
                           : command != nullptr ? command->text
                                                : "";
  page.paragraphs = absl::StrSplit(text, "\n\n", absl::SkipEmpty());
  AddOptions(app, page);
  if (!page.commands.empty())
    absl::StrAppend(&page.synopsis, page.synopsis.empty() ? "" : " ",
                    root ? "COMMAND ..." : "VERB ...");
  page.example = root                 ? "xdpctl flow list proto tcp dport 443"
                 : command != nullptr ? command->example
                                      : "";
  if (root || command != nullptr) AddExits(command, page);
  return page;
}

std::vector<const CLI::App*> AllPages(const CLI::App& root) {
  std::vector<const CLI::App*> pages = {&root};
  for (const CLI::App* sub : Below(root)) {
    const std::vector<const CLI::App*> more = AllPages(*sub);
    pages.insert(pages.end(), more.begin(), more.end());
  }
  return pages;
}

std::string ToText(const HelpPage& page) {
  std::string out = Wrap(absl::StrCat(page.name, ": ", page.summary), 0, 0);
  absl::StrAppend(&out, "\nUsage: ", page.name, " ", page.synopsis, "\n");
  for (const std::string& paragraph : page.paragraphs)
    absl::StrAppend(&out, "\n", Wrap(paragraph, 0, 0));
  AppendEntries(out, "Commands", page.commands);
  AppendEntries(out, "Options", page.arguments);
  if (!page.example.empty())
    absl::StrAppend(&out, "\nExample:\n  ", page.example, "\n");
  AppendEntries(out, "Exit codes", page.exits);
  if (page.name != "xdpctl")
    out += "\nxdpctl --help shows the options that all commands have.\n";
  return out;
}

}  // namespace rampart::xdpctl

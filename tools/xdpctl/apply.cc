// SPDX-License-Identifier: Apache-2.0
// apply -f FILE: the text goes to the controller, which checks it.
#include <CLI/CLI.hpp>
#include <cerrno>
#include <fstream>
#include <memory>
#include <ostream>
#include <sstream>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "controller/base/status.h"
#include "tools/xdpctl/nouns.h"
#include "tools/xdpctl/session.h"

namespace rampart::xdpctl {
namespace {

struct Arguments {
  std::string file;
  bool dry_run = false;
};

// The stream's own errors stay in the stream: a folder opens, but reading it
// fails.
std::string ReadAll(std::istream& in) {
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

absl::StatusOr<std::string> ReadText(Session& session,
                                     const std::string& file) {
  if (file == "-") return ReadAll(session.env.in);
  errno = 0;
  std::ifstream in(file, std::ios::binary);
  std::string text = ReadAll(in);
  if (errno != 0)
    return absl::ErrnoToStatus(errno, absl::StrCat("apply: ", file));
  return text;
}

void PrintChanges(std::ostream& out, char sign, const Json& changes) {
  for (const Json& change : changes) {
    out << sign << ' ' << Cell(At(change, "kind")) << ' '
        << Cell(At(change, "tenant"));
    if (At(change, "kind") != "tenant") out << '/' << Cell(At(change, "name"));
    out << '\n';
  }
}

void PrintDiff(Session& session, const Json& diff) {
  std::ostream& out = session.env.out;
  PrintChanges(out, '+', At(diff, "added"));
  PrintChanges(out, '~', At(diff, "changed"));
  PrintChanges(out, '-', At(diff, "removed"));
  const std::string counts = absl::StrCat(
      At(diff, "added").size(), " added, ", At(diff, "changed").size(),
      " changed, ", At(diff, "removed").size(), " removed");
  if (At(diff, "added").empty() && At(diff, "changed").empty() &&
      At(diff, "removed").empty())
    out << "nothing to change: epoch " << Cell(At(diff, "epoch")) << '\n';
  else if (At(diff, "dry_run") == true)
    out << "dry run, nothing was changed: " << counts << '\n';
  else
    out << "epoch " << Cell(At(diff, "epoch")) << " is in force: " << counts
        << '\n';
}

absl::StatusOr<int> Apply(Session& session, const Arguments& arguments) {
  ASSIGN_OR_RETURN(const std::string text, ReadText(session, arguments.file));
  ASSIGN_OR_RETURN(
      const Json diff,
      session.Post(
          "/v1/apply",
          {{"file", arguments.file == "-" ? "<stdin>" : arguments.file},
           {"text", text},
           {"dry_run", arguments.dry_run}}));
  session.Print(diff, [&] { PrintDiff(session, diff); });
  return kOk;
}

}  // namespace

void AddApply(CLI::App& app, Session& session) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* apply = AddCommand(
      app, session,
      {.name = "apply",
       .summary = "Make the resources what a file says: all of it or nothing",
       .text = "The controller checks the file as a whole. A mistake is a line "
               "\"file:line: what\", as editors understand it.",
       .example = "xdpctl apply -f resources.yaml --dry-run",
       .exits = {{kNotFound, "there is no such file"}},
       .shows = Shows::kAction,
       .run = [&session, arguments] { return Apply(session, *arguments); }});
  apply->add_option("-f,--file", arguments->file, "resources.yaml; - is stdin")
      ->type_name("FILE")
      ->required();
  apply->add_flag("--dry-run", arguments->dry_run,
                  "Check, and say what would change");
}

}  // namespace rampart::xdpctl

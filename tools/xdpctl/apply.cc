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
#include "tools/xdpctl/change.h"
#include "tools/xdpctl/nouns.h"
#include "tools/xdpctl/session.h"

namespace rampart::xdpctl {
namespace {

// The stream's own errors stay in the stream: a folder opens, but reading it
// fails.
std::string ReadAll(std::istream& in) {
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

}  // namespace

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

namespace {

void PrintChanges(std::ostream& out, char sign, const Json& changes) {
  for (const Json& change : changes) {
    out << sign << ' ' << Cell(At(change, "kind")) << ' '
        << Cell(At(change, "tenant"));
    if (At(change, "kind") != "tenant") out << '/' << Cell(At(change, "name"));
    out << '\n';
  }
}

// What becomes of live flows, as far as any are concerned.
void PrintFlows(std::ostream& out, const Json& document) {
  const Json& flows = At(document, "flows");
  const Json& ends = At(flows, "ends");
  if (flows.is_null()) return;
  const std::string live = absl::StrCat(
      At(flows, "complete") == false ? "of those looked at of " : "of ",
      Cell(At(flows, "live")), " live flows ");
  if (At(document, "dry_run") == true) {
    out << live << "keep would end " << Cell(At(ends, "keep")) << ", recheck "
        << Cell(At(ends, "recheck")) << ", cut " << Cell(At(ends, "cut"))
        << '\n';
    return;
  }
  if (At(flows, "changed") == 0) return;
  const std::string on_change = Cell(At(document, "on_change"));
  out << live << Cell(At(ends, on_change)) << " end (" << on_change << "), "
      << Cell(At(flows, "changed")) << " would be decided otherwise\n";
}

void PrintProbation(std::ostream& out, const Json& document) {
  if (!At(document, "confirm_by").is_string()) return;
  out << "taken back at " << Cell(At(document, "confirm_by"))
      << " unless you confirm it: xdpctl config confirm "
      << Cell(At(document, "epoch")) << '\n';
}

}  // namespace

void PrintApplied(Session& session, const Json& document) {
  std::ostream& out = session.env.out;
  PrintChanges(out, '+', At(document, "added"));
  PrintChanges(out, '~', At(document, "changed"));
  PrintChanges(out, '-', At(document, "removed"));
  const std::string counts = absl::StrCat(
      At(document, "added").size(), " added, ", At(document, "changed").size(),
      " changed, ", At(document, "removed").size(), " removed");
  if (At(document, "added").empty() && At(document, "changed").empty() &&
      At(document, "removed").empty()) {
    out << "nothing to change: epoch " << Cell(At(document, "epoch")) << '\n';
    return;
  }
  if (At(document, "dry_run") == true)
    out << "dry run, nothing was changed: " << counts << '\n';
  else
    out << "epoch " << Cell(At(document, "epoch")) << " is in force: " << counts
        << '\n';
  PrintFlows(out, document);
  PrintProbation(out, document);
}

void AddChangeOptions(CLI::App& verb, ChangeArguments& arguments) {
  verb.add_flag("--dry-run", arguments.dry_run,
                "Check, and say what would change");
  verb.add_option("--on-change", arguments.on_change,
                  "Of live flows: keep all, end those that policy now refuses "
                  "(recheck), or end all that would be decided otherwise (cut)")
      ->type_name("HOW")
      ->check(CLI::IsMember({"keep", "recheck", "cut"}))
      ->capture_default_str();
  verb.add_option("--confirm", arguments.confirm,
                  "Take the change back after this time, unless it is "
                  "confirmed: 30s, 5m, 1h")
      ->type_name("DURATION");
  verb.add_option("--comment", arguments.comment, "Why, for the history")
      ->type_name("TEXT");
}

Json ToJson(const ChangeArguments& arguments) {
  Json body = {{"dry_run", arguments.dry_run},
               {"on_change", arguments.on_change}};
  if (!arguments.confirm.empty()) body["confirm"] = arguments.confirm;
  if (!arguments.comment.empty()) body["comment"] = arguments.comment;
  return body;
}

namespace {

struct Arguments {
  std::string file;
  ChangeArguments change;
};

absl::StatusOr<int> Apply(Session& session, const Arguments& arguments) {
  ASSIGN_OR_RETURN(const std::string text, ReadText(session, arguments.file));
  Json body = {{"file", arguments.file == "-" ? "<stdin>" : arguments.file},
               {"text", text}};
  body.update(ToJson(arguments.change));
  ASSIGN_OR_RETURN(const Json document, session.Post("/v1/apply", body));
  session.Print(document, [&] { PrintApplied(session, document); });
  return kOk;
}

// `command`: all but what it does.
void AddVerb(CLI::App& parent, Session& session, Command command) {
  auto arguments = std::make_shared<Arguments>();
  command.exits = {{kNotFound, "there is no such file"}};
  command.shows = Shows::kAction;
  command.run = [&session, arguments] { return Apply(session, *arguments); };
  CLI::App* verb = AddCommand(parent, session, std::move(command));
  verb->add_option("-f,--file", arguments->file, "resources.yaml; - is stdin")
      ->type_name("FILE")
      ->required();
  AddChangeOptions(*verb, arguments->change);
}

}  // namespace

void AddApply(CLI::App& app, Session& session) {
  AddVerb(
      app, session,
      {.name = "apply",
       .summary = "Make the resources what a file says: all of it or nothing",
       .text = "The controller checks the file as a whole. A mistake is a line "
               "\"file:line: what\", as editors understand it.\n\n"
               "With --confirm the change is on probation: if it cut you off, "
               "wait, and the edge goes back by itself.",
       .example = "xdpctl apply -f resources.yaml --dry-run"});
}

void AddImport(CLI::App& config, Session& session) {
  AddVerb(config, session,
          {.name = "import",
           .summary = "Make the resources what an export says",
           .text = "As apply: checked as a whole, all of it or nothing.",
           .example = "xdpctl config import -f resources.yaml --dry-run"});
}

}  // namespace rampart::xdpctl

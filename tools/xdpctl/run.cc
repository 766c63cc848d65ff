// SPDX-License-Identifier: Apache-2.0
// From words to a command, from its result to an exit code.
#include "tools/xdpctl/run.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "controller/base/status.h"
#include "tools/xdpctl/batch.h"
#include "tools/xdpctl/help.h"
#include "tools/xdpctl/nouns.h"
#include "tools/xdpctl/object_change.h"
#include "tools/xdpctl/session.h"
#include "tools/xdpctl/words.h"

namespace rampart::xdpctl {
namespace {

void AddOptions(CLI::App& app, Options& options) {
  app.set_help_flag("-h,--help", "Say how to use the command, and exit");
  app.set_version_flag("--version", "xdpctl " RAMPART_VERSION);
  app.add_option("--socket", options.socket,
                 "Socket of the API; also from RAMPART_SOCKET")
      ->type_name("PATH")
      ->capture_default_str();
  app.add_option("-o,--output", options.output,
                 "table; wide: with more columns; name; json; jsonl: a row on "
                 "each line; yaml; csv")
      ->type_name("FORMAT")
      ->check(CLI::IsMember(
          {"table", "wide", "name", "json", "jsonl", "yaml", "csv"}));
  app.add_flag("-j", options.json, "The same as -o json");
  app.add_flag("-p,--pretty", options.pretty, "JSON on several lines");
  app.add_option("--columns", options.columns,
                 "Lists: these columns, in this order, with commas between")
      ->type_name("A,B");
  app.add_option("--sort", options.sort,
                 "Lists: by a column or a JSON field; -FIELD: descending")
      ->type_name("FIELD");
  app.add_flag("-n,--numeric", options.numeric,
               "Exact numbers, not rounded ones with units");
  app.add_flag("--no-headers", options.no_headers, "Tables without headers");
  app.add_option("-w,--watch", options.watch,
                 "Again and again, every SECONDS (2): redrawn on a terminal, "
                 "else appended")
      ->type_name("[SECONDS]")
      ->check(CLI::Range(0.1, 86400.0));
  app.add_option("-c,--count", options.rounds, "With -w: how many times")
      ->type_name("N")
      ->check(CLI::PositiveNumber);
  app.add_option("--color", options.color,
                 "auto: on terminals, unless NO_COLOR is set")
      ->type_name("auto|always|never")
      ->check(CLI::IsMember({"auto", "always", "never"}));
  app.add_flag("--offline", options.offline,
               "Read pins and state file, do not ask the controller");
  app.add_option("--edge", options.edge,
                 "Offline: the edge whose pins to read, if there are several")
      ->type_name("NAME");
  app.add_option("--bpffs", options.bpffs, "Offline: where bpffs is mounted")
      ->type_name("PATH")
      ->capture_default_str();
  app.add_option("--state", options.state,
                 "Offline: the state file, also from RAMPART_STATE; without it "
                 "the one of /etc/rampart/rampartd.yaml, or "
                 "/var/lib/rampart/state.db")
      ->type_name("FILE");
}

// -b: lines of a file instead of a command.
void AddBatch(CLI::App& app, Options& options) {
  app.add_option("-b,--batch", options.batch,
                 "Run the command lines of a file; - is stdin")
      ->type_name("FILE");
  app.add_flag("--keep-going", options.keep_going,
               "With -b: go on after a line that failed");
}

void AddNouns(CLI::App& app, Session& session) {
  AddStatus(app, session);
  AddApply(app, session);
  AddDev(app, session);
  AddEdge(app, session);
  AddTenant(app, session);
  AddVnet(app, session);
  AddTunnel(app, session);
  AddRoute(app, session);
  AddPolicy(app, session);
  AddConfig(app, session);
  AddFlow(app, session);
  AddNat(app, session);
  AddDrop(app, session);
  AddExplain(app, session);
  AddTrace(app, session);
  AddCapture(app, session);
  AddMap(app, session);
  AddTop(app, session);
  AddSchema(app, session);
  AddCloudflared(app, session);
  AddMeta(app, session);
}

// Options of xdpctl may stand anywhere; every noun needs a verb.
void Finish(CLI::App& app) {
  for (CLI::App* sub : app.get_subcommands([](CLI::App*) { return true; })) {
    sub->fallthrough();
    Finish(*sub);
  }
  if (!app.get_subcommands([](CLI::App*) { return true; }).empty())
    app.require_subcommand(1);
}

int ExitCodeOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kAlreadyExists:
      return kUsage;
    case absl::StatusCode::kNotFound:
      return kNotFound;
    default:
      return kError;
  }
}

// One mistake, one line. Lines that begin with "file:line:" stay as they are,
// for editors.
int Report(Env& env, const absl::Status& status) {
  for (absl::string_view line :
       absl::StrSplit(status.message(), '\n', absl::SkipEmpty())) {
    const std::vector<std::string> parts = absl::StrSplit(line, ':');
    const bool located =
        parts.size() > 2 && !parts[1].empty() &&
        std::all_of(parts[1].begin(), parts[1].end(),
                    [](char c) { return '0' <= c && c <= '9'; });
    env.err << (located ? "" : "xdpctl: ")
            << std::string_view(line.data(), line.size()) << '\n';
  }
  return ExitCodeOf(status);
}

int Parse(CLI::App& app, Env& env, std::vector<std::string> words) {
  try {
    std::reverse(words.begin(), words.end());  // as CLI11 wants them
    app.parse(std::move(words));
    return kOk;
  } catch (const CLI::Success& e) {  // --help, --version
    app.exit(e, env.out, env.err);
    return -1;
  } catch (const CLI::ParseError& e) {
    env.err << "xdpctl: " << e.what() << "; --help tells more\n";
    return kUsage;
  }
}

// Errors: InvalidArgument for options that the command does not take.
absl::Status CheckOptions(const Session& session, const Command& command) {
  const Options& options = session.options;
  const Format format = session.format();
  if (command.shows == Shows::kAction && options.watch > 0)
    return absl::InvalidArgumentError(
        absl::StrCat("--watch: ", command.name, " is done once"));
  if (command.shows == Shows::kList || command.shows == Shows::kStream)
    return absl::OkStatus();
  const char* option = !options.columns.empty()  ? "--columns"
                       : !options.sort.empty()   ? "--sort"
                       : format == Format::kCsv  ? "-o csv"
                       : format == Format::kName ? "-o name"
                                                 : nullptr;
  if (option == nullptr) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(option, ": ", command.name, " shows no list"));
}

absl::StatusOr<int> RunCommand(Session& session, const Command& command) {
  RETURN_IF_ERROR(CheckOptions(session, command));
  const Options& options = session.options;
  const bool again = options.watch > 0 && command.shows != Shows::kStream;
  for (uint32_t round = 1;; ++round) {
    if (again && session.env.terminal) session.env.out << "\x1b[H\x1b[2J";
    ASSIGN_OR_RETURN(const int code, command.run());
    session.env.out.flush();
    if (!again || round == options.rounds || !session.env.wait(options.watch))
      return session.answered_offline() && code != kDenied ? kOffline : code;
  }
}

int RunChosen(Session& session) {
  try {
    session.result = RunCommand(session, *session.chosen);
  } catch (const std::exception& e) {  // of the JSON library
    session.env.err << "xdpctl: an answer of another version? " << e.what()
                    << '\n';
    return kError;
  }
  return session.result.ok() ? *session.result
                             : Report(session.env, session.result.status());
}

// words: the options, which hold for every line.
int RunLines(Session& session, const std::vector<std::string>& words) {
  Env& env = session.env;
  if (session.options.batch.empty()) {
    env.err << "xdpctl: a command is missing; --help tells more\n";
    return kUsage;
  }
  std::vector<std::string> options;
  for (size_t i = 0; i < words.size(); ++i) {
    if (words[i] == "-b" || words[i] == "--batch")
      ++i;
    else if (!words[i].starts_with("--batch=") && words[i] != "--keep-going")
      options.push_back(words[i]);
  }
  const absl::StatusOr<int> code = RunBatch(
      env, session.options.batch, options, session.options.keep_going,
      [&](std::vector<std::string> line) { return Run(env, std::move(line)); });
  return code.ok() ? *code : Report(env, code.status());
}

}  // namespace

int Run(Env& env, std::vector<std::string> words) {
  Session session(env);
  const std::string socket = env.variable("RAMPART_SOCKET");
  if (!socket.empty()) session.options.socket = socket;
  session.options.state = env.variable("RAMPART_STATE");
  CLI::App app("Shows and steers a Rampart edge.", "xdpctl");
  app.formatter_fn([&session](const CLI::App* asked, const std::string&,
                              CLI::AppFormatMode) {
    return ToText(PageOf(*asked, session));
  });
  AddOptions(app, session.options);
  AddBatch(app, session.options);
  AddNouns(app, session);
  Finish(app);
  app.require_subcommand(0, 1);  // -b has none

  for (std::string& word : words) {
    const std::string typed = word;
    if (FixDashes(word))
      session.Note(absl::StrCat("read '", typed, "' as '", word, "'"));
  }
  absl::StatusOr<std::vector<std::string>> completed =
      CompleteWords(app, std::move(words));
  if (!completed.ok()) return Report(env, completed.status());
  const std::vector<std::string> given = *completed;
  const int parsed = Parse(app, env, *std::move(completed));
  if (parsed != kOk) return std::max(parsed, 0);
  if (session.chosen == nullptr) return RunLines(session, given);
  return RunChosen(session);
}

}  // namespace rampart::xdpctl

// SPDX-License-Identifier: Apache-2.0
// From words to a command, from its result to an exit code.
#include "tools/xdpctl/run.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tools/xdpctl/nouns.h"
#include "tools/xdpctl/session.h"
#include "tools/xdpctl/words.h"

namespace rampart::xdpctl {
namespace {

void AddOptions(CLI::App& app, Options& options) {
  app.set_help_flag("-h,--help", "Say how to use this, and exit");
  app.set_version_flag("--version", "xdpctl " RAMPART_VERSION);
  app.add_option("--socket", options.socket,
                 "Socket of the API; also from RAMPART_SOCKET")
      ->capture_default_str();
  app.add_option("-o,--output", options.output, "table or json")
      ->check(CLI::IsMember({"table", "json"}));
  app.add_flag("-j", options.json, "The same as -o json");
  app.add_flag("-p,--pretty", options.pretty, "JSON on several lines");
  app.add_flag("--no-headers", options.no_headers, "Tables without headers");
  app.add_flag("--offline", options.offline,
               "map, drop: read the pins, do not ask the controller");
  app.add_option("--edge", options.edge,
                 "Offline: the edge whose pins to read, if there are several");
  app.add_option("--bpffs", options.bpffs, "Offline: where bpffs is mounted")
      ->capture_default_str();
}

void AddNouns(CLI::App& app, Session& session) {
  AddStatus(app, session);
  AddApply(app, session);
  AddDev(app, session);
  AddTenant(app, session);
  AddVnet(app, session);
  AddTunnel(app, session);
  AddRoute(app, session);
  AddPolicy(app, session);
  AddFlow(app, session);
  AddNat(app, session);
  AddDrop(app, session);
  AddMap(app, session);
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
  } catch (const std::exception& e) {  // of the JSON library
    env.err << "xdpctl: an answer of another version? " << e.what() << '\n';
    return kError;
  }
}

}  // namespace

int Run(Env& env, std::vector<std::string> words) {
  Session session(env);
  const std::string socket = env.variable("RAMPART_SOCKET");
  if (!socket.empty()) session.options.socket = socket;
  CLI::App app("Shows and steers a Rampart edge.", "xdpctl");
  AddOptions(app, session.options);
  AddNouns(app, session);
  Finish(app);

  for (std::string& word : words) {
    const std::string typed = word;
    if (FixDashes(word))
      session.Note(absl::StrCat("read '", typed, "' as '", word, "'"));
  }
  absl::StatusOr<std::vector<std::string>> completed =
      CompleteWords(app, std::move(words));
  if (!completed.ok()) return Report(env, completed.status());
  const int parsed = Parse(app, env, *std::move(completed));
  if (parsed != kOk) return std::max(parsed, 0);
  return session.result.ok() ? *session.result
                             : Report(env, session.result.status());
}

}  // namespace rampart::xdpctl

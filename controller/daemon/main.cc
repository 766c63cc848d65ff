// SPDX-License-Identifier: Apache-2.0
// rampartd: the controller of one edge.
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "controller/base/status.h"
#include "controller/config/api_config.h"
#include "controller/daemon/edge.h"
#include "controller/daemon/loop.h"

namespace rampart {
namespace {

// Stable: scripts depend on them.
enum ExitCode { kOk = 0, kError = 1, kUsage = 2 };

struct Arguments {
  std::string config = "/etc/rampart/rampartd.yaml";
  std::string bpffs = "/sys/fs/bpf";
  bool check = false;
  bool detach = false;
};

std::string Text(const absl::Status& status) {
  return std::string(status.message().data(), status.message().size());
}

// Mistakes are "file:line: ..." lines, as they are.
int Fail(const absl::Status& status, int code) {
  std::fprintf(stderr, "%s%s\n",
               code == kUsage ? "" : "rampartd: ", Text(status).c_str());
  return code;
}

absl::StatusOr<std::string> ReadText(const std::string& file) {
  errno = 0;
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();  // of a folder: fails, and does not throw
  if (errno != 0)
    return absl::ErrnoToStatus(errno, absl::StrCat(file, ": cannot be read"));
  return text.str();
}

absl::StatusOr<EdgeConfig> ReadConfig(const std::string& file) {
  ASSIGN_OR_RETURN(const std::string text, ReadText(file));
  return ParseEdgeConfig(file, text);
}

int Detach(const EdgeConfig& config, const std::string& bpffs) {
  const auto removed = DetachAll(bpffs, config.edge);
  if (!removed.ok()) return Fail(removed.status(), kError);
  for (const std::string& line : *removed) std::printf("%s\n", line.c_str());
  if (removed->empty())
    std::printf("edge %s: nothing was attached or pinned\n",
                config.edge.c_str());
  return kOk;
}

void Warn(const EdgeConfig& config) {
  for (const std::string& warning : config.warnings) spdlog::warn(warning);
}

absl::Status Serve(const EdgeConfig& config, const std::string& bpffs) {
  Warn(config);
  ASSIGN_OR_RETURN(const std::string text, ReadText(config.file));
  ASSIGN_OR_RETURN(const ApiConfig api, ParseApiConfig(config.file, text));
  ASSIGN_OR_RETURN(Edge::Parts parts, Edge::OpenParts(config, bpffs));
  Edge edge(config, std::move(parts));
  RETURN_IF_ERROR(edge.Start());
  return RunLoop(edge, api, config.metrics_listen);
}

int Run(const Arguments& arguments) {
  const absl::StatusOr<EdgeConfig> config = ReadConfig(arguments.config);
  if (!config.ok()) return Fail(config.status(), kUsage);
  if (arguments.check) {
    Warn(*config);
    std::printf("%s: correct\n", arguments.config.c_str());
    return kOk;
  }
  if (arguments.detach) return Detach(*config, arguments.bpffs);
  const absl::Status status = Serve(*config, arguments.bpffs);
  return status.ok() ? kOk : Fail(status, kError);
}

void SetUp() {
  auto logger = spdlog::stderr_logger_st("rampartd");
  logger->set_pattern("%Y-%m-%d %H:%M:%S.%e %l %v");
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
  std::signal(SIGPIPE, SIG_IGN);  // stderr may be a pipe that closes
  std::signal(SIGHUP, SIG_IGN);   // until the loop listens to it
  umask(022);
}

}  // namespace
}  // namespace rampart

int main(int argc, char** argv) {
  rampart::Arguments arguments;
  CLI::App app("The controller of one Rampart edge.", "rampartd");
  app.set_version_flag("--version", "rampartd " RAMPART_VERSION);
  app.add_option("--config", arguments.config, "rampartd.yaml")
      ->capture_default_str();
  app.add_option("--bpffs", arguments.bpffs, "Where bpffs is mounted")
      ->capture_default_str();
  app.add_flag("--check", arguments.check, "Check the configuration, and exit");
  app.add_flag("--detach", arguments.detach,
               "Remove everything that any run attached or pinned, and exit");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? rampart::kOk : rampart::kUsage;
  }
  rampart::SetUp();
  return rampart::Run(arguments);
}

// SPDX-License-Identifier: Apache-2.0
#include "controller/daemon/open_store.h"

#include <spdlog/spdlog.h>

#include <cerrno>
#include <fstream>
#include <sstream>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "controller/base/status.h"
#include "controller/store/etcd/etcd_store.h"

namespace rampart {
namespace {

absl::StatusOr<std::string> ReadFile(const char* key, const std::string& path) {
  if (path.empty()) return std::string();
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  if (errno != 0)
    return absl::ErrnoToStatus(
        errno, absl::StrCat("etcd.", key, " ", path, ": cannot be read"));
  if (text.str().empty())
    return absl::InvalidArgumentError(
        absl::StrCat("etcd.", key, " ", path, ": is empty"));
  return text.str();
}

absl::StatusOr<EtcdOptions> ReadOptions(const EtcdConfig& config) {
  EtcdOptions options = {.endpoints = config.endpoints,
                         .user = config.user,
                         .tls = !config.ca.empty()};
  ASSIGN_OR_RETURN(const std::string password,
                   ReadFile("password_file", config.password_file));
  options.password = std::string(absl::StripTrailingAsciiWhitespace(password));
  ASSIGN_OR_RETURN(options.ca, ReadFile("ca", config.ca));
  ASSIGN_OR_RETURN(options.certificate, ReadFile("cert", config.cert));
  ASSIGN_OR_RETURN(options.key, ReadFile("key", config.key));
  return options;
}

void Tell(const EdgeConfig& config, const FleetStore& fleet) {
  const absl::Status reached = fleet.health().reached;
  if (reached.ok())
    spdlog::info("state store {}: reached", config.state);
  else
    spdlog::warn("state store {}: {}; starting with the local copy {}",
                 config.state, std::string(reached.message()),
                 config.etcd.copy);
}

}  // namespace

absl::StatusOr<OpenedStore> OpenStore(const EdgeConfig& config) {
  OpenedStore opened;
  if (config.etcd.endpoints.empty()) {
    ASSIGN_OR_RETURN(opened.store, OpenStateStore(config.state));
    return opened;
  }
  ASSIGN_OR_RETURN(EtcdOptions etcd, ReadOptions(config.etcd));
  ASSIGN_OR_RETURN(std::unique_ptr<FleetStore> fleet,
                   OpenEtcdStore({.url = config.state,
                                  .etcd = std::move(etcd),
                                  .prefix = config.etcd.prefix,
                                  .copy = config.etcd.copy,
                                  .edge = config.edge,
                                  .api = config.etcd.advertise,
                                  .version = RAMPART_VERSION}));
  Tell(config, *fleet);
  opened.fleet = fleet.get();
  opened.store = std::move(fleet);
  return opened;
}

}  // namespace rampart

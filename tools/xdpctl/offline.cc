// SPDX-License-Identifier: Apache-2.0
#include "tools/xdpctl/offline.h"

#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "controller/base/clock.h"
#include "controller/base/status.h"
#include "controller/config/edge_config.h"
#include "controller/flow_log/history_query.h"
#include "tools/xdpctl/session.h"

namespace rampart::xdpctl {
namespace {

// rampartd's configuration; what it says without a file if there is none, or
// none that can be read.
EdgeConfig ReadConfig(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  if (in) text << in.rdbuf();
  absl::StatusOr<EdgeConfig> config = ParseEdgeConfig(file, text.str());
  return config.ok() ? *std::move(config) : EdgeConfig();
}

}  // namespace

Offline::Offline(const Options& options)
    : bpffs_(options.bpffs), edge_(options.edge) {
  EdgeConfig config;
  if (options.state.empty() || edge_.empty())
    config = ReadConfig(options.config);
  state_path_ = options.state.empty() ? StatePath(config) : options.state;
  state_ = ReadStateFile(state_path_);
  maps_status_ = OpenPins(config.edge);
}

// Without --edge, those of the configuration's edge or the only ones.
absl::Status Offline::OpenPins(const std::string& configured) {
  const std::vector<std::string> edges = PinnedEdges(bpffs_);
  if (edge_.empty() && edges.empty())
    return absl::UnavailableError(
        absl::StrCat("no pins in ", bpffs_,
                     "/rampart (root can see them): is rampartd running?"));
  if (edge_.empty() && edges.size() == 1) edge_ = edges[0];
  if (edge_.empty()) edge_ = configured;
  if (edge_.empty())
    return absl::InvalidArgumentError(
        absl::StrCat("several edges have pins; name one with --edge: ",
                     absl::StrJoin(edges, ", ")));
  absl::StatusOr<std::unique_ptr<MapReader>> maps =
      OpenPinnedMaps(bpffs_, edge_);
  if (absl::IsPermissionDenied(maps.status()))
    return absl::FailedPreconditionError(
        absl::StrCat(maps.status().message(), ": only root can read the pins"));
  if (!maps.ok()) return maps.status();
  maps_ = *std::move(maps);
  return absl::OkStatus();
}

absl::StatusOr<const MapReader*> Offline::maps() const {
  if (!maps_status_.ok()) return maps_status_;
  return maps_.get();
}

absl::StatusOr<Json> Offline::Get(std::string_view path,
                                  const Query& query) const {
  if (path == "/v1/flows/log") {
    Json document = Document("flow-log");
    document["history"] = FlowHistoryPath(state_path_);
    return document;
  }
  return OfflineDocument({.edge = edge_,
                          .maps = maps_.get(),
                          .state = state_.ok() ? &*state_ : nullptr,
                          .now = Clock::Real().Tick()},
                         path, query);
}

absl::Status Offline::WhyNot(std::string_view path) const {
  return NeedsState(path) ? state_.status() : maps_status_;
}

std::string Offline::Where() const {
  std::vector<std::string> sources;
  if (maps_ != nullptr)
    sources.push_back(
        absl::StrCat("the pins of edge ", edge_, " in ", bpffs_, "/rampart"));
  if (state_.ok())
    sources.push_back(absl::StrCat("the state file ", state_path_));
  return absl::StrJoin(sources, " and ");
}

}  // namespace rampart::xdpctl

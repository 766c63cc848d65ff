// SPDX-License-Identifier: Apache-2.0
#include "controller/daemon/flow_log_parts.h"

#include <filesystem>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "controller/base/status.h"
#include "controller/flow_log/history.h"
#include "controller/flow_log/history_query.h"
#include "controller/flow_log/ipfix_sink.h"
#include "controller/flow_log/json_sink.h"

namespace rampart {
namespace {

std::string HistoryPath(const EdgeConfig& config) {
  return FlowHistoryPath(StatePath(config));
}

absl::Status MakeFolderOf(const std::string& file) {
  const std::filesystem::path folder =
      std::filesystem::path(file).parent_path();
  std::error_code error;
  if (folder.empty() || std::filesystem::is_directory(folder, error))
    return absl::OkStatus();
  std::filesystem::create_directories(folder, error);
  if (error)
    return absl::UnavailableError(absl::StrCat(
        "flow log: folder ", folder.string(), ": ", error.message()));
  return absl::OkStatus();
}

// Of "192.0.2.50:4739" or "[2001:db8::50]:4739", which was checked.
Endpoint ToEndpoint(std::string_view text) {
  const size_t colon = text.rfind(':');
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
  Endpoint endpoint;
  endpoint.address = IpAddress::Parse(host).value_or(IpAddress());
  uint32_t port = 0;
  if (absl::SimpleAtoi(std::string(text.substr(colon + 1)), &port))
    endpoint.port = static_cast<uint16_t>(port);
  return endpoint;
}

}  // namespace

absl::StatusOr<std::unique_ptr<FlowLog>> OpenFlowLog(const EdgeConfig& config,
                                                     const Clock& clock) {
  const FlowLogConfig& wanted = config.flow_log;
  if (!wanted.on) return nullptr;
  const std::string history = HistoryPath(config);
  ASSIGN_OR_RETURN(StateFile state, StateFile::Open(history + ".state"));
  std::vector<std::unique_ptr<FlowSink>> sinks;
  ASSIGN_OR_RETURN(sinks.emplace_back(),
                   HistorySink::Open({.path = history,
                                      .keep = wanted.history_keep,
                                      .size = wanted.history_size}));
  if (!wanted.path.empty()) {
    RETURN_IF_ERROR(MakeFolderOf(wanted.path));
    ASSIGN_OR_RETURN(sinks.emplace_back(),
                     JsonSink::Open({.path = wanted.path,
                                     .rotate_size = wanted.rotate_size,
                                     .rotate_keep = wanted.rotate_keep,
                                     .written = &state->written}));
  }
  if (!wanted.ipfix.empty())
    sinks.push_back(std::make_unique<IpfixSink>(
        IpfixSink::Options{.collector = ToEndpoint(wanted.ipfix),
                           .tcp = wanted.ipfix_tcp},
        state->exported));
  return std::make_unique<FlowLog>(std::move(state), clock, std::move(sinks),
                                   SinkThread::Options{.queue = wanted.queue});
}

std::vector<std::string> SinkAlarm::Check(
    const std::vector<SinkThread::Statistics>& sinks) {
  std::vector<std::string> lines;
  for (const SinkThread::Statistics& sink : sinks) {
    bool& failing = failing_[sink.name];
    if (failing == !sink.status.ok()) continue;
    failing = !sink.status.ok();
    lines.push_back(failing ? std::string(sink.status.message())
                            : absl::StrCat("flow log ", sink.name,
                                           ": works again; ", sink.lost,
                                           " records are declared as missing"));
  }
  return lines;
}

}  // namespace rampart

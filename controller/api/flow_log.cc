// SPDX-License-Identifier: Apache-2.0
// GET /v1/flows/log, /v1/flows/history and /v1/flows/reconcile.
#include "controller/api/flow_accounts.h"
#include "controller/api/handlers.h"
#include "controller/base/status.h"
#include "controller/flow_log/history_query.h"

namespace rampart {
namespace {

constexpr absl::Duration kPatience = absl::Milliseconds(250);

absl::Status CheckLog(const Backend& backend) {
  if (backend.flow_log() != nullptr) return absl::OkStatus();
  return absl::FailedPreconditionError(
      "flow log: this edge writes none; add flow_log: {} to rampartd.yaml");
}

Json ToJson(const PacketCount& count) {
  return {{"packets", count.packets}, {"bytes", count.bytes}};
}

}  // namespace

absl::StatusOr<Json> GetFlowLog(const Backend& backend) {
  RETURN_IF_ERROR(CheckLog(backend));
  Json document = Document("flow-log");
  document["sequence"] = backend.flow_log()->state().sequence;
  document["history"] = backend.flow_history();
  document["sinks"] = Json::array();
  for (const SinkThread::Statistics& sink : backend.flow_log()->statistics())
    document["sinks"].push_back(
        {{"name", sink.name},
         {"waiting", sink.waiting},
         {"lost", sink.lost},
         {"error", std::string(sink.status.message())}});
  return document;
}

absl::StatusOr<Json> GetFlowHistory(const Backend& backend,
                                    const Query& query) {
  RETURN_IF_ERROR(CheckLog(backend));
  return HistoryDocument(backend.flow_history(), query, backend.clock().Now(),
                         kPatience);
}

absl::StatusOr<Json> GetFlowReconcile(const Backend& backend) {
  RETURN_IF_ERROR(CheckLog(backend));
  ASSIGN_OR_RETURN(const FlowAccounts accounts, ReadFlowAccounts(backend));
  Json document = Document("flow-reconcile");
  document["devices"] = Json::array();
  for (const FlowAccounts::Device& device : accounts.by_device)
    document["devices"].push_back({{"device", device.name},
                                   {"packets", device.forwarded.packets},
                                   {"bytes", device.forwarded.bytes},
                                   {"refused_afterwards", device.refused}});
  document["forwarded"] = ToJson(accounts.devices);
  document["live"] = ToJson(accounts.live);
  document["live"]["flows"] = accounts.live_flows;
  document["ended"] = ToJson(accounts.ended);
  document["ended"]["flows"] = accounts.ended_flows;
  document["gone"] = accounts.gone;
  document["made"] = accounts.made;
  document["before"] = accounts.before;
  document["while_reading"] = accounts.while_reading;
  document["difference"] = accounts.difference();
  document["equal"] = accounts.equal();
  return document;
}

}  // namespace rampart

// SPDX-License-Identifier: Apache-2.0
// GET /v1/status: the edge on one page.
#include "controller/base/status.h"

#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "controller/api/devices.h"
#include "controller/api/handlers.h"
#include "controller/api/maps.h"

namespace rampart {
namespace {

// What keeps the edge from doing all it is configured for.
Json Degradations(const Json& devices, const Backend& backend) {
  Json list = Json::array();
  for (const Json& device : devices)
    if (device["state"] == "missing")
      list.push_back(absl::StrCat("device ", device["name"].get<std::string>(),
                                  " is not there"));
  if (const BlockLog* log = backend.block_log(); log && !log->status().ok())
    list.push_back(std::string(log->status().message()));
  AddFleetDegradations(backend, list);
  return list;
}

uint64_t CountNatSessions(const Engine& engine) {
  uint64_t sessions = 0;
  engine.ForEachNatSession([&](const NatSession&) { ++sessions; });
  return sessions;
}

// received: punts that the controller has taken in this run.
absl::Status AddBooks(const Ledger& ledger, uint64_t received, Json& document) {
  ASSIGN_OR_RETURN(const PuntLedger punts, ledger.Punts());
  Json& row = document["punts"];
  row["sent"] = punts.punted;
  row["lost"] = punts.lost;
  row["in_rings"] = static_cast<int64_t>(punts.punted - punts.lost - received);
  ASSIGN_OR_RETURN(const auto devices, ledger.Devices());
  Json losses = Json::array();
  for (const KernelLoss& loss : KernelLosses())
    for (const DeviceLedger& device : devices)
      if (device.losses[loss.value] != 0)
        losses.push_back({{"id", loss.id},
                          {"reason", loss.symbol},
                          {"device", device.name},
                          {"packets", device.losses[loss.value]},
                          {"help", loss.help}});
  document["losses"] = std::move(losses);
  document["losses_unavailable"] = ledger.why_not();
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Json> GetStatus(const Backend& backend) {
  const std::shared_ptr<const Snapshot> snapshot = backend.snapshot();
  const Engine::Statistics statistics = backend.engine().statistics();
  ASSIGN_OR_RETURN(Json devices, DeviceRows(backend));
  uint64_t drops = 0;
  ASSIGN_OR_RETURN(const Json counted, DropsDocument(backend.maps(), false));
  for (const Json& row : counted["drops"])
    drops += row["packets"].get<uint64_t>();

  Json document = Document("status");
  document["edge"] = snapshot->edge().edge;
  document["version"] = RAMPART_VERSION;
  document["pid"] = getpid();
  document["uptime_s"] =
      absl::ToInt64Seconds(backend.clock().Now() - backend.started());
  document["adopted"] = backend.adopted();
  document["epoch"] = snapshot->epoch();
  document["tenants"] = snapshot->resources().tenants.size();
  document["flows"] = {{"now", statistics.flows},
                       {"capacity", snapshot->edge().flow_capacity},
                       {"started", statistics.flows_started},
                       {"ended", statistics.flows_ended},
                       {"adopted", statistics.flows_adopted}};
  document["nat"] = {{"sessions", CountNatSessions(backend.engine())}};
  document["punts"] = {{"total", statistics.punts},
                       {"pending", statistics.pending_packets},
                       {"injected", statistics.punts_injected},
                       {"dropped", statistics.punts_dropped},
                       {"answered", statistics.punts_answered},
                       {"waiting", statistics.punts_waiting}};
  if (const Ledger* ledger = backend.ledger())
    RETURN_IF_ERROR(AddBooks(*ledger, statistics.punts, document));
  document["drops"] = {{"packets", drops}};
  if (backend.fleet() != nullptr) document["fleet"] = FleetStatus(backend);
  document["degraded"] = Degradations(devices, backend);
  document["devices"] = std::move(devices);
  return document;
}

}  // namespace rampart

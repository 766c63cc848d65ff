// SPDX-License-Identifier: Apache-2.0
// GET /v1/counters.
#include "absl/time/time.h"
#include "controller/api/counters.h"
#include "controller/api/handlers.h"
#include "controller/api/names.h"
#include "controller/base/status.h"

namespace rampart {
namespace {

Json PairOf(const rp_counter& counter) {
  return {{"packets", counter.packets}, {"bytes", counter.bytes}};
}

Json DeviceRow(const DeviceLedger& device) {
  Json losses = Json::object();
  for (const KernelLoss& loss : KernelLosses())
    if (device.losses[loss.value] != 0)
      losses[std::string(loss.id)] = device.losses[loss.value];
  return {{"name", device.name},
          {"rx", device.rx},
          {"forwarded", PairOf(device.forwarded)},
          {"passed", PairOf(device.passed)},
          {"punted", PairOf(device.punted)},
          {"dropped", PairOf(device.dropped)},
          {"gap", device.gap},
          {"losses", std::move(losses)}};
}

Json DropRow(const Counters::Drop& drop) {
  return {{"id", drop.reason.id},
          {"reason", drop.reason.symbol},
          {"device", drop.device},
          {"packets", drop.counter.packets},
          {"bytes", drop.counter.bytes}};
}

Json TenantRow(const Counters::Tenant& tenant) {
  return {{"name", tenant.name},
          {"flows", tenant.flows.flows},
          {"started", tenant.flows.started},
          {"ended", tenant.flows.ended},
          {"forwarded", PairOf(tenant.tally.forwarded)},
          {"passed", PairOf(tenant.tally.passed)},
          {"punted", PairOf(tenant.tally.punted)},
          {"dropped", PairOf(tenant.tally.dropped)}};
}

Json CpuRow(const rp_tally& cpu) {
  return {{"forwarded", PairOf(cpu.forwarded)},
          {"passed", PairOf(cpu.passed)},
          {"punted", PairOf(cpu.punted)},
          {"dropped", PairOf(cpu.dropped)}};
}

Json MapRow(const Engine::MapUse& map) {
  return {{"name", map.map},
          {"entries", map.entries},
          {"capacity", map.capacity},
          {"refused", map.refused}};
}

template <typename T>
Json Rows(const std::vector<T>& all, Json (*row)(const T&)) {
  Json rows = Json::array();
  for (const T& one : all) rows.push_back(row(one));
  return rows;
}

}  // namespace

absl::StatusOr<Json> GetCounters(const Backend& backend) {
  ASSIGN_OR_RETURN(const Counters counters, ReadCounters(backend));
  Json document = Document("counters");
  document["time_s"] =
      absl::ToDoubleSeconds(backend.clock().Now() - absl::UnixEpoch());
  document["devices"] = Rows(counters.devices, &DeviceRow);
  document["drops"] = Rows(counters.drops, &DropRow);
  document["tenants"] = Rows(counters.tenants, &TenantRow);
  document["maps"] = Rows(counters.maps, &MapRow);
  for (Json& map : document["maps"]) {
    const auto memory = backend.maps().Memory(map["name"].get<std::string>());
    map["memory"] = memory.ok() ? Json(*memory) : Json(nullptr);
  }
  ASSIGN_OR_RETURN(const auto cpus, backend.maps().ReadCpus());
  document["cpus"] = Rows(cpus, &CpuRow);
  return document;
}

}  // namespace rampart

// SPDX-License-Identifier: Apache-2.0
#include "controller/api/devices.h"

#include <algorithm>

#include "controller/api/handlers.h"
#include "controller/api/names.h"
#include "controller/base/status.h"

namespace rampart {
namespace {

std::string_view RoleName(DeviceRole role) {
  return role == DeviceRole::kUplink ? "uplink" : "access";
}

// The interface tunnel that uses a device of this edge.
const Tunnel* TunnelOn(const Snapshot& snapshot, std::string_view device,
                       const Tenant** tenant) {
  for (const Tenant& candidate : snapshot.resources().tenants) {
    for (const Tunnel& tunnel : candidate.tunnels) {
      if (tunnel.type == TunnelType::kInterface && tunnel.device == device &&
          tunnel.edge == snapshot.edge().edge) {
        *tenant = &candidate;
        return &tunnel;
      }
    }
  }
  return nullptr;
}

void AddLedger(const std::vector<DeviceLedger>& books, uint32_t slot,
               Json& row) {
  for (const DeviceLedger& book : books) {
    if (book.slot != slot) continue;
    row["rx"] = book.rx;
    row["gap"] = book.gap;
  }
}

void AddCounters(const std::vector<DeviceCounters>& counters, uint32_t slot,
                 Json& row) {
  const auto it =
      std::find_if(counters.begin(), counters.end(),
                   [&](const DeviceCounters& c) { return c.slot == slot; });
  const DeviceCounters none = {};
  const auto& outcomes = (it != counters.end() ? *it : none).outcomes;
  uint64_t dropped = 0;
  for (const DropReason& reason : DropReasons())
    dropped += outcomes[reason.value].packets;
  row["forwarded"] = outcomes[RP_FORWARDED].packets;
  row["passed"] = outcomes[RP_PASSED].packets;
  row["punted"] = outcomes[RP_PUNTED].packets;
  row["dropped"] = dropped;
}

Json DeviceRow(const Snapshot& snapshot, const DeviceConfig& config,
               const AttachedDevice* device) {
  const Tenant* tenant = nullptr;
  const Tunnel* tunnel = TunnelOn(snapshot, config.name, &tenant);
  const bool idle = config.role == DeviceRole::kAccess && tunnel == nullptr;
  Json row = {
      {"name", config.name},
      {"role", RoleName(config.role)},
      {"state", device != nullptr ? "attached"
                : idle            ? "unused"
                                  : "missing"},
      {"mode", device == nullptr                  ? ""
               : device->mode == XdpMode::kNative ? "native"
                                                  : "generic"},
      {"why", device != nullptr ? device->why : ""},
      {"tenant", tenant != nullptr ? tenant->name : ""},
      {"vnet", tunnel != nullptr ? tunnel->vnet : ""},
      {"tunnel", tunnel != nullptr ? tunnel->name : ""},
  };
  if (device == nullptr) return row;
  row["slot"] = device->slot;
  row["ifindex"] = device->ifindex;
  row["queues"] = device->queues;
  row["adopted"] = device->adopted;
  return row;
}

}  // namespace

absl::StatusOr<Json> DeviceRows(const Backend& backend) {
  ASSIGN_OR_RETURN(const auto counters, backend.maps().ReadCounters());
  std::vector<DeviceLedger> books;
  if (const Ledger* ledger = backend.ledger()) {
    ASSIGN_OR_RETURN(books, ledger->Devices());
  }
  const std::vector<AttachedDevice> attached = backend.devices();
  const std::shared_ptr<const Snapshot> snapshot = backend.snapshot();
  Json rows = Json::array();
  for (const DeviceConfig& config : snapshot->edge().devices) {
    const auto it = std::find_if(
        attached.begin(), attached.end(),
        [&](const AttachedDevice& d) { return d.name == config.name; });
    const bool found = it != attached.end();
    Json row = DeviceRow(*snapshot, config, found ? &*it : nullptr);
    if (found) {
      AddCounters(counters, it->slot, row);
      AddLedger(books, it->slot, row);
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

absl::StatusOr<Json> GetDevices(const Backend& backend) {
  Json document = Document("devices");
  ASSIGN_OR_RETURN(document["devices"], DeviceRows(backend));
  return document;
}

}  // namespace rampart

// SPDX-License-Identifier: Apache-2.0
#include "controller/api/counters.h"

#include <algorithm>
#include <cstring>

#include "controller/base/status.h"

namespace rampart {
namespace {

std::string NameOf(const std::vector<AttachedDevice>& devices, uint32_t slot) {
  for (const AttachedDevice& device : devices)
    if (device.slot == slot) return device.name;
  return "injected";  // the controller's TAP
}

void AddDrops(const std::string& device,
              const std::array<rp_counter, RP_OUTCOME_COUNT>& counters,
              std::vector<Counters::Drop>& drops) {
  for (const DropReason& reason : DropReasons())
    if (counters[reason.value].packets != 0)
      drops.push_back({reason, device, counters[reason.value]});
}

absl::StatusOr<std::vector<Counters::Drop>> ReadDrops(const Backend& backend) {
  std::vector<Counters::Drop> drops;
  const std::vector<AttachedDevice> devices = backend.devices();
  ASSIGN_OR_RETURN(const auto counters, backend.maps().ReadCounters());
  for (const DeviceCounters& device : counters)
    AddDrops(NameOf(devices, device.slot), device.outcomes, drops);
  std::array<rp_counter, RP_OUTCOME_COUNT> slow = {};
  RETURN_IF_ERROR(backend.maps().ForEach(
      "rp_slow_drops", sizeof(uint32_t), sizeof(rp_counter),
      [&](const void* key, const void* value) {
        uint32_t reason;
        std::memcpy(&reason, key, sizeof(reason));
        if (reason < slow.size())
          std::memcpy(&slow[reason], value, sizeof(rp_counter));
        return true;
      }));
  AddDrops(std::string(kSlowPath), slow, drops);
  return drops;
}

// By the snapshot's tenants, in their order.
absl::StatusOr<std::vector<Counters::Tenant>> ReadTenants(
    const Backend& backend) {
  const std::vector<Shared<Tenant>>& tenants =
      backend.snapshot()->resources().tenants;
  uint32_t last = 0;
  for (const Tenant& tenant : tenants) last = std::max(last, tenant.id);
  absl::flat_hash_map<uint32_t, rp_tally> tallies;
  ASSIGN_OR_RETURN(const auto read, backend.maps().ReadTallies(last));
  for (const TenantTally& tally : read) tallies[tally.tenant] = tally.tally;
  const auto& by_realm = backend.engine().flow_counts();
  std::vector<Counters::Tenant> rows;
  for (const Tenant& tenant : tenants) {
    Counters::Tenant row = {tenant.name, {}, tallies[tenant.id]};
    for (const Vnet& vnet : tenant.vnets) {
      const auto it = by_realm.find(vnet.vni);
      if (it == by_realm.end()) continue;
      row.flows.flows += it->second.flows;
      row.flows.started += it->second.started;
      row.flows.ended += it->second.ended;
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace

absl::StatusOr<Counters> ReadCounters(const Backend& backend) {
  Counters counters;
  if (const Ledger* ledger = backend.ledger()) {
    ASSIGN_OR_RETURN(counters.devices, ledger->Devices());
    ASSIGN_OR_RETURN(counters.punts, ledger->Punts());
  }
  ASSIGN_OR_RETURN(counters.drops, ReadDrops(backend));
  counters.engine = backend.engine().statistics();
  ASSIGN_OR_RETURN(counters.tenants, ReadTenants(backend));
  if (const NatAllocator* nat = backend.engine().nat())
    counters.pools = nat->Use();
  counters.maps = backend.engine().map_use();
  return counters;
}

}  // namespace rampart

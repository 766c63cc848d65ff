// SPDX-License-Identifier: Apache-2.0
#include "controller/flow/slow_drops.h"

#include <net/ethernet.h>

#include <algorithm>
#include <cstring>
#include <string_view>

#include "controller/base/status.h"
#include "maps/realm.h"

namespace rampart {
namespace {

void Add(rp_counter& counter, size_t ip_length) {
  ++counter.packets;
  counter.bytes += ip_length + ETHER_HDR_LEN;
}

// As the data plane names its own files.
uint64_t NameOf(std::string_view path) {
  path.remove_prefix(path.rfind('/') + 1);
  uint64_t name = 0;
  std::memcpy(&name, path.data(), std::min(path.size(), sizeof(name)));
  return name;
}

}  // namespace

absl::Status SlowDrops::Load() {
  RETURN_IF_ERROR(
      maps_.drops.ForEach([&](uint32_t reason, const rp_counter& counter) {
        if (reason < reasons_.size()) reasons_[reason].counter = counter;
      }));
  RETURN_IF_ERROR(
      maps_.samples.ForEach([&](uint32_t reason, const rp_drop_ring& ring) {
        if (reason < reasons_.size()) reasons_[reason].ring = ring;
      }));
  return maps_.tenants.ForEach(
      [&](const rp_tenant_drop_key& key, const rp_counter& counter) {
        tenants_[{key.tenant, key.reason}].counter = counter;
      });
}

void SlowDrops::Count(rp_outcome reason, const rp_punt& punt,
                      absl::Span<const uint8_t> packet,
                      std::source_location where) {
  Reason& of = reasons_[reason];
  Add(of.counter, packet.size());
  Tenant& tenant = tenants_[{punt.tenant, reason}];
  Add(tenant.counter, packet.size());
  tenant.changed = true;
  changed_.set(reason);
  ++counted_;
  if (of.kept++ < RP_SAMPLES) Keep(of, punt, packet, where);
}

void SlowDrops::Keep(Reason& of, const rp_punt& punt,
                     absl::Span<const uint8_t> packet,
                     const std::source_location& where) const {
  rp_drop_sample& sample = of.ring.samples[of.ring.next++ % RP_SAMPLES];
  sample = {};
  sample.time = uint64_t{clock_.Tick()} << RP_TICK_SHIFT;
  sample.file = NameOf(where.file_name());
  sample.line = where.line();
  sample.tenant = punt.tenant;
  sample.realm = punt.realm;
  sample.tunnel = punt.tunnel;
  sample.frame_len = static_cast<uint32_t>(packet.size());
  sample.captured =
      static_cast<uint32_t>(std::min<size_t>(packet.size(), RP_SAMPLE_BYTES));
  sample.slot = static_cast<uint16_t>(punt.slot);
  std::memcpy(sample.bytes, packet.data(), sample.captured);
}

absl::Status SlowDrops::Flush() {
  if (changed_.none()) return absl::OkStatus();
  for (uint32_t reason = 0; reason < reasons_.size(); ++reason) {
    if (!changed_[reason]) continue;
    Reason& of = reasons_[reason];
    RETURN_IF_ERROR(maps_.drops.Put(reason, of.counter));
    RETURN_IF_ERROR(maps_.samples.Put(reason, of.ring));
    of.kept = 0;
    changed_.reset(reason);
  }
  for (auto& [key, tenant] : tenants_) {
    if (!tenant.changed) continue;
    RETURN_IF_ERROR(maps_.tenants.Put(rp_tenant_drop_key{key.first, key.second},
                                      tenant.counter));
    tenant.changed = false;
  }
  return absl::OkStatus();
}

}  // namespace rampart

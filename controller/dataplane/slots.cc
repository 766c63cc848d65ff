// SPDX-License-Identifier: Apache-2.0
// Slot bookkeeping in the maps themselves, so that it survives the controller.
#include "controller/dataplane/slots.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>

#include "absl/strings/str_cat.h"
#include "controller/base/status.h"

namespace rampart {
namespace {

size_t Cpus() {
  static const int cpus = libbpf_num_possible_cpus();
  RP_CHECK(cpus > 0);
  return static_cast<size_t>(cpus);
}

}  // namespace

absl::Status Slots::Sweep(std::function<bool(const rp_device&)> alive) const {
  std::vector<uint32_t> dead;
  RETURN_IF_ERROR(devices_.ForEach([&](uint32_t slot, const rp_device& entry) {
    if (entry.role != RP_ROLE_NONE && !alive(entry)) dead.push_back(slot);
  }));
  for (const uint32_t slot : dead) RETURN_IF_ERROR(Free(slot));
  return absl::OkStatus();
}

absl::StatusOr<uint32_t> Slots::Choose(uint32_t ifindex) const {
  std::optional<uint32_t> taken, free;
  RETURN_IF_ERROR(devices_.ForEach([&](uint32_t slot, const rp_device& entry) {
    const bool unused = entry.role == RP_ROLE_NONE;
    if (unused && !free) free = slot;
    if (!unused && entry.ifindex == ifindex) taken = slot;
  }));
  if (taken) return *taken;
  if (!free) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "map rp_devices: all ", uint32_t{RP_DEVICE_MAX}, " slots are taken"));
  }
  RETURN_IF_ERROR(ZeroCounters(*free));
  return *free;
}

absl::Status Slots::Fill(uint32_t slot, const rp_device& entry) const {
  RETURN_IF_ERROR(devices_.Put(slot, entry));
  if (bpf_map_update_elem(ports_, &slot, &entry.ifindex, BPF_ANY) != 0) {
    return absl::ErrnoToStatus(
        errno, absl::StrCat("map rp_ports: put ifindex ", entry.ifindex));
  }
  return absl::OkStatus();
}

absl::Status Slots::Free(uint32_t slot) const {
  // The kernel removes the entry of a device that vanished by itself.
  if (bpf_map_delete_elem(ports_, &slot) != 0 && errno != ENOENT) {
    return absl::ErrnoToStatus(errno, "map rp_ports: delete");
  }
  return devices_.Put(slot, rp_device{});
}

absl::Status Slots::ZeroCounters(uint32_t slot) const {
  const std::vector<rp_counter> zeros(Cpus());
  for (uint32_t i = 0; i < RP_OUTCOME_COUNT; ++i) {
    const uint32_t key = slot * RP_OUTCOME_COUNT + i;
    if (bpf_map_update_elem(outcomes_, &key, zeros.data(), BPF_ANY) != 0) {
      return absl::ErrnoToStatus(errno, "map rp_outcomes: put");
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<DeviceCounters> Slots::ReadSlot(uint32_t slot) const {
  DeviceCounters counters;
  counters.slot = slot;
  std::vector<rp_counter> values(RP_OUTCOME_COUNT * Cpus());
  std::array<uint32_t, RP_OUTCOME_COUNT> keys;
  // The batch starts behind the key it is given.
  uint32_t before = slot * RP_OUTCOME_COUNT - 1, last, count = keys.size();
  if (bpf_map_lookup_batch(outcomes_, slot == 0 ? nullptr : &before, &last,
                           keys.data(), values.data(), &count, nullptr) != 0 &&
      errno != ENOENT) {
    return absl::ErrnoToStatus(errno, "map rp_outcomes: read batch");
  }
  for (size_t i = 0; i < values.size(); ++i) {
    rp_counter& sum = counters.outcomes[i / Cpus()];
    sum.packets += values[i].packets;
    sum.bytes += values[i].bytes;
  }
  return counters;
}

absl::StatusOr<std::vector<DeviceCounters>> Slots::ReadCounters() const {
  std::vector<uint32_t> used;
  RETURN_IF_ERROR(devices_.ForEach([&](uint32_t slot, const rp_device& entry) {
    if (entry.role != RP_ROLE_NONE) used.push_back(slot);
  }));
  std::vector<DeviceCounters> all;
  for (const uint32_t slot : used) {
    ASSIGN_OR_RETURN(DeviceCounters counters, ReadSlot(slot));
    all.push_back(counters);
  }
  return all;
}

}  // namespace rampart

// SPDX-License-Identifier: Apache-2.0
#include "controller/daemon/devices.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "absl/strings/str_cat.h"
#include "controller/base/status.h"

namespace rampart {
namespace {

uint32_t VniOf(const Tenant& tenant, const std::string& vnet) {
  for (const Vnet& candidate : tenant.vnets)
    if (candidate.name == vnet) return candidate.vni;
  return 0;
}

// Sets the tunnel of an access device; false if it has none.
bool FindTunnel(const EdgeConfig& edge, const Resources& resources,
                WantedDevice& device) {
  for (const Tenant& tenant : resources.tenants) {
    for (const Tunnel& tunnel : tenant.tunnels) {
      if (tunnel.type != TunnelType::kInterface || tunnel.edge != edge.edge ||
          tunnel.device != device.config.name)
        continue;
      device.tunnel = tunnel.id;
      device.tenant = tenant.id;
      device.realm = VniOf(tenant, tunnel.vnet);
      return true;
    }
  }
  return false;
}

rp_device EntryFor(const WantedDevice& wanted, const Link& link) {
  const bool uplink = wanted.config.role == DeviceRole::kUplink;
  rp_device entry = {};
  entry.ifindex = link.ifindex;
  entry.tunnel = wanted.tunnel;
  entry.realm = wanted.realm;
  entry.tenant = wanted.tenant;
  entry.role = uplink ? RP_ROLE_UPLINK : RP_ROLE_ACCESS;
  entry.link_header_len = link.ethernet ? RP_DEVICE_LEN_L2 : 0;
  if (link.ethernet) std::copy_n(link.mac.data(), link.mac.size(), entry.mac);
  return entry;
}

void LogAttached(const AttachedDevice& device) {
  spdlog::info("device {}: {}, {} mode{}{}, {} queues{}", device.name,
               device.role == DeviceRole::kUplink ? "uplink" : "access",
               device.mode == XdpMode::kNative ? "native" : "generic",
               device.why.empty() ? "" : ": ", device.why, device.queues,
               device.adopted ? ", link adopted" : "");
}

std::string Text(const absl::Status& status) {
  return std::string(status.message().data(), status.message().size());
}

}  // namespace

std::vector<WantedDevice> WantedDevices(const EdgeConfig& edge,
                                        const Resources& resources) {
  std::vector<WantedDevice> wanted;
  for (const DeviceConfig& config : edge.devices) {
    WantedDevice device = {.config = config};
    if (config.role == DeviceRole::kUplink ||
        FindTunnel(edge, resources, device))
      wanted.push_back(std::move(device));
  }
  return wanted;
}

absl::Status Devices::AttachOne(const WantedDevice& wanted, const Link& link) {
  const rp_device entry = EntryFor(wanted, link);
  const auto it = entries_.find(wanted.config.name);
  if (it != entries_.end() &&
      std::memcmp(&it->second, &entry, sizeof(entry)) == 0)
    return absl::OkStatus();
  ASSIGN_OR_RETURN(const AttachedDevice attached,
                   data_plane_.Attach(wanted.config, entry));
  entries_[wanted.config.name] = entry;
  LogAttached(attached);
  return absl::OkStatus();
}

absl::Status Devices::Attach(const std::vector<WantedDevice>& wanted,
                             bool strict) {
  for (const WantedDevice& device : wanted) {
    const std::string& name = device.config.name;
    const std::optional<Link> link = underlay_.FindLink(name);
    if (link) {
      RETURN_IF_ERROR(AttachOne(device, *link));
      continue;
    }
    const std::string text =
        absl::StrCat("device ", name, ": there is no such device");
    if (strict || device.config.role == DeviceRole::kUplink)
      return absl::NotFoundError(
          absl::StrCat(text, "; ip link shows those there are"));
    spdlog::warn("{} yet; waiting for it", text);
  }
  return absl::OkStatus();
}

// Links pinned by an earlier run for devices that the configuration no longer
// has: the data plane gives up only what it has attached itself.
absl::Status Devices::DetachLeftovers() const {
  std::vector<rp_device> leftovers;
  const std::vector<AttachedDevice> known = data_plane_.devices();
  RETURN_IF_ERROR(maps_.ForEach(
      "rp_devices", sizeof(uint32_t), sizeof(rp_device),
      [&](const void* key, const void* value) {
        uint32_t slot;
        rp_device entry;
        std::memcpy(&slot, key, sizeof(slot));
        std::memcpy(&entry, value, sizeof(entry));
        const bool ours = std::any_of(
            known.begin(), known.end(),
            [&](const AttachedDevice& device) { return device.slot == slot; });
        const bool pinned =
            entry.role == RP_ROLE_UPLINK || entry.role == RP_ROLE_ACCESS;
        if (pinned && !ours) leftovers.push_back(entry);
        return true;
      }));
  for (const rp_device& entry : leftovers) {
    const std::optional<Link> link = underlay_.FindLink(entry.ifindex);
    if (!link) continue;
    const DeviceConfig config = {.name = link->name,
                                 .role = entry.role == RP_ROLE_UPLINK
                                             ? DeviceRole::kUplink
                                             : DeviceRole::kAccess};
    ASSIGN_OR_RETURN(const AttachedDevice attached,
                     data_plane_.Attach(config, entry));
    RETURN_IF_ERROR(data_plane_.Detach(attached.slot));
    spdlog::info("device {}: detached, the configuration has it no more",
                 link->name);
  }
  return absl::OkStatus();
}

absl::Status Devices::DetachOthers(const std::vector<WantedDevice>& wanted) {
  for (const AttachedDevice& device : data_plane_.devices()) {
    const bool keep = std::any_of(wanted.begin(), wanted.end(),
                                  [&](const WantedDevice& candidate) {
                                    return candidate.config.name == device.name;
                                  });
    if (keep) continue;
    RETURN_IF_ERROR(data_plane_.Detach(device.slot));
    entries_.erase(device.name);
    spdlog::info("device {}: detached, no tunnel uses it", device.name);
  }
  return DetachLeftovers();
}

void Devices::Follow(const std::vector<WantedDevice>& wanted) {
  for (const WantedDevice& device : wanted) {
    const std::string& name = device.config.name;
    const std::optional<Link> link = underlay_.FindLink(name);
    if (link) {
      const absl::Status status = AttachOne(device, *link);
      if (!status.ok()) spdlog::error("{}", Text(status));
    } else if (entries_.erase(name) > 0) {
      spdlog::warn("device {}: gone; it is attached again when it comes back",
                   name);
    }
  }
}

std::vector<AttachedDevice> Devices::attached() const {
  std::vector<AttachedDevice> devices = data_plane_.devices();
  std::erase_if(devices, [&](const AttachedDevice& device) {
    return !entries_.contains(device.name);
  });
  return devices;
}

}  // namespace rampart

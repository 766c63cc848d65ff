// SPDX-License-Identifier: Apache-2.0
#include "controller/flow/paths.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "controller/base/status.h"

namespace rampart {
namespace {

constexpr size_t kRoutesMax = 65536;  // remembered answers
constexpr size_t kTagsMax = 2;

absl::Status NoDevice(std::string_view device) {
  return absl::NotFoundError(
      absl::StrCat("underlay: device ", std::string(device), ": none"));
}

absl::Status NoUplink(const Link& link) {
  return absl::NotFoundError(
      absl::StrCat("underlay: device ", link.name, ": no uplink"));
}

// Behind a device without link header all destinations look the same.
IpAddress Neighbour(const Link& link, const IpAddress& address) {
  if (link.ethernet) return address;
  return address.is_v4() ? IpAddress() : IpAddress::V6({});
}

}  // namespace

void Paths::Refresh() {
  routes_.clear();
  devices_.clear();
  for (AttachedDevice& device : data_plane_.devices())
    devices_[device.ifindex] = std::move(device);
}

const absl::StatusOr<UnderlayRoute>& Paths::Route(
    const IpAddress& destination) {
  const auto found = routes_.find(destination);
  if (found != routes_.end()) return found->second;
  if (routes_.size() >= kRoutesMax) routes_.clear();
  return routes_.emplace(destination, underlay_.Route(destination))
      .first->second;
}

absl::StatusOr<Via> Paths::Towards(const IpAddress& destination) {
  const absl::StatusOr<UnderlayRoute>& route = Route(destination);
  if (!route.ok()) return route.status();
  const std::optional<Link> link = underlay_.FindLink(route->ifindex);
  if (!link) return NoDevice(absl::StrCat(route->ifindex));
  const AttachedDevice* device = FindDevice(*link, nullptr);
  if (device == nullptr || device->role != DeviceRole::kUplink)
    return NoUplink(*link);
  return Via{
      .ifindex = route->ifindex,
      .mtu = route->mtu,
      .neighbour = Neighbour(*link, route->gateway.value_or(destination))};
}

absl::StatusOr<Via> Paths::Through(std::string_view device,
                                   const IpAddress& destination) {
  ASSIGN_OR_RETURN(Via via, Beside(device, destination));
  const absl::StatusOr<UnderlayRoute>& route = Route(destination);
  const std::optional<IpAddress> gateway =
      route.ok() && route->ifindex == via.ifindex ? route->gateway
                                                  : std::nullopt;
  return gateway ? Beside(device, *gateway) : via;
}

absl::StatusOr<Via> Paths::Beside(std::string_view device,
                                  const IpAddress& neighbour) {
  const std::optional<Link> link = underlay_.FindLink(device);
  if (!link) return NoDevice(device);
  return Via{.ifindex = link->ifindex,
             .mtu = link->mtu,
             .neighbour = Neighbour(*link, neighbour)};
}

// Goes down from VLAN devices to the one that a program is attached to.
const AttachedDevice* Paths::FindDevice(
    Link link, std::vector<LinkPath::Vlan>* vlans) const {
  for (size_t tags = 0;; ++tags) {
    const auto device = devices_.find(link.ifindex);
    if (device != devices_.end()) return &device->second;
    if (link.parent == 0 || tags == kTagsMax) return nullptr;
    if (vlans != nullptr)
      vlans->insert(vlans->begin(), {link.vlan_proto, link.vlan_id});
    std::optional<Link> parent = underlay_.FindLink(link.parent);
    if (!parent) return nullptr;
    link = *std::move(parent);
  }
}

absl::StatusOr<LinkPath> Paths::Resolve(const Via& via) {
  const std::optional<Link> link = underlay_.FindLink(via.ifindex);
  if (!link) return NoDevice(absl::StrCat(via.ifindex));
  if (!link->up) {
    return absl::UnavailableError(
        absl::StrCat("underlay: device ", link->name, ": down"));
  }
  LinkPath path;
  path.ethernet = link->ethernet;
  path.source = link->mac;
  path.mtu = via.mtu;
  const AttachedDevice* device = FindDevice(*link, &path.vlans);
  if (device == nullptr) return NoUplink(*link);
  path.slot = device->slot;
  if (!link->ethernet) return path;
  const auto [managed, added] = managed_.try_emplace(
      std::make_pair(via.ifindex, via.neighbour), generation_);
  managed->second = generation_;
  // Once: asking again makes the kernel probe, and tell, and us ask again.
  if (added) Probe(via);
  const std::optional<MacAddress> mac =
      underlay_.Neighbour(via.ifindex, via.neighbour);
  if (!mac) {
    return absl::UnavailableError(
        absl::StrCat("underlay: device ", link->name, ": neighbour ",
                     via.neighbour.ToString(), " is not known yet"));
  }
  path.destination = *mac;
  return path;
}

void Paths::Probe(const Via& via) {
  if (via.neighbour.IsUnspecified()) return;
  // What cannot be asked for stays unknown, which is said where it matters.
  underlay_.Manage(via.ifindex, via.neighbour).IgnoreError();
}

void Paths::EndUse() {
  absl::erase_if(managed_, [&](const auto& entry) {
    if (entry.second == generation_) return false;
    const auto& [ifindex, neighbour] = entry.first;
    // Gone with its device, or not: either way nothing is left to undo.
    underlay_.Unmanage(ifindex, neighbour).IgnoreError();
    return true;
  });
}

}  // namespace rampart

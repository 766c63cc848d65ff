// SPDX-License-Identifier: Apache-2.0
#include "controller/explain/origin.h"

#include <arpa/inet.h>
#include <net/if.h>

#include <cstring>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controller/base/status.h"
#include "controller/base/text.h"
#include "controller/explain/new_flow.h"
#include "maps/punt.h"
#include "maps/ramp.h"
#include "maps/realm.h"

namespace rampart {
namespace {

constexpr uint16_t kIp4 = 0x0800;
constexpr uint16_t kIp6 = 0x86dd;
// Any station of the link.
constexpr uint8_t kNeighbour[6] = {0x02, 0, 0, 0, 0, 0x01};

uint16_t EthertypeOf(absl::Span<const uint8_t> packet) {
  return packet[0] >> 4 == 6 ? kIp6 : kIp4;
}

struct Slot {
  uint32_t slot = 0;
  rp_device device = {};
};

absl::StatusOr<std::optional<Slot>> FindSlot(
    const MapReader& maps, absl::FunctionRef<bool(const rp_device&)> wanted) {
  std::optional<Slot> found;
  RETURN_IF_ERROR(maps.ForEach(
      "rp_devices", sizeof(uint32_t), sizeof(rp_device),
      [&](const void* key, const void* value) {
        Slot slot;
        std::memcpy(&slot.slot, key, sizeof(uint32_t));
        std::memcpy(&slot.device, value, sizeof(rp_device));
        if (slot.device.role != RP_ROLE_NONE && wanted(slot.device))
          found = slot;
        return !found;
      }));
  return found;
}

absl::StatusOr<Slot> SlotOfDevice(const MapReader& maps,
                                  const std::string& name) {
  const uint32_t ifindex = if_nametoindex(name.c_str());
  ASSIGN_OR_RETURN(const std::optional<Slot> slot,
                   FindSlot(maps, [&](const rp_device& device) {
                     return ifindex != 0 && device.ifindex == ifindex;
                   }));
  if (!slot)
    return absl::NotFoundError(
        absl::StrCat("device ", name,
                     ": not one of this edge's; xdpctl dev list shows them"));
  return *slot;
}

void SetWord(uint8_t (&out)[4], uint32_t value) {
  value = htonl(value);
  std::memcpy(out, &value, sizeof(value));
}

// In front of the packet what the controller writes into its TAP.
absl::StatusOr<Origin> Inject(uint32_t realm, uint32_t tunnel,
                              const std::vector<uint8_t>& packet,
                              const MapReader& maps) {
  ASSIGN_OR_RETURN(const std::optional<Slot> slot,
                   FindSlot(maps, [](const rp_device& device) {
                     return device.role == RP_ROLE_INJECT;
                   }));
  if (!slot)
    return absl::FailedPreconditionError(
        "explain: no controller has opened the way back into the data plane "
        "yet; start rampartd, or name a device: from device NAME");
  rp_inject header = {};
  header.verb = htons(RP_INJECT_REALM);
  SetWord(header.argument, realm);
  header.source = htons(RP_INJECT_SOURCE);
  SetWord(header.tunnel, tunnel);
  header.ethertype = htons(EthertypeOf(packet));
  std::vector<uint8_t> frame(sizeof(header) + packet.size());
  std::memcpy(frame.data(), &header, sizeof(header));
  std::memcpy(frame.data() + sizeof(header), packet.data(), packet.size());
  return Origin{.slot = slot->slot,
                .device = "the controller's",
                .inject = true,
                .realm = realm,
                .tunnel = tunnel,
                .frame = std::move(frame)};
}

absl::StatusOr<Origin> OnDevice(const DescribedPacket& described,
                                const MapReader& maps) {
  ASSIGN_OR_RETURN(const Slot slot, SlotOfDevice(maps, described.device));
  Origin origin = {.slot = slot.slot, .device = described.device};
  if (slot.device.link_header_len != 0) {
    origin.frame.assign(slot.device.mac, slot.device.mac + 6);
    origin.frame.insert(origin.frame.end(), std::begin(kNeighbour),
                        std::end(kNeighbour));
    const uint16_t type = EthertypeOf(described.packet);
    origin.frame.push_back(static_cast<uint8_t>(type >> 8));
    origin.frame.push_back(static_cast<uint8_t>(type));
  }
  origin.frame.insert(origin.frame.end(), described.packet.begin(),
                      described.packet.end());
  return origin;
}

absl::StatusOr<uint32_t> ParseId(const std::string& what,
                                 const std::string& text) {
  uint32_t id;
  if (absl::SimpleAtoi(text, &id) && id != 0) return id;
  return absl::InvalidArgumentError(absl::StrCat(
      what, " ", Quoted(text),
      ": names are known to the controller only, which does not answer; write "
      "the number (xdpctl map dump rp_grants shows them)"));
}

// The only realm that the tunnel may enter.
absl::StatusOr<uint32_t> OnlyGrant(const MapReader& maps, uint32_t tunnel) {
  std::vector<uint32_t> realms;
  RETURN_IF_ERROR(maps.ForEach("rp_grants", sizeof(rp_grant_key),
                               sizeof(rp_grant),
                               [&](const void* key, const void*) {
                                 rp_grant_key grant;
                                 std::memcpy(&grant, key, sizeof(grant));
                                 if (grant.tunnel == tunnel)
                                   realms.push_back(grant.realm);
                                 return true;
                               }));
  if (realms.size() == 1) return realms[0];
  if (realms.empty())
    return absl::NotFoundError(
        absl::StrCat("tunnel ", tunnel, ": there is none of this id"));
  return absl::InvalidArgumentError(
      absl::StrCat("tunnel ", tunnel, ": write vnet and one of its VNIs, ",
                   absl::StrJoin(realms, ", ")));
}

absl::StatusOr<Origin> ByNumbers(const DescribedPacket& described,
                                 const MapReader& maps) {
  if (described.tunnel.empty())
    return absl::InvalidArgumentError(
        "from: missing; without the controller, write from tunnel and its id, "
        "or from device and its name");
  ASSIGN_OR_RETURN(const uint32_t tunnel, ParseId("tunnel", described.tunnel));
  uint32_t realm = 0;
  if (described.vnet.empty()) {
    ASSIGN_OR_RETURN(realm, OnlyGrant(maps, tunnel));
  } else {
    ASSIGN_OR_RETURN(realm, ParseId("vnet", described.vnet));
  }
  return Inject(realm, tunnel, described.packet, maps);
}

IpAddress SourceOf(const std::vector<uint8_t>& packet) {
  if (EthertypeOf(packet) == kIp4) {
    uint32_t word;
    std::memcpy(&word, &packet[12], sizeof(word));
    return IpAddress::V4(word);
  }
  uint8_t bytes[16];
  std::memcpy(bytes, &packet[8], sizeof(bytes));
  return IpAddress::V6(bytes);
}

absl::StatusOr<Origin> ByNames(const DescribedPacket& described,
                               const Snapshot& snapshot,
                               const MapReader& maps) {
  if (!described.tunnel.empty()) {
    ASSIGN_OR_RETURN(const Snapshot::TunnelRef tunnel,
                     FindTunnelByName(snapshot, described.tunnel));
    if (described.vnet.empty())
      return Inject(tunnel.realm, tunnel.tunnel->id, described.packet, maps);
    ASSIGN_OR_RETURN(const Snapshot::VnetRef vnet,
                     FindVnetByName(snapshot, described.vnet));
    return Inject(vnet.vnet->vni, tunnel.tunnel->id, described.packet, maps);
  }
  ASSIGN_OR_RETURN(const Snapshot::VnetRef vnet,
                   FindVnetByName(snapshot, described.vnet));
  const IpAddress source = SourceOf(described.packet);
  const auto route = snapshot.FindRoute(vnet.vnet->vni, source);
  if (!route || route->tunnel == nullptr)
    return absl::NotFoundError(absl::StrCat(
        "src ", source.ToString(), ": not behind a tunnel of ", NameOf(vnet),
        "; write from tunnel NAME, from device NAME, or another vnet"));
  return Inject(vnet.vnet->vni, route->tunnel->id, described.packet, maps);
}

// Whether `name` is "b" or "a/b".
bool IsNamed(const std::string& name, const std::string& tenant,
             const std::string& own) {
  return name == own || name == absl::StrCat(tenant, "/", own);
}

template <typename Ref>
absl::StatusOr<Ref> TheOnly(std::string_view what, const std::string& name,
                            const std::vector<Ref>& found) {
  if (found.size() == 1) return found[0];
  const std::string label = name.empty()
                                ? std::string(what)
                                : absl::StrCat(Abseil(what), " ", Quoted(name));
  if (found.empty())
    return absl::NotFoundError(
        absl::StrCat(label, ": there is none of this name"));
  const std::string names = absl::StrJoin(
      found, ", ",
      [](std::string* out, const Ref& ref) { out->append(NameOf(ref)); });
  return absl::InvalidArgumentError(
      absl::StrCat(label, ": write one of ", names));
}

}  // namespace

absl::StatusOr<Snapshot::TunnelRef> FindTunnelByName(const Snapshot& snapshot,
                                                     const std::string& name) {
  std::vector<Snapshot::TunnelRef> found;
  for (const Tenant& tenant : snapshot.resources().tenants)
    for (const Tunnel& tunnel : tenant.tunnels)
      if (IsNamed(name, tenant.name, tunnel.name))
        found.push_back(snapshot.FindTunnel(tunnel.id));
  return TheOnly("tunnel", name, found);
}

absl::StatusOr<Snapshot::VnetRef> FindVnetByName(const Snapshot& snapshot,
                                                 const std::string& name) {
  std::vector<Snapshot::VnetRef> found;
  for (const Tenant& tenant : snapshot.resources().tenants)
    for (const Vnet& vnet : tenant.vnets)
      if (name.empty() ? vnet.is_default
                       : IsNamed(name, tenant.name, vnet.name))
        found.push_back({&tenant, &vnet});
  return TheOnly("vnet", name, found);
}

absl::StatusOr<Origin> FindOrigin(const DescribedPacket& described,
                                  const Snapshot* snapshot,
                                  const MapReader& maps) {
  if (!described.device.empty()) return OnDevice(described, maps);
  if (snapshot == nullptr) return ByNumbers(described, maps);
  return ByNames(described, *snapshot, maps);
}

absl::StatusOr<Origin> FindDevice(const std::string& name,
                                  std::vector<uint8_t> frame,
                                  const MapReader& maps) {
  ASSIGN_OR_RETURN(const Slot slot, SlotOfDevice(maps, name));
  return Origin{.slot = slot.slot, .device = name, .frame = std::move(frame)};
}

}  // namespace rampart

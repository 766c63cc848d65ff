// SPDX-License-Identifier: Apache-2.0
#include "tools/xdpctl/capture_target.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controller/base/status.h"
#include "maps/next_hop.h"
#include "maps/ramp.h"
#include "tools/xdpctl/session.h"

namespace rampart::xdpctl {
namespace {

absl::StatusOr<std::optional<uint32_t>> SlotOf(const MapReader& maps,
                                               const EventNames& names,
                                               const std::string& device) {
  std::optional<uint32_t> slot;
  RETURN_IF_ERROR(maps.ForEach(
      "rp_devices", sizeof(uint32_t), sizeof(rp_device),
      [&](const void* key, const void* value) {
        uint32_t index;
        rp_device entry;
        std::memcpy(&index, key, sizeof(index));
        std::memcpy(&entry, value, sizeof(entry));
        if (entry.role != RP_ROLE_NONE && names.Device(index) == device)
          slot = index;
        return !slot;
      }));
  return slot;
}

// Adds the peers in one of the maps of peers.
template <typename K, typename Address>
absl::Status AddPeers(const MapReader& maps, std::string_view map,
                      uint32_t tunnel, Address address,
                      std::vector<IpAddress>& remotes) {
  return maps.ForEach(
      map, sizeof(K), sizeof(rp_peer), [&](const void* key, const void* value) {
        K peer_key;
        rp_peer peer;
        std::memcpy(&peer_key, key, sizeof(K));
        std::memcpy(&peer, value, sizeof(peer));
        const IpAddress remote = address(peer_key);
        if (peer.tunnel == tunnel &&
            std::find(remotes.begin(), remotes.end(), remote) == remotes.end())
          remotes.push_back(remote);
        return true;
      });
}

// "acme/fra" or "fra" by the controller, an id without it.
absl::StatusOr<uint32_t> TunnelId(Session& session, const std::string& name) {
  uint32_t id = 0;
  if (absl::SimpleAtoi(name, &id) && id != 0) return id;
  ASSIGN_OR_RETURN(const Json document, session.Get("/v1/tunnels"));
  std::vector<std::string> found;
  for (const Json& row : At(document, "tunnels")) {
    const auto own = At(row, "name").get<std::string>();
    const std::string full =
        absl::StrCat(At(row, "tenant").get<std::string>(), "/", own);
    if (name != own && name != full) continue;
    found.push_back(full);
    id = At(row, "id").get<uint32_t>();
  }
  if (found.size() == 1) return id;
  if (found.empty())
    return absl::NotFoundError(
        absl::StrCat(name, ": neither a device of this edge nor a tunnel"));
  return absl::InvalidArgumentError(
      absl::StrCat(name, ": write one of ", absl::StrJoin(found, ", ")));
}

}  // namespace

absl::StatusOr<Target> FindTarget(Session& session, const MapReader& maps,
                                  const EventNames& names,
                                  const std::string& name) {
  Target target;
  ASSIGN_OR_RETURN(target.slot, SlotOf(maps, names, name));
  if (target.slot) return target;
  ASSIGN_OR_RETURN(target.tunnel, TunnelId(session, name));
  RETURN_IF_ERROR(AddPeers<rp_peer4_key>(
      maps, "rp_peers4", target.tunnel,
      [](const rp_peer4_key& key) { return IpAddress::V4(key.saddr); },
      target.remotes));
  RETURN_IF_ERROR(AddPeers<rp_peer6_key>(
      maps, "rp_peers6", target.tunnel,
      [](const rp_peer6_key& key) { return IpAddress::V6(key.saddr); },
      target.remotes));
  return target;
}

absl::StatusOr<std::set<uint32_t>> NextHopsOf(const MapReader& maps,
                                              uint32_t tunnel) {
  std::set<uint32_t> indexes;
  RETURN_IF_ERROR(maps.ForEach(
      "rp_next_hops", sizeof(uint32_t), sizeof(rp_next_hop),
      [&](const void* key, const void* value) {
        uint32_t index;
        rp_next_hop hop;
        std::memcpy(&index, key, sizeof(index));
        std::memcpy(&hop, value, sizeof(hop));
        if ((hop.use == RP_USE_TUNNEL || hop.use == RP_USE_INTERFACE) &&
            hop.tunnel == tunnel)
          indexes.insert(index);
        return true;
      }));
  if (indexes.empty())
    return absl::NotFoundError(
        absl::StrCat("tunnel ", tunnel, ": nothing leaves through it yet"));
  return indexes;
}

absl::StatusOr<std::set<uint32_t>> NextHopsThrough(const MapReader& maps,
                                                   uint32_t slot) {
  std::set<uint32_t> indexes = {RP_NEXT_HOP_MAX};  // never empty: no limit
  RETURN_IF_ERROR(
      maps.ForEach("rp_next_hops", sizeof(uint32_t), sizeof(rp_next_hop),
                   [&](const void* key, const void* value) {
                     uint32_t index;
                     rp_next_hop hop;
                     std::memcpy(&index, key, sizeof(index));
                     std::memcpy(&hop, value, sizeof(hop));
                     if (hop.kind == RP_NEXT_HOP_SEND && hop.slot == slot)
                       indexes.insert(index);
                     return true;
                   }));
  return indexes;
}

}  // namespace rampart::xdpctl

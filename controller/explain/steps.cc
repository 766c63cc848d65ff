// SPDX-License-Identifier: Apache-2.0
#include "controller/explain/steps.h"

#include <arpa/inet.h>
#include <net/if.h>

#include <cstring>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "controller/api/map_rows.h"
#include "controller/api/names.h"
#include "controller/capture/format.h"
#include "controller/explain/new_flow.h"
#include "maps/config.h"
#include "maps/flow.h"
#include "maps/next_hop.h"
#include "maps/outcomes.h"
#include "maps/punt.h"
#include "maps/ramp.h"
#include "maps/realm.h"

namespace rampart {
namespace {

constexpr uint16_t kGuePort = 6080;  // if there is no rp_config

// Adds to a step the entry that was read.
void AddEntry(std::string_view map, Json key, const void* raw_key,
              const void* raw_value, uint32_t now, Json& step) {
  step["map"] = map;
  step["key"] = std::move(key);
  for (const MapType& type : MapTypes()) {
    if (type.name != map) continue;
    if (std::optional<Json> row = type.row(raw_key, raw_value, now))
      step["value"] = *std::move(row);
  }
}

template <typename V>
void AddIndexed(const MapReader& maps, std::string_view map, uint32_t index,
                uint32_t now, Json& step) {
  if (const absl::StatusOr<V> value = maps.Get<V>(map, index); value.ok())
    AddEntry(map, index, &index, &*value, now, step);
}

// Its key, the outer addresses, is not in the event.
template <typename K>
void AddPeer(const MapReader& maps, std::string_view map, const rp_event& event,
             uint32_t now, Json& step) {
  (void)maps.ForEach(
      map, sizeof(K), sizeof(rp_peer), [&](const void* key, const void* value) {
        rp_peer peer;
        std::memcpy(&peer, value, sizeof(peer));
        if (peer.tunnel != event.tunnel || peer.index != event.peer)
          return true;
        AddEntry(map, absl::StrCat("peer ", event.peer), key, value, now, step);
        return false;
      });
}

void AddRamp(const MapReader& maps, const rp_event& event, uint32_t now,
             Json& step) {
  if (event.outer_family == 4)
    return AddPeer<rp_peer4_key>(maps, "rp_peers4", event, now, step);
  if (event.outer_family == 6)
    return AddPeer<rp_peer6_key>(maps, "rp_peers6", event, now, step);
  AddIndexed<rp_device>(maps, "rp_devices", event.slot, now, step);
}

void AddFlow(const MapReader& maps, const rp_event& event, uint32_t now,
             Json& step) {
  const bool v4 = event.family == 4;
  if (event.flow == RP_NO_ENTRY) {
    step["map"] = v4 ? "rp_flows4" : "rp_flows6";
    return;
  }
  if (v4)
    AddIndexed<rp_flow4>(maps, "rp_flows4", event.flow, now, step);
  else
    AddIndexed<rp_flow6>(maps, "rp_flows6", event.flow, now, step);
}

// Who may enter the realm: what is asked for on the way to the controller.
void AddGrant(const MapReader& maps, const rp_event& event, uint32_t now,
              Json& step) {
  if (event.realm == RP_REALM_UNDERLAY) return;
  const rp_grant_key key = {event.tunnel, event.realm};
  const auto grant = maps.Get<rp_grant>("rp_grants", key);
  if (grant.ok())
    AddEntry("rp_grants",
             absl::StrCat("tunnel ", event.tunnel, " realm ", event.realm),
             &key, &*grant, now, step);
}

void AddMap(const MapReader& maps, const rp_event& event, uint32_t now,
            Json& step) {
  switch (event.point) {
    case RP_AT_RX:
      return AddIndexed<rp_device>(maps, "rp_devices", event.slot, now, step);
    case RP_AT_RAMP:
      return AddRamp(maps, event, now, step);
    case RP_AT_FLOW:
      return AddFlow(maps, event, now, step);
    case RP_AT_NEXT_HOP:
      return AddIndexed<rp_next_hop>(maps, "rp_next_hops", event.next_hop, now,
                                     step);
    case RP_AT_PUNT:
      return AddGrant(maps, event, now, step);
    default:
      break;
  }
}

bool IsMiss(absl::Span<const uint8_t> bytes) {
  rp_punt punt = {};
  if (bytes.size() < sizeof(punt)) return false;
  std::memcpy(&punt, bytes.data(), sizeof(punt));
  return punt.reason == RP_PUNT_MISS;
}

std::string PuntText(absl::Span<const uint8_t> bytes) {
  rp_punt punt = {};
  if (bytes.size() >= sizeof(punt))
    std::memcpy(&punt, bytes.data(), sizeof(punt));
  switch (punt.reason) {
    case RP_PUNT_MISS:
      return "no flow: the controller decides";
    case RP_PUNT_TTL:
      return "on its last hop: the controller tells the sender";
    case RP_PUNT_TOO_BIG:
      return absl::StrCat("larger than ", punt.mtu,
                          ": the controller tells the sender");
    case RP_PUNT_SPLIT:
      return absl::StrCat("larger than ", punt.mtu, ": the controller cuts it");
    case RP_PUNT_FRAGMENT:
      return "a fragment: the controller waits for the others";
    default:
      return "to the controller";
  }
}

// The last header of the frame: the tenant's packet.
std::string InnerLine(absl::Span<const uint8_t> frame, uint16_t gue_port) {
  return FormatPacket(LinkType::kEthernet, frame, gue_port).back().text;
}

std::string RampText(const rp_event& event, const EventNames& names) {
  if (event.realm == RP_REALM_UNDERLAY) return "from the underlay, no tunnel";
  std::string text = names.Tunnel(event.tunnel);
  if (event.outer_family != 0) absl::StrAppend(&text, " peer ", event.peer);
  return absl::StrCat(text, ", ", names.Realm(event.realm));
}

std::string DropText(const rp_event& event) {
  const std::string place = PlaceOf(event.file, event.line);
  for (const DropReason& reason : DropReasons())
    if (reason.value == event.reason)
      return absl::StrCat(std::string(reason.id), " ", std::string(reason.help),
                          " (", place, ")");
  return absl::StrCat("reason ", event.reason, " (", place, ")");
}

std::string NextHopText(const Json& step) {
  const auto value = step.find("value");
  if (value == step.end()) return "";
  const auto text = [&](const char* field) {
    const Json& cell = (*value)[field];
    return cell.is_string() ? cell.get<std::string>() : cell.dump();
  };
  const std::string kind = text("kind");
  if (kind == "drop") return absl::StrCat(": drop for ", text("reason"));
  if (kind != "send") return absl::StrCat(": ", kind);
  const std::string outer = text("outer_daddr");
  return absl::StrCat(": ", text("use"), outer.empty() ? "" : " to ", outer,
                      ", mtu ", text("mtu"));
}

std::string FlowText(const Json& step) {
  const auto value = step.find("value");
  if (value == step.end()) return "";
  const auto field = [&](const char* name) { return (*value)[name].dump(); };
  return absl::StrCat(" (", (*value)["kind"].get<std::string>(), ", next hop ",
                      field("next_hop"), ", ", field("packets"), " packets)");
}

}  // namespace

std::string PlaceOf(uint64_t file, uint32_t line) {
  char name[sizeof(file) + 1] = {};
  std::memcpy(name, &file, sizeof(file));
  return absl::StrCat(name, ":", line);
}

std::string EventNames::Tunnel(uint32_t id) const {
  if (id == RP_TUNNEL_UNDERLAY) return "the underlay";
  if (const auto it = tunnels_.find(id); it != tunnels_.end())
    return it->second;
  const Snapshot::TunnelRef ref =
      snapshot_ != nullptr ? snapshot_->FindTunnel(id) : Snapshot::TunnelRef();
  return ref.tunnel != nullptr ? NameOf(ref) : absl::StrCat("tunnel ", id);
}

std::string EventNames::Realm(uint32_t realm) const {
  if (realm == RP_REALM_UNDERLAY) return "the underlay";
  const Snapshot::VnetRef ref =
      snapshot_ != nullptr ? snapshot_->FindVnet(realm) : Snapshot::VnetRef();
  const std::string vni = absl::StrCat("VNI ", realm);
  if (const auto it = realms_.find(realm); it != realms_.end())
    return absl::StrCat(it->second, " (", vni, ")");
  return ref.vnet != nullptr ? absl::StrCat(NameOf(ref), " (", vni, ")") : vni;
}

std::string EventNames::Tenant(uint32_t id) const {
  if (id == 0) return "-";
  if (const auto it = tenants_.find(id); it != tenants_.end())
    return it->second;
  if (snapshot_ != nullptr)
    for (const rampart::Tenant& tenant : snapshot_->resources().tenants)
      if (tenant.id == id) return tenant.name;
  return absl::StrCat("tenant ", id);
}

std::string EventNames::Device(uint32_t slot) const {
  const auto device = maps_.Get<rp_device>("rp_devices", slot);
  char name[IF_NAMESIZE];
  if (device.ok() && device->role == RP_ROLE_INJECT)
    return "the controller's TAP";
  if (device.ok() && if_indextoname(device->ifindex, name) != nullptr)
    return name;
  return absl::StrCat("slot ", slot);
}

uint16_t EventNames::gue_port() const {
  const auto config = maps_.Get<rp_config>("rp_config", uint32_t{0});
  return config.ok() ? ntohs(config->gue_port) : kGuePort;
}

EventText TextOf(const rp_event& event, absl::Span<const uint8_t> bytes,
                 const EventNames& names) {
  switch (event.point) {
    case RP_AT_RX:
      return {"arrive", absl::StrCat("on ", names.Device(event.slot), ": ",
                                     FormatOneLine(LinkType::kEthernet, bytes,
                                                   names.gue_port()))};
    case RP_AT_RAMP:
      return {"on-ramp", RampText(event, names)};
    case RP_AT_INNER:
      return {"parse",
              absl::StrCat("IPv", event.family, " ", ProtocolName(event.proto),
                           ", ", event.ip_len, " bytes")};
    case RP_AT_FLOW:
      return {"flow", event.flow == RP_NO_ENTRY
                          ? std::string("miss")
                          : absl::StrCat("entry ", event.flow)};
    case RP_AT_NEXT_HOP:
      return {"next hop", absl::StrCat(event.next_hop)};
    case RP_AT_REWRITE:
      return {"rewrite", InnerLine(bytes, names.gue_port())};
    case RP_AT_TX:
      return {"leave",
              FormatOneLine(LinkType::kEthernet, bytes, names.gue_port())};
    case RP_AT_PUNT:
      return {"ask", PuntText(bytes)};
    case RP_AT_PASS:
      return {"pass", "the host's own: its stack gets it as it is"};
    default:
      return {"drop", DropText(event)};
  }
}

Json StepsOf(absl::Span<const DryEvent> events, absl::Span<const uint8_t> frame,
             const MapReader& maps, const EventNames& names, uint32_t now) {
  Json steps = Json::array();
  bool looked_up = false;
  for (const DryEvent& told : events) {
    looked_up = looked_up || told.event.point == RP_AT_FLOW;
    // The look-up that finds nothing is no event of its own.
    if (told.event.point == RP_AT_PUNT && !looked_up && IsMiss(told.bytes))
      steps.push_back(
          {{"stage", "flow"},
           {"text", "miss"},
           {"map", told.event.family == 4 ? "rp_flows4" : "rp_flows6"}});
    EventText text = TextOf(told.event, told.bytes, names);
    if (told.event.point == RP_AT_INNER)
      text.text = InnerLine(frame, names.gue_port());
    Json step = {{"stage", text.stage}, {"text", text.text}};
    AddMap(maps, told.event, now, step);
    std::string more;
    if (told.event.point == RP_AT_NEXT_HOP) more = NextHopText(step);
    if (told.event.point == RP_AT_FLOW) more = FlowText(step);
    step["text"] = text.text + more;
    steps.push_back(std::move(step));
  }
  return steps;
}

}  // namespace rampart

// SPDX-License-Identifier: Apache-2.0
#include "controller/api/offline.h"

#include <net/if.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <string>

#include "absl/strings/str_cat.h"
#include "controller/api/flow_rows.h"
#include "controller/api/maps.h"
#include "controller/api/names.h"
#include "controller/api/resource_rows.h"
#include "controller/api/route.h"
#include "controller/base/status.h"
#include "controller/dataplane/xdp_programs.h"
#include "maps/config.h"
#include "maps/ramp.h"

namespace rampart {
namespace {

constexpr std::string_view kMapPath = "/v1/maps/";
constexpr std::string_view kRoutePath = "/v1/route";
constexpr std::string_view kOverlapsPath = "/v1/route/overlaps";
constexpr std::string_view kWhoCanPath = "/v1/route/who-can";

bool IsAboutRoutes(std::string_view path) {
  return path == kRoutePath || path == kOverlapsPath || path == kWhoCanPath;
}

absl::Status NoMaps(std::string_view path) {
  return absl::UnavailableError(
      absl::StrCat(Absl(path), ": the pinned maps cannot be read"));
}

absl::StatusOr<Json> OfflineRoute(const OfflineInput& input,
                                  std::string_view path, const Query& query) {
  EdgeConfig edge;
  edge.edge = std::string(input.edge);
  const Snapshot snapshot(std::move(edge), input.state->resources,
                          input.state->epoch);
  if (path == kOverlapsPath) return OverlapsDocument(snapshot, query);
  if (path == kWhoCanPath) return WhoCanDocument(snapshot, query);
  return RouteDocument(snapshot, nullptr, query);
}

absl::StatusOr<Json> OfflineDrops(const OfflineInput& input,
                                  const Query& query) {
  return DropsDocument(*input.maps, FindParameter(query, "all") == "1");
}

absl::StatusOr<Json> OfflineMaps(const OfflineInput& input) {
  return MapListDocument(*input.maps, input.now);
}

// What is in the maps and in the state file.
struct FromMaps {
  std::string_view path;
  absl::StatusOr<Json> (*make)(const OfflineInput&, const Query&);
};
struct FromState {
  std::string_view path;
  const char* kind;
  Json (*rows)(const Resources&);
};

template <absl::StatusOr<Json> (*make)(const OfflineInput&)>
absl::StatusOr<Json> Plain(const OfflineInput& input, const Query&) {
  return make(input);
}

constexpr FromMaps kFromMaps[] = {
    {"/v1/status", &Plain<OfflineStatus>},
    {"/v1/devices", &Plain<OfflineDevices>},
    {"/v1/flows", &OfflineFlows},
    {"/v1/nat/sessions", &OfflineNatSessions},
    {"/v1/drops", &OfflineDrops},
    {"/v1/maps", &Plain<OfflineMaps>},
};
constexpr FromState kFromState[] = {
    {"/v1/tenants", "tenants", &TenantRows},
    {"/v1/vnets", "vnets", &VnetRows},
    {"/v1/tunnels", "tunnels", &TunnelRows},
    {"/v1/routes", "routes", &RouteRows},
    {"/v1/policies", "policies", &PolicyRows},
};

// Tenant and name of a tunnel; nulls if it is not known.
std::pair<const Tenant*, const Tunnel*> FindTunnel(const OfflineInput& input,
                                                   uint32_t id) {
  if (input.state != nullptr)
    for (const Tenant& tenant : input.state->resources.tenants)
      for (const Tunnel& tunnel : tenant.tunnels)
        if (tunnel.id == id) return {&tenant, &tunnel};
  return {nullptr, nullptr};
}

Json DeviceRow(const OfflineInput& input, uint32_t slot,
               const rp_device& device) {
  char name[IF_NAMESIZE];
  const bool here = if_indextoname(device.ifindex, name) != nullptr;
  const auto programs = XdpProgramsOf(device.ifindex);
  const auto [tenant, tunnel] = FindTunnel(input, device.tunnel);
  return {{"name", here ? name : absl::StrCat("ifindex ", device.ifindex)},
          {"role", device.role == RP_ROLE_UPLINK ? "uplink" : "access"},
          {"state", here ? "attached" : "missing"},
          {"mode", programs.ok() && !programs->empty() ? (*programs)[0].mode
                                                       : std::string()},
          {"why", ""},
          {"tenant", tenant != nullptr ? tenant->name : ""},
          {"vnet", tunnel != nullptr ? tunnel->vnet : ""},
          {"tunnel", tunnel != nullptr    ? tunnel->name
                     : device.tunnel != 0 ? absl::StrCat(device.tunnel)
                                          : ""},
          {"slot", slot},
          {"ifindex", device.ifindex}};
}

void AddCounters(const std::vector<DeviceCounters>& counters, uint32_t slot,
                 Json& row) {
  for (const DeviceCounters& device : counters) {
    if (device.slot != slot) continue;
    uint64_t dropped = 0;
    for (const DropReason& reason : DropReasons())
      dropped += device.outcomes[reason.value].packets;
    row["forwarded"] = device.outcomes[RP_FORWARDED].packets;
    row["passed"] = device.outcomes[RP_PASSED].packets;
    row["punted"] = device.outcomes[RP_PUNTED].packets;
    row["dropped"] = dropped;
  }
}

// The TAP ends with its controller, so it is left out.
absl::StatusOr<Json> DeviceRows(const OfflineInput& input) {
  ASSIGN_OR_RETURN(const auto counters, input.maps->ReadCounters());
  Json rows = Json::array();
  RETURN_IF_ERROR(input.maps->ForEach(
      "rp_devices", sizeof(uint32_t), sizeof(rp_device),
      [&](const void* key, const void* value) {
        uint32_t slot;
        rp_device device;
        std::memcpy(&slot, key, sizeof(slot));
        std::memcpy(&device, value, sizeof(device));
        if (device.role == RP_ROLE_NONE || device.role == RP_ROLE_INJECT)
          return true;
        Json row = DeviceRow(input, slot, device);
        AddCounters(counters, slot, row);
        rows.push_back(std::move(row));
        return true;
      }));
  return rows;
}

absl::StatusOr<uint32_t> EpochOf(const MapReader& maps) {
  uint32_t epoch = 0;
  RETURN_IF_ERROR(maps.ForEach("rp_config", sizeof(uint32_t), sizeof(rp_config),
                               [&](const void*, const void* value) {
                                 rp_config config;
                                 std::memcpy(&config, value, sizeof(config));
                                 epoch = config.epoch;
                                 return false;
                               }));
  return epoch;
}

}  // namespace

absl::StatusOr<Json> OfflineDevices(const OfflineInput& input) {
  Json document = Document("devices");
  ASSIGN_OR_RETURN(document["devices"], DeviceRows(input));
  return document;
}

absl::StatusOr<Json> OfflineStatus(const OfflineInput& input) {
  const Query all = {{"limit", "1"}};
  ASSIGN_OR_RETURN(const Json flows, OfflineFlows(input, all));
  ASSIGN_OR_RETURN(const Json sessions, OfflineNatSessions(input, all));
  ASSIGN_OR_RETURN(const Json counted, DropsDocument(*input.maps, false));
  ASSIGN_OR_RETURN(const uint32_t capacity,
                   input.maps->MaxEntries("rp_flows4"));
  uint64_t drops = 0;
  for (const Json& row : counted["drops"])
    drops += row["packets"].get<uint64_t>();
  Json document = Document("status");
  document["edge"] = input.edge;
  for (const char* field : {"version", "pid", "uptime_s"})
    document[field] = nullptr;
  document["adopted"] = false;
  ASSIGN_OR_RETURN(document["epoch"], EpochOf(*input.maps));
  document["tenants"] = input.state != nullptr
                            ? Json(input.state->resources.tenants.size())
                            : Json();
  document["flows"] = {{"now", flows["matched"]},
                       {"capacity", capacity},
                       {"started", nullptr},
                       {"ended", nullptr},
                       {"adopted", nullptr}};
  document["nat"] = {{"sessions", sessions["matched"]}};
  document["punts"] = {{"total", nullptr}, {"pending", nullptr}};
  document["drops"] = {{"packets", drops}};
  document["degraded"] = {"no controller: new flows are not decided"};
  ASSIGN_OR_RETURN(document["devices"], DeviceRows(input));
  return document;
}

bool NeedsState(std::string_view path) {
  return IsAboutRoutes(path) ||
         std::any_of(
             std::begin(kFromState), std::end(kFromState),
             [&](const FromState& known) { return known.path == path; });
}

absl::StatusOr<Json> OfflineDocument(const OfflineInput& input,
                                     std::string_view path,
                                     const Query& query) {
  for (const FromMaps& known : kFromMaps) {
    if (known.path != path) continue;
    return input.maps != nullptr ? known.make(input, query) : NoMaps(path);
  }
  if (path.starts_with(kMapPath)) {
    if (input.maps == nullptr) return NoMaps(path);
    ASSIGN_OR_RETURN(const size_t limit, LimitOf(query));
    return MapDumpDocument(*input.maps, path.substr(kMapPath.size()), limit,
                           input.now);
  }
  const absl::Status no_state = absl::UnavailableError(
      absl::StrCat(Absl(path), ": the state file cannot be read"));
  for (const FromState& known : kFromState) {
    if (known.path != path) continue;
    if (input.state == nullptr) return no_state;
    return ResourceDocument(known.kind, known.rows, input.state->resources,
                            input.state->epoch);
  }
  if (IsAboutRoutes(path))
    return input.state != nullptr ? OfflineRoute(input, path, query) : no_state;
  return absl::FailedPreconditionError(absl::StrCat(
      Absl(path), ": only the controller can tell, and none runs"));
}

}  // namespace rampart

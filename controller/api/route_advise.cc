// SPDX-License-Identifier: Apache-2.0
// The routes that hosts behind this edge's interfaces need.
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "controller/api/route.h"
#include "controller/base/status.h"

namespace rampart {
namespace {

// The edge's addresses on a device, by family: what a host names as gateway.
using Gateways = std::map<std::string, std::map<Family, IpAddress>>;

absl::StatusOr<Gateways> GatewaysOf(const Backend& backend) {
  std::map<uint32_t, std::string> names;
  for (const AttachedDevice& device : backend.devices())
    if (device.role == DeviceRole::kAccess) names[device.slot] = device.name;
  Gateways gateways;
  RETURN_IF_ERROR(backend.maps().ForEach(
      "rp_locals", sizeof(rp_local_key), sizeof(uint32_t),
      [&](const void* key, const void*) {
        const auto* local = static_cast<const rp_local_key*>(key);
        const IpAddress address = IpAddress::FromMapped(local->addr);
        const auto name = names.find(local->slot);
        if (name != names.end() && !address.IsLinkLocal())
          gateways[name->second].emplace(address.family(), address);
        return true;
      }));
  return gateways;
}

// A host needs no route to what is on its own link, or only leads back there.
Json AdviceFor(const Tenant& tenant, const Tunnel& tunnel,
               const std::map<Family, IpAddress>& gateways) {
  Json lines = Json::array(), missing = Json::array();
  std::set<Prefix> told;
  for (const Route& route : tenant.routes) {
    const bool back =
        route.kind == Route::Kind::kTunnel && route.tunnel == tunnel.name;
    if (route.vnet != tunnel.vnet || back ||
        route.kind == Route::Kind::kBlackhole ||
        !told.insert(route.cidr).second)
      continue;
    const auto gateway = gateways.find(route.cidr.family());
    if (gateway == gateways.end())
      missing.push_back(route.cidr.ToString());
    else
      lines.push_back(absl::StrCat(
          "ip ", route.cidr.family() == Family::kV6 ? "-6 " : "", "route add ",
          route.cidr.ToString(), " via ", gateway->second.ToString()));
  }
  return {{"tenant", tenant.name},     {"vnet", tunnel.vnet},
          {"tunnel", tunnel.name},     {"device", tunnel.device},
          {"lines", std::move(lines)}, {"missing", std::move(missing)}};
}

}  // namespace

absl::StatusOr<Json> AdviseDocument(const Backend& backend,
                                    const Query& query) {
  const std::shared_ptr<const Snapshot> snapshot = backend.snapshot();
  const std::string_view wanted = FindParameter(query, "vnet");
  Snapshot::VnetRef only;
  if (!wanted.empty()) {
    ASSIGN_OR_RETURN(only, OneVnet(snapshot->resources(), wanted));
  }
  ASSIGN_OR_RETURN(const Gateways gateways, GatewaysOf(backend));
  Json document = Document("route-advise");
  document["edge"] = snapshot->edge().edge;
  document["advice"] = Json::array();
  for (const Tenant& tenant : snapshot->resources().tenants) {
    for (const Tunnel& tunnel : tenant.tunnels) {
      if (tunnel.type != TunnelType::kInterface ||
          tunnel.edge != snapshot->edge().edge ||
          (only.vnet != nullptr &&
           (only.tenant != &tenant || only.vnet->name != tunnel.vnet)))
        continue;
      const auto found = gateways.find(tunnel.device);
      document["advice"].push_back(AdviceFor(tenant, tunnel,
                                             found == gateways.end()
                                                 ? std::map<Family, IpAddress>()
                                                 : found->second));
    }
  }
  return document;
}

}  // namespace rampart

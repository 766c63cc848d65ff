// SPDX-License-Identifier: Apache-2.0
// Which way an address goes, and why not another way.
#include "controller/api/route.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controller/api/peer_rows.h"
#include "controller/base/status.h"
#include "controller/model/words.h"

namespace rampart {
namespace {

std::string FullName(const Snapshot::VnetRef& ref) {
  return absl::StrCat(ref.tenant->name, "/", ref.vnet->name);
}

// The vnets that `name` may mean: "tenant/vnet", "vnet", or "" for defaults.
std::vector<Snapshot::VnetRef> FindVnets(const Resources& resources,
                                         std::string_view name) {
  std::vector<Snapshot::VnetRef> found;
  for (const Tenant& tenant : resources.tenants) {
    for (const Vnet& vnet : tenant.vnets) {
      const Snapshot::VnetRef ref = {&tenant, &vnet};
      if (name.empty() ? vnet.is_default
                       : vnet.name == name || FullName(ref) == name)
        found.push_back(ref);
    }
  }
  return found;
}

void AddHealth(const Tunnel& tunnel, const Engine& engine, Json& row) {
  row["state"] = TunnelState(tunnel, engine);
  uint32_t up = 0;
  std::optional<absl::Duration> rtt;
  for (uint32_t i = 0; i < tunnel.peers.size(); ++i) {
    const PeerView peer = engine.peer(tunnel.id, i);
    if (peer.state == PeerState::kDown) continue;
    ++up;
    if (peer.rtt && (!rtt || *peer.rtt < *rtt)) rtt = peer.rtt;
  }
  row["peers_up"] = up;
  if (rtt) row["rtt_ms"] = absl::ToDoubleMilliseconds(*rtt);
}

Json RouteRow(const Snapshot::VnetRef& vnet, const Snapshot::RouteRef& ref,
              const Engine* engine) {
  const Route::Kind kind = ref.route->kind;
  Json row = {{"tenant", vnet.tenant->name},
              {"vnet", vnet.vnet->name},
              {"default", vnet.vnet->is_default},
              {"cidr", ref.route->cidr.ToString()},
              {"kind", kind == Route::Kind::kTunnel     ? "tunnel"
                       : kind == Route::Kind::kInternet ? "internet"
                                                        : "blackhole"}};
  if (kind == Route::Kind::kInternet) row["pool"] = ref.route->pool;
  if (ref.tunnel != nullptr) {
    row["tunnel"] = ref.tunnel->name;
    row["type"] = WordOf(kTunnelTypes, ref.tunnel->type);
    if (ref.tunnel->type == TunnelType::kInterface)
      row["device"] = ref.tunnel->device;
    else
      row["peers"] = ref.tunnel->peers.size();
    if (engine != nullptr && ref.tunnel->type != TunnelType::kInterface)
      AddHealth(*ref.tunnel, *engine, row);
  }
  return row;
}

}  // namespace

absl::StatusOr<Snapshot::VnetRef> OneVnet(const Resources& resources,
                                          std::string_view name) {
  const auto found = FindVnets(resources, name);
  if (found.size() == 1) return found[0];
  if (found.empty() && !name.empty())
    return absl::NotFoundError(
        absl::StrCat("vnet ", Absl(name), ": there is none of this name"));
  if (found.empty())
    return absl::NotFoundError("route: there is no vnet yet; apply resources");
  const std::string names = absl::StrJoin(
      found, ", ", [](std::string* out, const Snapshot::VnetRef& ref) {
        out->append(FullName(ref));
      });
  return absl::InvalidArgumentError(
      absl::StrCat("vnet ", name.empty() ? "missing" : Absl(name),
                   ": several tenants are here; name one of ", names));
}

absl::StatusOr<Json> RouteDocument(const Snapshot& snapshot,
                                   const Engine* engine, const Query& query) {
  ASSIGN_OR_RETURN(const IpAddress address,
                   IpAddress::Parse(FindParameter(query, "address")));
  ASSIGN_OR_RETURN(const Snapshot::VnetRef vnet,
                   OneVnet(snapshot.resources(), FindParameter(query, "vnet")));
  const auto routes = snapshot.FindRoutes(vnet.vnet->vni, address);
  if (routes.empty())
    return absl::NotFoundError(absl::StrCat(
        "route: nothing routes ", address.ToString(), " in ", FullName(vnet),
        "; xdpctl route list shows what there is"));

  Json document = Document("route");
  document["edge"] = snapshot.edge().edge;
  document["address"] = address.ToString();
  document["route"] = RouteRow(vnet, routes[0], engine);
  document["lost"] = Json::array();
  for (size_t i = 1; i < routes.size(); ++i) {
    Json row = RouteRow(vnet, routes[i], engine);
    row["why"] = "shorter prefix";
    document["lost"].push_back(std::move(row));
  }
  // The same address in the tenant's other vnets: another address space.
  document["also"] = Json::array();
  for (const Vnet& other : vnet.tenant->vnets) {
    if (&other == vnet.vnet) continue;
    if (const auto route = snapshot.FindRoute(other.vni, address))
      document["also"].push_back(
          RouteRow({vnet.tenant, &other}, *route, engine));
  }
  return document;
}

}  // namespace rampart

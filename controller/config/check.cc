// SPDX-License-Identifier: Apache-2.0
#include "controller/config/check.h"

#include <algorithm>
#include <string>
#include <tuple>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "controller/base/text.h"
#include "controller/config/check_policy.h"
#include "controller/config/names_of.h"
#include "controller/model/words.h"

namespace rampart {
namespace {

template <typename T>
const T* FindByName(const std::vector<T>& objects, std::string_view name) {
  const auto it =
      std::find_if(objects.begin(), objects.end(),
                   [&](const T& object) { return object.name == name; });
  return it == objects.end() ? nullptr : &*it;
}

// Every peer says in its packets which vnet they are for.
bool CarriesVnets(const Tunnel& tunnel) {
  return tunnel.type == TunnelType::kGue &&
         std::all_of(tunnel.peers.begin(), tunnel.peers.end(),
                     [](const Peer& peer) { return peer.auth != Auth::kNone; });
}

// Objects that did not come from a file have no line.
std::string Where(int line) {
  return line > 0 ? absl::StrCat(" (line ", line, ")") : "";
}

class Checker {
 public:
  Checker(const EdgeConfig& edge, Mistakes& mistakes)
      : edge_(edge), mistakes_(mistakes) {}

  void Check(const Resources& resources, const Resources* checked) {
    absl::flat_hash_set<const Tenant*> known;
    if (checked != nullptr)
      for (const Tenant& tenant : checked->tenants) known.insert(&tenant);
    CheckNames<Tenant>("tenant", resources.tenants);
    for (const Tenant& tenant : resources.tenants) {
      CheckBesideOthers(tenant);
      if (!known.contains(&tenant)) CheckTenant(tenant);
    }
  }

 private:
  // Where a number, peer or device is used.
  struct Use {
    std::string tenant;
    std::string name;
    int line;
  };

  template <typename... Parts>
  void Add(int line, const Parts&... parts) {
    mistakes_.Add(line, absl::StrCat(parts...));
  }

  // Names that a parser refused are empty and were reported.
  template <typename T, typename Objects = std::vector<T>>
  void CheckNames(const char* what, const Objects& objects) {
    absl::flat_hash_map<std::string, int> first;
    for (const T& object : objects) {
      if (object.name.empty()) continue;
      const auto [it, inserted] = first.emplace(object.name, object.line);
      if (!inserted)
        Add(object.line, "duplicate ", what, " ", Quoted(object.name),
            " (first on line ", it->second, "); give each ", what,
            " its own name");
    }
  }

  void CheckVnetName(int line, const std::string& who, const std::string& name,
                     const Tenant& tenant) {
    if (!name.empty() && !vnets_.contains(name))
      Add(line, who, ": tenant ", Quoted(tenant.name), " has no vnet ",
          Quoted(name), "; ", Suggestion(name, NamesOf(tenant.vnets)));
  }

  void CheckTunnelName(int line, const std::string& who,
                       const std::string& name, const Tenant& tenant) {
    if (!name.empty() && !tunnels_.contains(name))
      Add(line, who, ": tenant ", Quoted(tenant.name), " has no tunnel ",
          Quoted(name), "; ", Suggestion(name, NamesOf(tenant.tunnels)));
  }

  // What it must not share with others.
  void CheckBesideOthers(const Tenant& tenant);
  // All else.
  void CheckTenant(const Tenant& tenant);
  void CheckVni(const Tenant& tenant, const Vnet& vnet);
  void CheckTunnel(const Tenant& tenant, const Tunnel& tunnel);
  void CheckPeer(const Tenant& tenant, const Tunnel& tunnel, const Peer& peer);
  void CheckPeerAddress(const Peer& peer);
  void CheckProbe(const Tenant& tenant, const Tunnel& tunnel);
  void CheckDevice(const Tenant& tenant, const Tunnel& tunnel);
  void CheckOwnDevice(const Tunnel& tunnel);
  void CheckRoute(const Tenant& tenant, const Route& route);
  void CheckRouteVnet(const Route& route, const std::string& who);

  const EdgeConfig& edge_;
  Mistakes& mistakes_;
  absl::flat_hash_map<uint32_t, Use> vnis_;
  absl::flat_hash_map<
      std::tuple<TunnelType, IpAddress, std::optional<uint32_t>>, Use>
      peers_;
  absl::flat_hash_map<std::pair<std::string, std::string>, Use> devices_;
  // Of the tenant at hand.
  absl::flat_hash_set<std::string> vnets_;
  absl::flat_hash_map<std::string, const Tunnel*> tunnels_;
  absl::flat_hash_map<std::pair<std::string, Prefix>, int> routes_;
};

void Checker::CheckBesideOthers(const Tenant& tenant) {
  for (const Vnet& vnet : tenant.vnets) CheckVni(tenant, vnet);
  for (const Tunnel& tunnel : tenant.tunnels) {
    if (tunnel.type == TunnelType::kInterface) CheckDevice(tenant, tunnel);
    for (const Peer& peer : tunnel.peers) CheckPeer(tenant, tunnel, peer);
  }
}

void Checker::CheckTenant(const Tenant& tenant) {
  CheckNames<Vnet>("vnet", tenant.vnets);
  CheckNames<Tunnel>("tunnel", tenant.tunnels);
  vnets_.clear();
  tunnels_.clear();
  routes_.clear();
  for (const Vnet& vnet : tenant.vnets) vnets_.insert(vnet.name);
  for (const Tunnel& tunnel : tenant.tunnels) {
    tunnels_[tunnel.name] = &tunnel;
    CheckTunnel(tenant, tunnel);
  }
  for (const Route& route : tenant.routes) CheckRoute(tenant, route);
  CheckPolicy(tenant, edge_, mistakes_.count() == 0, mistakes_);
}

void Checker::CheckVni(const Tenant& tenant, const Vnet& vnet) {
  if (vnet.vni == 0) return;  // reported by the parser
  const auto [it, inserted] =
      vnis_.emplace(vnet.vni, Use{tenant.name, vnet.name, vnet.line});
  if (inserted) return;
  const Use& use = it->second;
  Add(vnet.line, "vnet ", Quoted(vnet.name), ": VNI ", vnet.vni,
      " belongs to vnet ", Quoted(use.name), " of tenant ", Quoted(use.tenant),
      Where(use.line), "; give each vnet its own");
}

void Checker::CheckTunnel(const Tenant& tenant, const Tunnel& tunnel) {
  CheckVnetName(tunnel.line, absl::StrCat("tunnel ", Quoted(tunnel.name)),
                tunnel.vnet, tenant);
  if (tunnel.type == TunnelType::kInterface) CheckOwnDevice(tunnel);
  for (const Peer& peer : tunnel.peers) CheckPeerAddress(peer);
  CheckProbe(tenant, tunnel);
}

void Checker::CheckProbe(const Tenant& tenant, const Tunnel& tunnel) {
  const Vnet* vnet = FindByName(tenant.vnets, tunnel.vnet);
  if (vnet == nullptr) return;
  for (const IpAddress& target : tunnel.probe.targets)
    if (std::find(vnet->router.begin(), vnet->router.end(), target) !=
        vnet->router.end())
      Add(tunnel.line, "tunnel ", Quoted(tunnel.name), ": probe target ",
          target.ToString(), " is this edge's own address in vnet ",
          Quoted(vnet->name), "; write one beyond the tunnel");
}

// The data plane finds a peer by its address and, of gre, its key.
void Checker::CheckPeer(const Tenant& tenant, const Tunnel& tunnel,
                        const Peer& peer) {
  const auto [it, inserted] =
      peers_.emplace(std::tuple(tunnel.type, peer.remote, peer.gre_key),
                     Use{tenant.name, tunnel.name, peer.line});
  if (inserted) return;
  const bool gre = tunnel.type == TunnelType::kGre;
  const Use& use = it->second;
  Add(peer.line, gre ? "gre" : "gue", " peer ", peer.remote.ToString(),
      peer.gre_key ? absl::StrCat(" with key ", *peer.gre_key) : "",
      " is in tunnel ", Quoted(use.name), " of tenant ", Quoted(use.tenant),
      Where(use.line), "; ",
      gre ? "give each its own key" : "list each remote address once");
}

void Checker::CheckPeerAddress(const Peer& peer) {
  const std::string remote = peer.remote.ToString();
  const auto& ours = edge_.gue_addresses;
  if (std::find(ours.begin(), ours.end(), peer.remote) != ours.end())
    Add(peer.line, "peer ", remote,
        " is a gue address of this edge; write the address of the other end");
  for (const NatPoolConfig& pool : edge_.pools)
    for (const IpAddress& address : pool.addresses)
      if (address == peer.remote)
        Add(peer.line, "peer ", remote, " is in pool ", Quoted(pool.name),
            " of this edge; write the address of the other end");
  if (std::none_of(ours.begin(), ours.end(), [&](const IpAddress& address) {
        return address.family() == peer.remote.family();
      })) {
    const int family = static_cast<int>(peer.remote.family());
    Add(peer.line, "peer ", remote, " is IPv", family,
        ", and this edge has no gue address of that family; add one to "
        "gue.addresses");
  }
}

void Checker::CheckDevice(const Tenant& tenant, const Tunnel& tunnel) {
  if (tunnel.edge.empty() || tunnel.device.empty()) return;
  const std::string who = absl::StrCat("tunnel ", Quoted(tunnel.name));
  const auto [it, inserted] =
      devices_.emplace(std::pair(tunnel.edge, tunnel.device),
                       Use{tenant.name, tunnel.name, tunnel.line});
  if (!inserted)
    Add(tunnel.line, who, ": device ", Quoted(tunnel.device), " of edge ",
        Quoted(tunnel.edge), " belongs to tunnel ", Quoted(it->second.name),
        " of tenant ", Quoted(it->second.tenant), Where(it->second.line),
        "; use another device");
}

void Checker::CheckOwnDevice(const Tunnel& tunnel) {
  if (tunnel.edge != edge_.edge || tunnel.device.empty()) return;
  const std::string who = absl::StrCat("tunnel ", Quoted(tunnel.name));
  const DeviceConfig* device = FindByName(edge_.devices, tunnel.device);
  if (device == nullptr)
    Add(tunnel.line, who, ": edge ", Quoted(tunnel.edge), " has no device ",
        Quoted(tunnel.device), "; add it to devices with role: access");
  else if (device->role != DeviceRole::kAccess)
    Add(tunnel.line, who, ": device ", Quoted(tunnel.device),
        " is an uplink; use a device with role: access");
}

void Checker::CheckRoute(const Tenant& tenant, const Route& route) {
  const std::string who = absl::StrCat("route ", route.cidr.ToString());
  CheckVnetName(route.line, who, route.vnet, tenant);
  const auto [it, inserted] =
      routes_.emplace(std::pair(route.vnet, route.cidr), route.line);
  if (!inserted && !route.vnet.empty())
    Add(route.line, "duplicate ", who, " in vnet ", Quoted(route.vnet),
        " (first on line ", it->second, "); keep one");
  if (route.kind == Route::Kind::kInternet &&
      FindByName(edge_.pools, route.pool) == nullptr)
    Add(route.line, who, ": edge ", Quoted(edge_.edge), " has no pool ",
        Quoted(route.pool), "; ", Suggestion(route.pool, NamesOf(edge_.pools)));
  if (route.kind == Route::Kind::kTunnel) {
    CheckTunnelName(route.line, who, route.tunnel, tenant);
    CheckRouteVnet(route, who);
  }
}

// Packets of another vnet than the tunnel's own would arrive in that one.
void Checker::CheckRouteVnet(const Route& route, const std::string& who) {
  const auto it = tunnels_.find(route.tunnel);
  const Tunnel* tunnel = it == tunnels_.end() ? nullptr : it->second;
  if (tunnel == nullptr || tunnel->vnet.empty() || route.vnet.empty() ||
      tunnel->vnet == route.vnet || CarriesVnets(*tunnel))
    return;
  Add(route.line, who, " in vnet ", Quoted(route.vnet), ": tunnel ",
      Quoted(tunnel->name), " carries vnet ", Quoted(tunnel->vnet),
      " only; use a tunnel of that vnet, or gue with auth mac, cookie or "
      "gre-key");
}

}  // namespace

void CheckResources(const Resources& resources, const EdgeConfig& edge,
                    Mistakes& mistakes, const Resources* checked) {
  Checker(edge, mistakes).Check(resources, checked);
}

absl::Status CheckResources(const Resources& resources,
                            const EdgeConfig& edge) {
  Mistakes mistakes(resources.file);
  CheckResources(resources, edge, mistakes);
  return mistakes.ToStatus();
}

}  // namespace rampart

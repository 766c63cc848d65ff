// SPDX-License-Identifier: Apache-2.0
#include "controller/compile/tenant.h"

#include <arpa/inet.h>

#include <algorithm>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "controller/base/status.h"
#include "controller/compile/peer_key.h"

namespace rampart {
namespace {

// What the objects of one tenant call each other. Validation made sure that
// every name used exists.
class Names {
 public:
  explicit Names(const Tenant& tenant) {
    for (const Vnet& vnet : tenant.vnets)
      vnets_.emplace(vnet.name, vnets_.size());
    for (const Tunnel& tunnel : tenant.tunnels) tunnels_[tunnel.name] = &tunnel;
  }

  // Its position.
  size_t VnetAt(const std::string& vnet) const {
    const auto it = vnets_.find(vnet);
    RP_CHECK(it != vnets_.end());
    return it->second;
  }

  // Null for a route that is not to a tunnel.
  const Tunnel* TunnelOf(const Route& route) const {
    if (route.kind != Route::Kind::kTunnel) return nullptr;
    const auto it = tunnels_.find(route.tunnel);
    RP_CHECK(it != tunnels_.end());
    return it->second;
  }

 private:
  absl::flat_hash_map<absl::string_view, size_t> vnets_;
  absl::flat_hash_map<absl::string_view, const Tunnel*> tunnels_;
};

rp_profile Profile(const Tunnel& tunnel, const Peer& peer) {
  if (tunnel.type == TunnelType::kGre) return RP_PROFILE_GRE;
  switch (peer.auth) {
    case Auth::kMac:
      return RP_PROFILE_MAC;
    case Auth::kCookie:
      return RP_PROFILE_COOKIE;
    case Auth::kGreKey:
      return RP_PROFILE_GRE_KEY;
    case Auth::kNone:
      break;
  }
  return RP_PROFILE_NONE;
}

rp_peer_kind Kind(const Tunnel& tunnel, const Peer& peer) {
  if (tunnel.type == TunnelType::kGue) return RP_PEER_GUE;
  return peer.gre_key ? RP_PEER_GRE_KEY : RP_PEER_GRE;
}

rp_peer CompilePeer(const Tenant& tenant, const Tunnel& tunnel, uint32_t index,
                    uint32_t vni) {
  const Peer& peer = tunnel.peers[index];
  rp_peer result = {};
  result.tunnel = tunnel.id;
  result.tenant = static_cast<uint16_t>(tenant.id);
  result.index = index;
  result.profile = Profile(tunnel, peer);
  if (result.profile == RP_PROFILE_NONE || result.profile == RP_PROFILE_GRE)
    result.realm = vni;
  if (tunnel.type == TunnelType::kGre) {
    result.flags = (peer.checksum ? RP_PEER_GRE_CSUM : 0) |
                   (peer.sequence ? RP_PEER_GRE_SEQ : 0);
    return result;
  }
  if (peer.accept_zero_checksum) result.flags = RP_PEER_ZERO_CSUM6;
  const size_t keys = std::min<size_t>(peer.keys.size(), RP_PEER_KEYS);
  for (size_t i = 0; i < keys; ++i)
    result.keys[i] = CompilePeerKey(peer.auth, peer.keys[i]);
  return result;
}

void SetAddress(const IpAddress& address, __be32& out) { out = address.v4(); }
void SetAddress(const IpAddress& address, uint8_t (&out)[16]) {
  address.ToV6(out);
}

class Compiler {
 public:
  Compiler(const EdgeConfig& edge, CompiledTenant& out)
      : edge_(edge), tenant_(out.tenant), names_(out.tenant), out_(out) {}

  void Compile() {
    for (const Vnet& vnet : tenant_.vnets)
      out_.vnets.push_back({.vni = vnet.vni, .routes = {}});
    for (const Route& route : tenant_.routes)
      out_.vnets[names_.VnetAt(route.vnet)].routes.Insert(
          route.cidr, {&route, names_.TunnelOf(route)});
    for (const Tunnel& tunnel : tenant_.tunnels) {
      out_.tunnel_realms.push_back(VniOf(tunnel.vnet));
      AddPeers(Family::kV4, tunnel, out_.peers4);
      AddPeers(Family::kV6, tunnel, out_.peers6);
    }
    AddGrants();
    AddInside();
  }

 private:
  uint32_t VniOf(const std::string& vnet) const {
    return out_.vnets[names_.VnetAt(vnet)].vni;
  }

  // Every peer of `family` behind each of our tunnel addresses of that family.
  template <typename Key>
  void AddPeers(Family family, const Tunnel& tunnel,
                std::vector<std::pair<Key, rp_peer>>& peers) {
    for (uint32_t i = 0; i < tunnel.peers.size(); ++i) {
      const Peer& peer = tunnel.peers[i];
      if (peer.remote.family() != family) continue;
      for (const IpAddress& local : edge_.gue_addresses) {
        if (local.family() != family) continue;
        Key key = {};
        SetAddress(peer.remote, key.saddr);
        SetAddress(local, key.daddr);
        key.kind = Kind(tunnel, peer);
        if (key.kind == RP_PEER_GRE_KEY)
          key.gre_key = htonl(peer.gre_key.value_or(0));
        peers.emplace_back(key,
                           CompilePeer(tenant_, tunnel, i, VniOf(tunnel.vnet)));
      }
    }
  }

  void AddGrants() {
    absl::flat_hash_set<std::pair<uint32_t, uint32_t>> seen;
    const auto grant = [&](const Tunnel& tunnel, const std::string& vnet) {
      const uint32_t vni = VniOf(vnet);
      if (seen.emplace(tunnel.id, vni).second)
        out_.grants.push_back({{tunnel.id, vni}, {tenant_.id}});
    };
    for (const Tunnel& tunnel : tenant_.tunnels) grant(tunnel, tunnel.vnet);
    for (const Route& route : tenant_.routes) {
      const Tunnel* tunnel = names_.TunnelOf(route);
      if (tunnel != nullptr && CarriesVnets(*tunnel))
        grant(*tunnel, route.vnet);
    }
  }

  bool IsExcluding(const std::string& name) const {
    const auto pool = std::find_if(
        edge_.pools.begin(), edge_.pools.end(),
        [&](const NatPoolConfig& known) { return known.name == name; });
    return pool != edge_.pools.end() && !pool->exclude.empty();
  }

  void AddInside() {
    absl::flat_hash_set<absl::string_view> vnets;
    for (const Route& route : tenant_.routes)
      if (route.kind == Route::Kind::kInternet && IsExcluding(route.pool))
        vnets.insert(route.vnet);
    if (vnets.empty()) return;
    for (const Route& route : tenant_.routes)
      if (route.kind == Route::Kind::kTunnel && vnets.contains(route.vnet))
        out_.inside.push_back(route.cidr);
  }

  const EdgeConfig& edge_;
  const Tenant& tenant_;
  const Names names_;
  CompiledTenant& out_;
};

}  // namespace

bool CarriesVnets(const Tunnel& tunnel) {
  return tunnel.type == TunnelType::kGue &&
         std::any_of(tunnel.peers.begin(), tunnel.peers.end(),
                     [](const Peer& peer) { return peer.auth != Auth::kNone; });
}

std::shared_ptr<const CompiledTenant> CompileTenant(const EdgeConfig& edge,
                                                    Shared<Tenant> tenant) {
  auto compiled = std::make_shared<CompiledTenant>();
  compiled->tenant = std::move(tenant);
  Compiler(edge, *compiled).Compile();
  compiled->policy = std::make_unique<CompiledPolicy>(*compiled->tenant);
  return compiled;
}

}  // namespace rampart

// SPDX-License-Identifier: Apache-2.0
#include "controller/compile/snapshot.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "controller/base/status.h"
#include "controller/compile/peer_key.h"

namespace rampart {
namespace {

// What the edge says inside a vnet that gives it no address: RFC 7600 section
// 4.8 and RFC 9780.
constexpr uint8_t kDummyIpv4[4] = {192, 0, 0, 8};
constexpr uint8_t kDummyIpv6[16] = {0x01, 0, 0, 0, 0, 0, 0, 0x01,
                                    0,    0, 0, 0, 0, 0, 0, 8};

// What the objects of one tenant call each other. Validation made sure that
// every name used exists.
class Names {
 public:
  explicit Names(const Tenant& tenant) {
    for (const Vnet& vnet : tenant.vnets) vnis_[vnet.name] = vnet.vni;
    for (const Tunnel& tunnel : tenant.tunnels) tunnels_[tunnel.name] = &tunnel;
  }

  uint32_t Vni(const std::string& vnet) const {
    const auto it = vnis_.find(vnet);
    RP_CHECK(it != vnis_.end());
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
  absl::flat_hash_map<absl::string_view, uint32_t> vnis_;
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

// The profile names the vnet in each packet, so a peer may carry several.
bool CarriesVnets(const Tunnel& tunnel) {
  return tunnel.type == TunnelType::kGue &&
         std::any_of(tunnel.peers.begin(), tunnel.peers.end(),
                     [](const Peer& peer) { return peer.auth != Auth::kNone; });
}

// Every peer of `family` behind each of our tunnel addresses of that family.
template <typename Key>
std::vector<std::pair<Key, rp_peer>> CompilePeers(
    const Resources& resources, const std::vector<IpAddress>& locals,
    Family family) {
  std::vector<std::pair<Key, rp_peer>> result;
  const auto add = [&](const Tenant& tenant, const Tunnel& tunnel,
                       uint32_t index, uint32_t vni, const IpAddress& local) {
    const Peer& peer = tunnel.peers[index];
    Key key = {};
    SetAddress(peer.remote, key.saddr);
    SetAddress(local, key.daddr);
    key.kind = Kind(tunnel, peer);
    if (key.kind == RP_PEER_GRE_KEY) key.gre_key = htonl(*peer.gre_key);
    result.emplace_back(key, CompilePeer(tenant, tunnel, index, vni));
  };
  for (const Tenant& tenant : resources.tenants) {
    const Names names(tenant);
    for (const Tunnel& tunnel : tenant.tunnels) {
      const uint32_t vni = names.Vni(tunnel.vnet);
      for (uint32_t i = 0; i < tunnel.peers.size(); ++i) {
        if (tunnel.peers[i].remote.family() != family) continue;
        for (const IpAddress& local : locals)
          if (local.family() == family) add(tenant, tunnel, i, vni, local);
      }
    }
  }
  return result;
}

}  // namespace

Snapshot::Snapshot(EdgeConfig edge, Resources resources, uint32_t epoch)
    : edge_(std::move(edge)), resources_(std::move(resources)), epoch_(epoch) {
  for (const Tenant& tenant : resources_.tenants) {
    const Names names(tenant);
    for (const Vnet& vnet : tenant.vnets) vnets_[vnet.vni] = {&tenant, &vnet};
    for (const Tunnel& tunnel : tenant.tunnels)
      tunnels_[tunnel.id] = {&tenant, &tunnel, names.Vni(tunnel.vnet)};
    for (const Route& route : tenant.routes)
      routes_[names.Vni(route.vnet)].Insert(route.cidr,
                                            {&route, names.TunnelOf(route)});
  }
}

Snapshot::VnetRef Snapshot::FindVnet(uint32_t realm) const {
  const auto it = vnets_.find(realm);
  return it == vnets_.end() ? VnetRef() : it->second;
}

Snapshot::TunnelRef Snapshot::FindTunnel(uint32_t id) const {
  const auto it = tunnels_.find(id);
  return it == tunnels_.end() ? TunnelRef() : it->second;
}

const NatPoolConfig* Snapshot::FindPool(std::string_view name) const {
  for (const NatPoolConfig& pool : edge_.pools)
    if (pool.name == name) return &pool;
  return nullptr;
}

std::optional<Snapshot::RouteRef> Snapshot::FindRoute(
    uint32_t realm, const IpAddress& destination) const {
  const auto table = routes_.find(realm);
  if (table == routes_.end()) return std::nullopt;
  const RouteRef* found = table->second.Find(destination);
  if (found == nullptr) return std::nullopt;
  return *found;
}

std::vector<Snapshot::RouteRef> Snapshot::FindRoutes(
    uint32_t realm, const IpAddress& destination) const {
  std::vector<RouteRef> result;
  const auto table = routes_.find(realm);
  if (table == routes_.end()) return result;
  for (const RouteRef* route : table->second.FindAll(destination))
    result.push_back(*route);
  return result;
}

bool Snapshot::SourceAllowed(uint32_t tunnel, uint32_t realm,
                             const IpAddress& source) const {
  const TunnelRef ref = FindTunnel(tunnel);
  if (ref.tunnel == nullptr || FindVnet(realm).tenant != ref.tenant)
    return false;
  const std::optional<RouteRef> back = FindRoute(realm, source);
  if (back && back->tunnel == ref.tunnel) return true;
  return std::any_of(
      ref.tunnel->sources.begin(), ref.tunnel->sources.end(),
      [&](const Prefix& allowed) { return allowed.Contains(source); });
}

IpAddress Snapshot::RouterAddress(uint32_t realm, Family family) const {
  if (const Vnet* vnet = FindVnet(realm).vnet) {
    for (const IpAddress& router : vnet->router)
      if (router.family() == family) return router;
  }
  if (family == Family::kV6) return IpAddress::V6(kDummyIpv6);
  uint32_t dummy;
  std::memcpy(&dummy, kDummyIpv4, sizeof(dummy));
  return IpAddress::V4(dummy);
}

std::vector<std::pair<rp_peer4_key, rp_peer>> Snapshot::Peers4() const {
  return CompilePeers<rp_peer4_key>(resources_, edge_.gue_addresses,
                                    Family::kV4);
}

std::vector<std::pair<rp_peer6_key, rp_peer>> Snapshot::Peers6() const {
  return CompilePeers<rp_peer6_key>(resources_, edge_.gue_addresses,
                                    Family::kV6);
}

std::vector<std::pair<rp_grant_key, rp_grant>> Snapshot::Grants() const {
  std::vector<std::pair<rp_grant_key, rp_grant>> result;
  for (const Tenant& tenant : resources_.tenants) {
    const Names names(tenant);
    absl::flat_hash_set<std::pair<uint32_t, uint32_t>> seen;
    const auto grant = [&](const Tunnel& tunnel, uint32_t vni) {
      if (seen.emplace(tunnel.id, vni).second)
        result.push_back({{tunnel.id, vni}, {tenant.id}});
    };
    for (const Tunnel& tunnel : tenant.tunnels)
      grant(tunnel, names.Vni(tunnel.vnet));
    for (const Route& route : tenant.routes) {
      const Tunnel* tunnel = names.TunnelOf(route);
      if (tunnel != nullptr && CarriesVnets(*tunnel))
        grant(*tunnel, names.Vni(route.vnet));
    }
  }
  return result;
}

std::vector<std::pair<rp_address_key, uint32_t>> Snapshot::Addresses() const {
  absl::flat_hash_map<IpAddress, uint32_t> uses;
  for (const IpAddress& address : edge_.gue_addresses)
    uses[address] |= RP_ADDRESS_TUNNEL;
  for (const NatPoolConfig& pool : edge_.pools)
    for (const IpAddress& address : pool.addresses)
      uses[address] |= RP_ADDRESS_NAT;
  std::vector<std::pair<rp_address_key, uint32_t>> result;
  for (const auto& [address, use] : uses) {
    rp_address_key key;
    address.ToMapped(key.addr);
    result.emplace_back(key, use);
  }
  return result;
}

std::optional<uint32_t> Snapshot::VniOf(std::string_view tenant,
                                        std::string_view vnet) const {
  for (const auto& [vni, ref] : vnets_)
    if (ref.tenant->name == tenant && ref.vnet->name == vnet) return vni;
  return std::nullopt;
}

std::vector<NatStatic> Snapshot::NatStatics() const {
  std::vector<NatStatic> result;
  for (const NatPoolConfig& pool : edge_.pools)
    for (const NatStaticConfig& mapping : pool.static_mappings)
      if (const auto realm = VniOf(mapping.tenant, mapping.vnet))
        result.push_back({.pool = pool.name,
                          .subscriber = {*realm, mapping.inside.address},
                          .protocol = mapping.protocol,
                          .inside_port = mapping.inside.port,
                          .outside = mapping.outside});
  return result;
}

std::vector<NatPrefix> Snapshot::NatPrefixes() const {
  std::vector<NatPrefix> result;
  for (const NatPoolConfig& pool : edge_.pools)
    for (const NatPrefixConfig& prefix : pool.prefixes)
      if (const auto realm = VniOf(prefix.tenant, prefix.vnet))
        result.push_back({.pool = pool.name,
                          .realm = *realm,
                          .inside = prefix.inside,
                          .outside = prefix.outside});
  return result;
}

std::vector<std::pair<rp_prefix_key, uint32_t>> Snapshot::Prefixes() const {
  absl::flat_hash_map<Prefix, uint32_t> uses;
  for (const NatPrefix& prefix : NatPrefixes())
    uses[prefix.outside] |= RP_ADDRESS_NAT | RP_ADDRESS_PREFIX;
  absl::flat_hash_set<std::string_view> excluding;  // pools
  for (const NatPoolConfig& pool : edge_.pools)
    if (!pool.exclude.empty()) excluding.insert(pool.name);
  for (const Tenant& tenant : resources_.tenants) {
    const auto is_excluding = [&](const Route& route, std::string_view vnet) {
      return route.vnet == vnet && route.kind == Route::Kind::kInternet &&
             excluding.contains(route.pool);
    };
    for (const Route& route : tenant.routes)
      if (route.kind == Route::Kind::kTunnel &&
          std::any_of(tenant.routes.begin(), tenant.routes.end(),
                      [&](const Route& other) {
                        return is_excluding(other, route.vnet);
                      }))
        uses[route.cidr] |= RP_ADDRESS_NAT | RP_ADDRESS_INSIDE;
  }
  std::vector<std::pair<rp_prefix_key, uint32_t>> result;
  for (const auto& [prefix, use] : uses) {
    rp_prefix_key key = {};
    key.bits = prefix.length() + (prefix.address().is_v4() ? 96 : 0);
    prefix.address().ToMapped(key.addr);
    result.emplace_back(key, use);
  }
  return result;
}

}  // namespace rampart

// SPDX-License-Identifier: Apache-2.0
#include "controller/compile/snapshot.h"

#include <algorithm>
#include <cstring>
#include <string>

namespace rampart {
namespace {

// What the edge says inside a vnet that gives it no address: RFC 7600 section
// 4.8 and RFC 9780.
constexpr uint8_t kDummyIpv4[4] = {192, 0, 0, 8};
constexpr uint8_t kDummyIpv6[16] = {0x01, 0, 0, 0, 0, 0, 0, 0x01,
                                    0,    0, 0, 0, 0, 0, 0, 8};

// Those of all tenants.
template <typename T>
std::vector<T> Join(
    const std::vector<std::shared_ptr<const CompiledTenant>>& tenants,
    std::vector<T> CompiledTenant::*of) {
  std::vector<T> result;
  for (const auto& tenant : tenants) {
    const std::vector<T>& more = (*tenant).*of;
    result.insert(result.end(), more.begin(), more.end());
  }
  return result;
}

}  // namespace

Snapshot::Snapshot(EdgeConfig edge, Resources resources, uint32_t epoch,
                   const Snapshot* before)
    : edge_(std::move(edge)), resources_(std::move(resources)), epoch_(epoch) {
  absl::flat_hash_map<uint32_t, std::shared_ptr<const CompiledTenant>> known;
  if (before != nullptr)
    for (const auto& tenant : before->tenants_)
      known.emplace(tenant->tenant->id, tenant);
  for (const Shared<Tenant>& tenant : resources_.tenants) {
    const auto it = known.find(tenant->id);
    if (it != known.end() && it->second->tenant.SameAs(tenant))
      tenants_.push_back(it->second);
    else
      tenants_.push_back(CompileTenant(edge_, tenant));
    Index(*tenants_.back());
  }
}

void Snapshot::Index(const CompiledTenant& compiled) {
  const Tenant& tenant = compiled.tenant;
  for (size_t i = 0; i < tenant.vnets.size(); ++i) {
    const uint32_t vni = tenant.vnets[i].vni;
    vnets_[vni] = {&tenant, &tenant.vnets[i], compiled.policy.get()};
    routes_[vni] = &compiled.vnets[i].routes;
  }
  for (size_t i = 0; i < tenant.tunnels.size(); ++i)
    tunnels_[tenant.tunnels[i].id] = {&tenant, &tenant.tunnels[i],
                                      compiled.tunnel_realms[i]};
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
  const RouteRef* found = table->second->Find(destination);
  if (found == nullptr) return std::nullopt;
  return *found;
}

std::vector<Snapshot::RouteRef> Snapshot::FindRoutes(
    uint32_t realm, const IpAddress& destination) const {
  std::vector<RouteRef> result;
  const auto table = routes_.find(realm);
  if (table == routes_.end()) return result;
  for (const RouteRef* route : table->second->FindAll(destination))
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
  return Join(tenants_, &CompiledTenant::peers4);
}

std::vector<std::pair<rp_peer6_key, rp_peer>> Snapshot::Peers6() const {
  return Join(tenants_, &CompiledTenant::peers6);
}

std::vector<std::pair<rp_grant_key, rp_grant>> Snapshot::Grants() const {
  return Join(tenants_, &CompiledTenant::grants);
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
  for (const auto& tenant : tenants_)
    for (const Prefix& prefix : tenant->inside)
      uses[prefix] |= RP_ADDRESS_NAT | RP_ADDRESS_INSIDE;
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

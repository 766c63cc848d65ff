// SPDX-License-Identifier: Apache-2.0
// The resources in force, compiled for look-ups. Immutable: a change makes a
// new one, which is one epoch.
#ifndef RAMPART_CONTROLLER_COMPILE_SNAPSHOT_H_
#define RAMPART_CONTROLLER_COMPILE_SNAPSHOT_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "controller/base/ip.h"
#include "controller/compile/tenant.h"
#include "controller/config/edge_config.h"
#include "controller/model/resources.h"
#include "controller/nat/types.h"
#include "maps/ramp.h"

namespace rampart {

// Compiled from one edge's configuration and the resources, both copied in.
class Snapshot {
 public:
  struct VnetRef {
    const Tenant* tenant = nullptr;
    const Vnet* vnet = nullptr;
    const CompiledPolicy* policy = nullptr;  // of the tenant
  };
  struct TunnelRef {
    const Tenant* tenant = nullptr;
    const Tunnel* tunnel = nullptr;
    uint32_t realm = 0;  // VNI of the tunnel's vnet
  };
  using RouteRef = rampart::RouteRef;

  // resources: validated, ids filled in by the store. before: one of the same
  // edge; tenants that nobody has edited since are not compiled again.
  Snapshot(EdgeConfig edge, Resources resources, uint32_t epoch,
           const Snapshot* before = nullptr);
  Snapshot(const Snapshot&) = delete;

  const EdgeConfig& edge() const { return edge_; }
  const Resources& resources() const { return resources_; }
  uint32_t epoch() const { return epoch_; }

  // Null members if there is no such VNI or id. O(1).
  VnetRef FindVnet(uint32_t realm) const;
  TunnelRef FindTunnel(uint32_t id) const;
  const NatPoolConfig* FindPool(std::string_view name) const;

  // The route with the longest prefix. Cost: one hash look-up per prefix
  // length in use in that vnet.
  std::optional<RouteRef> FindRoute(uint32_t realm,
                                    const IpAddress& destination) const;
  // Every route that contains `destination`, longest prefix first.
  std::vector<RouteRef> FindRoutes(uint32_t realm,
                                   const IpAddress& destination) const;

  // Anti-spoof at flow set-up: `source` is routed back to `tunnel` in `realm`,
  // or listed in the tunnel's `sources`.
  bool SourceAllowed(uint32_t tunnel, uint32_t realm,
                     const IpAddress& source) const;

  // Source of what the edge itself sends inside a vnet: the vnet's `router`
  // address; 192.0.0.8 (RFC 7600 section 4.8, the IPv4 dummy address) or
  // 100:0:0:1::8 (RFC 9780, the dummy IPv6 prefix) if it has none.
  IpAddress RouterAddress(uint32_t realm, Family family) const;

  // Entries for the data plane's maps, complete and without duplicates.
  // Interface tunnels are not peers; their grants are here all the same.
  std::vector<std::pair<rp_peer4_key, rp_peer>> Peers4() const;
  std::vector<std::pair<rp_peer6_key, rp_peer>> Peers6() const;
  // A tunnel may enter its own vnet; a gue peer in mac, cookie or gre-key
  // makes its tunnel enter every vnet of the tenant that has a route through
  // that tunnel.
  std::vector<std::pair<rp_grant_key, rp_grant>> Grants() const;
  // Tunnel addresses and NAT pool addresses; value: enum rp_address_use.
  std::vector<std::pair<rp_address_key, uint32_t>> Addresses() const;
  // What is translated one to one, and the networks behind tunnels of vnets
  // whose pool leaves some destinations untranslated.
  std::vector<std::pair<rp_prefix_key, uint32_t>> Prefixes() const;

  // Of all pools, with the VNIs that their vnets have now; those of vnets that
  // are not there are left out.
  std::vector<NatStatic> NatStatics() const;
  std::vector<NatPrefix> NatPrefixes() const;

 private:
  void Index(const CompiledTenant& compiled);
  std::optional<uint32_t> VniOf(std::string_view tenant,
                                std::string_view vnet) const;

  EdgeConfig edge_;
  Resources resources_;
  uint32_t epoch_;
  absl::flat_hash_map<uint32_t, VnetRef> vnets_;
  absl::flat_hash_map<uint32_t, TunnelRef> tunnels_;
  absl::flat_hash_map<uint32_t, const PrefixTable<RouteRef>*> routes_;  // VNI
  std::vector<std::shared_ptr<const CompiledTenant>> tenants_;
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_COMPILE_SNAPSHOT_H_

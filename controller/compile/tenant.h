// SPDX-License-Identifier: Apache-2.0
// One tenant, compiled: its part of a Snapshot.
#ifndef RAMPART_CONTROLLER_COMPILE_TENANT_H_
#define RAMPART_CONTROLLER_COMPILE_TENANT_H_

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "controller/base/ip.h"
#include "controller/compile/prefix_table.h"
#include "controller/config/edge_config.h"
#include "controller/model/resources.h"
#include "controller/policy/compiled_policy.h"
#include "maps/ramp.h"

namespace rampart {

struct RouteRef {
  const Route* route = nullptr;
  const Tunnel* tunnel = nullptr;  // Route::Kind::kTunnel
};

// Immutable, and the same in every Snapshot until the tenant changes, so that
// a change costs what one tenant costs. All pointers are into `tenant`.
struct CompiledTenant {
  struct VnetRoutes {
    uint32_t vni = 0;
    PrefixTable<RouteRef> routes;
  };

  Shared<Tenant> tenant;
  std::vector<VnetRoutes> vnets;        // in the order of tenant->vnets
  std::vector<uint32_t> tunnel_realms;  // in the order of tenant->tunnels
  // As Snapshot::Peers4(), Peers6(), Grants().
  std::vector<std::pair<rp_peer4_key, rp_peer>> peers4;
  std::vector<std::pair<rp_peer6_key, rp_peer>> peers6;
  std::vector<std::pair<rp_grant_key, rp_grant>> grants;
  // Networks behind tunnels, in vnets that reach the Internet by a pool which
  // leaves some destinations untranslated.
  std::vector<Prefix> inside;
  std::unique_ptr<const CompiledPolicy> policy;
};

// Its packets may name their vnet, so it carries several; others enter the
// tunnel's own.
bool CarriesVnets(const Tunnel& tunnel);

// tenant: validated, ids filled in by the store. Cost: of its routes, some
// 100 ns each; of its rules, some microseconds.
std::shared_ptr<const CompiledTenant> CompileTenant(const EdgeConfig& edge,
                                                    Shared<Tenant> tenant);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_COMPILE_TENANT_H_

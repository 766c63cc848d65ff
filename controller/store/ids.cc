// SPDX-License-Identifier: Apache-2.0
#include "controller/store/ids.h"

#include "absl/strings/str_cat.h"
#include "controller/base/status.h"
#include "controller/base/text.h"

namespace rampart {
namespace {

// Indices of rp_tenants.
constexpr size_t kTenantsMax = 65535;

}  // namespace

absl::Status AssignIds(Resources& resources, Ids& ids) {
  for (Shared<Tenant>& tenant : resources.tenants) {
    const uint32_t next = static_cast<uint32_t>(ids.tenants.size() + 1);
    const uint32_t id =
        ids.tenants.try_emplace(tenant->name, next).first->second;
    if (id > kTenantsMax)
      return absl::ResourceExhaustedError(absl::StrCat(
          "tenant ", Quoted(tenant->name), ": ", kTenantsMax,
          " tenants had an id before; start with a new state store"));
    if (tenant->id != id) tenant.Edit().id = id;
    for (size_t i = 0; i < tenant->tunnels.size(); ++i) {
      const Tunnel& tunnel = tenant->tunnels[i];
      const uint32_t next_tunnel =
          static_cast<uint32_t>(ids.tunnels.size() + 1);
      const uint32_t tunnel_id =
          ids.tunnels.try_emplace({tenant->name, tunnel.name}, next_tunnel)
              .first->second;
      if (tunnel.id != tunnel_id) tenant.Edit().tunnels[i].id = tunnel_id;
    }
  }
  return absl::OkStatus();
}

}  // namespace rampart

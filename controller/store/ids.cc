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
  for (Tenant& tenant : resources.tenants) {
    const uint32_t next = static_cast<uint32_t>(ids.tenants.size() + 1);
    tenant.id = ids.tenants.try_emplace(tenant.name, next).first->second;
    if (tenant.id > kTenantsMax)
      return absl::ResourceExhaustedError(absl::StrCat(
          "tenant ", Quoted(tenant.name), ": ", kTenantsMax,
          " tenants had an id before; start with a new state store"));
    for (Tunnel& tunnel : tenant.tunnels) {
      const uint32_t next_tunnel =
          static_cast<uint32_t>(ids.tunnels.size() + 1);
      tunnel.id =
          ids.tunnels.try_emplace({tenant.name, tunnel.name}, next_tunnel)
              .first->second;
    }
  }
  return absl::OkStatus();
}

}  // namespace rampart

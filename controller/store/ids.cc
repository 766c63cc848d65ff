// SPDX-License-Identifier: Apache-2.0
#include "controller/store/ids.h"

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "controller/base/text.h"

namespace rampart {
namespace {

// Indices of rp_tenants.
constexpr size_t kTenantsMax = 65535;

void AssignIds(Shared<Tenant>& tenant, Ids& ids, std::vector<NewId>& given) {
  const auto next = static_cast<uint32_t>(ids.tenants.size() + 1);
  const auto [known, is_new] = ids.tenants.try_emplace(tenant->name, next);
  if (is_new) given.push_back({tenant->name, "", next});
  if (tenant->id != known->second) tenant.Edit().id = known->second;
  for (size_t i = 0; i < tenant->tunnels.size(); ++i) {
    const Tunnel& tunnel = tenant->tunnels[i];
    const auto next_tunnel = static_cast<uint32_t>(ids.tunnels.size() + 1);
    const auto [same, is_new_tunnel] =
        ids.tunnels.try_emplace({tenant->name, tunnel.name}, next_tunnel);
    if (is_new_tunnel)
      given.push_back({tenant->name, tunnel.name, next_tunnel});
    if (tunnel.id != same->second) tenant.Edit().tunnels[i].id = same->second;
  }
}

}  // namespace

absl::StatusOr<std::vector<NewId>> AssignIds(Resources& resources,
                                             const Resources& known, Ids& ids) {
  absl::flat_hash_set<const Tenant*> have_ids;
  for (const Tenant& tenant : known.tenants) have_ids.insert(&tenant);
  std::vector<NewId> given;
  for (Shared<Tenant>& tenant : resources.tenants) {
    if (have_ids.contains(&*tenant)) continue;
    AssignIds(tenant, ids, given);
    if (tenant->id <= kTenantsMax) continue;
    TakeBack(given, ids);
    return absl::ResourceExhaustedError(absl::StrCat(
        "tenant ", Quoted(tenant->name), ": ", kTenantsMax,
        " tenants had an id before; start with a new state store"));
  }
  return given;
}

void TakeBack(const std::vector<NewId>& given, Ids& ids) {
  for (const NewId& id : given) {
    if (id.tunnel.empty())
      ids.tenants.erase(id.tenant);
    else
      ids.tunnels.erase({id.tenant, id.tunnel});
  }
}

}  // namespace rampart

// SPDX-License-Identifier: Apache-2.0
#include "controller/store/ids.h"

#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "controller/base/status.h"
#include "controller/base/text.h"

namespace rampart {
namespace {

// Entries of rp_tenants, which the id is an index into.
constexpr int64_t kTenantIdMax = 65535;
constexpr int64_t kTunnelIdMax = UINT32_MAX;

template <typename T>
absl::Status Assign(const char* what, const std::vector<T>& from,
                    std::vector<T>& to, int64_t max, int64_t& next) {
  absl::flat_hash_map<std::string, uint32_t> known;
  for (const T& object : from) known[object.name] = object.id;
  for (T& object : to) {
    const auto it = known.find(object.name);
    if (it != known.end()) {
      object.id = it->second;
    } else if (next > max) {
      return absl::ResourceExhaustedError(
          absl::StrCat(what, " ", Quoted(object.name), ": all ", max,
                       " ids were given away; start with a new state store"));
    } else {
      object.id = static_cast<uint32_t>(next++);
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status AssignIds(const Resources& from, Resources& to, NextIds& next) {
  RETURN_IF_ERROR(
      Assign("tenant", from.tenants, to.tenants, kTenantIdMax, next.tenant));
  absl::flat_hash_map<uint32_t, const Tenant*> before;
  for (const Tenant& tenant : from.tenants) before[tenant.id] = &tenant;
  const Tenant none;
  for (Tenant& tenant : to.tenants) {
    const auto it = before.find(tenant.id);
    const Tenant& old = it == before.end() ? none : *it->second;
    RETURN_IF_ERROR(Assign("tunnel", old.tunnels, tenant.tunnels, kTunnelIdMax,
                           next.tunnel));
  }
  return absl::OkStatus();
}

}  // namespace rampart

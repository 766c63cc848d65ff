// SPDX-License-Identifier: Apache-2.0
// Which vnet is meant where none is named, and which VNI.
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "controller/base/text.h"
#include "controller/config/check.h"

namespace rampart {
namespace {

// VNIs that nobody wrote begin where 24-bit ones, which people write, end.
constexpr uint32_t kFirstGiven = uint32_t{1} << 24;

// The default of one tenant; null if there is none, or two.
const Vnet* FindDefault(Tenant& tenant, Mistakes& mistakes) {
  if (tenant.vnets.empty())
    tenant.vnets.push_back({.name = "default", .line = tenant.line});
  if (tenant.vnets.size() == 1) tenant.vnets[0].is_default = true;
  const Vnet* found = nullptr;
  bool twice = false;
  for (const Vnet& vnet : tenant.vnets) {
    if (!vnet.is_default) continue;
    if (found != nullptr) {
      twice = true;
      mistakes.Add(
          vnet.line,
          absl::StrCat("vnet ", Quoted(vnet.name), " is a second default of ",
                       "tenant ", Quoted(tenant.name), " (the first is ",
                       Quoted(found->name), " on line ", found->line,
                       "); keep one"));
    } else {
      found = &vnet;
    }
  }
  if (found == nullptr)
    mistakes.Add(tenant.line,
                 absl::StrCat("tenant ", Quoted(tenant.name), " has ",
                              tenant.vnets.size(), " vnets and no default; ",
                              "write default: true in one of them"));
  return twice ? nullptr : found;
}

void Resolve(Tenant& tenant, Mistakes& mistakes) {
  const Vnet* found = FindDefault(tenant, mistakes);
  if (found == nullptr) return;
  for (Tunnel& tunnel : tenant.tunnels)
    if (tunnel.vnet.empty()) tunnel.vnet = found->name;
  for (Route& route : tenant.routes)
    if (route.vnet.empty()) route.vnet = found->name;
  for (PolicyTest& test : tenant.tests)
    if (test.vnet.empty()) test.vnet = found->name;
}

}  // namespace

void ResolveDefaultVnets(Resources& resources, Mistakes& mistakes) {
  for (Shared<Tenant>& tenant : resources.tenants)
    Resolve(tenant.Edit(), mistakes);
}

void GiveVnis(Resources& resources, const Resources& in_force) {
  using Name = std::pair<std::string, std::string>;
  std::vector<std::pair<Shared<Tenant>*, size_t>> wanting;
  absl::flat_hash_set<uint32_t> taken;
  for (Shared<Tenant>& tenant : resources.tenants)
    for (size_t i = 0; i < tenant->vnets.size(); ++i)
      if (const uint32_t vni = tenant->vnets[i].vni; vni != 0)
        taken.insert(vni);
      else
        wanting.emplace_back(&tenant, i);
  if (wanting.empty()) return;
  absl::flat_hash_map<Name, uint32_t> before;
  for (const Tenant& tenant : in_force.tenants)
    for (const Vnet& vnet : tenant.vnets)
      before[{tenant.name, vnet.name}] = vnet.vni;
  // Those that keep theirs first.
  const auto give = [&](Shared<Tenant>& tenant, size_t index, uint32_t vni) {
    if (taken.insert(vni).second) tenant.Edit().vnets[index].vni = vni;
  };
  for (const auto& [tenant, index] : wanting) {
    const auto it =
        before.find({(*tenant)->name, (*tenant)->vnets[index].name});
    if (it != before.end()) give(*tenant, index, it->second);
  }
  uint32_t next = kFirstGiven;
  for (const auto& [tenant, index] : wanting)
    for (; (*tenant)->vnets[index].vni == 0; ++next) give(*tenant, index, next);
}

}  // namespace rampart

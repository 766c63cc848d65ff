// SPDX-License-Identifier: Apache-2.0
// Which vnet is meant where none is named.
#include <string>

#include "absl/strings/str_cat.h"
#include "controller/base/text.h"
#include "controller/config/check.h"

namespace rampart {
namespace {

// The default of one tenant; null if there is none, or two.
const Vnet* FindDefault(Tenant& tenant, Mistakes& mistakes) {
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
  if (found == nullptr && !tenant.vnets.empty())
    mistakes.Add(tenant.line,
                 absl::StrCat("tenant ", Quoted(tenant.name), " has ",
                              tenant.vnets.size(), " vnets and no default; ",
                              "write default: true in one of them"));
  return twice ? nullptr : found;
}

void Resolve(Tenant& tenant, Mistakes& mistakes) {
  const Vnet* found = FindDefault(tenant, mistakes);
  const auto resolve = [&](std::string& vnet, int line, std::string_view what,
                           const std::string& name) {
    if (!vnet.empty()) return;
    if (found != nullptr)
      vnet = found->name;
    else if (tenant.vnets.empty())
      mistakes.Add(
          line,
          absl::StrCat(Abseil(what), " ", name, " needs a vnet, and tenant ",
                       Quoted(tenant.name), " has none; add one under vnets"));
  };
  for (Tunnel& tunnel : tenant.tunnels)
    resolve(tunnel.vnet, tunnel.line, "tunnel", Quoted(tunnel.name));
  for (Route& route : tenant.routes)
    resolve(route.vnet, route.line, "route", route.cidr.ToString());
  for (PolicyTest& test : tenant.tests)
    resolve(test.vnet, test.line, "test", Quoted(test.name));
}

}  // namespace

void ResolveDefaultVnets(Resources& resources, Mistakes& mistakes) {
  for (Shared<Tenant>& tenant : resources.tenants)
    Resolve(tenant.Edit(), mistakes);
}

}  // namespace rampart

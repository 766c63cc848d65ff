// SPDX-License-Identifier: Apache-2.0
// What an apply would change.
#include <array>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "controller/api/resource_rows.h"

namespace rampart {
namespace {

// (kind, tenant, name) -> contents.
using Name = std::array<std::string, 3>;
using Index = std::map<Name, std::string>;

void AddRows(std::string_view kind, const Json& rows, Index& index) {
  for (const Json& row : rows) {
    const std::string name = kind == "route"
                                 ? row["vnet"].get<std::string>() + " " +
                                       row["cidr"].get<std::string>()
                                 : row["name"].get<std::string>();
    const std::string tenant =
        kind == "tenant" ? name : row["tenant"].get<std::string>();
    // Of a tenant's row only the name is its own; the rest counts others.
    index[{std::string(kind), tenant, name}] =
        kind == "tenant" ? name : row.dump();
  }
}

Index IndexOf(const Resources& resources) {
  Index index;
  AddRows("tenant", TenantRows(resources), index);
  AddRows("vnet", VnetRows(resources), index);
  AddRows("tunnel", TunnelRows(resources), index);
  AddRows("route", RouteRows(resources), index);
  AddRows("policy", PolicyRows(resources), index);
  // Rows leave out the keys themselves.
  for (const Tenant& tenant : resources.tenants) {
    for (const Tunnel& tunnel : tenant.tunnels) {
      std::string& contents = index[{"tunnel", tenant.name, tunnel.name}];
      for (const Peer& peer : tunnel.peers)
        for (const PeerKey& key : peer.keys)
          contents.append(key.secret.begin(), key.secret.end());
    }
  }
  return index;
}

// Names of a tenant's rules that both have, in the order of `tenant`.
std::vector<std::string> Order(const Tenant& tenant, const Index& other) {
  std::vector<std::string> names;
  for (const PolicyRule& rule : tenant.policies)
    if (other.contains({"policy", tenant.name, rule.name}))
      names.push_back(rule.name);
  return names;
}

// Those tenants of `resources` that `other` does not share.
Resources NotSharedWith(const Resources& other, const Resources& resources) {
  absl::flat_hash_set<const Tenant*> shared;
  for (const Tenant& tenant : other.tenants) shared.insert(&tenant);
  Resources rest;
  for (const Shared<Tenant>& tenant : resources.tenants)
    if (!shared.contains(&*tenant)) rest.tenants.push_back(tenant);
  return rest;
}

Json Entry(const Name& name) {
  return {{"kind", name[0]}, {"tenant", name[1]}, {"name", name[2]}};
}

void AddReordered(const Resources& from, const Index& before,
                  const Resources& to, const Index& after, Json& changed) {
  for (const Tenant& tenant : to.tenants)
    for (const Tenant& old : from.tenants)
      if (old.name == tenant.name && Order(old, after) != Order(tenant, before))
        changed.push_back(Entry({"policy", tenant.name, "(order)"}));
}

}  // namespace

Json DiffResources(const Resources& all_from, const Resources& all_to) {
  const Resources from = NotSharedWith(all_to, all_from);
  const Resources to = NotSharedWith(all_from, all_to);
  const Index before = IndexOf(from);
  const Index after = IndexOf(to);
  Json added = Json::array();
  Json changed = Json::array();
  Json removed = Json::array();
  for (const auto& [name, contents] : after) {
    const auto old = before.find(name);
    if (old == before.end())
      added.push_back(Entry(name));
    else if (old->second != contents)
      changed.push_back(Entry(name));
  }
  for (const auto& [name, contents] : before)
    if (!after.contains(name)) removed.push_back(Entry(name));
  AddReordered(from, before, to, after, changed);
  return {{"added", added}, {"changed", changed}, {"removed", removed}};
}

}  // namespace rampart

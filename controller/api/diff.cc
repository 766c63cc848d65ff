// SPDX-License-Identifier: Apache-2.0
// What an apply would change.
#include <array>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "controller/api/json.h"
#include "controller/api/resource_rows.h"
#include "controller/model/json.h"

namespace rampart {
namespace {

// (kind, tenant, name) -> contents.
using Name = std::array<std::string, 3>;
using Index = std::map<Name, std::string>;

// Where it is written is not part of what it is.
template <typename T>
std::string Contents(T object) {
  object.line = 0;
  return ToJson(object).dump(-1, ' ', false, Json::error_handler_t::replace);
}
std::string Contents(Tunnel tunnel) {
  std::string secrets;  // no document has them
  for (Peer& peer : tunnel.peers) {
    peer.line = 0;
    for (const PeerKey& key : peer.keys)
      secrets.append(key.secret.begin(), key.secret.end());
  }
  return Contents<Tunnel>(std::move(tunnel)) + secrets;
}

// What is the tenant's and of none of the other kinds.
std::string OwnContents(const Tenant& tenant) {
  Tenant own = {.name = tenant.name,
                .comment = tenant.comment,
                .denials = tenant.denials,
                .groups = tenant.groups,
                .revoked = tenant.revoked,
                .tests = tenant.tests};
  for (Group& group : own.groups) group.line = 0;
  for (PolicyTest& test : own.tests) test.line = 0;
  return Contents(std::move(own));
}

Index IndexOf(const Resources& resources) {
  Index index;
  for (const Tenant& tenant : resources.tenants) {
    const std::string& of = tenant.name;
    index[{"tenant", of, of}] = OwnContents(tenant);
    for (const Vnet& vnet : tenant.vnets)
      index[{"vnet", of, vnet.name}] = Contents(vnet);
    for (const Tunnel& tunnel : tenant.tunnels)
      index[{"tunnel", of, tunnel.name}] = Contents(tunnel);
    for (const Route& route : tenant.routes)
      index[{"route", of, route.vnet + " " + route.cidr.ToString()}] =
          Contents(route);
    for (const PolicyRule& rule : tenant.policies)
      index[{"policy", of, rule.name}] = Contents(rule);
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

// SPDX-License-Identifier: Apache-2.0
#include "controller/api/edit.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controller/base/status.h"
#include "controller/base/text.h"
#include "controller/model/json.h"

namespace rampart {
namespace {

template <typename T>
struct Kind;
template <>
struct Kind<Tenant> {
  static constexpr char kWord[] = "tenant";
  static constexpr auto kRead = &TenantFromJson;
};
template <>
struct Kind<Vnet> {
  static constexpr char kWord[] = "vnet";
  static constexpr auto kRead = &VnetFromJson;
  static constexpr auto kList = &Tenant::vnets;
};
template <>
struct Kind<Tunnel> {
  static constexpr char kWord[] = "tunnel";
  static constexpr auto kRead = &TunnelFromJson;
  static constexpr auto kList = &Tenant::tunnels;
};
template <>
struct Kind<Route> {
  static constexpr char kWord[] = "route";
  static constexpr auto kRead = &RouteFromJson;
  static constexpr auto kList = &Tenant::routes;
};
template <>
struct Kind<PolicyRule> {
  static constexpr char kWord[] = "policy";
  static constexpr auto kRead = &PolicyRuleFromJson;
  static constexpr auto kList = &Tenant::policies;
};

template <typename T>
Names NamesOf(const std::string& tenant, const T& object) {
  return {tenant, object.name};
}
Names NamesOf(const std::string& tenant, const Route& route) {
  return {tenant, route.vnet, route.cidr.ToString()};
}

template <typename T>
std::string Called(const Names& names) {
  return absl::StrCat(Kind<T>::kWord, " ", absl::StrJoin(names, "/"));
}

// Path names as objects have them: a CIDR in its one form.
template <typename T>
absl::StatusOr<Names> Canonical(Names names) {
  if constexpr (std::is_same_v<T, Route>) {
    ASSIGN_OR_RETURN(const Prefix cidr, Prefix::Parse(names[2]));
    names[2] = cidr.ToString();
  }
  return names;
}

absl::StatusOr<size_t> TenantIndex(const Resources& resources,
                                   const std::string& name) {
  const auto& tenants = resources.tenants;
  const auto it = std::find_if(
      tenants.begin(), tenants.end(),
      [&](const Shared<Tenant>& tenant) { return tenant->name == name; });
  if (it == tenants.end())
    return absl::NotFoundError(
        absl::StrCat("tenant ", Quoted(name), ": there is none of this name"));
  return static_cast<size_t>(it - tenants.begin());
}

// Where the object is: in which tenant, and in its list there.
template <typename T>
absl::StatusOr<std::pair<size_t, size_t>> IndexOf(const Resources& resources,
                                                  const Names& names) {
  ASSIGN_OR_RETURN(const Names wanted, Canonical<T>(names));
  ASSIGN_OR_RETURN(const size_t tenant, TenantIndex(resources, names[0]));
  const std::vector<T>& list = (*resources.tenants[tenant]).*Kind<T>::kList;
  for (size_t i = 0; i < list.size(); ++i)
    if (NamesOf(names[0], list[i]) == wanted) return std::pair(tenant, i);
  return absl::NotFoundError(
      absl::StrCat(Called<T>(wanted), ": there is none of this name"));
}

// What the store gives is not for clients to write.
absl::Status CheckBody(const char* kind, const Json& body) {
  if (!body.is_object())
    return absl::InvalidArgumentError(absl::StrCat(
        kind, ": the body must be a JSON object with the keys of a ", kind,
        " in resources.yaml"));
  for (const char* key : {"id", "line"})
    if (body.contains(key))
      return absl::InvalidArgumentError(absl::StrCat(
          kind, ": key \"", key, "\" is given by the edge; leave it out"));
  return absl::OkStatus();
}

void StripLines(Json& json) {
  if (json.is_object()) json.erase("line");
  for (Json& value : json)
    if (value.is_structured()) StripLines(value);
}

// The default vnet is one: this one, if it says so.
void TakeDefault(Tenant& tenant, size_t index) {
  if (!tenant.vnets[index].is_default) return;
  for (size_t i = 0; i < tenant.vnets.size(); ++i)
    tenant.vnets[i].is_default = i == index;
}

const std::string* DefaultVnet(const Tenant& tenant) {
  for (const Vnet& vnet : tenant.vnets)
    if (vnet.is_default) return &vnet.name;
  return nullptr;
}

// So that its name is known.
void NameVnet(const Tenant& tenant, Route& route) {
  const std::string* vnet = DefaultVnet(tenant);
  if (route.vnet.empty() && vnet != nullptr) route.vnet = *vnet;
}

template <typename T>
absl::Status Exists(const Names& names, const T&) {
  return absl::AlreadyExistsError(
      absl::StrCat(Called<T>(names),
                   ": there is one of this name; change it, or give "
                   "another name"));
}
// The sentence and the code that Cloudflare's tools have for it.
absl::Status Exists(const Names& names, const Route& route) {
  const std::string via = route.kind == Route::Kind::kTunnel     ? route.tunnel
                          : route.kind == Route::Kind::kInternet ? "internet"
                                                                 : "blackhole";
  return absl::AlreadyExistsError(absl::StrCat(
      "route ", names[2],
      ": You already have a route defined for this exact IP subnet (code "
      "1014): tenant ",
      names[0], ", vnet ", names[1], ", via ", via,
      "; delete it first, or use another vnet"));
}

template <typename T>
absl::StatusOr<size_t> Position(const std::vector<T>& list,
                                const std::string& before) {
  if constexpr (std::is_same_v<T, PolicyRule>) {
    for (size_t i = 0; i < list.size() && !before.empty(); ++i)
      if (list[i].name == before) return i;
    if (!before.empty())
      return absl::NotFoundError(
          absl::StrCat("policy: before: there is no rule ", Quoted(before)));
  }
  return list.size();
}

// "tunnel fra", "3 routes": what keeps a vnet or tunnel from being removed.
std::string Users(size_t count, const char* kind) {
  return count == 1 ? absl::StrCat("a ", kind)
                    : absl::StrCat(count, " ", kind, "s");
}

absl::Status InUse(const std::string& who, const std::vector<size_t>& counts) {
  constexpr const char* kKinds[] = {"tunnel", "route", "policy rule"};
  std::vector<std::string> users;
  for (size_t i = 0; i < counts.size(); ++i)
    if (counts[i] > 0) users.push_back(Users(counts[i], kKinds[i]));
  if (users.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(who, ": ", absl::StrJoin(users, ", "),
                   " of the tenant name it; delete or change those first"));
}

template <typename List, typename Uses>
size_t Count(const List& list, Uses uses) {
  return static_cast<size_t>(std::count_if(list.begin(), list.end(), uses));
}

absl::Status MayRemove(const Tenant& tenant, const Vnet& vnet) {
  const std::string who = absl::StrCat("vnet ", tenant.name, "/", vnet.name);
  if (vnet.is_default)
    return absl::FailedPreconditionError(absl::StrCat(
        who,
        ": it is the tenant's default, and there must be one; make "
        "another vnet the default first"));
  const auto uses = [&](const auto& object) {
    return object.vnet == vnet.name;
  };
  return InUse(who, {Count(tenant.tunnels, uses), Count(tenant.routes, uses),
                     Count(tenant.policies, [&](const PolicyRule& rule) {
                       return rule.match.vnet == vnet.name;
                     })});
}

absl::Status MayRemove(const Tenant& tenant, const Tunnel& tunnel) {
  return InUse(
      absl::StrCat("tunnel ", tenant.name, "/", tunnel.name),
      {0,
       Count(tenant.routes,
             [&](const Route& route) { return route.tunnel == tunnel.name; }),
       Count(tenant.policies, [&](const PolicyRule& rule) {
         return rule.match.tunnel == tunnel.name;
       })});
}

template <typename T>
absl::Status MayRemove(const Tenant&, const T&) {
  return absl::OkStatus();
}

// The object with the body merged in, which still has its name.
template <typename T>
absl::StatusOr<T> Merged(const T& object, const Names& names,
                         const Json& body) {
  RETURN_IF_ERROR(CheckBody(Kind<T>::kWord, body));
  Json json = ToJson(object);
  json.merge_patch(body);
  ASSIGN_OR_RETURN(T merged, Kind<T>::kRead(json));
  if (NamesOf(names[0], merged) != NamesOf(names[0], object))
    return absl::InvalidArgumentError(
        absl::StrCat(Called<T>(names),
                     ": what it is called cannot be changed; add a new one, "
                     "then delete this one"));
  return merged;
}

}  // namespace

template <typename T>
std::string_view KindOf() {
  return Kind<T>::kWord;
}

template <typename T>
absl::StatusOr<const T*> FindObject(const Resources& resources,
                                    const Names& names) {
  if constexpr (std::is_same_v<T, Tenant>) {
    ASSIGN_OR_RETURN(const size_t index, TenantIndex(resources, names[0]));
    return &*resources.tenants[index];
  } else {
    ASSIGN_OR_RETURN(const auto index, IndexOf<T>(resources, names));
    return &((*resources.tenants[index.first]).*Kind<T>::kList)[index.second];
  }
}

template <typename T>
absl::StatusOr<Names> AddObject(Resources& resources, const Names& names,
                                const Json& body, const std::string& before) {
  RETURN_IF_ERROR(CheckBody(Kind<T>::kWord, body));
  ASSIGN_OR_RETURN(T object, Kind<T>::kRead(body));
  if constexpr (std::is_same_v<T, Tenant>) {
    const std::string name = object.name;
    if (TenantIndex(resources, name).ok()) return Exists({name}, object);
    resources.tenants.emplace_back(std::move(object));
    return Names{name};
  } else {
    ASSIGN_OR_RETURN(const size_t tenant, TenantIndex(resources, names[0]));
    if constexpr (std::is_same_v<T, Route>)
      NameVnet(resources.tenants[tenant], object);
    const Names added = NamesOf(names[0], object);
    const auto other = IndexOf<T>(resources, added);
    const auto& list = (*resources.tenants[tenant]).*Kind<T>::kList;
    if (other.ok()) return Exists(added, list[other->second]);
    ASSIGN_OR_RETURN(const size_t position, Position(list, before));
    Tenant& edited = resources.tenants[tenant].Edit();
    auto& objects = edited.*Kind<T>::kList;
    objects.insert(objects.begin() + static_cast<ptrdiff_t>(position),
                   std::move(object));
    if constexpr (std::is_same_v<T, Vnet>) TakeDefault(edited, position);
    return added;
  }
}

template <typename T>
absl::Status PatchObject(Resources& resources, const Names& names,
                         const Json& body) {
  ASSIGN_OR_RETURN(const T* object, FindObject<T>(resources, names));
  ASSIGN_OR_RETURN(T merged, Merged(*object, names, body));
  if constexpr (std::is_same_v<T, Tenant>) {
    ASSIGN_OR_RETURN(const size_t index, TenantIndex(resources, names[0]));
    resources.tenants[index] = Shared<Tenant>(std::move(merged));
  } else {
    ASSIGN_OR_RETURN(const auto index, IndexOf<T>(resources, names));
    Tenant& tenant = resources.tenants[index.first].Edit();
    (tenant.*Kind<T>::kList)[index.second] = std::move(merged);
    if constexpr (std::is_same_v<T, Vnet>) TakeDefault(tenant, index.second);
  }
  return absl::OkStatus();
}

template <typename T>
absl::Status RemoveObject(Resources& resources, const Names& names) {
  if constexpr (std::is_same_v<T, Tenant>) {
    ASSIGN_OR_RETURN(const size_t index, TenantIndex(resources, names[0]));
    resources.tenants.erase(resources.tenants.begin() +
                            static_cast<ptrdiff_t>(index));
  } else {
    ASSIGN_OR_RETURN(const auto index, IndexOf<T>(resources, names));
    Shared<Tenant>& tenant = resources.tenants[index.first];
    RETURN_IF_ERROR(
        MayRemove(*tenant, ((*tenant).*Kind<T>::kList)[index.second]));
    auto& list = tenant.Edit().*Kind<T>::kList;
    list.erase(list.begin() + static_cast<ptrdiff_t>(index.second));
  }
  return absl::OkStatus();
}

template <typename T>
Json ObjectToJson(const T& object) {
  Json json = ToJson(object);
  StripLines(json);
  json.erase("id");
  return json;
}

#define RAMPART_EDITS(T)                                                       \
  template std::string_view KindOf<T>();                                       \
  template absl::StatusOr<const T*> FindObject<T>(const Resources&,            \
                                                  const Names&);               \
  template absl::StatusOr<Names> AddObject<T>(                                 \
      Resources&, const Names&, const Json&, const std::string&);              \
  template absl::Status PatchObject<T>(Resources&, const Names&, const Json&); \
  template absl::Status RemoveObject<T>(Resources&, const Names&);             \
  template Json ObjectToJson<T>(const T&);
RAMPART_EDITS(Tenant)
RAMPART_EDITS(Vnet)
RAMPART_EDITS(Tunnel)
RAMPART_EDITS(Route)
RAMPART_EDITS(PolicyRule)
#undef RAMPART_EDITS

}  // namespace rampart

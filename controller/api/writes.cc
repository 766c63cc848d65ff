// SPDX-License-Identifier: Apache-2.0
#include "controller/api/writes.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controller/api/edit.h"
#include "controller/api/resource_rows.h"
#include "controller/api/selectors.h"
#include "controller/base/status.h"
#include "controller/base/text.h"
#include "controller/config/check.h"
#include "controller/config/secrets.h"

namespace rampart {
namespace {

struct Parameters {
  bool dry_run = false;
  std::string before;
};

absl::StatusOr<Parameters> ParseParameters(const Query& query, bool before) {
  Parameters parameters;
  for (const auto& [name, value] : query) {
    if (name == "before" && before) {
      parameters.before = value;
    } else if (name != "dry_run") {
      return absl::InvalidArgumentError(
          absl::StrCat("parameter ", Quoted(name), ": unknown; write dry_run",
                       before ? " or before" : ""));
    } else if (value != "0" && value != "1") {
      return absl::InvalidArgumentError(absl::StrCat(
          "parameter dry_run: ", Quoted(value), " is not known; write 0 or 1"));
    } else {
      parameters.dry_run = value == "1";
    }
  }
  return parameters;
}

absl::StatusOr<Json> ParseBody(std::string_view kind, const std::string& body) {
  Json json = Json::parse(body, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded())
    return absl::InvalidArgumentError(
        absl::StrCat(Absl(kind), ": the body is not JSON"));
  return json;
}

void CheckKeyFiles(const Tenant& tenant, Mistakes& mistakes) {
  for (const Tunnel& tunnel : tenant.tunnels)
    for (const Peer& peer : tunnel.peers)
      for (const PeerKey& key : peer.keys)
        if (!key.key_file.starts_with('/'))
          mistakes.Add(0, absl::StrCat("tunnel ", Quoted(tunnel.name),
                                       ": peer ", peer.remote.ToString(),
                                       ": key_file ", Quoted(key.key_file),
                                       " is relative to nothing; write an "
                                       "absolute path"));
}

// What a file goes through, for the tenant that was edited.
absl::Status Check(const Snapshot& current, const std::string& name,
                   Resources& next) {
  Mistakes mistakes("");
  const auto tenant = std::find_if(
      next.tenants.begin(), next.tenants.end(),
      [&](const Shared<Tenant>& tenant) { return tenant->name == name; });
  if (tenant != next.tenants.end()) {
    Resources edited = {.file = "", .tenants = {std::move(*tenant)}};
    CheckKeyFiles(edited.tenants[0], mistakes);
    ResolveDefaultVnets(edited, mistakes);
    if (mistakes.count() == 0) LoadSecrets(edited, mistakes);
    *tenant = std::move(edited.tenants[0]);
    GiveVnis(next, current.resources());
  }
  CheckResources(next, current.edge(), mistakes, &current.resources());
  return mistakes.ToStatus();
}

template <typename T>
bool Uses(const Names& names, const T&, const Selectable& flow) {
  if (flow.tenant != names[0]) return false;
  if constexpr (std::is_same_v<T, Tenant>)
    return true;
  else if constexpr (std::is_same_v<T, Vnet>)
    return flow.vnet == names[1];
  else if constexpr (std::is_same_v<T, Tunnel>)
    return flow.on_ramp == names[1] || flow.off_ramp == names[1];
  else
    return flow.rule == names[1];
}
bool Uses(const Names& names, const Route& route, const Selectable& flow) {
  return flow.tenant == names[0] && flow.vnet == names[1] &&
         (route.cidr.Contains(flow.source) ||
          route.cidr.Contains(flow.destination));
}

struct Write {
  std::string_view verb;  // "add"
  std::string_view kind;
  Names names;
  bool dry_run;
  Resources next;
};

// Checks it and puts it in force.
absl::StatusOr<Json> Commit(Backend& backend, const ApiCall& call,
                            Write write) {
  const std::shared_ptr<const Snapshot> current = backend.snapshot();
  RETURN_IF_ERROR(Check(*current, write.names[0], write.next));
  Json diff = DiffResources(current->resources(), write.next);
  const bool same = write.next.tenants == current->resources().tenants;
  // What has no row of its own is the tenant's.
  if (!same && diff["added"].empty() && diff["changed"].empty() &&
      diff["removed"].empty())
    diff["changed"].push_back({{"kind", "tenant"},
                               {"tenant", write.names[0]},
                               {"name", write.names[0]}});
  uint32_t epoch = current->epoch();
  if (!write.dry_run && !same) {
    const std::string what =
        absl::StrCat(Absl(write.kind), " ", Absl(write.verb), " ",
                     absl::StrJoin(write.names, "/"));
    ASSIGN_OR_RETURN(epoch, backend.Apply({.resources = write.next,
                                           .if_epoch = current->epoch(),
                                           .who = call.request.who,
                                           .what = what}));
  }
  Json document = Document("change");
  document["dry_run"] = write.dry_run;
  document["epoch"] = epoch;
  document.update(diff);
  return document;
}

template <typename T>
absl::StatusOr<Json> CommitObject(Backend& backend, const ApiCall& call,
                                  Write write) {
  const Names names = write.names;
  const bool dry_run = write.dry_run;
  // Of a dry run, what would be there.
  Resources next;
  if (dry_run) next = write.next;
  ASSIGN_OR_RETURN(Json document, Commit(backend, call, std::move(write)));
  const std::shared_ptr<const Snapshot> now = backend.snapshot();
  const auto object = FindObject<T>(dry_run ? next : now->resources(), names);
  document["kind"] = KindOf<T>();
  document["object"] = object.ok() ? ObjectToJson(**object) : Json(nullptr);
  if constexpr (std::is_same_v<T, Tenant> || std::is_same_v<T, Tunnel>)
    if (object.ok() && !dry_run) document["id"] = (*object)->id;
  return document;
}

}  // namespace

template <typename T>
absl::StatusOr<Json> GetObject(const Backend& backend, const ApiCall& call) {
  const std::shared_ptr<const Snapshot> snapshot = backend.snapshot();
  ASSIGN_OR_RETURN(const T* object,
                   FindObject<T>(snapshot->resources(), call.names));
  Json document = Document("object");
  document["epoch"] = snapshot->epoch();
  document["kind"] = KindOf<T>();
  document["object"] = ObjectToJson(*object);
  return document;
}

template <typename T>
absl::StatusOr<Json> PostObject(Backend& backend, const ApiCall& call) {
  ASSIGN_OR_RETURN(
      const Parameters parameters,
      ParseParameters(call.request.query, std::is_same_v<T, PolicyRule>));
  ASSIGN_OR_RETURN(const Json body, ParseBody(KindOf<T>(), call.request.body));
  Resources next = backend.snapshot()->resources();
  ASSIGN_OR_RETURN(Names names,
                   AddObject<T>(next, call.names, body, parameters.before));
  return CommitObject<T>(backend, call,
                         {.verb = "add",
                          .kind = KindOf<T>(),
                          .names = std::move(names),
                          .dry_run = parameters.dry_run,
                          .next = std::move(next)});
}

template <typename T>
absl::StatusOr<Json> PatchObjectAt(Backend& backend, const ApiCall& call) {
  ASSIGN_OR_RETURN(const Parameters parameters,
                   ParseParameters(call.request.query, false));
  ASSIGN_OR_RETURN(const Json body, ParseBody(KindOf<T>(), call.request.body));
  Resources next = backend.snapshot()->resources();
  RETURN_IF_ERROR(PatchObject<T>(next, call.names, body));
  return CommitObject<T>(backend, call,
                         {.verb = "set",
                          .kind = KindOf<T>(),
                          .names = call.names,
                          .dry_run = parameters.dry_run,
                          .next = std::move(next)});
}

template <typename T>
absl::StatusOr<Json> DeleteObject(Backend& backend, const ApiCall& call) {
  ASSIGN_OR_RETURN(const Parameters parameters,
                   ParseParameters(call.request.query, false));
  const std::shared_ptr<const Snapshot> current = backend.snapshot();
  ASSIGN_OR_RETURN(const T* object,
                   FindObject<T>(current->resources(), call.names));
  Resources next = current->resources();
  RETURN_IF_ERROR(RemoveObject<T>(next, call.names));
  const uint64_t flows = CountFlows(backend, [&](const Selectable& flow) {
    return Uses(call.names, *object, flow);
  });
  ASSIGN_OR_RETURN(Json document, Commit(backend, call,
                                         {.verb = "delete",
                                          .kind = KindOf<T>(),
                                          .names = call.names,
                                          .dry_run = parameters.dry_run,
                                          .next = std::move(next)}));
  document["kind"] = KindOf<T>();
  document["object"] = ObjectToJson(*object);
  document["flows"] = flows;
  return document;
}

#define RAMPART_WRITES(T)                                                     \
  template absl::StatusOr<Json> GetObject<T>(const Backend&, const ApiCall&); \
  template absl::StatusOr<Json> PostObject<T>(Backend&, const ApiCall&);      \
  template absl::StatusOr<Json> PatchObjectAt<T>(Backend&, const ApiCall&);   \
  template absl::StatusOr<Json> DeleteObject<T>(Backend&, const ApiCall&);
RAMPART_WRITES(Tenant)
RAMPART_WRITES(Vnet)
RAMPART_WRITES(Tunnel)
RAMPART_WRITES(Route)
RAMPART_WRITES(PolicyRule)
#undef RAMPART_WRITES

}  // namespace rampart

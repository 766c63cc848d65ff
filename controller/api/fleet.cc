// SPDX-License-Identifier: Apache-2.0
// GET /v1/edges and /v1/resources: the edges that share this one's store, and
// all that an epoch holds, to compare edges and to take it elsewhere.
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "controller/api/handlers.h"
#include "controller/base/status.h"
#include "controller/base/text.h"
#include "controller/model/json.h"
#include "controller/model/words.h"

namespace rampart {
namespace {

std::string Text(absl::string_view text) { return std::string(text); }

std::string Iso(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone());
}

// What a store or a file adds to an object, and another one would not.
void ForgetPlace(Json& object) {
  object.erase("id");
  object.erase("line");
}

Json Portable(const Tenant& tenant) {
  Json json = ToJson(tenant);
  ForgetPlace(json);
  for (auto& [key, list] : json.items()) {
    if (!list.is_array()) continue;
    for (Json& object : list) {
      if (!object.is_object()) continue;
      ForgetPlace(object);
      if (object.contains("peers"))
        for (Json& peer : object["peers"]) ForgetPlace(peer);
    }
  }
  return json;
}

absl::StatusOr<StoredResources> StoredAt(const Backend& backend,
                                         const Query& query) {
  for (const auto& [key, value] : query) {
    if (key != "epoch") continue;
    const auto epoch = ParseWhole(value, 0, UINT32_MAX);
    if (!epoch.ok())
      return absl::InvalidArgumentError(absl::StrCat(
          "epoch: ", Quoted(value), " is no epoch; write a whole number"));
    return backend.store().LoadEpoch(static_cast<uint32_t>(*epoch));
  }
  return StoredResources{.epoch = backend.snapshot()->epoch(),
                         .resources = backend.snapshot()->resources()};
}

}  // namespace

absl::StatusOr<Json> GetResources(const Backend& backend, const Query& query) {
  ASSIGN_OR_RETURN(const StoredResources stored, StoredAt(backend, query));
  Json tenants = Json::array();
  for (const Tenant& tenant : stored.resources.tenants)
    tenants.push_back(Portable(tenant));
  Json document = Document("resources");
  document["edge"] = backend.snapshot()->edge().edge;
  document["epoch"] = stored.epoch;
  document["tenants"] = std::move(tenants);
  return document;
}

Json FleetStatus(const Backend& backend) {
  const FleetStore* fleet = backend.fleet();
  if (fleet == nullptr) return nullptr;
  const FleetHealth health = fleet->health();
  Json json = {{"store", backend.snapshot()->edge().state},
               {"reached", health.reached.ok()},
               {"why", Text(health.reached.message())}};
  const bool known = health.as_of != absl::InfinitePast();
  json["as_of"] = known ? Json(Iso(health.as_of)) : Json(nullptr);
  json["stale_s"] = known
                        ? Json(health.reached.ok()
                                   ? 0
                                   : absl::ToInt64Seconds(
                                         backend.clock().Now() - health.as_of))
                        : Json(nullptr);
  json["copy"] = StatePath(backend.snapshot()->edge());
  return json;
}

void AddFleetDegradations(const Backend& backend, Json& list) {
  const FleetStore* fleet = backend.fleet();
  if (fleet == nullptr) return;
  const FleetHealth health = fleet->health();
  if (!health.reached.ok()) {
    const absl::Duration stale = backend.clock().Now() - health.as_of;
    list.push_back(absl::StrCat(
        "the fleet's store is not reached",
        stale == absl::InfiniteDuration()
            ? " since this edge was started"
            : absl::StrCat(" for ", absl::ToInt64Seconds(stale), " s"),
        ": epoch ", backend.snapshot()->epoch(),
        " may be old, changes are "
        "refused: ",
        health.reached.message()));
  }
  if (!health.copy.ok())
    list.push_back(
        absl::StrCat("a restart without the fleet's store would "
                     "find an old epoch: ",
                     health.copy.message()));
  if (const absl::Status behind = backend.behind(); !behind.ok())
    list.push_back(Text(behind.message()));
}

absl::StatusOr<Json> GetEdges(const Backend& backend) {
  FleetStore* fleet = backend.fleet();
  if (fleet == nullptr)
    return absl::FailedPreconditionError(
        "edges: this edge shares its store with no other; state in "
        "rampartd.yaml would have to be etcd://...");
  ASSIGN_OR_RETURN(const std::vector<FleetEdge> edges, fleet->Edges());
  Json rows = Json::array();
  for (const FleetEdge& edge : edges)
    rows.push_back({{"edge", edge.name},
                    {"api", edge.api},
                    {"version", edge.version},
                    {"epoch", edge.epoch},
                    {"started", Iso(edge.started)},
                    {"this", edge.name == backend.snapshot()->edge().edge}});
  Json document = Document("edges");
  document["epoch"] = backend.snapshot()->epoch();
  document["edges"] = std::move(rows);
  return document;
}

}  // namespace rampart

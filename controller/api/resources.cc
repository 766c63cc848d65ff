// SPDX-License-Identifier: Apache-2.0
// GET /v1/tenants, vnets, tunnels, routes, policies, route.
#include "controller/api/handlers.h"
#include "controller/api/peer_rows.h"
#include "controller/api/resource_rows.h"
#include "controller/api/route.h"
#include "controller/base/status.h"

namespace rampart {
namespace {

absl::StatusOr<Json> List(const Backend& backend, const char* kind,
                          Json (*rows)(const Resources&)) {
  const std::shared_ptr<const Snapshot> snapshot = backend.snapshot();
  return ResourceDocument(kind, rows, snapshot->resources(), snapshot->epoch());
}

}  // namespace

absl::StatusOr<Json> GetTenants(const Backend& backend) {
  return List(backend, "tenants", &TenantRows);
}
absl::StatusOr<Json> GetVnets(const Backend& backend) {
  return List(backend, "vnets", &VnetRows);
}
absl::StatusOr<Json> GetTunnels(const Backend& backend) {
  ASSIGN_OR_RETURN(Json document, List(backend, "tunnels", &TunnelRows));
  AddHealth(backend.snapshot()->resources(), backend.engine(),
            document["tunnels"]);
  return document;
}
absl::StatusOr<Json> GetRoutes(const Backend& backend) {
  return List(backend, "routes", &RouteRows);
}
absl::StatusOr<Json> GetPolicies(const Backend& backend) {
  return List(backend, "policies", &PolicyRows);
}

absl::StatusOr<Json> GetRoute(const Backend& backend, const Query& query) {
  return RouteDocument(*backend.snapshot(), &backend.engine(), query);
}

absl::StatusOr<Json> GetRouteOverlaps(const Backend& backend,
                                      const Query& query) {
  return OverlapsDocument(*backend.snapshot(), query);
}

absl::StatusOr<Json> GetRouteWhoCan(const Backend& backend,
                                    const Query& query) {
  return WhoCanDocument(*backend.snapshot(), query);
}

absl::StatusOr<Json> GetRouteAdvise(const Backend& backend,
                                    const Query& query) {
  return AdviseDocument(backend, query);
}

}  // namespace rampart

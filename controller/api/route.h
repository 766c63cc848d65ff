// SPDX-License-Identifier: Apache-2.0
#ifndef RAMPART_CONTROLLER_API_ROUTE_H_
#define RAMPART_CONTROLLER_API_ROUTE_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "controller/api/backend.h"
#include "controller/api/http.h"
#include "controller/api/json.h"
#include "controller/compile/snapshot.h"

namespace rampart {

// The answer of GET /v1/route, with its parameters address and vnet. engine:
// knows the health of peers; null without a controller. Errors:
// InvalidArgument, NotFound.
absl::StatusOr<Json> RouteDocument(const Snapshot& snapshot,
                                   const Engine* engine, const Query& query);

// GET /v1/route/overlaps, with tenant, vnet and limit (1000): every pair of
// routes of one tenant that share addresses, the wider one first. Cost: O(n log
// n) for n routes, and what is shown. Errors: InvalidArgument, NotFound.
absl::StatusOr<Json> OverlapsDocument(const Snapshot& snapshot,
                                      const Query& query);

// GET /v1/route/who-can, with cidr, tenant, vnet and limit (1000): where its
// addresses are, and who may open flows to them by which rules. Errors:
// InvalidArgument, NotFound if nothing routes there.
absl::StatusOr<Json> WhoCanDocument(const Snapshot& snapshot,
                                    const Query& query);

// GET /v1/route/advise, with vnet: what hosts behind this edge's interfaces, or
// their gateway, have to be told so that they send here what goes through
// tunnels. Errors: InvalidArgument, NotFound; those of reading maps.
absl::StatusOr<Json> AdviseDocument(const Backend& backend, const Query& query);

// "internet", "blackhole" or the name of the tunnel.
std::string ViaOf(const Route& route);

// The vnet that a query means: "frankfurt" or "acme/frankfurt"; "" is the
// default one of the only tenant. Errors: NotFound, InvalidArgument if it may
// be several.
absl::StatusOr<Snapshot::VnetRef> OneVnet(const Resources& resources,
                                          std::string_view name);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_API_ROUTE_H_

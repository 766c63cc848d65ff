// SPDX-License-Identifier: Apache-2.0
// One function per route; routes.cc has the table.
#ifndef RAMPART_CONTROLLER_API_HANDLERS_H_
#define RAMPART_CONTROLLER_API_HANDLERS_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "controller/api/backend.h"
#include "controller/api/flow_rows.h"
#include "controller/api/http.h"
#include "controller/api/json.h"
#include "controller/api/selectors.h"

namespace rampart {

// The whole API of one edge. backend must outlive it.
ApiHandler MakeApi(Backend& backend);

// A request, and what its path named.
struct ApiCall {
  const ApiRequest& request;
  std::vector<std::string> names;  // for each {...} of the pattern, in order
};

// A row of the table.
struct ApiRoute {
  std::string_view method;
  // "/v1/tenants/{tenant}/vnets/{vnet}"; {cidr...} takes all that is left,
  // slashes too.
  std::string_view pattern;
  absl::StatusOr<Json> (*handler)(Backend&, const ApiCall&);
  // The answer changes with the epoch and with nothing else, so the epoch is
  // its ETag.
  bool of_epoch = false;
};
// For the test that holds the description of the API against it.
absl::Span<const ApiRoute> ApiRoutes();

absl::StatusOr<Json> GetStatus(const Backend& backend);
// For it: of a store that edges share, null without one; and what is amiss.
Json FleetStatus(const Backend& backend);
void AddFleetDegradations(const Backend& backend, Json& list);
// The edges that are there. Errors: FailedPrecondition if the store is this
// one's alone; Unavailable.
absl::StatusOr<Json> GetEdges(const Backend& backend);
// epoch: of the history (that in force). As resources.yaml, so that it can be
// applied elsewhere.
absl::StatusOr<Json> GetResources(const Backend& backend, const Query& query);
absl::StatusOr<Json> GetDevices(const Backend& backend);
// Of devices, tenants, maps: what `top` makes rates of.
absl::StatusOr<Json> GetCounters(const Backend& backend);

absl::StatusOr<Json> GetTenants(const Backend& backend);
// Errors: NotFound.
absl::StatusOr<Json> GetTenantUsage(const Backend& backend,
                                    const ApiCall& call);
absl::StatusOr<Json> GetVnets(const Backend& backend);
absl::StatusOr<Json> GetTunnels(const Backend& backend);
absl::StatusOr<Json> GetRoutes(const Backend& backend);
absl::StatusOr<Json> GetPolicies(const Backend& backend);

// address, vnet: "frankfurt" or "acme/frankfurt"; without it the default vnet
// of the only tenant. Errors: NotFound if nothing routes there.
absl::StatusOr<Json> GetRoute(const Backend& backend, const Query& query);
// As OverlapsDocument(), WhoCanDocument(), AdviseDocument().
absl::StatusOr<Json> GetRouteOverlaps(const Backend& backend,
                                      const Query& query);
absl::StatusOr<Json> GetRouteWhoCan(const Backend& backend, const Query& query);
absl::StatusOr<Json> GetRouteAdvise(const Backend& backend, const Query& query);

// A flow with the names of this configuration.
FlowFacts ToFacts(const Snapshot& snapshot, const Engine::FlowView& view);
// Selectors, and limit (default 1000): reading a million flows into one answer
// would keep new flows waiting.
absl::StatusOr<Json> GetFlows(const Backend& backend, const Query& query);
// The flow log: its sinks, and the file of its history. Errors:
// FailedPrecondition if none is written.
absl::StatusOr<Json> GetFlowLog(const Backend& backend);
// As HistoryDocument(), for a quarter of a second: new flows wait meanwhile.
absl::StatusOr<Json> GetFlowHistory(const Backend& backend, const Query& query);
// Whether flows and devices have counted the same.
absl::StatusOr<Json> GetFlowReconcile(const Backend& backend);
// How many flows `wanted` chooses. Cost: a look at each flow.
uint64_t CountFlows(const Backend& backend,
                    absl::FunctionRef<bool(const Selectable&)> wanted);
absl::StatusOr<Json> GetNatSessions(const Backend& backend, const Query& query);

// Blocks and ports of each pool, how full it is, and when it will be.
absl::StatusOr<Json> GetNatPools(const Backend& backend);
// top: the subscribers with the most ports, 1 to 1000 (10).
absl::StatusOr<Json> GetNatPorts(const Backend& backend, const Query& query);
// address, port, time (RFC 3339; now): who had it. A time without a part of a
// second is all of that second. Errors: NotFound if nobody had it.
absl::StatusOr<Json> GetNatWhois(const Backend& backend, const Query& query);

absl::StatusOr<Json> GetDrops(const Backend& backend, const Query& query);
// id: of one reason; limit. Errors: as SamplesDocument().
absl::StatusOr<Json> GetDropLast(const Backend& backend, const Query& query);
absl::StatusOr<Json> GetDropTenants(const Backend& backend);
absl::StatusOr<Json> GetMaps(const Backend& backend);
absl::StatusOr<Json> GetMap(const Backend& backend, std::string_view name,
                            const Query& query);

// tenant: only of that one. Errors: NotFound if there is no such tenant.
absl::StatusOr<Json> GetPolicyHits(const Backend& backend, const Query& query);
// body: {"file", "text"}: the tests of these resources; {}: of those in force.
// Errors: InvalidArgument with the lines of the parser, which tells of tests
// that fail as of any other mistake.
absl::StatusOr<Json> PostPolicyTest(const Backend& backend,
                                    const std::string& body);

// body: ParseExplainRequest(). Errors: as ExplainDocument().
absl::StatusOr<Json> PostExplain(const Backend& backend,
                                 const std::string& body);

// body: {"file", "text", "dry_run", "on_change", "confirm", "comment"}. Errors:
// InvalidArgument with the lines of the parser; whatever Backend::Apply() says.
absl::StatusOr<Json> PostApply(Backend& backend, const ApiCall& call);
// body: {"file", "text"}: which live flows would be decided otherwise.
absl::StatusOr<Json> PostPolicyDiff(Backend& backend, const ApiCall& call);

// RFC 3339 in UTC, whole seconds.
std::string TimeText(absl::Time time);
// limit: newest first.
absl::StatusOr<Json> GetEpochs(Backend& backend, const Query& query);
// Makes the resources what they were in an epoch. body: as that of PostApply()
// without file and text. Errors: NotFound; InvalidArgument if they do not fit
// this edge any more.
absl::StatusOr<Json> PostRollback(Backend& backend, const ApiCall& call);
// Errors: FailedPrecondition if that epoch is on no probation.
absl::StatusOr<Json> PostConfirm(Backend& backend, const ApiCall& call);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_API_HANDLERS_H_

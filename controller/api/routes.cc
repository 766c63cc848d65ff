// SPDX-License-Identifier: Apache-2.0
// Which function answers which path.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "controller/api/error.h"
#include "controller/api/handlers.h"

namespace rampart {
namespace {

struct ApiRoute {
  std::string_view path;
  absl::StatusOr<Json> (*get)(const Backend&, const Query&);
};

template <absl::StatusOr<Json> (*get)(const Backend&)>
absl::StatusOr<Json> Plain(const Backend& backend, const Query&) {
  return get(backend);
}

constexpr ApiRoute kRoutes[] = {
    {"/v1/status", &Plain<GetStatus>},
    {"/v1/devices", &Plain<GetDevices>},
    {"/v1/counters", &Plain<GetCounters>},
    {"/v1/tenants", &Plain<GetTenants>},
    {"/v1/vnets", &Plain<GetVnets>},
    {"/v1/tunnels", &Plain<GetTunnels>},
    {"/v1/routes", &Plain<GetRoutes>},
    {"/v1/policies", &Plain<GetPolicies>},
    {"/v1/route", &GetRoute},
    {"/v1/flows", &GetFlows},
    {"/v1/flows/log", &Plain<GetFlowLog>},
    {"/v1/flows/history", &GetFlowHistory},
    {"/v1/flows/reconcile", &Plain<GetFlowReconcile>},
    {"/v1/nat/sessions", &GetNatSessions},
    {"/v1/nat/pools", &Plain<GetNatPools>},
    {"/v1/nat/ports", &GetNatPorts},
    {"/v1/nat/whois", &GetNatWhois},
    {"/v1/drops", &GetDrops},
    {"/v1/drops/last", &GetDropLast},
    {"/v1/drops/tenants", &Plain<GetDropTenants>},
    {"/v1/maps", &Plain<GetMaps>},
};
constexpr std::string_view kMapPath = "/v1/maps/";
constexpr std::string_view kApplyPath = "/v1/apply";
constexpr std::string_view kExplainPath = "/v1/explain";

ApiResponse Answer(const absl::StatusOr<Json>& document) {
  return document.ok() ? JsonResponse(*document)
                       : ErrorResponse(document.status());
}

ApiResponse NotAllowed(std::string_view method) {
  ApiResponse response = ErrorResponse(
      405, "unimplemented",
      absl::StrCat("method not allowed here; use ", Absl(method)));
  response.allow = std::string(method);
  return response;
}

ApiResponse Dispatch(Backend& backend, const ApiRequest& request) {
  if (request.path == kApplyPath) {
    if (request.method != "POST") return NotAllowed("POST");
    return Answer(PostApply(backend, request.body));
  }
  if (request.path == kExplainPath) {
    if (request.method != "POST") return NotAllowed("POST");
    return Answer(PostExplain(backend, request.body));
  }
  const std::string_view path = request.path;
  const bool map = path.substr(0, kMapPath.size()) == kMapPath;
  const auto* route =
      std::find_if(std::begin(kRoutes), std::end(kRoutes),
                   [&](const ApiRoute& known) { return known.path == path; });
  if (!map && route == std::end(kRoutes))
    return ErrorResponse(absl::NotFoundError(
        absl::StrCat("path ", request.path, ": there is none")));
  if (request.method != "GET") return NotAllowed("GET");
  if (map)
    return Answer(GetMap(backend, path.substr(kMapPath.size()), request.query));
  return Answer(route->get(backend, request.query));
}

}  // namespace

ApiHandler MakeApi(Backend& backend) {
  return [&backend](const ApiRequest& request) {
    return Dispatch(backend, request);
  };
}

}  // namespace rampart

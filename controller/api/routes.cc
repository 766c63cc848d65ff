// SPDX-License-Identifier: Apache-2.0
// Which function answers which method and path.
#include <algorithm>
#include <optional>
#include <type_traits>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "controller/api/error.h"
#include "controller/api/handlers.h"
#include "controller/api/writes.h"
#include "controller/base/text.h"

namespace rampart {
namespace {

// Handlers take what they need of a call.
template <auto handler>
absl::StatusOr<Json> Call(Backend& backend, const ApiCall& call) {
  using Function = decltype(handler);
  if constexpr (std::is_invocable_v<Function, Backend&, const ApiCall&>)
    return handler(backend, call);
  else if constexpr (std::is_invocable_v<Function, Backend&, const Query&>)
    return handler(backend, call.request.query);
  else if constexpr (std::is_invocable_v<Function, Backend&, std::string>)
    return handler(backend, call.request.body);
  else if constexpr (std::is_invocable_v<Function, Backend&, std::string,
                                         const Query&>)
    return handler(backend, call.names[0], call.request.query);
  else
    return handler(backend);
}

// Of two that fit a path, the first one answers.
constexpr ApiRoute kRoutes[] = {
    {"GET", "/v1/status", &Call<GetStatus>},
    {"GET", "/v1/edges", &Call<GetEdges>},
    {"GET", "/v1/resources", &Call<GetResources>},
    {"GET", "/v1/devices", &Call<GetDevices>},
    {"GET", "/v1/counters", &Call<GetCounters>},
    {"GET", "/v1/tenants", &Call<GetTenants>, true},
    {"GET", "/v1/vnets", &Call<GetVnets>, true},
    {"GET", "/v1/tunnels", &Call<GetTunnels>, true},
    {"GET", "/v1/routes", &Call<GetRoutes>, true},
    {"GET", "/v1/policies", &Call<GetPolicies>, true},
    {"GET", "/v1/policies/hits", &Call<GetPolicyHits>},
    {"POST", "/v1/policies/test", &Call<PostPolicyTest>},
    {"GET", "/v1/route", &Call<GetRoute>},
    {"GET", "/v1/route/overlaps", &Call<GetRouteOverlaps>},
    {"GET", "/v1/route/who-can", &Call<GetRouteWhoCan>},
    {"GET", "/v1/route/advise", &Call<GetRouteAdvise>},
    {"GET", "/v1/flows", &Call<GetFlows>},
    {"GET", "/v1/flows/log", &Call<GetFlowLog>},
    {"GET", "/v1/flows/history", &Call<GetFlowHistory>},
    {"GET", "/v1/flows/reconcile", &Call<GetFlowReconcile>},
    {"GET", "/v1/nat/sessions", &Call<GetNatSessions>},
    {"GET", "/v1/nat/pools", &Call<GetNatPools>},
    {"GET", "/v1/nat/ports", &Call<GetNatPorts>},
    {"GET", "/v1/nat/whois", &Call<GetNatWhois>},
    {"GET", "/v1/drops", &Call<GetDrops>},
    {"GET", "/v1/drops/last", &Call<GetDropLast>},
    {"GET", "/v1/drops/tenants", &Call<GetDropTenants>},
    {"GET", "/v1/maps", &Call<GetMaps>},
    {"GET", "/v1/maps/{map}", &Call<GetMap>},
    {"POST", "/v1/tenants", &Call<PostObject<Tenant>>, true},
    {"GET", "/v1/tenants/{tenant}", &Call<GetObject<Tenant>>, true},
    {"PATCH", "/v1/tenants/{tenant}", &Call<PatchObjectAt<Tenant>>, true},
    {"DELETE", "/v1/tenants/{tenant}", &Call<DeleteObject<Tenant>>, true},
    {"POST", "/v1/tenants/{tenant}/vnets", &Call<PostObject<Vnet>>, true},
    {"GET", "/v1/tenants/{tenant}/vnets/{vnet}", &Call<GetObject<Vnet>>, true},
    {"PATCH", "/v1/tenants/{tenant}/vnets/{vnet}", &Call<PatchObjectAt<Vnet>>,
     true},
    {"DELETE", "/v1/tenants/{tenant}/vnets/{vnet}", &Call<DeleteObject<Vnet>>,
     true},
    {"POST", "/v1/tenants/{tenant}/tunnels", &Call<PostObject<Tunnel>>, true},
    {"GET", "/v1/tenants/{tenant}/tunnels/{tunnel}", &Call<GetObject<Tunnel>>,
     true},
    {"PATCH", "/v1/tenants/{tenant}/tunnels/{tunnel}",
     &Call<PatchObjectAt<Tunnel>>, true},
    {"DELETE", "/v1/tenants/{tenant}/tunnels/{tunnel}",
     &Call<DeleteObject<Tunnel>>, true},
    {"POST", "/v1/tenants/{tenant}/routes", &Call<PostObject<Route>>, true},
    {"GET", "/v1/tenants/{tenant}/routes/{vnet}/{cidr...}",
     &Call<GetObject<Route>>, true},
    {"PATCH", "/v1/tenants/{tenant}/routes/{vnet}/{cidr...}",
     &Call<PatchObjectAt<Route>>, true},
    {"DELETE", "/v1/tenants/{tenant}/routes/{vnet}/{cidr...}",
     &Call<DeleteObject<Route>>, true},
    {"POST", "/v1/tenants/{tenant}/policies", &Call<PostObject<PolicyRule>>,
     true},
    {"GET", "/v1/tenants/{tenant}/policies/{policy}",
     &Call<GetObject<PolicyRule>>, true},
    {"PATCH", "/v1/tenants/{tenant}/policies/{policy}",
     &Call<PatchObjectAt<PolicyRule>>, true},
    {"DELETE", "/v1/tenants/{tenant}/policies/{policy}",
     &Call<DeleteObject<PolicyRule>>, true},
    {"GET", "/v1/tenants/{tenant}/usage", &Call<GetTenantUsage>},
    {"POST", "/v1/explain", &Call<PostExplain>},
    {"POST", "/v1/apply", &Call<PostApply>, true},
    {"POST", "/v1/policies/diff", &Call<PostPolicyDiff>},
    {"GET", "/v1/epochs", &Call<GetEpochs>},
    {"POST", "/v1/epochs/{epoch}/rollback", &Call<PostRollback>},
    {"POST", "/v1/epochs/{epoch}/confirm", &Call<PostConfirm>},
};

// What the {...} of the pattern stand for in the path; nothing if it does not
// fit.
std::optional<std::vector<std::string>> Match(std::string_view pattern,
                                              std::string_view path) {
  const std::vector<std::string> want = absl::StrSplit(Absl(pattern), '/');
  // The last one may take slashes, too.
  const std::vector<std::string> is = absl::StrSplit(
      Absl(path), absl::MaxSplits('/', static_cast<int>(want.size()) - 1));
  if (is.size() != want.size()) return std::nullopt;
  std::vector<std::string> names;
  for (size_t i = 0; i < want.size(); ++i) {
    if (!want[i].starts_with('{')) {
      if (is[i] != want[i]) return std::nullopt;
      continue;
    }
    const bool rest = want[i].ends_with("...}");
    if (is[i].empty() || (!rest && is[i].find('/') != std::string::npos))
      return std::nullopt;
    names.push_back(is[i]);
  }
  return names;
}

// A write that was made for another epoch is refused (RFC 9110 section
// 13.1.1).
absl::Status CheckEpoch(const Backend& backend, const ApiRequest& request) {
  std::string_view text = request.if_match;
  if (request.method == "GET" || text.empty() || text == "*")
    return absl::OkStatus();
  if (text.size() > 2 && text.starts_with('"') && text.ends_with('"'))
    text = text.substr(1, text.size() - 2);
  uint32_t epoch = 0;
  if (!absl::SimpleAtoi(Absl(text), &epoch))
    return absl::InvalidArgumentError(
        absl::StrCat("header If-Match: ", Quoted(request.if_match),
                     " is no epoch; write one as ETag does, such as \"118\""));
  const uint32_t now = backend.snapshot()->epoch();
  if (epoch == now) return absl::OkStatus();
  return absl::AbortedError(
      absl::StrCat("header If-Match: epoch ", epoch, " was to be changed, and ",
                   now, " is in force; look at it, then try again"));
}

// The answer to a write that was made for another epoch, and else the
// handler's.
ApiResponse Run(Backend& backend, const ApiRoute& route, const ApiCall& call) {
  absl::Status status = CheckEpoch(backend, call.request);
  if (status.ok()) {
    const absl::StatusOr<Json> document = route.handler(backend, call);
    if (document.ok()) {
      ApiResponse response = JsonResponse(*document);
      if (route.of_epoch)
        response.etag = absl::StrCat("\"", backend.snapshot()->epoch(), "\"");
      return response;
    }
    status = document.status();
  }
  if (absl::IsAborted(status) && !call.request.if_match.empty())
    return ErrorResponse(412, "aborted", std::string(status.message()));
  return ErrorResponse(status);
}

ApiResponse Dispatch(Backend& backend, const ApiRequest& request) {
  std::vector<absl::string_view> methods;  // of the path
  for (const ApiRoute& route : kRoutes) {
    auto names = Match(route.pattern, request.path);
    if (!names) continue;
    if (route.method == request.method)
      return Run(backend, route, {.request = request, .names = *names});
    methods.push_back(Absl(route.method));
  }
  if (methods.empty())
    return ErrorResponse(absl::NotFoundError(
        absl::StrCat("path ", request.path, ": there is none")));
  const std::string allow = absl::StrJoin(methods, ", ");
  ApiResponse response =
      ErrorResponse(405, "unimplemented",
                    absl::StrCat("method not allowed here; use ", allow));
  response.allow = allow;
  return response;
}

}  // namespace

absl::Span<const ApiRoute> ApiRoutes() { return kRoutes; }

ApiHandler MakeApi(Backend& backend) {
  return [&backend](const ApiRequest& request) {
    return Dispatch(backend, request);
  };
}

}  // namespace rampart

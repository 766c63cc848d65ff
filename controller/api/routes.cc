// SPDX-License-Identifier: Apache-2.0
// Which function answers which method and path.
#include <algorithm>
#include <optional>
#include <type_traits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "controller/api/error.h"
#include "controller/api/handlers.h"

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
    {"GET", "/v1/tenants", &Call<GetTenants>},
    {"GET", "/v1/vnets", &Call<GetVnets>},
    {"GET", "/v1/tunnels", &Call<GetTunnels>},
    {"GET", "/v1/routes", &Call<GetRoutes>},
    {"GET", "/v1/policies", &Call<GetPolicies>},
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
    {"POST", "/v1/explain", &Call<PostExplain>},
    {"POST", "/v1/apply", &Call<PostApply>},
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

ApiResponse Answer(const absl::StatusOr<Json>& document) {
  return document.ok() ? JsonResponse(*document)
                       : ErrorResponse(document.status());
}

ApiResponse Dispatch(Backend& backend, const ApiRequest& request) {
  std::vector<absl::string_view> methods;  // of the path
  for (const ApiRoute& route : kRoutes) {
    auto names = Match(route.pattern, request.path);
    if (!names) continue;
    if (route.method == request.method)
      return Answer(
          route.handler(backend, {.request = request, .names = *names}));
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

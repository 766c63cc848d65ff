// SPDX-License-Identifier: Apache-2.0
#include "controller/flow/judge.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "controller/base/text.h"
#include "controller/flow/packet.h"
#include "maps/realm.h"

namespace rampart {
namespace {

// Realms of tenants that only one of the two has.
void AddOthers(const Snapshot& snapshot, const Snapshot& other,
               absl::flat_hash_set<uint32_t>& realms) {
  absl::flat_hash_set<const Tenant*> same;
  for (const Tenant& tenant : other.resources().tenants) same.insert(&tenant);
  for (const Tenant& tenant : snapshot.resources().tenants) {
    if (same.contains(&tenant)) continue;
    for (const Vnet& vnet : tenant.vnets) realms.insert(vnet.vni);
  }
}

bool IsTunnel(const rp_next_hop& hop) {
  return hop.use == RP_USE_TUNNEL || hop.use == RP_USE_INTERFACE;
}

Judgement AskPolicy(const Snapshot& snapshot, FlowHooks& hooks,
                    const FlowTuple& tuple, uint32_t on_ramp) {
  FlowStart start = MakeFlowStart(
      tuple, snapshot.FindVnet(tuple.realm), snapshot.FindTunnel(on_ramp),
      snapshot.FindRoute(tuple.realm, tuple.destination.address)
          .value_or(Snapshot::RouteRef()),
      absl::Now());
  start.icmp_type = EchoTypeOf(tuple);
  start.asked = FlowStart::Asked::kAgain;
  Decision decision = hooks.OnFlowStart(start);
  Judgement judgement = {.rule = std::move(decision.rule),
                         .pool = std::string(decision.pool)};
  if (decision.action == Decision::Action::kAllow) return judgement;
  if (decision.reason == RP_DROP_POLICY_REVOKED) {
    judgement.fate = FlowFate::kRevoked;
    judgement.why = "policy: its identity is revoked";
    return judgement;
  }
  judgement.fate = FlowFate::kRefused;
  judgement.why = judgement.rule.empty() ? "policy: no rule allows it"
                                         : "policy: a rule refuses it";
  return judgement;
}

std::string NameOf(const Route& route) {
  switch (route.kind) {
    case Route::Kind::kInternet:
      return "internet";
    case Route::Kind::kBlackhole:
      return "blackhole";
    case Route::Kind::kTunnel:
      break;
  }
  return absl::StrCat("tunnel ", route.tunnel);
}

}  // namespace

template <typename F>
Judgement AskPolicy(const Snapshot& snapshot, FlowHooks& hooks,
                    const Flows& flows, uint32_t slot) {
  const typename F::Value value = flows.table<F>().At(slot);
  const FlowTuple from = TupleOf<F>(flows.table<F>().KeyAt(slot));
  const FlowTuple to = RewrittenTuple<F>(flows.table<F>().KeyAt(slot), value);
  Judgement judgement;
  if (from.realm != RP_REALM_UNDERLAY)
    judgement = AskPolicy(snapshot, hooks, from, value.flow.on_ramp);
  if (judgement.fate != FlowFate::kStays || from.destination == to.destination)
    return judgement;
  Judgement inside = AskPolicy(snapshot, hooks, to, RP_TUNNEL_UNDERLAY);
  // The rule of a flow is that of who began it.
  if (from.realm != RP_REALM_UNDERLAY) inside.rule = judgement.rule;
  return inside;
}

Judge::Judge(const Dependencies& dependencies, const Snapshot* snapshot,
             const Snapshot* before)
    : deps_(dependencies), snapshot_(snapshot), all_(before == nullptr) {
  for (const auto& [key, grant] : snapshot->Grants())
    grants_.emplace(key.tunnel, key.realm);
  if (before == nullptr) return;
  AddOthers(*snapshot, *before, changed_);
  AddOthers(*before, *snapshot, changed_);
}

bool Judge::IsGranted(const rp_flow& flow) const {
  if (flow.on_ramp != RP_TUNNEL_UNDERLAY &&
      !IsGranted(flow.on_ramp, flow.realm))
    return false;
  const rp_next_hop& out = deps_.next_hops.At(flow.next_hop);
  return !IsTunnel(out) || IsGranted(out.tunnel, out.realm);
}

bool Judge::IsCurrent(const rp_flow& flow) const {
  const rp_next_hop& out = deps_.next_hops.At(flow.next_hop);
  return (flow.on_ramp == RP_TUNNEL_UNDERLAY ||
          grants_.contains({flow.on_ramp, flow.realm})) &&
         (!IsTunnel(out) || grants_.contains({out.tunnel, out.realm}));
}

// tuple: towards a host that a route of its realm leads to. leaves: it goes on
// behind NAT, by a way that the route does not say.
std::string Judge::RouteDiffers(const FlowTuple& tuple, bool leaves,
                                const rp_flow& flow) const {
  const std::optional<Snapshot::RouteRef> route =
      snapshot_->FindRoute(tuple.realm, tuple.destination.address);
  if (!route) return "route: there is none";
  const rp_next_hop& out = deps_.next_hops.At(flow.next_hop);
  const bool into_tunnel = IsTunnel(out) && !leaves;
  const Snapshot::TunnelRef before =
      into_tunnel ? snapshot_->FindTunnel(out.tunnel) : Snapshot::TunnelRef();
  const bool same =
      route->route->kind == Route::Kind::kTunnel
          ? into_tunnel && route->tunnel->id == out.tunnel
          : route->route->kind == Route::Kind::kInternet && !into_tunnel;
  if (same) return "";
  return absl::StrCat("route: ", NameOf(*route->route), ", before ",
                      !into_tunnel               ? "internet"
                      : before.tunnel == nullptr ? "a tunnel"
                                                 : "tunnel ",
                      before.tunnel == nullptr ? "" : before.tunnel->name);
}

std::string Judge::WayDiffers(const FlowTuple& from, const FlowTuple& to,
                              const rp_flow& flow) const {
  const bool translated = !(from.destination == to.destination);
  if (from.realm != RP_REALM_UNDERLAY) {
    if (!snapshot_->SourceAllowed(flow.on_ramp, from.realm,
                                  from.source.address))
      return "route: its source is behind another tunnel";
    std::string why = RouteDiffers(from, translated, flow);
    if (!why.empty()) return why;
  }
  return translated ? RouteDiffers(to, /*leaves=*/false, flow) : "";
}

template <typename F>
std::string Judge::PoolDiffers(const typename F::Key& key,
                               const typename F::Value& value,
                               const std::string& chosen) const {
  if (KindOf(value.flow) != RP_FLOW_FORWARD_NAT ||
      key.realm == RP_REALM_UNDERLAY)
    return "";
  const FlowTuple tuple = TupleOf<F>(key);
  const auto route =
      snapshot_->FindRoute(tuple.realm, tuple.destination.address);
  const Flows::NatHolds holds = deps_.flows.NatHoldsOf<F>(key, value);
  if (!route || holds.empty()) return "";
  const std::string pool(holds[0].request.pool);
  const std::string& now = chosen.empty() ? route->route->pool : chosen;
  if (now == pool) return "";
  return absl::StrCat("pool: ", now, ", before ", pool);
}

template <typename F>
Judgement Judge::Of(uint32_t slot, OnChange depth) const {
  const typename F::Table& table = deps_.flows.table<F>();
  const typename F::Value value = table.At(slot);
  if (!IsGranted(value.flow))
    return {.fate = FlowFate::kRemoved,
            .why = "tunnel: it may not enter the vnet any more"};
  const typename F::Key key = table.KeyAt(slot);
  const FlowTuple from = TupleOf<F>(key);
  const FlowTuple to = RewrittenTuple<F>(key, value);
  Judgement judgement =
      AskPolicy<F>(*snapshot_, deps_.hooks, deps_.flows, slot);
  if (judgement.fate != FlowFate::kStays || depth != OnChange::kCut)
    return judgement;
  const std::string& before = deps_.flows.RuleAt<F>(slot);
  if (!IsCurrent(value.flow))
    judgement.why = "tunnel: it is in another vnet now";
  if (judgement.why.empty()) judgement.why = WayDiffers(from, to, value.flow);
  if (judgement.why.empty())
    judgement.why = PoolDiffers<F>(key, value, judgement.pool);
  // Unknown of flows of an earlier run, for a while.
  if (judgement.why.empty() && !before.empty() && before != judgement.rule)
    judgement.why = absl::StrCat("rule: ", judgement.rule, ", before ", before);
  if (!judgement.why.empty()) judgement.fate = FlowFate::kDiffers;
  return judgement;
}

template Judgement AskPolicy<FlowV4>(const Snapshot&, FlowHooks&, const Flows&,
                                     uint32_t);
template Judgement AskPolicy<FlowV6>(const Snapshot&, FlowHooks&, const Flows&,
                                     uint32_t);
template Judgement Judge::Of<FlowV4>(uint32_t, OnChange) const;
template Judgement Judge::Of<FlowV6>(uint32_t, OnChange) const;

}  // namespace rampart

// SPDX-License-Identifier: Apache-2.0
// Admission of flows that are translated in more than their source: from
// outside, and between two hosts behind NAT; and mappings that cannot be had.
#include <netinet/in.h>

#include <utility>

#include "controller/base/status.h"
#include "controller/flow/admission.h"
#include "maps/realm.h"

namespace rampart {
namespace {

rp_outcome ReasonOf(NatVerdict verdict) {
  switch (verdict) {
    case NatVerdict::kGranted:
      break;
    case NatVerdict::kNoPool:
    case NatVerdict::kNoFamily:
      return RP_DROP_NAT_NO_ADDRESS;
    case NatVerdict::kQuota:
      return RP_DROP_NAT_QUOTA;
    case NatVerdict::kRate:
      return RP_DROP_NAT_RATE;
    case NatVerdict::kNoBlock:
    case NatVerdict::kRemoteTaken:
      return RP_DROP_NAT_EXHAUSTED;
    case NatVerdict::kLogging:
    case NatVerdict::kNoLog:
      return RP_DROP_NAT_LOG;
  }
  RP_CHECK(false);
}

}  // namespace

// RFC 7857 section 2: only a SYN opens a translation. A SYN that follows must
// not find the refusal.
Admission::Refusal Admission::CheckOpening(const Packet& packet) {
  const uint8_t protocol = packet.tuple.protocol;
  if (protocol == IPPROTO_TCP && !packet.IsSyn())
    return {RP_DROP_NAT_NO_SYN, false};
  if ((protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6) &&
      !packet.IsEchoRequest())
    return {packet.IsEcho() ? RP_DROP_ICMP_NO_FLOW : RP_DROP_ICMP_TYPE, false};
  return {};
}

NatAllocator::Request Admission::RequestOf(const Arrival& arrival,
                                           std::string_view pool) {
  const FlowTuple& tuple = arrival.tuple();
  return {.pool = pool,
          .subscriber = {tuple.realm, tuple.source.address},
          .protocol = tuple.protocol,
          .inside_port = tuple.source.port,
          .remote = tuple.destination};
}

NatVerdict Admission::Hold(const NatAllocator::Request& request,
                           Flows::NatHolds& holds) {
  const NatGrant grant = nat_->Acquire(request);
  if (grant.ok()) holds.push_back({request, grant.outside});
  return grant.verdict;
}

void Admission::Release(Flows::NatHolds& holds) {
  for (const Flows::NatHold& hold : holds)
    nat_->Release(hold.request, hold.outside);
  holds.clear();
}

// RFC 6888 REQ-11: the new packet is refused, its sender told by code 1, and no
// mapping ends for it. What time mends is not remembered.
template <typename F>
absl::Status Admission::RefuseMapping(const Arrival& arrival,
                                      NatVerdict verdict) {
  Refusal refusal = {.reason = ReasonOf(verdict),
                     .tell = IcmpError::kHostUnreachable};
  if (verdict == NatVerdict::kLogging) {
    Wait(arrival, Pending::kRecord);
    return absl::OkStatus();
  }
  if (verdict == NatVerdict::kRate || verdict == NatVerdict::kNoLog)
    refusal.remember = false;
  return Refuse<F>(arrival, refusal);
}

Admission::Refusal Admission::FindInside(uint8_t protocol,
                                         const Endpoint& outside,
                                         const Endpoint& remote,
                                         FlowStart::Asked asked,
                                         Inside& inside) {
  const std::optional<NatInside> found =
      nat_->FindInside(protocol, outside, remote);
  if (!found) return {RP_DROP_NAT_NO_MAPPING, false};
  if (!found->admits && !knocks_.Knows({protocol, outside, remote}))
    return {RP_DROP_NAT_FILTERED, false};
  const uint32_t realm = found->subscriber.realm;
  const Snapshot::VnetRef vnet = snapshot_->FindVnet(realm);
  const std::optional<Snapshot::RouteRef> route =
      snapshot_->FindRoute(realm, found->subscriber.address);
  if (vnet.vnet == nullptr || !route ||
      route->route->kind != Route::Kind::kTunnel)
    return {RP_DROP_NO_ROUTE, false};
  inside.subscriber = found->subscriber;
  inside.endpoint = {found->subscriber.address, found->port};
  inside.pool = found->pool;
  inside.tunnel = route->tunnel;
  FlowStart start = MakeFlowStart({realm, remote, inside.endpoint, protocol},
                                  vnet, {}, *route, now_);
  start.icmp_type = EchoTypeOf(start.tuple);
  start.asked = asked;
  Decision decision = deps_.hooks.OnFlowStart(start);
  inside.allowed = {std::move(decision.rule), {}};
  if (decision.action == Decision::Action::kAllow) return {};
  return {decision.reason, false};  // nobody outside is told what there is
}

// A refusal is not remembered: its key is that of answers to a flow which may
// yet begin inside.
template <typename F>
absl::Status Admission::DecideInbound(const Arrival& arrival,
                                      FlowStart::Asked asked) {
  const FlowTuple& tuple = arrival.tuple();
  if (const Refusal refusal = CheckOpening(arrival.packet))
    return Refuse<F>(arrival, refusal);
  Inside inside;
  if (const Refusal refusal = FindInside(tuple.protocol, tuple.destination,
                                         tuple.source, asked, inside))
    return Refuse<F>(arrival, refusal);
  FlowPlan plan = BeginPlan(tuple);
  plan.destination = inside.endpoint;
  plan.snat = true;
  plan.reverse_realm = inside.subscriber.realm;
  plan.on_ramp[kForward] = RP_TUNNEL_UNDERLAY;
  plan.on_ramp[kReverse] = inside.tunnel->id;
  const absl::StatusOr<uint32_t> there =
      deps_.next_hops.ToTunnel(*inside.tunnel, inside.subscriber.realm,
                               inside.subscriber.address, PeerHashOf(tuple));
  const absl::StatusOr<uint32_t> back =
      deps_.next_hops.ToUnderlay(tuple.source.address);
  if (!there.ok() || !back.ok())
    return Refuse<F>(arrival, {RP_DROP_NEXT_HOP_DOWN, false});
  plan.next_hop[kForward] = *there;
  plan.next_hop[kReverse] = *back;
  if (!Resolved(arrival, plan)) return absl::OkStatus();
  Flows::NatHolds holds;
  if (!HoldInside(tuple.protocol, inside, tuple.destination, tuple.source,
                  holds))
    return Refuse<F>(arrival, {RP_DROP_NAT_NO_MAPPING, false});
  Admitted<F>(arrival, plan, inside.allowed.rule, std::move(holds));
  return absl::OkStatus();
}

// The mapping is there, so that this only counts one more flow of it.
bool Admission::HoldInside(uint8_t protocol, const Inside& inside,
                           const Endpoint& outside, const Endpoint& remote,
                           Flows::NatHolds& holds) {
  const NatVerdict verdict = Hold({.pool = inside.pool,
                                   .subscriber = inside.subscriber,
                                   .protocol = protocol,
                                   .inside_port = inside.endpoint.port,
                                   .remote = remote},
                                  holds);
  if (verdict == NatVerdict::kGranted && holds.back().outside == outside)
    return true;
  Release(holds);
  return false;
}

Admission::Refusal Admission::EnterHairpin(const FlowTuple& tuple,
                                           Flows::NatHolds& holds,
                                           Inside& inside) {
  const Endpoint source = holds[0].outside;
  if (source == tuple.destination)  // both directions would be one key
    return {RP_DROP_HAIRPIN};
  const Refusal refusal = FindInside(tuple.protocol, tuple.destination, source,
                                     FlowStart::Asked::kFirst, inside);
  if (refusal.reason == RP_DROP_NAT_FILTERED) {
    // The route's name of the pool goes with its configuration.
    holds[0].request.pool = nat_->PoolOf(source.address)->name;
    if (knocks_.Add({tuple.protocol, source, tuple.destination}, holds[0],
                    deps_.clock.Tick()))
      holds.clear();
  }
  if (refusal) return refusal;
  if (!HoldInside(tuple.protocol, inside, tuple.destination, source, holds))
    return {RP_DROP_NAT_NO_MAPPING, false};
  return {};
}

absl::Status Admission::PlanHairpin(const Arrival& arrival,
                                    const Inside& inside, FlowPlan& plan) {
  const rp_punt& punt = arrival.punt;
  plan.destination = inside.endpoint;
  plan.snat = true;
  plan.reverse_realm = inside.subscriber.realm;
  plan.on_ramp[kForward] = punt.tunnel;
  plan.on_ramp[kReverse] = inside.tunnel->id;
  ASSIGN_OR_RETURN(plan.next_hop[kForward],
                   deps_.next_hops.ToTunnel(
                       *inside.tunnel, inside.subscriber.realm,
                       inside.subscriber.address, PeerHashOf(plan.tuple)));
  ASSIGN_OR_RETURN(plan.next_hop[kReverse],
                   deps_.next_hops.ToTunnel(*arrival.on_ramp.tunnel, punt.realm,
                                            plan.tuple.source.address,
                                            PeerHashOf(plan.tuple), punt.peer));
  return absl::OkStatus();
}

template <typename F>
absl::Status Admission::AdmitHairpin(const Arrival& arrival,
                                     const Snapshot::RouteRef& route,
                                     const Allowed& allowed) {
  Flows::NatHolds holds;
  const NatVerdict verdict =
      Hold(RequestOf(arrival, PoolOf(route, allowed)), holds);
  if (verdict != NatVerdict::kGranted)
    return RefuseMapping<F>(arrival, verdict);
  FlowPlan plan = BeginPlan(arrival.tuple());
  plan.source = holds[0].outside;
  Inside inside;
  Refusal refusal = EnterHairpin(arrival.tuple(), holds, inside);
  if (!refusal && !PlanHairpin(arrival, inside, plan).ok())
    refusal = {RP_DROP_NEXT_HOP_DOWN};
  if (refusal) {
    Release(holds);
    return Refuse<F>(arrival, refusal);
  }
  if (!Resolved(arrival, plan)) {
    Release(holds);
    return absl::OkStatus();
  }
  // What a knock has kept is the flow's now.
  const FlowTuple& tuple = arrival.tuple();
  if (const auto hold =
          knocks_.Take({tuple.protocol, tuple.destination, plan.source}))
    nat_->Release(hold->request, hold->outside);
  Admitted<F>(arrival, plan, allowed.rule, std::move(holds));
  return absl::OkStatus();
}

#define RP_INSTANTIATE(F)                                              \
  template absl::Status Admission::RefuseMapping<F>(const Arrival&,    \
                                                    NatVerdict);       \
  template absl::Status Admission::DecideInbound<F>(const Arrival&,    \
                                                    FlowStart::Asked); \
  template absl::Status Admission::AdmitHairpin<F>(                    \
      const Arrival&, const Snapshot::RouteRef&, const Allowed&)
RP_INSTANTIATE(FlowV4);
RP_INSTANTIATE(FlowV6);
#undef RP_INSTANTIATE

}  // namespace rampart

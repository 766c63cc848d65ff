// SPDX-License-Identifier: Apache-2.0
#include "controller/flow/admission.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <utility>

#include "absl/hash/hash.h"
#include "absl/strings/str_cat.h"
#include "controller/base/status.h"
#include "controller/base/text.h"
#include "maps/realm.h"

namespace rampart {

Admission::Admission(const Dependencies& dependencies)
    : deps_(dependencies),
      reassembly_(Reassembly::Limits(), deps_.clock,
                  [this](rp_outcome reason, const rp_punt& punt,
                         absl::Span<const uint8_t> fragment) {
                    --waiting_;
                    deps_.drops.Count(reason, punt, fragment);
                  }),
      parts_(deps_.data_plane, static_cast<uint32_t>(deps_.hash_seed)) {}

void Admission::Use(const Snapshot* snapshot, NatAllocator* nat,
                    PortControl* port_control) {
  snapshot_ = snapshot;
  nat_ = nat;
  port_control_ = port_control;
}

absl::Status Admission::OnPunts(absl::Span<const DataPlane::Punt> punts) {
  now_ = deps_.clock.Now();
  std::vector<Arrival> arrivals;
  arrivals.reserve(punts.size());
  packets_.clear();
  packets_.reserve(punts.size());  // arrivals point into it
  for (const DataPlane::Punt& punt : punts) {
    const std::optional<Packet> packet =
        ParsePacket(punt.record.realm, punt.packet);
    if (!packet) {
      deps_.drops.Count(RP_DROP_IP_TRUNCATED, punt.record, punt.packet);
      continue;
    }
    packets_.push_back(*packet);
    arrivals.push_back(ArrivalOf(punt.record, packets_.back()));
    if (packet->is_v4())
      deps_.flows.PrefetchTags<FlowV4>(KeyOf<FlowV4>(packet->tuple));
    else
      deps_.flows.PrefetchTags<FlowV6>(KeyOf<FlowV6>(packet->tuple));
    if (const auto* route = NatRoute(arrivals.back()))
      nat_->PrefetchSubscriber(RequestOf(arrivals.back(), route->route->pool));
  }
  for (const Arrival& arrival : arrivals)
    if (const auto* route = NatRoute(arrival))
      nat_->PrefetchMapping(RequestOf(arrival, route->route->pool));
  absl::Status status;
  for (const Arrival& arrival : arrivals) status.Update(OnPunt(arrival));
  status.Update(InstallDecided<FlowV4>());
  status.Update(InstallDecided<FlowV6>());
  deps_.flows.ReleasePorts();
  datagrams_.clear();
  first_parts_.clear();
  return status;
}

// A guess.
const Snapshot::RouteRef* Admission::NatRoute(const Arrival& arrival) {
  if (arrival.punt.reason != RP_PUNT_MISS || !arrival.route) return nullptr;
  const Snapshot::RouteRef& route = *arrival.route;
  return route.route->kind == Route::Kind::kInternet ? &route : nullptr;
}

absl::Status Admission::OnPunt(const Arrival& arrival) {
  switch (arrival.punt.reason) {
    case RP_PUNT_MISS:
      return arrival.packet.is_v4() ? OnMiss<FlowV4>(arrival)
                                    : OnMiss<FlowV6>(arrival);
    case RP_PUNT_TTL:
      if (IsForRouter(arrival) && arrival.packet.IsEchoRequest())
        AnswerEcho(arrival);
      else
        Tell(arrival, RP_DROP_TTL, IcmpError::kTimeExceeded);
      return absl::OkStatus();
    case RP_PUNT_TOO_BIG:
      Tell(arrival, RP_DROP_TOO_BIG, IcmpError::kPacketTooBig);
      return absl::OkStatus();
    case RP_PUNT_SPLIT:
      Split(arrival);
      return absl::OkStatus();
    case RP_PUNT_FRAGMENT:
      return OnFragment(arrival);
    default:
      Drop(arrival, RP_DROP_INJECT);
      return absl::OkStatus();
  }
}

void Admission::Tell(const Arrival& arrival, rp_outcome reason,
                     IcmpError error) {
  if (arrival.punt.realm != RP_REALM_UNDERLAY) {
    if (const Refusal refusal = CheckSource(arrival))
      return Drop(arrival, refusal.reason);
  }
  Drop(arrival, reason);
  deps_.replies.SendIcmpError(error, arrival.punt, arrival.packet);
}

template <typename F>
absl::Status Admission::OnMiss(const Arrival& arrival) {
  if (arrival.packet.fragment && arrival.parts == nullptr) {
    Drop(arrival, RP_DROP_FRAGMENT);
    return absl::OkStatus();
  }
  const bool syn = arrival.packet.IsSyn();
  const typename F::Key key = KeyOf<F>(arrival.tuple());
  if (deps_.flows.Knows<F>(key)) {
    bool over = false;
    if (syn || !deps_.flows.IsFresh<F>(key)) {
      ASSIGN_OR_RETURN(over, deps_.flows.MakeRoom<F>(key, false, syn));
    }
    if (!over) {
      Rejoin(arrival);
      return absl::OkStatus();
    }
  }
  // Fragments come here without having missed; this one goes the other way.
  if (arrival.parts != nullptr && deps_.flows.NextHopOf<F>(key) != 0) {
    Rejoin(arrival);
    return absl::OkStatus();
  }
  if (const Pending::Flow* flow = pending_.Find(arrival.tuple())) {
    Wait(arrival, flow->next_hop);
    return absl::OkStatus();
  }
  return Decide<F>(arrival, FlowStart::Asked::kFirst);
}

template <typename F>
absl::Status Admission::Decide(const Arrival& arrival, FlowStart::Asked asked) {
  if (arrival.punt.realm == RP_REALM_UNDERLAY)
    return DecideInbound<F>(arrival, asked);
  if (deps_.probes.OnPacket(arrival.punt, arrival.packet)) {
    ++answered_;
    return absl::OkStatus();
  }
  if (const Refusal refusal = CheckSource(arrival))
    return Refuse<F>(arrival, refusal);
  if (IsForRouter(arrival)) {
    if (arrival.parts != nullptr)
      return Refuse<F>(arrival, {RP_DROP_FRAGMENT, false});
    if (port_control_ != nullptr && PortControl::IsFor(arrival.packet)) {
      port_control_->OnPacket(arrival.punt, arrival.packet);
      ++answered_;
      return absl::OkStatus();
    }
    // An answer that nobody waits for any more is of the tuple of those to
    // come.
    if (!arrival.packet.IsEchoRequest())
      return Refuse<F>(arrival, {RP_DROP_NO_ROUTE, !arrival.packet.IsEcho()});
    AnswerEcho(arrival);
    return absl::OkStatus();
  }
  const std::optional<Snapshot::RouteRef>& route = arrival.route;
  if (!route) return Refuse<F>(arrival, {RP_DROP_NO_ROUTE});
  if (const Refusal refusal = CheckRoute(arrival, *route))
    return Refuse<F>(arrival, refusal);
  Allowed allowed;
  if (const Refusal refusal = AskHooks(arrival, *route, asked, allowed))
    return Refuse<F>(arrival, refusal);
  return Admit<F>(arrival, *route, allowed);
}

// What is refused here is not remembered: the key of an address belongs to
// the tunnel it is behind, and a forger must not be able to block it.
Admission::Refusal Admission::CheckSource(const Arrival& arrival) const {
  const rp_punt& punt = arrival.punt;
  const FlowTuple& tuple = arrival.tuple();
  if (arrival.on_ramp.tunnel == nullptr ||
      arrival.on_ramp.tenant != arrival.vnet.tenant)
    return {RP_DROP_VNI_REFUSED, false};
  if (tuple.source.address == tuple.destination.address)
    return {RP_DROP_SRC_MARTIAN, false};
  if (!snapshot_->SourceAllowed(punt.tunnel, punt.realm, tuple.source.address))
    return {RP_DROP_SPOOFED, false};
  return {};
}

bool Admission::IsForRouter(const Arrival& arrival) const {
  const IpAddress& destination = arrival.tuple().destination.address;
  return arrival.punt.realm != RP_REALM_UNDERLAY &&
         destination ==
             snapshot_->RouterAddress(arrival.punt.realm, destination.family());
}

Admission::Refusal Admission::CheckRoute(
    const Arrival& arrival, const Snapshot::RouteRef& route) const {
  const Packet& packet = arrival.packet;
  const FlowTuple& tuple = packet.tuple;
  if ((tuple.protocol == IPPROTO_ICMP || tuple.protocol == IPPROTO_ICMPV6) &&
      !packet.IsEcho())
    return {RP_DROP_ICMP_TYPE, false};
  switch (route.route->kind) {
    case Route::Kind::kBlackhole:
      return {RP_DROP_BLACKHOLE};
    case Route::Kind::kInternet:
      return CheckOpening(packet);
    case Route::Kind::kTunnel:
      break;
  }
  // The peer's own underlay address inside its tunnel, by a route that was
  // not meant for it: it would come back to us, tunnelled twice.
  const std::vector<Peer>& peers = route.tunnel->peers;
  if (route.tunnel->id == arrival.punt.tunnel &&
      arrival.punt.peer < peers.size() &&
      peers[arrival.punt.peer].remote == tuple.destination.address &&
      route.route->cidr.length() < tuple.destination.address.bits())
    return {RP_DROP_HAIRPIN};
  return {};
}

// The sender's tenant wants refused senders to know why. From outside there is
// no tenant that could want it.
bool Admission::Explains(const Arrival& arrival) {
  return arrival.vnet.tenant != nullptr &&
         arrival.punt.realm != RP_REALM_UNDERLAY &&
         arrival.vnet.tenant->denials.explain;
}

// "RP-POL-002 ask it@acme.example".
std::string Admission::WhyRefused(const Arrival& arrival, rp_outcome reason) {
  std::string_view id;
  switch (reason) {
#define X(symbol, value, text, help) \
  case RP_DROP_##symbol:             \
    id = text;                       \
    break;
    RP_DROP_REASONS(X)
#undef X
    default:
      break;
  }
  const std::string& contact = arrival.vnet.tenant->denials.contact;
  return contact.empty() ? std::string(id)
                         : absl::StrCat(Abseil(id), " ask ", contact);
}

Admission::Refusal Admission::AskHooks(const Arrival& arrival,
                                       const Snapshot::RouteRef& route,
                                       FlowStart::Asked asked,
                                       Allowed& allowed) {
  FlowStart start = MakeFlowStart(arrival.tuple(), arrival.vnet,
                                  arrival.on_ramp, route, now_);
  start.icmp_type = arrival.packet.icmp_type;
  start.asked = asked;
  Decision decision = deps_.hooks.OnFlowStart(start);
  allowed = {std::move(decision.rule), decision.pool};
  switch (decision.action) {
    case Decision::Action::kAllow:
      return {};
    case Decision::Action::kReject:
      return {.reason = decision.reason,
              .remember = decision.remember,
              .tell = IcmpError::kAdminProhibited};
    case Decision::Action::kDeny:
      break;
  }
  Refusal refusal = {.reason = decision.reason, .remember = decision.remember};
  // A rule that denies is silent on purpose; the want of one is not.
  if (Explains(arrival) && decision.reason == RP_DROP_POLICY_DEFAULT)
    refusal.tell = IcmpError::kAdminProhibited;
  return refusal;
}

template <typename F>
absl::Status Admission::Admit(const Arrival& arrival,
                              const Snapshot::RouteRef& route,
                              const Allowed& allowed) {
  const bool to_internet = route.route->kind == Route::Kind::kInternet;
  const Endpoint& destination = arrival.tuple().destination;
  if (to_internet && nat_->PoolOf(destination.address) != nullptr)
    return AdmitHairpin<F>(arrival, route, allowed);
  absl::StatusOr<FlowPlan> plan = Plan(arrival, route);
  if (!plan.ok()) return Refuse<F>(arrival, {RP_DROP_NEXT_HOP_DOWN});
  if (!Resolved(arrival, *plan)) return absl::OkStatus();
  Flows::NatHolds holds;
  const std::string_view pool = PoolOf(route, allowed);
  if (to_internet && !nat_->Excluded(pool, destination.address)) {
    const NatVerdict verdict = Hold(RequestOf(arrival, pool), holds);
    if (verdict != NatVerdict::kGranted)
      return RefuseMapping<F>(arrival, verdict);
    plan->source = holds[0].outside;
    plan->snat = true;
  }
  Admitted<F>(arrival, *plan, allowed.rule, std::move(holds));
  return absl::OkStatus();
}

template <typename F>
void Admission::Admitted(const Arrival& arrival, const FlowPlan& plan,
                         const std::string& rule, Flows::NatHolds holds) {
  decided<F>().push_back(
      {arrival, CompileFlow<F>(plan), rule, std::move(holds)});
  if (plan.snat)
    deps_.flows.PrefetchTags<F>(decided<F>().back().pair.key[kReverse]);
}

bool Admission::Resolved(const Arrival& arrival, const FlowPlan& plan) {
  for (const uint32_t next_hop : plan.next_hop) {
    deps_.next_hops.MarkUsed(next_hop);
    if (!deps_.next_hops.Usable(next_hop)) {
      Wait(arrival, next_hop);
      return false;
    }
  }
  return true;
}

uint64_t Admission::HashOf(const FlowTuple& tuple) const {
  return absl::Hash<std::pair<uint64_t, FlowTuple>>()({deps_.hash_seed, tuple});
}

FlowPlan Admission::BeginPlan(const FlowTuple& tuple) const {
  return {.tuple = tuple,
          .source = tuple.source,
          .now = deps_.clock.Tick(),
          .entropy = static_cast<uint16_t>(HashOf(tuple) & RP_FLOW_ENTROPY)};
}

absl::StatusOr<FlowPlan> Admission::Plan(const Arrival& arrival,
                                         const Snapshot::RouteRef& route) {
  const rp_punt& punt = arrival.punt;
  const FlowTuple& tuple = arrival.tuple();
  FlowPlan plan = BeginPlan(tuple);
  NextHops& next_hops = deps_.next_hops;
  plan.on_ramp[kForward] = punt.tunnel;
  ASSIGN_OR_RETURN(
      plan.next_hop[kReverse],
      next_hops.ToTunnel(*arrival.on_ramp.tunnel, punt.realm,
                         tuple.source.address, PeerHashOf(tuple), punt.peer));
  if (route.route->kind == Route::Kind::kInternet) {
    plan.reverse_realm = RP_REALM_UNDERLAY;
    plan.on_ramp[kReverse] = RP_TUNNEL_UNDERLAY;
    ASSIGN_OR_RETURN(plan.next_hop[kForward],
                     next_hops.ToUnderlay(tuple.destination.address));
  } else {
    plan.reverse_realm = punt.realm;
    plan.on_ramp[kReverse] = route.tunnel->id;
    ASSIGN_OR_RETURN(
        plan.next_hop[kForward],
        next_hops.ToTunnel(*route.tunnel, punt.realm, tuple.destination.address,
                           PeerHashOf(tuple)));
  }
  return plan;
}

template <typename F>
absl::Status Admission::InstallDecided() {
  for (const Decided<F>& flow : decided<F>())
    deps_.flows.PrefetchSlots<F>(flow.pair);
  absl::Status status;
  for (Decided<F>& flow : decided<F>()) status.Update(Install<F>(flow));
  decided<F>().clear();
  return status;
}

template <typename F>
absl::Status Admission::Install(Decided<F>& decided) {
  const Arrival& arrival = decided.arrival;
  const absl::StatusOr<rp_outcome> outcome =
      Write(decided.pair, decided.rule, arrival.packet.IsSyn());
  if (outcome.ok() && *outcome == RP_FORWARDED) {
    Inject(arrival);
    return absl::OkStatus();
  }
  Release(decided.holds);
  if (!outcome.ok()) return outcome.status();
  if (*outcome == RP_PUNTED)
    Rejoin(arrival);
  else
    Drop(arrival, *outcome);
  return absl::OkStatus();
}

template <typename F>
absl::StatusOr<rp_outcome> Admission::Write(const FlowPair<F>& pair,
                                            const std::string& rule,
                                            bool reopen) {
  absl::Status status = deps_.flows.Install(pair, rule);
  if (absl::IsAlreadyExists(status)) {
    ASSIGN_OR_RETURN(
        const bool forward,
        deps_.flows.MakeRoom<F>(pair.key[kForward], false, reopen));
    if (!forward) return RP_PUNTED;
    // An allowed flow's answers go before a refusal of that direction.
    ASSIGN_OR_RETURN(const bool reverse,
                     deps_.flows.MakeRoom<F>(pair.key[kReverse], true, reopen));
    // Only a flow from the time of other routes can hold this key.
    if (!reverse) return RP_DROP_ON_RAMP;
    status = deps_.flows.Install(pair, rule);
  }
  if (absl::IsResourceExhausted(status)) return RP_DROP_FLOW_TABLE_FULL;
  RETURN_IF_ERROR(status);
  return RP_FORWARDED;
}

template <typename F>
absl::Status Admission::Refuse(const Arrival& arrival, const Refusal& refusal) {
  if (refusal.remember) {
    ASSIGN_OR_RETURN(const rp_outcome outcome,
                     Remember<F>(arrival, refusal.reason));
    if (outcome == RP_PUNTED) {
      Rejoin(arrival);
      return absl::OkStatus();
    }
  }
  Drop(arrival, refusal.reason);
  if (!refusal.tell) return absl::OkStatus();
  const bool prohibited = *refusal.tell == IcmpError::kAdminProhibited;
  if (prohibited && Explains(arrival))
    deps_.replies.SendIcmpError(*refusal.tell, arrival.punt, arrival.packet,
                                WhyRefused(arrival, refusal.reason));
  else if (prohibited && arrival.tuple().protocol == IPPROTO_TCP)
    deps_.replies.SendTcpReset(arrival.punt, arrival.packet);
  else
    deps_.replies.SendIcmpError(*refusal.tell, arrival.punt, arrival.packet);
  return absl::OkStatus();
}

template <typename F>
absl::StatusOr<rp_outcome> Admission::Remember(const Arrival& arrival,
                                               rp_outcome reason) {
  const absl::StatusOr<uint32_t> next_hop = deps_.next_hops.ToDrop(reason);
  if (!next_hop.ok()) return reason;
  deps_.next_hops.MarkUsed(*next_hop);
  FlowPlan plan = {.tuple = arrival.tuple(), .now = deps_.clock.Tick()};
  plan.next_hop[kForward] = *next_hop;
  plan.on_ramp[kForward] = arrival.punt.tunnel;
  const typename F::Key key = KeyOf<F>(plan.tuple);
  const typename F::Value value = CompileRefusal<F>(plan);
  absl::Status status = deps_.flows.Refuse<F>(key, value, reason);
  if (absl::IsAlreadyExists(status)) {
    ASSIGN_OR_RETURN(const bool room, deps_.flows.MakeRoom<F>(
                                          key, false, arrival.packet.IsSyn()));
    if (!room) return RP_PUNTED;
    status = deps_.flows.Refuse<F>(key, value, reason);
  }
  if (!status.ok() && !absl::IsResourceExhausted(status)) return status;
  return reason;
}

void Admission::Drop(const Arrival& arrival, rp_outcome reason,
                     std::source_location where) {
  if (arrival.parts == nullptr)
    return deps_.drops.Count(reason, arrival.punt, arrival.packet.bytes, where);
  for (const std::vector<uint8_t>& part : *arrival.parts)
    deps_.drops.Count(reason, arrival.punt, part, where);
}

void Admission::AnswerEcho(const Arrival& arrival) {
  deps_.replies.SendEchoReply(arrival.punt, arrival.packet);
  ++answered_;
}

void Admission::Inject(const Arrival& arrival) {
  if (arrival.parts != nullptr) return InjectParts(arrival);
  if (deps_.data_plane
          .Inject(arrival.punt.realm, arrival.punt.tunnel, arrival.packet.bytes)
          .ok())
    ++injected_;
  else
    Drop(arrival, RP_DROP_INJECT);
}

// A packet that missed its flow although the controller had put it back for
// that flow would go round for ever.
void Admission::Rejoin(const Arrival& arrival) {
  const std::optional<rp_device> device = deps_.data_plane.maps()
                                              .devices.Get(arrival.punt.slot)
                                              .value_or(std::nullopt);
  if (device && device->role == RP_ROLE_INJECT)
    Drop(arrival, RP_DROP_INJECT);
  else
    Inject(arrival);
}

template absl::Status Admission::Decide<FlowV4>(const Arrival&,
                                                FlowStart::Asked);
template absl::Status Admission::Decide<FlowV6>(const Arrival&,
                                                FlowStart::Asked);
template absl::Status Admission::InstallDecided<FlowV4>();
template absl::Status Admission::InstallDecided<FlowV6>();

}  // namespace rampart

// SPDX-License-Identifier: Apache-2.0
#include "controller/explain/new_flow.h"

#include <netinet/in.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "controller/base/text.h"
#include "controller/explain/nat_forecast.h"
#include "controller/model/words.h"
#include "maps/realm.h"

namespace rampart {
namespace {

constexpr uint16_t kPcpPort = 5351;  // RFC 6887 section 19

std::string EndpointText(const Endpoint& end) {
  const std::string address = end.address.ToString();
  if (end.port == 0) return address;
  return end.address.is_v4() ? absl::StrCat(address, ":", end.port)
                             : absl::StrCat("[", address, "]:", end.port);
}

bool IsIcmp(uint8_t protocol) {
  return protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6;
}

// Goes the way of Admission, and writes down what it sees.
class Walk {
 public:
  Walk(const Snapshot& snapshot, const NatAllocator* nat, const NewFlow& flow,
       const Packet& packet)
      : snapshot_(snapshot),
        nat_(nat),
        flow_(flow),
        packet_(packet),
        on_ramp_(snapshot.FindTunnel(flow.tunnel)),
        vnet_(snapshot.FindVnet(flow.realm)) {}

  NewFlowExplanation Go() {
    result_.outcome = flow_.realm == RP_REALM_UNDERLAY ? Inbound() : Outbound();
    return std::move(result_);
  }

 private:
  const FlowTuple& tuple() const { return packet_.tuple; }
  void Say(std::string stage, std::string text) {
    result_.steps.push_back({std::move(stage), std::move(text)});
  }
  rp_outcome Refuse(rp_outcome reason, std::string stage, std::string text) {
    Say(std::move(stage), std::move(text));
    return reason;
  }

  rp_outcome Outbound() {
    if (const rp_outcome refused = CheckSource()) return refused;
    const IpAddress& destination = tuple().destination.address;
    if (destination ==
        snapshot_.RouterAddress(flow_.realm, destination.family()))
      return AtRouter();
    FindRoute(flow_.realm, destination);
    if (!result_.route)
      return Refuse(RP_DROP_NO_ROUTE, "route",
                    absl::StrCat("nothing in ", NameOf(vnet_), " routes ",
                                 destination.ToString()));
    Say("route", ToString(*result_.route));
    if (const rp_outcome refused = CheckRoute(*result_.route)) return refused;
    FlowStart start =
        MakeFlowStart(tuple(), vnet_, on_ramp_, *result_.route, flow_.time);
    start.icmp_type = packet_.icmp_type;
    if (const rp_outcome refused = AskPolicy(start)) return refused;
    return Translate(*result_.route->route);
  }

  // Admission::CheckSource().
  rp_outcome CheckSource() {
    if (on_ramp_.tunnel == nullptr || on_ramp_.tenant != vnet_.tenant)
      return Refuse(RP_DROP_VNI_REFUSED, "source",
                    absl::StrCat("tunnel ", flow_.tunnel, " and VNI ",
                                 flow_.realm, " are not of one tenant"));
    const IpAddress& source = tuple().source.address;
    if (source == tuple().destination.address)
      return Refuse(RP_DROP_SRC_MARTIAN, "source",
                    "source and destination are the same");
    if (!snapshot_.SourceAllowed(flow_.tunnel, flow_.realm, source))
      return Refuse(RP_DROP_SPOOFED, "source",
                    absl::StrCat(source.ToString(), " is not routed back to ",
                                 NameOf(on_ramp_), Behind(source)));
    Say("source", absl::StrCat(source.ToString(), " is behind ",
                               NameOf(on_ramp_), " in ", NameOf(vnet_)));
    return RP_FORWARDED;
  }

  std::string Behind(const IpAddress& source) const {
    const auto route = snapshot_.FindRoute(flow_.realm, source);
    return route ? absl::StrCat(", but to ", ToString(*route))
                 : std::string(", nor anywhere else");
  }

  rp_outcome AtRouter() {
    const bool whole = !packet_.fragment;
    if (!whole)
      return Refuse(RP_DROP_FRAGMENT, "answer",
                    "the vnet's router address takes no fragments");
    if (tuple().protocol == IPPROTO_UDP &&
        tuple().destination.port == kPcpPort && HasPcp())
      return Refuse(RP_PUNTED, "answer",
                    "a request for port mappings: the edge answers it");
    if (packet_.IsEchoRequest())
      return Refuse(RP_PUNTED, "answer",
                    "a ping of the vnet's router address: the edge answers it");
    return Refuse(RP_DROP_NO_ROUTE, "answer",
                  "the vnet's router address answers pings only");
  }

  bool HasPcp() const {
    for (const NatPoolConfig& pool : snapshot_.edge().pools)
      if (pool.pcp) return true;
    return false;
  }

  void FindRoute(uint32_t realm, const IpAddress& destination) {
    std::vector<Snapshot::RouteRef> routes =
        snapshot_.FindRoutes(realm, destination);
    if (routes.empty()) return;
    result_.route = routes[0];
    result_.lost.assign(routes.begin() + 1, routes.end());
  }

  // Admission::CheckRoute().
  rp_outcome CheckRoute(const Snapshot::RouteRef& route) {
    if (IsIcmp(tuple().protocol) && !packet_.IsEcho())
      return Refuse(
          RP_DROP_ICMP_TYPE, "opening",
          absl::StrCat("ICMP type ", packet_.icmp_type, " begins no flow"));
    if (route.route->kind == Route::Kind::kBlackhole)
      return Refuse(RP_DROP_BLACKHOLE, "route", "it leads to blackhole");
    if (route.route->kind == Route::Kind::kInternet) return CheckOpening();
    if (LeadsBack(route))
      return Refuse(RP_DROP_HAIRPIN, "route",
                    "it leads back to the peer that sent the packet");
    return RP_FORWARDED;
  }

  bool LeadsBack(const Snapshot::RouteRef& route) const {
    const IpAddress& destination = tuple().destination.address;
    const std::vector<Peer>& peers = route.tunnel->peers;
    return route.tunnel->id == flow_.tunnel && flow_.peer < peers.size() &&
           peers[flow_.peer].remote == destination &&
           route.route->cidr.length() < destination.bits();
  }

  // Admission::CheckOpening().
  rp_outcome CheckOpening() {
    if (tuple().protocol == IPPROTO_TCP && !packet_.IsSyn())
      return Refuse(RP_DROP_NAT_NO_SYN, "opening",
                    "only a SYN opens a connection that is translated");
    if (IsIcmp(tuple().protocol) && !packet_.IsEchoRequest())
      return Refuse(packet_.IsEcho() ? RP_DROP_ICMP_NO_FLOW : RP_DROP_ICMP_TYPE,
                    "opening", "only an echo request opens a translation");
    return RP_FORWARDED;
  }

  rp_outcome AskPolicy(const FlowStart& start) {
    result_.policy = ExplainPolicy(start);
    const PolicyExplanation& policy = *result_.policy;
    const std::string tried = absl::StrCat(policy.tried, " rules tried");
    if (policy.revoked)
      Say("policy", "an identity of this flow is revoked");
    else if (policy.matched == nullptr)
      Say("policy", absl::StrCat(tried, ", none matched"));
    else
      Say("policy",
          absl::StrCat(tried, ", ", policy.matched->name, " matched"));
    if (policy.shadow != nullptr)
      Say("policy",
          absl::StrCat("shadow rule ", policy.shadow->name, " would ",
                       Abseil(WordOf(kPolicyActions, policy.shadow->action)),
                       " it"));
    return policy.decision.action == Decision::Action::kAllow
               ? RP_FORWARDED
               : policy.decision.reason;
  }

  // Admission::Admit(), as far as NAT goes.
  rp_outcome Translate(const Route& route) {
    if (route.kind != Route::Kind::kInternet || nat_ == nullptr)
      return RP_FORWARDED;
    const IpAddress& destination = tuple().destination.address;
    const bool hairpin = nat_->PoolOf(destination) != nullptr;
    const std::string_view chosen =
        result_.policy ? std::string_view(result_.policy->decision.pool) : "";
    const std::string pool = chosen.empty() ? route.pool : std::string(chosen);
    if (!hairpin && nat_->Excluded(pool, destination)) {
      Say("nat", absl::StrCat("pool ", pool, " leaves packets to ",
                              destination.ToString(), " as they are"));
      return RP_FORWARDED;
    }
    result_.pool = pool;
    NatForecast forecast =
        ForecastMapping(snapshot_, *nat_,
                        {.pool = pool,
                         .subscriber = {tuple().realm, tuple().source.address},
                         .protocol = tuple().protocol,
                         .inside_port = tuple().source.port,
                         .remote = tuple().destination});
    Say("nat", std::move(forecast.text));
    if (forecast.outcome != RP_FORWARDED || !hairpin) return forecast.outcome;
    if (forecast.outside == tuple().destination)
      return Refuse(RP_DROP_HAIRPIN, "nat", "it would be a packet to itself");
    return Enter(tuple().destination, tuple().source);
  }

  rp_outcome Inbound() {
    if (const rp_outcome refused = CheckOpening()) return refused;
    return Enter(tuple().destination, tuple().source);
  }

  // Admission::FindInside(). remote: as it is before its own translation, which
  // matters to rules that name addresses of NAT pools only.
  rp_outcome Enter(const Endpoint& outside, const Endpoint& remote) {
    const std::optional<NatInside> found =
        nat_ != nullptr ? nat_->FindInside(tuple().protocol, outside, remote)
                        : std::nullopt;
    if (!found)
      return Refuse(RP_DROP_NAT_NO_MAPPING, "nat",
                    absl::StrCat("nobody is behind ", EndpointText(outside)));
    const Endpoint inside = {found->subscriber.address, found->port};
    const uint32_t realm = found->subscriber.realm;
    Say("nat", absl::StrCat(EndpointText(outside), " is ", EndpointText(inside),
                            " in ", NameOf(snapshot_.FindVnet(realm))));
    if (!found->admits)
      return Refuse(
          RP_DROP_NAT_FILTERED, "nat",
          absl::StrCat("the filtering of pool ", std::string(found->pool),
                       " keeps ", remote.address.ToString(), " out"));
    return EnterVnet(realm, inside, remote);
  }

  rp_outcome EnterVnet(uint32_t realm, const Endpoint& inside,
                       const Endpoint& remote) {
    const Snapshot::VnetRef vnet = snapshot_.FindVnet(realm);
    result_.route.reset();
    result_.lost.clear();
    FindRoute(realm, inside.address);
    if (vnet.vnet == nullptr || !result_.route ||
        result_.route->route->kind != Route::Kind::kTunnel)
      return Refuse(
          RP_DROP_NO_ROUTE, "route",
          absl::StrCat("no tunnel leads to ", inside.address.ToString(), " in ",
                       NameOf(vnet)));
    Say("route", ToString(*result_.route));
    FlowStart start = MakeFlowStart({realm, remote, inside, tuple().protocol},
                                    vnet, {}, *result_.route, flow_.time);
    start.icmp_type = EchoTypeOf(start.tuple);
    return AskPolicy(start);
  }

  const Snapshot& snapshot_;
  const NatAllocator* const nat_;
  const NewFlow& flow_;
  const Packet& packet_;
  const Snapshot::TunnelRef on_ramp_;
  const Snapshot::VnetRef vnet_;
  NewFlowExplanation result_;
};

}  // namespace

std::string NameOf(const Snapshot::VnetRef& vnet) {
  if (vnet.vnet == nullptr) return "no vnet";
  return absl::StrCat(vnet.tenant->name, "/", vnet.vnet->name);
}

std::string NameOf(const Snapshot::TunnelRef& tunnel) {
  if (tunnel.tunnel == nullptr) return "no tunnel";
  return absl::StrCat(tunnel.tenant->name, "/", tunnel.tunnel->name);
}

std::string ToString(const Snapshot::RouteRef& route) {
  const std::string cidr = route.route->cidr.ToString();
  switch (route.route->kind) {
    case Route::Kind::kInternet:
      return absl::StrCat(cidr, " to internet, pool ", route.route->pool);
    case Route::Kind::kBlackhole:
      return absl::StrCat(cidr, " to blackhole");
    case Route::Kind::kTunnel:
      break;
  }
  return absl::StrCat(cidr, " to tunnel ", route.tunnel->name);
}

NewFlowExplanation ExplainNewFlow(const Snapshot& snapshot,
                                  const NatAllocator* nat, const NewFlow& flow,
                                  const Packet& packet) {
  return Walk(snapshot, nat, flow, packet).Go();
}

}  // namespace rampart

// SPDX-License-Identifier: Apache-2.0
// GET /v1/flows and /v1/nat/sessions.
#include <netinet/in.h>

#include "controller/api/flow_rows.h"
#include "controller/api/handlers.h"
#include "controller/api/names.h"
#include "controller/base/status.h"
#include "maps/realm.h"

namespace rampart {
namespace {

std::string_view NameOf(const Tenant* tenant) {
  return tenant != nullptr ? std::string_view(tenant->name) : "";
}
std::string_view NameOf(const Vnet* vnet) {
  return vnet != nullptr ? std::string_view(vnet->name) : "";
}
std::string_view NameOf(const Tunnel* tunnel) {
  return tunnel != nullptr ? std::string_view(tunnel->name) : "";
}

std::string_view OffRamp(const Snapshot& snapshot, const rp_next_hop& hop) {
  switch (hop.use) {
    case RP_USE_TUNNEL:
    case RP_USE_INTERFACE:
      return NameOf(snapshot.FindTunnel(hop.tunnel).tunnel);
    case RP_USE_UNDERLAY:
      return "internet";
    default:
      return "";
  }
}

std::string_view StateOf(const Engine::FlowView& flow) {
  if (flow.next_hop.kind == RP_NEXT_HOP_DROP) return "REFUSED";
  if (flow.tuple.protocol == IPPROTO_TCP) return TcpState(flow.tcp);
  return flow.packets[1] > 0 ? "REPLIED" : "UNREPLIED";
}

// The external address: what a host's is made, or what was asked for a host.
IpAddress NatAddress(const Engine::FlowView& flow) {
  if (flow.translated_source != flow.tuple.source)
    return flow.translated_source.address;
  if (flow.translated_destination != flow.tuple.destination)
    return flow.tuple.destination.address;
  return {};
}

Selectable ToSelectable(const Snapshot& snapshot,
                        const Engine::FlowView& flow) {
  const Snapshot::VnetRef vnet = snapshot.FindVnet(
      flow.tuple.realm != RP_REALM_UNDERLAY ? flow.tuple.realm
                                            : flow.reverse_realm);
  return {.source = flow.tuple.source.address,
          .destination = flow.tuple.destination.address,
          .source_port = flow.tuple.source.port,
          .destination_port = flow.tuple.destination.port,
          .protocol = flow.tuple.protocol,
          .tenant = NameOf(vnet.tenant),
          .vnet = NameOf(vnet.vnet),
          .on_ramp = flow.on_ramp == RP_TUNNEL_UNDERLAY
                         ? "internet"
                         : NameOf(snapshot.FindTunnel(flow.on_ramp).tunnel),
          .off_ramp = OffRamp(snapshot, flow.next_hop),
          .state = StateOf(flow),
          .rule = flow.rule,
          .nat = NatAddress(flow)};
}

Selectable ToSelectable(const Snapshot& snapshot, const NatSession& session) {
  const Snapshot::VnetRef vnet = snapshot.FindVnet(session.subscriber.realm);
  return {.source = session.subscriber.address,
          .destination = session.remote.address,
          .source_port = session.inside_port,
          .destination_port = session.remote.port,
          .protocol = session.protocol,
          .tenant = NameOf(vnet.tenant),
          .vnet = NameOf(vnet.vnet),
          .on_ramp = {},
          .off_ramp = {},
          .state = {},
          .rule = {},
          .nat = session.outside.address};
}

NatFacts ToNatFacts(const Snapshot& snapshot, const NatSession& session) {
  return {.flow = ToSelectable(snapshot, session),
          .remote_known = !session.remote.address.IsUnspecified(),
          .outside = session.outside,
          .pool = session.pool,
          .flows = session.flows};
}

}  // namespace

FlowFacts ToFacts(const Snapshot& snapshot, const Engine::FlowView& view) {
  const bool refused = view.next_hop.kind == RP_NEXT_HOP_DROP;
  return {.flow = ToSelectable(snapshot, view),
          .to_source = view.translated_source,
          .to_destination = view.translated_destination,
          .reason = refused ? OutcomeName(view.next_hop.reason) : "",
          .packets = {view.packets[0], view.packets[1]},
          .bytes = {view.bytes[0], view.bytes[1]},
          .idle_s = absl::ToDoubleSeconds(view.idle),
          .expires_in_s = absl::ToDoubleSeconds(view.expires_in),
          .epoch = view.epoch};
}

absl::StatusOr<Json> GetFlows(const Backend& backend, const Query& query) {
  ASSIGN_OR_RETURN(MatchingRows rows, MatchingRows::Of(query));
  const std::shared_ptr<const Snapshot> snapshot = backend.snapshot();
  backend.engine().ForEachFlow([&](const Engine::FlowView& flow) {
    rows.Add(ToFacts(*snapshot, flow));
  });
  return std::move(rows).Finish("flows", "flows");
}

uint64_t CountFlows(const Backend& backend,
                    absl::FunctionRef<bool(const Selectable&)> wanted) {
  const std::shared_ptr<const Snapshot> snapshot = backend.snapshot();
  uint64_t count = 0;
  backend.engine().ForEachFlow([&](const Engine::FlowView& flow) {
    count += wanted(ToSelectable(*snapshot, flow));
  });
  return count;
}

absl::StatusOr<Json> GetNatSessions(const Backend& backend,
                                    const Query& query) {
  ASSIGN_OR_RETURN(MatchingRows rows, MatchingRows::OfNat(query));
  const std::shared_ptr<const Snapshot> snapshot = backend.snapshot();
  backend.engine().ForEachNatSession([&](const NatSession& session) {
    rows.Add(ToNatFacts(*snapshot, session));
  });
  return std::move(rows).Finish("nat-sessions", "sessions");
}

}  // namespace rampart

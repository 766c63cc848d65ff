// SPDX-License-Identifier: Apache-2.0
// GET /v1/flows and /v1/nat/sessions.
#include <netinet/in.h>

#include "absl/strings/str_cat.h"
#include "controller/api/handlers.h"
#include "controller/api/names.h"
#include "controller/api/selectors.h"
#include "controller/base/status.h"
#include "maps/realm.h"

namespace rampart {
namespace {

constexpr std::string_view kLimit[] = {"limit"};

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
          .state = StateOf(flow)};
}

Json FlowRow(const Selectable& flow, const Engine::FlowView& view) {
  return {
      {"tenant", flow.tenant},
      {"vnet", flow.vnet},
      {"proto", ProtocolName(flow.protocol)},
      {"src", flow.source.ToString()},
      {"sport", flow.source_port},
      {"dst", flow.destination.ToString()},
      {"dport", flow.destination_port},
      {"to_src", view.translated_source.address.ToString()},
      {"to_sport", view.translated_source.port},
      {"to_dst", view.translated_destination.address.ToString()},
      {"to_dport", view.translated_destination.port},
      {"on_ramp", flow.on_ramp},
      {"off_ramp", flow.off_ramp},
      {"state", flow.state},
      {"reason", view.next_hop.kind == RP_NEXT_HOP_DROP
                     ? OutcomeName(view.next_hop.reason)
                     : ""},
      {"packets", {view.packets[0], view.packets[1]}},
      {"bytes", {view.bytes[0], view.bytes[1]}},
      {"idle_s", absl::ToDoubleSeconds(view.idle)},
      {"expires_in_s", absl::ToDoubleSeconds(view.expires_in)},
      {"epoch", view.epoch},
      {"rule", view.rule},
  };
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
          .state = {}};
}

Json NatRow(const Selectable& flow, const NatSession& session) {
  return {
      {"tenant", flow.tenant},
      {"vnet", flow.vnet},
      {"proto", ProtocolName(session.protocol)},
      {"inside", session.subscriber.address.ToString()},
      {"inside_port", session.inside_port},
      {"outside", session.outside.address.ToString()},
      {"outside_port", session.outside.port},
      {"remote", session.remote.address.IsUnspecified()
                     ? ""
                     : session.remote.address.ToString()},
      {"remote_port", session.remote.port},
      {"pool", session.pool},
      {"flows", session.flows},
  };
}

// Collects the rows that match, up to a limit, and counts the others.
class Matches {
 public:
  Matches(Selectors selectors, size_t limit)
      : selectors_(std::move(selectors)), limit_(limit) {}

  template <typename View>
  void Add(const Selectable& flow, const View& view,
           Json (*row)(const Selectable&, const View&)) {
    if (!selectors_.Match(flow)) return;
    if (++matched_ <= limit_) rows_.push_back(row(flow, view));
  }

  Json Finish(std::string_view kind, std::string_view name) && {
    Json document = Document(kind);
    document["matched"] = matched_;
    document["truncated"] = matched_ > limit_;
    document[std::string(name)] = std::move(rows_);
    return document;
  }

 private:
  const Selectors selectors_;
  const size_t limit_;
  uint64_t matched_ = 0;
  Json rows_ = Json::array();
};

}  // namespace

absl::StatusOr<Json> GetFlows(const Backend& backend, const Query& query) {
  ASSIGN_OR_RETURN(const size_t limit, LimitOf(query));
  ASSIGN_OR_RETURN(Selectors selectors, Selectors::Parse(query, kLimit));
  const std::shared_ptr<const Snapshot> snapshot = backend.snapshot();
  Matches matches(std::move(selectors), limit);
  backend.engine().ForEachFlow([&](const Engine::FlowView& flow) {
    matches.Add(ToSelectable(*snapshot, flow), flow, &FlowRow);
  });
  return std::move(matches).Finish("flows", "flows");
}

absl::StatusOr<Json> GetNatSessions(const Backend& backend,
                                    const Query& query) {
  for (const auto& [name, value] : query) {
    if (name.ends_with("tunnel") || name.ends_with("state"))
      return absl::InvalidArgumentError(
          absl::StrCat("selector '", name, "': NAT sessions have none"));
  }
  ASSIGN_OR_RETURN(const size_t limit, LimitOf(query));
  ASSIGN_OR_RETURN(Selectors selectors, Selectors::Parse(query, kLimit));
  const std::shared_ptr<const Snapshot> snapshot = backend.snapshot();
  Matches matches(std::move(selectors), limit);
  backend.engine().ForEachNatSession([&](const NatSession& session) {
    matches.Add(ToSelectable(*snapshot, session), session, &NatRow);
  });
  return std::move(matches).Finish("nat-sessions", "sessions");
}

}  // namespace rampart

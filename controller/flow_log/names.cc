// SPDX-License-Identifier: Apache-2.0
#include "controller/flow_log/names.h"

#include "maps/realm.h"

namespace rampart {
namespace {

constexpr std::string_view kInternet = "internet";

template <typename Map, typename Key>
std::string_view TextAt(const Map& map, const Key& key) {
  const auto it = map.find(key);
  return it != map.end() ? std::string_view(it->second) : "";
}

}  // namespace

std::shared_ptr<const FlowNames> FlowNames::Make(const FlowNames* before,
                                                 const Snapshot& snapshot) {
  auto names = before != nullptr ? std::make_shared<FlowNames>(*before)
                                 : std::make_shared<FlowNames>();
  names->file_ = snapshot.resources().file;
  const auto rules = std::exchange(names->rules_, {});
  for (const Shared<Tenant>& tenant : snapshot.resources().tenants) {
    const uint32_t id = tenant->id;
    names->tenants_[id] = tenant->name;
    for (const Vnet& vnet : tenant->vnets)
      names->vnets_[{id, vnet.vni}] = vnet.name;
    for (const Tunnel& tunnel : tenant->tunnels)
      names->tunnels_[tunnel.id] = {tunnel.name, id};
    const auto known = rules.find(id);
    const bool same =
        known != rules.end() && known->second.tenant.SameAs(tenant);
    names->rules_[id] = same ? known->second : LinesOf(tenant);
  }
  return names;
}

FlowNames::RuleLines FlowNames::LinesOf(const Shared<Tenant>& tenant) {
  auto lines = std::make_shared<absl::flat_hash_map<absl::string_view, int>>();
  for (const PolicyRule& rule : tenant->policies)
    lines->emplace(rule.name, rule.line);
  return {.tenant = tenant, .lines = std::move(lines)};
}

std::string_view FlowNames::TunnelText(uint32_t id) const {
  if (id == RP_TUNNEL_UNDERLAY) return kInternet;
  const auto it = tunnels_.find(id);
  return it != tunnels_.end() ? std::string_view(it->second.name) : "";
}

FlowNames::Names FlowNames::Of(const FlowState& flow, bool denied) const {
  const bool inbound = flow.tuple.realm == RP_REALM_UNDERLAY;
  Names names = {.tenant = {},
                 .vnet = {},
                 .vni = inbound ? flow.reverse_realm : flow.tuple.realm,
                 .on_ramp = TunnelText(flow.on_ramp),
                 .off_ramp = {},
                 .rule_file = {}};
  if (!denied) names.off_ramp = TunnelText(flow.off_ramp);
  const auto tunnel = tunnels_.find(inbound ? flow.off_ramp : flow.on_ramp);
  if (tunnel == tunnels_.end()) return names;
  const uint32_t tenant = tunnel->second.tenant;
  names.tenant = TextAt(tenants_, tenant);
  names.vnet = TextAt(vnets_, std::pair(tenant, names.vni));
  if (flow.rule.empty()) return names;
  const auto rules = rules_.find(tenant);
  if (rules == rules_.end()) return names;
  const auto line = rules->second.lines->find(
      absl::string_view(flow.rule.data(), flow.rule.size()));
  if (line != rules->second.lines->end() && line->second > 0) {
    names.rule_file = file_;
    names.rule_line = line->second;
  }
  return names;
}

}  // namespace rampart

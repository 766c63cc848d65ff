// SPDX-License-Identifier: Apache-2.0
#include "controller/policy/explain.h"

#include <netinet/in.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controller/model/words.h"
#include "controller/policy/match.h"
#include "controller/policy/policy_hooks.h"

namespace rampart {
namespace {

constexpr size_t kNearestMax = 3;
// Rules whose changed flow is decided about again.
constexpr size_t kChecksMax = 64;

// A flow that differs from the one asked about in one part, if it can.
struct Change {
  FlowStart start;
  PolicyDifference difference;
};
using Changes = std::vector<Change>;

std::string Words(const std::vector<Prefix>& prefixes) {
  return absl::StrJoin(prefixes, ", ", [](std::string* out, const Prefix& p) {
    out->append(p.ToString());
  });
}
std::string Words(const std::vector<PortRange>& ranges) {
  return absl::StrJoin(ranges, ", ", [](std::string* out, const PortRange& r) {
    out->append(PortsToString(r));
  });
}

// An address that a host could have: not the network's own.
IpAddress FirstHost(const Prefix& prefix) {
  const IpAddress& network = prefix.address();
  if (prefix.length() == network.bits()) return network;
  if (network.is_v4()) return IpAddress::V4(network.v4() | htonl(1));
  uint8_t bytes[16];
  network.ToV6(bytes);
  bytes[15] |= 1;
  return IpAddress::V6(bytes);
}

Changes ChangeProtocol(uint8_t wanted, const FlowStart& start) {
  Change change = {start, {.field = "proto"}};
  const bool v6 = !start.tuple.source.address.is_v4();
  change.start.tuple.protocol =
      wanted == IPPROTO_ICMP && v6 ? uint8_t{IPPROTO_ICMPV6} : wanted;
  const std::string name = RuleProtocolToString(wanted);
  change.difference.why = absl::StrCat(
      "proto ", RuleProtocolToString(start.tuple.protocol), " != ", name);
  change.difference.change = absl::StrCat("proto = ", name);
  return {change};
}

Changes ChangePort(const std::vector<PortRange>& ranges, const char* field,
                   Endpoint FlowTuple::*end, const FlowStart& start) {
  const uint8_t protocol = start.tuple.protocol;
  // 0 also of one that was changed to have ports.
  const bool has_port = (start.tuple.*end).port != 0 &&
                        (protocol == IPPROTO_TCP || protocol == IPPROTO_UDP);
  Changes changes;
  for (const PortRange& range : ranges) {
    Change change = {start, {.field = field}};
    (change.start.tuple.*end).port = range.first;
    change.difference.why =
        has_port ? absl::StrCat(field, " ", (start.tuple.*end).port,
                                " != ", Words(ranges))
                 : absl::StrCat("no ", field, ", wants ", Words(ranges));
    change.difference.change = absl::StrCat(field, " = ", range.first);
    changes.push_back(std::move(change));
  }
  return changes;
}

Changes ChangeAddress(const std::vector<Prefix>& prefixes, const char* field,
                      Endpoint FlowTuple::*end, const FlowStart& start) {
  Changes changes;
  const IpAddress& address = (start.tuple.*end).address;
  for (const Prefix& prefix : prefixes) {
    if (prefix.family() != address.family()) continue;
    Change change = {start, {.field = field}};
    const IpAddress host = FirstHost(prefix);
    (change.start.tuple.*end).address = host;
    change.difference.why = absl::StrCat(field, " ", address.ToString(),
                                         " not in ", Words(prefixes));
    change.difference.change = absl::StrCat(field, " = ", host.ToString());
    changes.push_back(std::move(change));
  }
  return changes;
}

Changes ChangeVnet(const PolicyMatch& match, const FlowStart& start) {
  for (const Vnet& vnet : start.vnet.tenant->vnets) {
    if (vnet.name != match.vnet) continue;
    Change change = {
        start,
        {.field = "vnet",
         .why = absl::StrCat("vnet ", start.vnet.vnet->name, " != ", vnet.name),
         .change = absl::StrCat("vnet = ", vnet.name)}};
    change.start.vnet.vnet = &vnet;
    change.start.tuple.realm = vnet.vni;
    return {change};
  }
  return {};
}

// What comes from outside comes through no tunnel, and could not.
Changes ChangeTunnel(const PolicyMatch& match, const FlowStart& start) {
  if (start.on_ramp.tunnel == nullptr) return {};
  for (const Tunnel& tunnel : start.vnet.tenant->tunnels) {
    if (tunnel.name != match.tunnel) continue;
    Change change = {start,
                     {.field = "tunnel",
                      .why = absl::StrCat("tunnel ", start.on_ramp.tunnel->name,
                                          " != ", tunnel.name),
                      .change = absl::StrCat("tunnel = ", tunnel.name)}};
    change.start.on_ramp.tunnel = &tunnel;
    return {change};
  }
  return {};
}

Changes ChangesOf(PolicyPart part, const PolicyMatch& match,
                  const FlowStart& start) {
  switch (part) {
    case PolicyPart::kProtocol:
      return ChangeProtocol(match.protocol.value_or(0), start);
    case PolicyPart::kDestinationPorts:
      return ChangePort(match.destination_ports, "dport",
                        &FlowTuple::destination, start);
    case PolicyPart::kSourcePorts:
      return ChangePort(match.source_ports, "sport", &FlowTuple::source, start);
    case PolicyPart::kSources:
      return ChangeAddress(match.sources, "src", &FlowTuple::source, start);
    case PolicyPart::kDestinations:
      return ChangeAddress(match.destinations, "dst", &FlowTuple::destination,
                           start);
    case PolicyPart::kVnet:
      return ChangeVnet(match, start);
    case PolicyPart::kTunnel:
      return ChangeTunnel(match, start);
  }
  return {};
}

bool Allows(const FlowStart& start) {
  const PolicyRule* rule = FindRule(*start.vnet.tenant, start);
  return rule != nullptr && rule->action == PolicyAction::kAllow;
}

// Changes the flow part by part until the rule matches; of several ways to
// change a part the first is taken, or of the last part the first that helps:
// a rule before this one may catch the changed flow. Nothing if none does.
std::optional<NearRule> Near(const PolicyRule& rule, FlowStart start) {
  NearRule near = {.rule = &rule};
  std::vector<PolicyPart> parts;
  for (const PolicyPart part : kPolicyParts)
    if (!PartMatches(part, rule.match, start)) parts.push_back(part);
  for (const PolicyPart part : parts) {
    Changes changes = ChangesOf(part, rule.match, start);
    const auto good =
        part != parts.back()
            ? changes.begin()
            : std::find_if(changes.begin(), changes.end(),
                           [&](const Change& change) {
                             return Matches(rule.match, change.start) &&
                                    Allows(change.start);
                           });
    if (good == changes.end()) return std::nullopt;
    start = good->start;
    near.differences.push_back(std::move(good->difference));
  }
  return near;
}

// 0: it matches. A rule about another protocol is further away than one about
// another port, which differs in as much.
size_t DistanceOf(const PolicyRule& rule, const FlowStart& start) {
  const auto differs = [&](PolicyPart part) {
    return !PartMatches(part, rule.match, start);
  };
  const auto count =
      std::count_if(std::begin(kPolicyParts), std::end(kPolicyParts), differs);
  return 2 * static_cast<size_t>(count) +
         (differs(PolicyPart::kProtocol) ? 1 : 0);
}

std::vector<NearRule> Nearest(const FlowStart& start) {
  std::vector<std::pair<size_t, const PolicyRule*>> rules;
  for (const PolicyRule& rule : start.vnet.tenant->policies)
    if (rule.action == PolicyAction::kAllow)
      rules.emplace_back(DistanceOf(rule, start), &rule);
  std::sort(rules.begin(), rules.end());  // of those as near: in their order
  std::vector<NearRule> nearest;
  for (size_t i = 0; i < std::min(rules.size(), kChecksMax); ++i) {
    // An allowing rule that matches stands behind the one that refused.
    if (rules[i].first == 0) continue;
    if (std::optional<NearRule> near = Near(*rules[i].second, start))
      nearest.push_back(*std::move(near));
    if (nearest.size() == kNearestMax) break;
  }
  return nearest;
}

}  // namespace

PolicyExplanation ExplainPolicy(const FlowStart& start) {
  PolicyExplanation explanation;
  const std::vector<PolicyRule>& rules = start.vnet.tenant->policies;
  explanation.matched = FindRule(*start.vnet.tenant, start);
  explanation.tried = rules.size();
  if (explanation.matched != nullptr) {
    explanation.decision = DecisionOf(*explanation.matched);
    explanation.tried =
        static_cast<size_t>(explanation.matched - rules.data()) + 1;
  }
  if (explanation.decision.action != Decision::Action::kAllow)
    explanation.nearest = Nearest(start);
  return explanation;
}

}  // namespace rampart

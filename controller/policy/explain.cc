// SPDX-License-Identifier: Apache-2.0
#include "controller/policy/explain.h"

#include <netinet/in.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controller/base/text.h"
#include "controller/model/words.h"
#include "controller/policy/match.h"
#include "controller/policy/policy_hooks.h"

namespace rampart {
namespace {

constexpr size_t kNearestMax = 3;
// Rules whose changed flow is decided about again.
constexpr size_t kChecksMax = 64;
// Of the members of a big group, those that are tried.
constexpr size_t kWaysMax = 16;

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
std::string Words(const std::vector<std::string>& names) {
  return absl::StrJoin(names, ", ");
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

// What a list and groups hold: the first, and the words for it.
template <typename T>
struct Listed {
  std::vector<T> values;
  std::string words;
};
template <typename T>
Listed<T> ListedIn(const Tenant& tenant, const std::vector<T>& values,
                   const std::vector<std::string>& groups,
                   std::vector<T> Group::*member) {
  Listed<T> listed = {values, Words(values)};
  for (const std::string& name : groups) {
    absl::StrAppend(&listed.words, listed.words.empty() ? "" : ", ",
                    "group:", name);
    for (const Group& group : tenant.groups)
      if (group.name == name)
        listed.values.insert(listed.values.end(), (group.*member).begin(),
                             (group.*member).end());
  }
  return listed;
}

Changes ChangeAddress(const Listed<Prefix>& listed, const char* field,
                      Endpoint FlowTuple::*end, const FlowStart& start) {
  Changes changes;
  const IpAddress& address = (start.tuple.*end).address;
  for (const Prefix& prefix : listed.values) {
    if (changes.size() == kWaysMax) break;
    if (prefix.family() != address.family()) continue;
    Change change = {start, {.field = field}};
    const IpAddress host = FirstHost(prefix);
    (change.start.tuple.*end).address = host;
    change.difference.why =
        absl::StrCat(field, " ", address.ToString(), " not in ", listed.words);
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

// Identities a rule is about, where they live.
std::vector<const std::string*> NamesOf(const Tenant& tenant,
                                        const PolicyMatch& match) {
  std::vector<const std::string*> names;
  names.reserve(match.identities.size());
  for (const std::string& name : match.identities) names.push_back(&name);
  for (const std::string& wanted : match.identity_groups)
    for (const Group& group : tenant.groups)
      if (group.name == wanted)
        for (const std::string& name : group.identities) names.push_back(&name);
  return names;
}

Changes ChangeIdentity(const PolicyMatch& match, const FlowStart& start) {
  const Listed<std::string> listed =
      ListedIn(*start.vnet.tenant, match.identities, match.identity_groups,
               &Group::identities);
  Changes changes;
  for (const std::string* name : NamesOf(*start.vnet.tenant, match)) {
    if (changes.size() == kWaysMax) break;
    Change change = {start, {.field = "identity"}};
    change.start.identity = *name;
    change.difference.why =
        absl::StrCat(start.identity.empty()
                         ? std::string("nobody knows who sends it")
                         : absl::StrCat("identity ", Abseil(start.identity)),
                     ", wants ", listed.words);
    change.difference.change = absl::StrCat("identity = ", *name);
    changes.push_back(std::move(change));
  }
  return changes;
}

Changes ChangeIcmpType(const PolicyMatch& match, const FlowStart& start) {
  const std::string wanted =
      absl::StrJoin(match.icmp_types, ", ", [](std::string* out, uint8_t type) {
        out->append(IcmpTypeToString(type));
      });
  Changes changes;
  for (const uint8_t type : match.icmp_types) {
    Change change = {start, {.field = "icmp_type"}};
    change.start.icmp_type = type;
    change.difference.why =
        absl::StrCat("icmp_type ", start.icmp_type, " != ", wanted);
    change.difference.change =
        absl::StrCat("icmp_type = ", IcmpTypeToString(type));
    changes.push_back(std::move(change));
  }
  return changes;
}

// The next minute at which one of the windows begins.
Changes ChangeTime(const PolicyMatch& match, const FlowStart& start) {
  std::vector<int> minutes;
  AddMinutes(match.times, minutes);
  const int now = MinuteOfWeek(start.time);
  int wait = kMinutesOfWeek;
  for (const int minute : minutes) {
    const int until = (minute - now + kMinutesOfWeek) % kMinutesOfWeek;
    const absl::Time then = start.time + absl::Minutes(until);
    if (InTimes(match.times, then)) wait = std::min(wait, until);
  }
  if (wait == kMinutesOfWeek) return {};
  Change change = {start, {.field = "time"}};
  change.start.time = start.time + absl::Minutes(wait);
  const auto text = [](absl::Time time) {
    return absl::FormatTime("%a %H:%M", time, absl::UTCTimeZone());
  };
  change.difference.why = absl::StrCat(
      "time ", text(start.time), " not in ",
      absl::StrJoin(match.times, ", ",
                    [](std::string* out, const TimeWindow& window) {
                      out->append(TimeWindowToString(window));
                    }));
  change.difference.change = absl::StrCat("time = ", text(change.start.time));
  return {change};
}

Changes ChangesOf(PolicyPart part, const PolicyMatch& match,
                  const FlowStart& start) {
  const Tenant& tenant = *start.vnet.tenant;
  switch (part) {
    case PolicyPart::kProtocol:
      return ChangeProtocol(match.protocol.value_or(0), start);
    case PolicyPart::kDestinationPorts:
      return ChangePort(match.destination_ports, "dport",
                        &FlowTuple::destination, start);
    case PolicyPart::kSourcePorts:
      return ChangePort(match.source_ports, "sport", &FlowTuple::source, start);
    case PolicyPart::kSources:
      return ChangeAddress(ListedIn(tenant, match.sources, match.source_groups,
                                    &Group::prefixes),
                           "src", &FlowTuple::source, start);
    case PolicyPart::kDestinations:
      return ChangeAddress(ListedIn(tenant, match.destinations,
                                    match.destination_groups, &Group::prefixes),
                           "dst", &FlowTuple::destination, start);
    case PolicyPart::kVnet:
      return ChangeVnet(match, start);
    case PolicyPart::kTunnel:
      return ChangeTunnel(match, start);
    case PolicyPart::kIcmpTypes:
      return ChangeIcmpType(match, start);
    case PolicyPart::kIdentities:
      return ChangeIdentity(match, start);
    case PolicyPart::kTimes:
      return ChangeTime(match, start);
    case PolicyPart::kContext:
      break;  // it is its tunnel's
  }
  return {};
}

bool Allows(const FlowStart& start) {
  return VerdictOf(start).action == PolicyAction::kAllow;
}

// Changes the flow part by part until the rule matches; of several ways to
// change a part the first is taken, or of the last part the first that helps:
// a rule before this one may catch the changed flow. Nothing if none does.
std::optional<NearRule> Near(const CompiledRule& rule, FlowStart start) {
  NearRule near = {.rule = rule.rule};
  std::vector<PolicyPart> parts;
  for (const PolicyPart part : kPolicyParts)
    if (!PartMatches(part, rule, QueryOf(start))) parts.push_back(part);
  for (const PolicyPart part : parts) {
    Changes changes = ChangesOf(part, rule.rule->match, start);
    const auto good =
        part != parts.back()
            ? changes.begin()
            : std::find_if(changes.begin(), changes.end(),
                           [&](const Change& change) {
                             return Matches(rule, QueryOf(change.start)) &&
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
size_t DistanceOf(const CompiledRule& rule, const PolicyQuery& query) {
  const auto differs = [&](PolicyPart part) {
    return !PartMatches(part, rule, query);
  };
  const auto count =
      std::count_if(std::begin(kPolicyParts), std::end(kPolicyParts), differs);
  return 2 * static_cast<size_t>(count) +
         (differs(PolicyPart::kProtocol) ? 1 : 0);
}

std::vector<NearRule> Nearest(const FlowStart& start) {
  const PolicyQuery query = QueryOf(start);
  std::vector<std::pair<size_t, const CompiledRule*>> rules;
  for (const CompiledRule& rule : start.vnet.policy->rules())
    if (rule.rule->action == PolicyAction::kAllow && !rule.rule->shadow)
      rules.emplace_back(DistanceOf(rule, query), &rule);
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
  const PolicyVerdict verdict = VerdictOf(start);
  const std::vector<PolicyRule>& rules = start.vnet.tenant->policies;
  PolicyExplanation explanation = {.decision = DecisionOf(verdict),
                                   .tried = rules.size(),
                                   .matched = verdict.rule,
                                   .revoked = verdict.revoked,
                                   .shadow = verdict.shadow};
  if (verdict.revoked)
    explanation.tried = 0;
  else if (verdict.rule != nullptr)
    explanation.tried = static_cast<size_t>(verdict.rule - rules.data()) + 1;
  // No rule lets a revoked identity in.
  if (verdict.action != PolicyAction::kAllow && !verdict.revoked)
    explanation.nearest = Nearest(start);
  return explanation;
}

}  // namespace rampart

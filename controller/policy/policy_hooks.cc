// SPDX-License-Identifier: Apache-2.0
#include "controller/policy/policy_hooks.h"

#include <netinet/in.h>

#include <algorithm>
#include <vector>

namespace rampart {
namespace {

bool ProtocolMatches(uint8_t wanted, uint8_t protocol) {
  if (wanted == IPPROTO_ICMP && protocol == IPPROTO_ICMPV6) return true;
  return wanted == protocol;
}

bool AddressMatches(const std::vector<Prefix>& prefixes,
                    const IpAddress& address) {
  return prefixes.empty() || std::any_of(prefixes.begin(), prefixes.end(),
                                         [&](const Prefix& prefix) {
                                           return prefix.Contains(address);
                                         });
}

// An ICMP identifier takes a port's place in the tuple, but is none: a rule
// that names ports is about protocols that have them.
bool PortMatches(const std::vector<PortRange>& ranges, uint8_t protocol,
                 uint16_t port) {
  if (ranges.empty()) return true;
  if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP) return false;
  return std::any_of(ranges.begin(), ranges.end(), [&](const PortRange& range) {
    return range.first <= port && port <= range.last;
  });
}

bool Matches(const PolicyMatch& match, const FlowStart& start) {
  const FlowTuple& tuple = start.tuple;
  // The cheapest first; names last.
  if (match.protocol && !ProtocolMatches(*match.protocol, tuple.protocol))
    return false;
  if (!PortMatches(match.destination_ports, tuple.protocol,
                   tuple.destination.port) ||
      !PortMatches(match.source_ports, tuple.protocol, tuple.source.port) ||
      !AddressMatches(match.sources, tuple.source.address) ||
      !AddressMatches(match.destinations, tuple.destination.address))
    return false;
  if (!match.vnet.empty() && start.vnet.vnet->name != match.vnet) return false;
  return match.tunnel.empty() || (start.on_ramp.tunnel != nullptr &&
                                  start.on_ramp.tunnel->name == match.tunnel);
}

Decision Decide(const PolicyRule& rule) {
  switch (rule.action) {
    case PolicyAction::kAllow:
      return {.action = Decision::Action::kAllow, .rule = rule.name};
    case PolicyAction::kReject:
      return {.action = Decision::Action::kReject,
              .rule = rule.name,
              .reason = RP_DROP_POLICY_REJECT};
    case PolicyAction::kDeny:
      break;
  }
  return {.action = Decision::Action::kDeny,
          .rule = rule.name,
          .reason = RP_DROP_POLICY_DENY};
}

}  // namespace

Decision PolicyHooks::OnFlowStart(const FlowStart& start) {
  if (start.vnet.tenant == nullptr) return Decision();
  for (const PolicyRule& rule : start.vnet.tenant->policies)
    if (Matches(rule.match, start)) return Decide(rule);
  return Decision();
}

}  // namespace rampart

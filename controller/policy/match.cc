// SPDX-License-Identifier: Apache-2.0
#include "controller/policy/match.h"

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

}  // namespace

bool PartMatches(PolicyPart part, const PolicyMatch& match,
                 const FlowStart& start) {
  const FlowTuple& tuple = start.tuple;
  switch (part) {
    case PolicyPart::kProtocol:
      return !match.protocol ||
             ProtocolMatches(*match.protocol, tuple.protocol);
    case PolicyPart::kDestinationPorts:
      return PortMatches(match.destination_ports, tuple.protocol,
                         tuple.destination.port);
    case PolicyPart::kSourcePorts:
      return PortMatches(match.source_ports, tuple.protocol, tuple.source.port);
    case PolicyPart::kSources:
      return AddressMatches(match.sources, tuple.source.address);
    case PolicyPart::kDestinations:
      return AddressMatches(match.destinations, tuple.destination.address);
    case PolicyPart::kVnet:
      return match.vnet.empty() || start.vnet.vnet->name == match.vnet;
    case PolicyPart::kTunnel:
      return match.tunnel.empty() ||
             (start.on_ramp.tunnel != nullptr &&
              start.on_ramp.tunnel->name == match.tunnel);
  }
  return false;
}

bool Matches(const PolicyMatch& match, const FlowStart& start) {
  // Spelled out: with constants, nothing is left of the switch.
  const auto matches = [&](PolicyPart part) {
    return PartMatches(part, match, start);
  };
  return matches(PolicyPart::kProtocol) &&
         matches(PolicyPart::kDestinationPorts) &&
         matches(PolicyPart::kSourcePorts) && matches(PolicyPart::kSources) &&
         matches(PolicyPart::kDestinations) && matches(PolicyPart::kVnet) &&
         matches(PolicyPart::kTunnel);
}

const PolicyRule* FindRule(const Tenant& tenant, const FlowStart& start) {
  for (const PolicyRule& rule : tenant.policies)
    if (Matches(rule.match, start)) return &rule;
  return nullptr;
}

}  // namespace rampart

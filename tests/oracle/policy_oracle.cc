// SPDX-License-Identifier: Apache-2.0
#include "tests/oracle/policy_oracle.h"

#include "tests/oracle/prefix_oracle.h"

namespace rampart::oracle {
namespace {

bool AnyContains(const std::vector<Prefix>& prefixes,
                 const IpAddress& address) {
  int hits = 0;
  for (const Prefix& prefix : prefixes) hits += Contains(prefix, address);
  return hits > 0;
}

bool AnyHolds(const std::vector<PortRange>& ranges, int port) {
  for (const PortRange& range : ranges)
    for (int candidate = range.first; candidate <= range.last; ++candidate)
      if (candidate == port) return true;
  return false;
}

}  // namespace

int DecidingRule(const std::vector<PolicyRule>& rules, const PolicyFlow& flow) {
  const bool has_ports = flow.protocol == 6 || flow.protocol == 17;
  for (size_t i = 0; i < rules.size(); ++i) {
    const PolicyMatch& match = rules[i].match;
    bool excluded = false;
    if (!match.vnet.empty() && match.vnet != flow.vnet) excluded = true;
    if (!match.tunnel.empty() && match.tunnel != flow.tunnel) excluded = true;
    if (match.protocol) {
      const bool icmp = flow.protocol == 1 || flow.protocol == 58;
      if (*match.protocol == 1 ? !icmp : *match.protocol != flow.protocol)
        excluded = true;
    }
    if (!match.sources.empty() && !AnyContains(match.sources, flow.source))
      excluded = true;
    if (!match.destinations.empty() &&
        !AnyContains(match.destinations, flow.destination))
      excluded = true;
    if (!match.source_ports.empty() &&
        !(has_ports && AnyHolds(match.source_ports, flow.source_port)))
      excluded = true;
    if (!match.destination_ports.empty() &&
        !(has_ports &&
          AnyHolds(match.destination_ports, flow.destination_port)))
      excluded = true;
    if (!excluded) return static_cast<int>(i);
  }
  return -1;
}

}  // namespace rampart::oracle

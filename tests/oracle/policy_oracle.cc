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

// What the groups hold, in one list with what is written out.
template <typename T>
std::vector<T> Flat(std::vector<T> all, const std::vector<std::string>& names,
                    const std::vector<Group>& groups,
                    std::vector<T> Group::*member) {
  for (const std::string& name : names)
    for (const Group& group : groups)
      if (group.name == name)
        for (const T& value : group.*member) all.push_back(value);
  return all;
}

bool IcmpTypeIn(const std::vector<uint8_t>& types, const PolicyFlow& flow) {
  bool found = false;
  for (const int type : types) {
    if (flow.protocol == 1 && type == flow.icmp_type) found = true;
    if (flow.protocol != 58) continue;
    if (type == flow.icmp_type) found = true;
    if (type == 8 && flow.icmp_type == 128) found = true;
    if (type == 0 && flow.icmp_type == 129) found = true;
  }
  return found;
}

// Minute by minute through each window.
bool InOneOf(const std::vector<TimeWindow>& windows, const PolicyFlow& flow) {
  for (const TimeWindow& window : windows) {
    for (int day = 0; day < 7; ++day) {
      if ((window.days & (1 << day)) == 0) continue;
      int at_day = day;
      int at_minute = window.from;
      do {
        if (at_minute == 24 * 60) {
          at_minute = 0;
          at_day = (at_day + 1) % 7;
          if (at_minute == window.to) break;
        }
        if (at_day == flow.day && at_minute == flow.minute) return true;
        ++at_minute;
      } while (at_minute != window.to);
    }
  }
  return false;
}

bool ExcludedByWho(const PolicyMatch& match, const std::vector<Group>& groups,
                   const PolicyFlow& flow) {
  if (!match.identities.empty() || !match.identity_groups.empty()) {
    bool found = false;
    for (const std::string& identity :
         Flat(match.identities, match.identity_groups, groups,
              &Group::identities))
      found = found || identity == flow.identity;
    if (!found) return true;
  }
  for (const auto& [key, value] : match.context) {
    bool found = false;
    for (const auto& [known, is] : flow.context)
      found = found || (known == key && is == value);
    if (!found) return true;
  }
  return false;
}

}  // namespace

int DecidingRule(const std::vector<PolicyRule>& rules,
                 const std::vector<Group>& groups, const PolicyFlow& flow,
                 bool shadows) {
  const bool has_ports = flow.protocol == 6 || flow.protocol == 17;
  for (size_t i = 0; i < rules.size(); ++i) {
    const PolicyMatch& match = rules[i].match;
    bool excluded = rules[i].shadow && !shadows;
    const auto sources =
        Flat(match.sources, match.source_groups, groups, &Group::prefixes);
    const auto destinations = Flat(match.destinations, match.destination_groups,
                                   groups, &Group::prefixes);
    if (!match.vnet.empty() && match.vnet != flow.vnet) excluded = true;
    if (!match.tunnel.empty() && match.tunnel != flow.tunnel) excluded = true;
    if (match.protocol) {
      const bool icmp = flow.protocol == 1 || flow.protocol == 58;
      if (*match.protocol == 1 ? !icmp : *match.protocol != flow.protocol)
        excluded = true;
    }
    if (!sources.empty() && !AnyContains(sources, flow.source)) excluded = true;
    if (!destinations.empty() && !AnyContains(destinations, flow.destination))
      excluded = true;
    if (!match.icmp_types.empty() && !IcmpTypeIn(match.icmp_types, flow))
      excluded = true;
    if (!match.times.empty() && !InOneOf(match.times, flow)) excluded = true;
    if (ExcludedByWho(match, groups, flow)) excluded = true;
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

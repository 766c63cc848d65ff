// SPDX-License-Identifier: Apache-2.0
#include "controller/policy/match.h"

#include <netinet/in.h>

#include <algorithm>

#include "controller/base/text.h"

namespace rampart {
namespace {

constexpr int kMinutesOfDay = 24 * 60;
constexpr uint8_t kEchoReply = 0;
constexpr uint8_t kEchoRequest = 8;
constexpr uint8_t kEchoRequest6 = 128;
constexpr uint8_t kEchoReply6 = 129;

bool ProtocolMatches(uint8_t wanted, uint8_t protocol) {
  if (wanted == IPPROTO_ICMP && protocol == IPPROTO_ICMPV6) return true;
  return wanted == protocol;
}

bool AddressMatches(const std::vector<const AddressSet*>& sets,
                    const IpAddress& address) {
  return sets.empty() ||
         std::any_of(sets.begin(), sets.end(), [&](const AddressSet* set) {
           return set->Contains(address);
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

// Echo is written as of ICMP for both families.
bool IcmpTypeMatches(const std::vector<uint8_t>& types,
                     const PolicyQuery& query) {
  if (types.empty()) return true;
  const bool v6 = query.protocol == IPPROTO_ICMPV6;
  if (query.protocol != IPPROTO_ICMP && !v6) return false;
  const auto has = [&](uint8_t type) {
    return std::find(types.begin(), types.end(), type) != types.end();
  };
  if (has(query.icmp_type)) return true;
  if (v6 && query.icmp_type == kEchoRequest6) return has(kEchoRequest);
  return v6 && query.icmp_type == kEchoReply6 && has(kEchoReply);
}

bool IdentityMatches(const std::vector<const IdentitySet*>& sets,
                     std::string_view identity) {
  return sets.empty() ||
         std::any_of(sets.begin(), sets.end(), [&](const IdentitySet* set) {
           return set->contains(Abseil(identity));
         });
}

bool ContextMatches(const Labels& wanted, const Labels* context) {
  return std::all_of(wanted.begin(), wanted.end(), [&](const auto& field) {
    return context != nullptr &&
           std::find(context->begin(), context->end(), field) != context->end();
  });
}

bool InWindow(const TimeWindow& window, int minute) {
  const int now = minute % kMinutesOfDay;
  int day = minute / kMinutesOfDay;
  const bool over_midnight = window.from > window.to;
  if (over_midnight && now < window.to)
    day = (day + 6) % 7;  // it began the day before
  else if (now < window.from || (!over_midnight && now >= window.to))
    return false;
  return window.days >> day & 1;
}

}  // namespace

int MinuteOfWeek(absl::Time time) {
  constexpr int64_t kThursday = 3 * kMinutesOfDay;  // 1 January 1970
  const int64_t minutes = absl::ToInt64Minutes(
      absl::Floor(time - absl::UnixEpoch(), absl::Minutes(1)));
  const int64_t minute = (minutes + kThursday) % kMinutesOfWeek;
  return static_cast<int>(minute < 0 ? minute + kMinutesOfWeek : minute);
}

bool InTimes(const std::vector<TimeWindow>& windows, absl::Time time) {
  if (windows.empty()) return true;
  const int minute = MinuteOfWeek(time);
  return std::any_of(
      windows.begin(), windows.end(),
      [&](const TimeWindow& window) { return InWindow(window, minute); });
}

void AddMinutes(const std::vector<TimeWindow>& windows,
                std::vector<int>& minutes) {
  for (const TimeWindow& window : windows) {
    for (int day = 0; day < 7; ++day) {
      if (!(window.days >> day & 1)) continue;
      const int begin = day * kMinutesOfDay + window.from;
      const int end = day * kMinutesOfDay + window.to +
                      (window.from > window.to ? kMinutesOfDay : 0);
      minutes.push_back(begin);
      minutes.push_back(end % kMinutesOfWeek);
    }
  }
}

bool PartMatches(PolicyPart part, const CompiledRule& compiled,
                 const PolicyQuery& query) {
  const PolicyMatch& match = compiled.rule->match;
  switch (part) {
    case PolicyPart::kProtocol:
      return !match.protocol ||
             ProtocolMatches(*match.protocol, query.protocol);
    case PolicyPart::kDestinationPorts:
      return PortMatches(match.destination_ports, query.protocol,
                         query.destination_port);
    case PolicyPart::kSourcePorts:
      return PortMatches(match.source_ports, query.protocol, query.source_port);
    case PolicyPart::kIcmpTypes:
      return IcmpTypeMatches(match.icmp_types, query);
    case PolicyPart::kSources:
      return AddressMatches(compiled.sources, query.source);
    case PolicyPart::kDestinations:
      return AddressMatches(compiled.destinations, query.destination);
    case PolicyPart::kVnet:
      return match.vnet.empty() || query.vnet == match.vnet;
    case PolicyPart::kTunnel:
      return match.tunnel.empty() || query.tunnel == match.tunnel;
    case PolicyPart::kIdentities:
      return IdentityMatches(compiled.identities, query.identity);
    case PolicyPart::kTimes:
      return InTimes(match.times, query.time);
    case PolicyPart::kContext:
      return ContextMatches(match.context, query.context);
  }
  return false;
}

bool Matches(const CompiledRule& rule, const PolicyQuery& query) {
  // Spelled out: with constants, nothing is left of the switch.
  const auto matches = [&](PolicyPart part) {
    return PartMatches(part, rule, query);
  };
  return matches(PolicyPart::kProtocol) &&
         matches(PolicyPart::kDestinationPorts) &&
         matches(PolicyPart::kSourcePorts) && matches(PolicyPart::kIcmpTypes) &&
         matches(PolicyPart::kSources) && matches(PolicyPart::kDestinations) &&
         matches(PolicyPart::kVnet) && matches(PolicyPart::kTunnel) &&
         matches(PolicyPart::kIdentities) && matches(PolicyPart::kTimes) &&
         matches(PolicyPart::kContext);
}

}  // namespace rampart

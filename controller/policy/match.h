// SPDX-License-Identifier: Apache-2.0
// Whether a rule is about a flow, part by part.
#ifndef RAMPART_CONTROLLER_POLICY_MATCH_H_
#define RAMPART_CONTROLLER_POLICY_MATCH_H_

#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "controller/policy/address_set.h"
#include "controller/policy/query.h"

namespace rampart {

// Parts of a PolicyMatch: the cheapest first, names last.
enum class PolicyPart {
  kProtocol,
  kDestinationPorts,
  kSourcePorts,
  kIcmpTypes,
  kSources,
  kDestinations,
  kVnet,
  kTunnel,
  kIdentities,
  kTimes,
  kContext,
};
inline constexpr PolicyPart kPolicyParts[] = {
    PolicyPart::kProtocol,    PolicyPart::kDestinationPorts,
    PolicyPart::kSourcePorts, PolicyPart::kIcmpTypes,
    PolicyPart::kSources,     PolicyPart::kDestinations,
    PolicyPart::kVnet,        PolicyPart::kTunnel,
    PolicyPart::kIdentities,  PolicyPart::kTimes,
    PolicyPart::kContext};

using IdentitySet = absl::flat_hash_set<absl::string_view>;

// A rule with what its names of groups stand for. Points into a tenant, and to
// sets that somebody keeps.
struct CompiledRule {
  const PolicyRule* rule = nullptr;
  // Any of them may match; none: any address, any sender.
  std::vector<const AddressSet*> sources;
  std::vector<const AddressSet*> destinations;
  std::vector<const IdentitySet*> identities;
};

// Whether this part of the rule lets the flow through.
bool PartMatches(PolicyPart part, const CompiledRule& rule,
                 const PolicyQuery& query);

// Whether all do.
bool Matches(const CompiledRule& rule, const PolicyQuery& query);

// Whether `time` is in one of the windows.
bool InTimes(const std::vector<TimeWindow>& windows, absl::Time time);

// For each minute of a week from Monday on, 00:00 UTC, at which one of these
// windows begins or ends: its number.
void AddMinutes(const std::vector<TimeWindow>& windows,
                std::vector<int>& minutes);
inline constexpr int kMinutesOfWeek = 7 * 24 * 60;
int MinuteOfWeek(absl::Time time);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_POLICY_MATCH_H_

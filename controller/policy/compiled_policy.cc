// SPDX-License-Identifier: Apache-2.0
#include "controller/policy/compiled_policy.h"

#include <netinet/in.h>

#include <algorithm>
#include <functional>
#include <utility>

namespace rampart {
namespace {

enum Dimension : uint8_t {
  kSource,
  kDestination,
  kSourcePort,
  kDestinationPort,
  kProtocol,
  kVnet,
  kTunnel,
  kIdentity,
};
static_assert(kIdentity + 1 == BoxTree::kDimensions);

// Boxes of one rule. They need only cover it: what they hold is compared with
// the rule itself.
constexpr size_t kBoxesMax = 64;

Interval Only(Coordinate number) { return {number, number}; }

std::vector<Interval> RangesOf(const std::vector<const AddressSet*>& sets) {
  std::vector<Interval> ranges;
  for (const AddressSet* set : sets) {
    ranges.insert(ranges.end(), set->coarse().begin(), set->coarse().end());
  }
  return ranges;
}

std::vector<Interval> RangesOf(const std::vector<PortRange>& ports) {
  std::vector<Interval> ranges;
  ranges.reserve(ports.size());
  for (const PortRange& range : ports)
    ranges.push_back({range.first, range.last});
  return ranges;
}

template <typename Names>
uint32_t NumberIn(const Names& names, std::string_view name) {
  if (names.empty() || name.empty()) return 0;
  const auto it = names.find(Abseil(name));
  return it == names.end() ? 0 : it->second;
}

template <typename Names>
uint32_t AddName(Names& names, absl::string_view name) {
  return names.try_emplace(name, names.size() + 1).first->second;
}

}  // namespace

CompiledPolicy::CompiledPolicy(const Tenant& tenant) : tenant_(tenant) {
  for (const Group& group : tenant.groups) {
    group_addresses_[group.name] = &address_sets_.emplace_back(group.prefixes);
    group_identities_[group.name] = AddIdentities(group.identities);
  }
  revoked_.insert(tenant.revoked.begin(), tenant.revoked.end());
  for (const Tunnel& tunnel : tenant.tunnels)
    if (!tunnel.identities.empty()) AddWho(tunnel);
  AddRules();
}

void CompiledPolicy::AddWho(const Tunnel& tunnel) {
  Who& who = who_[&tunnel];
  for (const TunnelIdentity& known : tunnel.identities) {
    who.identities.try_emplace(known.sources, known.identity);
    who.lengths[known.sources.address().is_v4()].push_back(
        known.sources.length());
  }
  for (std::vector<int>& lengths : who.lengths) {
    std::sort(lengths.begin(), lengths.end(), std::greater<>());
    lengths.erase(std::unique(lengths.begin(), lengths.end()), lengths.end());
  }
}

std::string_view CompiledPolicy::IdentityOf(const Tunnel& tunnel,
                                            const IpAddress& address) const {
  const auto who = who_.find(&tunnel);
  if (who == who_.end()) return {};
  for (const int length : who->second.lengths[address.is_v4()]) {
    const auto it = who->second.identities.find(Prefix(address, length));
    if (it != who->second.identities.end()) return it->second;
  }
  return {};
}

std::vector<const AddressSet*> CompiledPolicy::Addresses(
    const std::vector<Prefix>& prefixes,
    const std::vector<std::string>& groups) {
  std::vector<const AddressSet*> sets;
  if (!prefixes.empty()) sets.push_back(&address_sets_.emplace_back(prefixes));
  for (const std::string& group : groups) {
    const auto it = group_addresses_.find(group);
    if (it != group_addresses_.end()) sets.push_back(it->second);
  }
  return sets;
}

const IdentitySet* CompiledPolicy::AddIdentities(
    const std::vector<std::string>& identities) {
  const IdentitySet* set =
      &identity_sets_.emplace_back(identities.begin(), identities.end());
  std::vector<Interval> ranges;
  ranges.reserve(identities.size());
  for (const std::string& identity : identities)
    ranges.push_back(Only(AddName(identities_, identity)));
  identity_ranges_[set] =
      Coarser(Joined(std::move(ranges)), AddressSet::kCoarse);
  return set;
}

std::vector<const IdentitySet*> CompiledPolicy::Identities(
    const PolicyMatch& match) {
  std::vector<const IdentitySet*> sets;
  if (!match.identities.empty())
    sets.push_back(AddIdentities(match.identities));
  for (const std::string& group : match.identity_groups) {
    const auto it = group_identities_.find(group);
    if (it != group_identities_.end()) sets.push_back(it->second);
  }
  return sets;
}

void CompiledPolicy::AddRules() {
  std::vector<BoxTree::Box> boxes;
  rules_.reserve(tenant_.policies.size());
  boxes.reserve(tenant_.policies.size());
  for (const PolicyRule& rule : tenant_.policies) {
    const PolicyMatch& match = rule.match;
    rules_.push_back({.rule = &rule,
                      .sources = Addresses(match.sources, match.source_groups),
                      .destinations = Addresses(match.destinations,
                                                match.destination_groups),
                      .identities = Identities(match)});
    AddBoxes(static_cast<uint32_t>(rules_.size() - 1), boxes);
  }
  tree_ = BoxTree(boxes);
}

// Empty: anything.
std::array<std::vector<Interval>, BoxTree::kDimensions> CompiledPolicy::SidesOf(
    const CompiledRule& rule) {
  const PolicyMatch& match = rule.rule->match;
  std::array<std::vector<Interval>, BoxTree::kDimensions> sides;
  sides[kSource] = RangesOf(rule.sources);
  sides[kDestination] = RangesOf(rule.destinations);
  sides[kSourcePort] = RangesOf(match.source_ports);
  sides[kDestinationPort] = RangesOf(match.destination_ports);
  if (match.protocol) sides[kProtocol] = {Only(*match.protocol)};
  if (match.protocol == IPPROTO_ICMP)
    sides[kProtocol].push_back(Only(IPPROTO_ICMPV6));
  if (!match.vnet.empty()) sides[kVnet] = {Only(AddName(vnets_, match.vnet))};
  if (!match.tunnel.empty())
    sides[kTunnel] = {Only(AddName(tunnels_, match.tunnel))};
  for (const IdentitySet* set : rule.identities) {
    const std::vector<Interval>& ranges = identity_ranges_.at(set);
    sides[kIdentity].insert(sides[kIdentity].end(), ranges.begin(),
                            ranges.end());
  }
  for (std::vector<Interval>& side : sides) side = Joined(std::move(side));
  return sides;
}

void CompiledPolicy::AddBoxes(uint32_t index,
                              std::vector<BoxTree::Box>& boxes) {
  auto sides = SidesOf(rules_[index]);
  for (;;) {
    size_t count = 1;
    std::vector<Interval>* longest = sides.data();
    for (std::vector<Interval>& side : sides) {
      count *= std::clamp<size_t>(side.size(), 1, kBoxesMax + 1);
      if (side.size() > longest->size()) longest = &side;
    }
    if (count <= kBoxesMax) break;
    *longest =
        Coarser(std::move(*longest), std::min(kBoxesMax, longest->size() / 2));
  }
  // All combinations.
  std::vector<BoxTree::Box> all = {{.sides = {}, .rule = index}};
  for (size_t dimension = 0; dimension < sides.size(); ++dimension) {
    if (sides[dimension].empty()) continue;
    std::vector<BoxTree::Box> more;
    for (const BoxTree::Box& box : all) {
      for (const Interval& range : sides[dimension]) {
        more.push_back(box);
        more.back().sides[dimension] = range;
      }
    }
    all = std::move(more);
  }
  boxes.insert(boxes.end(), all.begin(), all.end());
}

BoxTree::Point CompiledPolicy::PointOf(const PolicyQuery& query) const {
  return {NumberOf(query.source),
          NumberOf(query.destination),
          query.source_port,
          query.destination_port,
          query.protocol,
          NumberIn(vnets_, query.vnet),
          NumberIn(tunnels_, query.tunnel),
          NumberIn(identities_, query.identity)};
}

const PolicyRule* CompiledPolicy::Find(const PolicyQuery& query,
                                       bool shadows) const {
  const uint32_t index =
      tree_.FindFirst(PointOf(query), [&](uint32_t candidate) {
        const CompiledRule& rule = rules_[candidate];
        return (shadows || !rule.rule->shadow) && Matches(rule, query);
      });
  return index == BoxTree::kNone ? nullptr : rules_[index].rule;
}

PolicyVerdict CompiledPolicy::Decide(const PolicyQuery& query) const {
  if (IsRevoked(query.identity)) return {.revoked = true};
  PolicyVerdict verdict = {.rule = FindFirst(query)};
  if (verdict.rule != nullptr && verdict.rule->shadow)
    verdict.shadow = std::exchange(verdict.rule, FindRule(query));
  if (verdict.rule != nullptr) verdict.action = verdict.rule->action;
  return verdict;
}

std::vector<int> CompiledPolicy::Minutes() const {
  std::vector<int> minutes = {0};
  for (const CompiledRule& rule : rules_)
    AddMinutes(rule.rule->match.times, minutes);
  std::sort(minutes.begin(), minutes.end());
  minutes.erase(std::unique(minutes.begin(), minutes.end()), minutes.end());
  return minutes;
}

}  // namespace rampart

// SPDX-License-Identifier: Apache-2.0
// Thousands of rules are decided as by going through them one by one.
#include "controller/policy/compiled_policy.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/controller/policy/random_policy.h"
#include "tests/oracle/policy_oracle.h"

namespace rampart {
namespace {

PolicyQuery QueryOf(const oracle::PolicyFlow& flow) {
  // 1970 began on a Thursday.
  const int days = (flow.day + 7 - 3) % 7;
  return {.vnet = flow.vnet,
          .tunnel = flow.tunnel,
          .identity = flow.identity,
          .context = &flow.context,
          .source = flow.source,
          .destination = flow.destination,
          .source_port = static_cast<uint16_t>(flow.source_port),
          .destination_port = static_cast<uint16_t>(flow.destination_port),
          .protocol = static_cast<uint8_t>(flow.protocol),
          .icmp_type = static_cast<uint8_t>(flow.icmp_type),
          .time = absl::UnixEpoch() + absl::Hours(24 * days) +
                  absl::Minutes(flow.minute) + absl::Seconds(59)};
}

Tenant RandomTenant(RandomPolicy& random, size_t rules) {
  Tenant tenant;
  tenant.groups = random.Groups();
  for (size_t i = 0; i < rules; ++i)
    tenant.policies.push_back({.name = absl::StrCat(i),
                               .match = random.Match(),
                               .action = static_cast<PolicyAction>(i % 3),
                               .shadow = i % 5 == 1});
  return tenant;
}

int PositionOf(const Tenant& tenant, const PolicyRule* rule) {
  return rule == nullptr ? -1 : static_cast<int>(rule - tenant.policies.data());
}

TEST(CompiledPolicyTest, RandomRulesAndFlowsAreDecidedAsByTheOracle) {
  RandomPolicy random(7, /*more=*/true);
  std::vector<int> decided(200);
  for (const size_t rules : {0, 1, 8, 9, 40, 150}) {
    for (int set = 0; set < 40; ++set) {
      const Tenant tenant = RandomTenant(random, rules);
      const CompiledPolicy policy(tenant);
      for (int i = 0; i < 60; ++i) {
        const oracle::PolicyFlow flow = random.Flow();
        const int first =
            oracle::DecidingRule(tenant.policies, tenant.groups, flow);
        const int in_force =
            oracle::DecidingRule(tenant.policies, tenant.groups, flow, false);
        const PolicyVerdict verdict = policy.Decide(QueryOf(flow));
        ASSERT_EQ(PositionOf(tenant, verdict.rule), in_force);
        ASSERT_EQ(PositionOf(tenant, verdict.shadow),
                  first == in_force ? -1 : first);
        ++decided[in_force + 1];
      }
    }
  }
  for (size_t i = 0; i < 9; ++i) {
    if (i % 5 == 2) continue;  // a shadow rule
    EXPECT_GT(decided[i], 20) << i << ": hardly tested";
  }
}

// Rules as sites write them: of many hosts, networks, ports and people, so that
// few match; and of wide ranges.
PolicyMatch SparseMatch(std::mt19937& random, uint32_t i) {
  PolicyMatch match;
  const auto network = [&](uint32_t number, int length) {
    const uint8_t bytes[16] = {0xfd, 0, 0, static_cast<uint8_t>(number >> 8),
                               static_cast<uint8_t>(number)};
    const uint32_t word = htobe32(10u << 24 | (number & 0xffff) << 8);
    return random() % 2 ? Prefix(IpAddress::V4(word), length)
                        : Prefix(IpAddress::V6(bytes), length + 16);
  };
  if (i % 7 != 0) match.sources = {network(random() % 4000, 24)};
  if (i % 5 != 0)
    match.destinations = {network(random() % 4000, 24),
                          network(random() % 4000, 12)};
  if (i % 3 != 0) {
    match.protocol = random() % 2 ? 6 : 17;
    const auto first = static_cast<uint16_t>(random() % 60000);
    match.destination_ports = {
        {first, static_cast<uint16_t>(first + random() % 4000)}};
  }
  if (i % 11 == 0) match.identities = {absl::StrCat("u", random() % 1000)};
  return match;
}

TEST(CompiledPolicyTest, TenThousandRulesAreDecidedAsByTheOracle) {
  std::mt19937 random(3);
  Tenant tenant;
  for (uint32_t i = 0; i < 10000; ++i)
    tenant.policies.push_back(
        {.name = absl::StrCat(i), .match = SparseMatch(random, i)});
  const CompiledPolicy policy(tenant);
  std::vector<int> found(2);
  for (int i = 0; i < 400; ++i) {
    // A flow that one of them is about.
    const PolicyRule& wanted = tenant.policies[random() % 10000];
    const auto host = [&](const std::vector<Prefix>& prefixes, bool v4) {
      for (const Prefix& prefix : prefixes)
        if (prefix.address().is_v4() == v4) return prefix.address();
      return v4 ? IpAddress::V4(htobe32(10u << 24 | random() % 0xffffff))
                : IpAddress::Parse("fd00:0:1::1").value();
    };
    const bool v4 = random() % 2 == 0;
    oracle::PolicyFlow flow = {
        .protocol = wanted.match.protocol.value_or(6),
        .source = host(wanted.match.sources, v4),
        .destination = host(wanted.match.destinations, v4),
        .source_port = 40000,
        .destination_port = wanted.match.destination_ports.empty()
                                ? static_cast<int>(random() % 65536)
                                : wanted.match.destination_ports[0].last};
    if (!wanted.match.identities.empty())
      flow.identity = wanted.match.identities[0];
    const int expected = oracle::DecidingRule(tenant.policies, {}, flow);
    ++found[expected >= 0];
    ASSERT_EQ(PositionOf(tenant, policy.FindRule(QueryOf(flow))), expected);
  }
  EXPECT_GT(found[1], 100);
}

TEST(CompiledPolicyTest, TheLongestPrefixTellsWhoSends) {
  Tenant tenant;
  tenant.tunnels = {{.name = "t"}, {.name = "u"}};
  tenant.tunnels[0].identities = {
      {Prefix::Parse("10.0.0.0/8").value(), "staff"},
      {Prefix::Parse("10.1.0.5/32").value(), "alice"},
      {Prefix::Parse("fd00::/64").value(), "bob"}};
  const CompiledPolicy policy(tenant);
  const auto who = [&](size_t tunnel, const char* address) {
    return policy.IdentityOf(tenant.tunnels[tunnel],
                             IpAddress::Parse(address).value());
  };
  EXPECT_EQ(who(0, "10.1.0.5"), "alice");
  EXPECT_EQ(who(0, "10.1.0.6"), "staff");
  EXPECT_EQ(who(0, "fd00::7"), "bob");
  EXPECT_EQ(who(0, "192.0.2.1"), "");
  EXPECT_EQ(who(1, "10.1.0.5"), "");
}

}  // namespace
}  // namespace rampart

// SPDX-License-Identifier: Apache-2.0
#include "controller/policy/policy_hooks.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/controller/policy/random_policy.h"
#include "tests/oracle/policy_oracle.h"

namespace rampart {
namespace {

using Action = Decision::Action;

IpAddress Ip(std::string_view text) { return IpAddress::Parse(text).value(); }
Prefix Cidr(std::string_view text) { return Prefix::Parse(text).value(); }

PolicyRule Rule(std::string name, PolicyMatch match,
                PolicyAction action = PolicyAction::kAllow) {
  PolicyRule rule;
  rule.name = std::move(name);
  rule.match = std::move(match);
  rule.action = action;
  return rule;
}

// The decision of `rules` on `flow`.
Decision Decide(const std::vector<PolicyRule>& rules,
                const oracle::PolicyFlow& flow) {
  Tenant tenant;
  tenant.policies = rules;
  Vnet vnet;
  vnet.name = flow.vnet;
  Tunnel tunnel;
  tunnel.name = flow.tunnel;
  FlowStart start;
  start.tuple.source = {flow.source, static_cast<uint16_t>(flow.source_port)};
  start.tuple.destination = {flow.destination,
                             static_cast<uint16_t>(flow.destination_port)};
  start.tuple.protocol = static_cast<uint8_t>(flow.protocol);
  start.vnet = {&tenant, &vnet};
  start.on_ramp.tunnel = &tunnel;
  return PolicyHooks().OnFlowStart(start);
}

oracle::PolicyFlow WebFlow() {
  return {.vnet = "frankfurt",
          .tunnel = "fra",
          .protocol = 6,
          .source = Ip("10.1.0.5"),
          .destination = Ip("198.51.100.10"),
          .source_port = 40000,
          .destination_port = 443};
}

oracle::PolicyFlow PingFlow() {
  oracle::PolicyFlow flow = WebFlow();
  flow.protocol = 1;
  flow.source_port = 443;  // the identifier
  flow.destination_port = 0;
  return flow;
}

oracle::PolicyFlow Ping6Flow() {
  oracle::PolicyFlow flow = PingFlow();
  flow.protocol = 58;
  flow.source = Ip("fd00::5");
  flow.destination = Ip("2001:db8::1");
  return flow;
}

struct MatchCase {
  const char* why;
  PolicyMatch match;
  oracle::PolicyFlow flow;
  bool matches;
};

PolicyMatch With(void (*fill)(PolicyMatch& match)) {
  PolicyMatch match;
  fill(match);
  return match;
}

const MatchCase kMatchCases[] = {
    {"an empty match is any flow", {}, WebFlow(), true},
    {"vnet", With([](auto& m) { m.vnet = "frankfurt"; }), WebFlow(), true},
    {"other vnet", With([](auto& m) { m.vnet = "sydney"; }), WebFlow(), false},
    {"tunnel", With([](auto& m) { m.tunnel = "fra"; }), WebFlow(), true},
    {"other tunnel", With([](auto& m) { m.tunnel = "fr"; }), WebFlow(), false},
    {"protocol", With([](auto& m) { m.protocol = 6; }), WebFlow(), true},
    {"other protocol", With([](auto& m) { m.protocol = 17; }), WebFlow(),
     false},
    {"icmp is ICMP", With([](auto& m) { m.protocol = 1; }), PingFlow(), true},
    {"icmp is ICMPv6 too", With([](auto& m) { m.protocol = 1; }), Ping6Flow(),
     true},
    {"58 is only ICMPv6", With([](auto& m) { m.protocol = 58; }), PingFlow(),
     false},
    {"protocol 0 is a protocol", With([](auto& m) { m.protocol = 0; }),
     WebFlow(), false},
    {"source", With([](auto& m) { m.sources = {Cidr("10.1.0.0/16")}; }),
     WebFlow(), true},
    {"other source", With([](auto& m) { m.sources = {Cidr("10.2.0.0/16")}; }),
     WebFlow(), false},
    {"one of two sources", With([](auto& m) {
       m.sources = {Cidr("10.2.0.0/16"), Cidr("10.1.0.5/32")};
     }),
     WebFlow(), true},
    {"the source is no destination",
     With([](auto& m) { m.destinations = {Cidr("10.1.0.0/16")}; }), WebFlow(),
     false},
    {"all of IPv6 holds no IPv4",
     With([](auto& m) { m.destinations = {Cidr("::/0")}; }), WebFlow(), false},
    {"all of IPv6", With([](auto& m) { m.destinations = {Cidr("::/0")}; }),
     Ping6Flow(), true},
    {"port", With([](auto& m) {
       m.destination_ports = {{80, 80}, {443, 443}};
     }),
     WebFlow(), true},
    {"first and last port belong to the range", With([](auto& m) {
       m.destination_ports = {{443, 444}};
       m.source_ports = {{39999, 40000}};
     }),
     WebFlow(), true},
    {"other port", With([](auto& m) {
       m.destination_ports = {{80, 442}};
     }),
     WebFlow(), false},
    {"source and destination ports are two things", With([](auto& m) {
       m.source_ports = {{443, 443}};
     }),
     WebFlow(), false},
    {"an ICMP identifier is no port", With([](auto& m) {
       m.source_ports = {{443, 443}};
     }),
     PingFlow(), false},
    {"nor is its absence port 0", With([](auto& m) {
       m.destination_ports = {{0, 65535}};
     }),
     PingFlow(), false},
    {"one part of two fails", With([](auto& m) {
       m.protocol = 6;
       m.vnet = "sydney";
     }),
     WebFlow(), false},
};

TEST(PolicyHooksTest, EveryPartOfAMatchMustHold) {
  for (const MatchCase& c : kMatchCases) {
    const bool allowed =
        Decide({Rule("r", c.match)}, c.flow).action == Action::kAllow;
    EXPECT_EQ(allowed, c.matches) << c.why;
  }
}

TEST(PolicyHooksTest, TheFirstRuleThatMatchesDecides) {
  PolicyMatch udp;
  udp.protocol = 17;
  const struct {
    PolicyAction action;
    Action expected;
    rp_outcome reason;
  } cases[] = {
      {PolicyAction::kAllow, Action::kAllow, RP_DROP_POLICY_DEFAULT},
      {PolicyAction::kDeny, Action::kDeny, RP_DROP_POLICY_DENY},
      {PolicyAction::kReject, Action::kReject, RP_DROP_POLICY_REJECT},
  };
  for (const auto& c : cases) {
    const Decision decision =
        Decide({Rule("udp", udp), Rule("first", {}, c.action),
                Rule("second", {}, PolicyAction::kAllow)},
               WebFlow());
    EXPECT_EQ(decision.action, c.expected);
    EXPECT_EQ(decision.rule, "first");
    if (c.expected != Action::kAllow) {
      EXPECT_EQ(decision.reason, c.reason);
    }
  }
}

TEST(PolicyHooksTest, WithoutARuleEverythingIsDenied) {
  PolicyMatch udp;
  udp.protocol = 17;
  for (const auto& rules :
       {std::vector<PolicyRule>(), std::vector<PolicyRule>{Rule("u", udp)}}) {
    const Decision decision = Decide(rules, WebFlow());
    EXPECT_EQ(decision.action, Action::kDeny);
    EXPECT_EQ(decision.reason, RP_DROP_POLICY_DEFAULT);
    EXPECT_EQ(decision.rule, "");
  }
}

TEST(PolicyHooksTest, AFlowOfNoTenantIsDenied) {
  EXPECT_EQ(PolicyHooks().OnFlowStart(FlowStart()).action, Action::kDeny);
}

TEST(PolicyHooksTest, RandomRulesAndFlowsAgreeWithTheOracle) {
  RandomPolicy random(11);
  std::vector<int> decided(9);
  for (int set = 0; set < 300; ++set) {
    std::vector<PolicyRule> rules;
    rules.reserve(8);
    for (int i = 0; i < 8; ++i)
      rules.push_back(Rule(absl::StrCat(i), random.Match(),
                           static_cast<PolicyAction>(i % 3)));
    for (int i = 0; i < 100; ++i) {
      const oracle::PolicyFlow flow = random.Flow();
      const int expected = oracle::DecidingRule(rules, flow);
      ++decided[expected + 1];
      ASSERT_EQ(Decide(rules, flow).rule,
                expected < 0 ? "" : absl::StrCat(expected));
    }
  }
  for (const int count : decided) EXPECT_GT(count, 300) << "hardly tested";
}

}  // namespace
}  // namespace rampart

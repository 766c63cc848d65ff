// SPDX-License-Identifier: Apache-2.0
#include "controller/policy/policy_hooks.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
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
  const CompiledPolicy policy(tenant);
  start.vnet = {&tenant, &vnet, &policy};
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

TEST(PolicyHooksTest, RandomRulesAndFlowsAreDecidedAsByTheOracle) {
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
      const int expected = oracle::DecidingRule(rules, {}, flow);
      ++decided[expected + 1];
      ASSERT_EQ(Decide(rules, flow).rule,
                expected < 0 ? "" : absl::StrCat(expected));
    }
  }
  for (const int count : decided) EXPECT_GT(count, 300) << "hardly tested";
}

// A tenant in force, and flows of its only vnet through its only tunnel.
class PolicyInForceTest : public testing::Test {
 protected:
  PolicyInForceTest() {
    tenant_.id = 1;
    tenant_.name = "acme";
    tenant_.vnets = {{.name = "main", .vni = 7, .is_default = true}};
    tenant_.tunnels = {{.id = 3, .name = "t", .vnet = "main"}};
    tenant_.tunnels[0].identities = {{Cidr("10.1.0.5/32"), "alice"},
                                     {Cidr("10.2.0.0/16"), "bob"}};
    tenant_.routes = {
        {.vnet = "main", .cidr = Cidr("10.2.0.0/16"), .tunnel = "t"}};
    hooks_ = std::make_unique<PolicyHooks>(
        [this](const std::string& line) { lines_.push_back(line); });
  }

  void Apply() {
    auto next = std::make_unique<const Snapshot>(
        EdgeConfig(), Resources{.file = "", .tenants = {tenant_}}, ++epoch_);
    hooks_->OnApply(*next);
    snapshot_ = std::move(next);
  }
  FlowStart Flow(std::string_view from = "10.1.0.5",
                 std::string_view to = "10.2.0.9") {
    const FlowTuple tuple = {7, {Ip(from), ++port_}, {Ip(to), 80}, 6};
    return MakeFlowStart(
        tuple, snapshot_->FindVnet(7), snapshot_->FindTunnel(3),
        snapshot_->FindRoute(7, Ip(to)).value_or(Snapshot::RouteRef()), now_);
  }
  Decision Ask(const FlowStart& start) { return hooks_->OnFlowStart(start); }
  // Asks, and if it is allowed, it begins.
  Decision Begin(const FlowStart& start) {
    Decision decision = Ask(start);
    if (decision.action == Action::kAllow)
      hooks_->OnFlowInstalled(StateOf(start, decision.rule));
    return decision;
  }
  static FlowState StateOf(const FlowStart& start, std::string_view rule) {
    FlowState state;
    state.tuple = start.tuple;
    state.start = 100;
    state.rule = rule;
    return state;
  }
  void End(const FlowStart& start, std::string_view rule) {
    FlowEnd end;
    static_cast<FlowState&>(end) = StateOf(start, rule);
    hooks_->OnFlowEnd(end);
  }
  PolicyHits Hits(size_t rule) {
    const Tenant& tenant = snapshot_->resources().tenants[0];
    return hooks_->Hits(tenant, &tenant.policies[rule]);
  }

  Tenant tenant_;
  std::unique_ptr<PolicyHooks> hooks_;
  std::unique_ptr<const Snapshot> snapshot_;
  uint32_t epoch_ = 0;
  uint16_t port_ = 1000;
  absl::Time now_ = absl::FromUnixSeconds(1700000000);
  std::vector<std::string> lines_;
};

TEST_F(PolicyInForceTest, HitsAreCountedAndStayWhenTheConfigurationChanges) {
  tenant_.policies = {Rule("bobs", {.identities = {"bob"}}), Rule("all", {})};
  Apply();
  Ask(Flow());
  Ask(Flow("10.2.0.1"));
  Ask(Flow("10.1.0.9"));
  EXPECT_EQ(Hits(0).hits, 1u);
  EXPECT_EQ(Hits(1).hits, 2u);
  EXPECT_EQ(Hits(1).last, now_);
  tenant_.policies.insert(tenant_.policies.begin(),
                          Rule("new", {.protocol = 1}));
  Apply();
  EXPECT_EQ(Hits(0).hits, 0u);
  EXPECT_EQ(Hits(2).hits, 2u);
  FlowStart again = Flow();
  again.asked = FlowStart::Asked::kAgain;
  Ask(again);
  EXPECT_EQ(Hits(2).hits, 2u);
  tenant_.policies = {};
  Apply();
  Ask(Flow());
  EXPECT_EQ(hooks_->Hits(snapshot_->resources().tenants[0], nullptr).hits, 1u);
}

TEST_F(PolicyInForceTest, AShadowRuleIsCountedAndNotEnforced) {
  tenant_.policies = {
      Rule("strict", {.identities = {"alice"}}, PolicyAction::kReject),
      Rule("same", {.identities = {"bob"}}), Rule("all", {})};
  tenant_.policies[0].shadow = tenant_.policies[1].shadow = true;
  tenant_.policies[0].log = true;
  Apply();
  EXPECT_EQ(Ask(Flow()).rule, "all");
  EXPECT_EQ(Ask(Flow("10.2.0.1")).rule, "all");
  EXPECT_EQ(Hits(0).hits, 1u);
  EXPECT_EQ(Hits(0).differs, 1u);
  EXPECT_EQ(Hits(1).hits, 1u);
  EXPECT_EQ(Hits(1).differs, 0u);
  EXPECT_EQ(Hits(2).hits, 2u);
  ASSERT_EQ(lines_.size(), 1u);
  EXPECT_EQ(lines_[0],
            "policy: tenant acme, rule strict: would reject tcp 10.1.0.5:1001 "
            "-> 10.2.0.9:80 in vnet main through t by alice");
}

TEST_F(PolicyInForceTest, OnlySoManyLinesASecond) {
  tenant_.policies = {Rule("all", {})};
  tenant_.policies[0].log = true;
  Apply();
  for (int i = 0; i < 250; ++i) Ask(Flow());
  EXPECT_EQ(lines_.size(), 100u);
  now_ += absl::Seconds(1);
  Ask(Flow());
  ASSERT_EQ(lines_.size(), 102u);
  EXPECT_NE(lines_[100].find("150 lines"), std::string::npos) << lines_[100];
}

TEST_F(PolicyInForceTest, WhoIsRevokedNeitherSendsNorReceives) {
  tenant_.policies = {Rule("all", {})};
  Apply();
  EXPECT_EQ(Ask(Flow("10.1.0.5", "192.0.2.1")).action, Action::kAllow);
  tenant_.revoked = {"alice"};
  Apply();
  FlowStart live = Flow("10.1.0.5", "192.0.2.1");
  live.asked = FlowStart::Asked::kAgain;
  EXPECT_EQ(Ask(live).reason, RP_DROP_POLICY_REVOKED);
  EXPECT_EQ(Ask(Flow("10.1.0.5", "192.0.2.1")).reason, RP_DROP_POLICY_REVOKED);
  EXPECT_EQ(Ask(Flow("10.1.0.6")).action, Action::kAllow);
  tenant_.revoked = {"bob"};
  Apply();
  EXPECT_EQ(Ask(Flow("10.1.0.6")).reason, RP_DROP_POLICY_REVOKED);
  EXPECT_EQ(hooks_->Revoked(snapshot_->resources().tenants[0]), 2u);
}

TEST_F(PolicyInForceTest, LimitsRefuseWhatIsNotRemembered) {
  tenant_.policies = {Rule("few", {})};
  tenant_.policies[0].limits = {.rate = 5, .concurrent = 3};
  Apply();
  std::vector<FlowStart> flows;
  for (int i = 0; i < 3; ++i) {
    flows.push_back(Flow());
    EXPECT_EQ(Begin(flows.back()).action, Action::kAllow);
  }
  const Decision full = Begin(Flow());
  EXPECT_EQ(full.action, Action::kDeny);
  EXPECT_EQ(full.reason, RP_DROP_POLICY_CONCURRENT);
  EXPECT_FALSE(full.remember);
  EXPECT_EQ(full.rule, "few");
  EXPECT_EQ(Hits(0).limited, 1u);
  EXPECT_EQ(Hits(0).flows, 3u);
  // The rule's name stays, so do the flows it counts.
  tenant_.policies[0].limits.concurrent = 4;
  Apply();
  EXPECT_EQ(Begin(Flow()).action, Action::kAllow);
  EXPECT_EQ(Begin(Flow()).reason, RP_DROP_POLICY_CONCURRENT);
  for (const FlowStart& flow : flows) End(flow, "few");
  EXPECT_EQ(Begin(Flow()).action, Action::kAllow);
  EXPECT_EQ(Begin(Flow()).reason, RP_DROP_POLICY_RATE);
  now_ += absl::Seconds(1);
  EXPECT_EQ(Begin(Flow()).action, Action::kAllow);
}

TEST_F(PolicyInForceTest, APoolIsChosenByTheRule) {
  tenant_.policies = {Rule("all", {})};
  tenant_.policies[0].pool = "other";
  Apply();
  EXPECT_EQ(Ask(Flow()).pool, "other");
}

}  // namespace
}  // namespace rampart

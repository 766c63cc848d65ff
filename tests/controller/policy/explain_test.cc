// SPDX-License-Identifier: Apache-2.0
// What is said about a rule is what policy does, and what is said to help does.
#include "controller/policy/explain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "controller/model/words.h"
#include "controller/policy/policy_hooks.h"
#include "tests/controller/policy/random_policy.h"

namespace rampart {
namespace {

using ::testing::ElementsAre;
using Action = Decision::Action;

IpAddress Ip(std::string_view text) { return IpAddress::Parse(text).value(); }
Prefix Cidr(std::string_view text) { return Prefix::Parse(text).value(); }

class PolicyExplanationTest : public ::testing::Test {
 protected:
  PolicyExplanationTest() {
    for (const char* name : {"n0", "n1", "n2"}) {
      tenant_.vnets.push_back({.name = name});
      tenant_.tunnels.push_back({.name = name});
    }
    start_.vnet = {&tenant_, &tenant_.vnets[0]};
    start_.on_ramp = {&tenant_, tenant_.tunnels.data(), 0};
    start_.time = absl::UnixEpoch();
    tenant_.groups = {{.name = "office",
                       .prefixes = {Cidr("10.6.0.0/16")},
                       .identities = {"bob"}}};
    start_.tuple = {0, {Ip("10.1.0.5"), 40000}, {Ip("10.2.0.9"), 80}, 6};
  }

  PolicyMatch& Add(std::string name,
                   PolicyAction action = PolicyAction::kAllow) {
    tenant_.policies.push_back(
        {.name = std::move(name), .match = {}, .action = action});
    return tenant_.policies.back().match;
  }
  PolicyExplanation Explain() const {
    const CompiledPolicy policy(tenant_);
    FlowStart start = start_;
    start.vnet.policy = &policy;
    return ExplainPolicy(start);
  }
  // "ssh: dport 80 != 22 | dport = 22" for each rule that is near.
  std::vector<std::string> Nearest() const {
    std::vector<std::string> lines;
    for (const NearRule& near : Explain().nearest) {
      std::string line = near.rule->name + ":";
      for (const PolicyDifference& d : near.differences)
        absl::StrAppend(&line, " ", d.why, " | ", d.change);
      lines.push_back(line);
    }
    return lines;
  }

  Tenant tenant_;
  FlowStart start_;
};

TEST_F(PolicyExplanationTest, TheRuleThatMatchedAndHowManyWereTried) {
  Add("first").protocol = 17;
  Add("second", PolicyAction::kReject);
  Add("third");
  const PolicyExplanation explanation = Explain();
  EXPECT_EQ(explanation.tried, 2u);
  ASSERT_NE(explanation.matched, nullptr);
  EXPECT_EQ(explanation.matched->name, "second");
  EXPECT_EQ(explanation.decision.action, Action::kReject);
  EXPECT_EQ(explanation.decision.reason, RP_DROP_POLICY_REJECT);
}

TEST_F(PolicyExplanationTest, TheNearestRuleDiffersInOneField) {
  PolicyMatch& far = Add("far");
  far.protocol = 17;
  far.destination_ports = {{53, 53}};
  PolicyMatch& ssh = Add("ssh");
  ssh.protocol = 6;
  ssh.destination_ports = {{22, 22}, {2200, 2299}};
  EXPECT_THAT(Nearest(),
              ElementsAre("ssh: dport 80 != 22, 2200-2299 | dport = 22",
                          "far: proto tcp != udp | proto = udp"
                          " dport 80 != 53 | dport = 53"));
}

TEST_F(PolicyExplanationTest, EveryFieldCanBeTheOne) {
  const struct {
    void (*fill)(PolicyMatch&);
    const char* says;
  } cases[] = {
      {[](PolicyMatch& m) { m.protocol = 17; },
       "r: proto tcp != udp | proto = udp"},
      {[](PolicyMatch& m) {
         m.source_ports = {{1, 9}};
       },
       "r: sport 40000 != 1-9 | sport = 1"},
      {[](PolicyMatch& m) { m.sources = {Cidr("10.7.0.0/16")}; },
       "r: src 10.1.0.5 not in 10.7.0.0/16 | src = 10.7.0.1"},
      {[](PolicyMatch& m) {
         m.destinations = {Cidr("fd00::/8"), Cidr("10.8.0.7/32")};
       },
       "r: dst 10.2.0.9 not in fd00::/8, 10.8.0.7/32 | dst = 10.8.0.7"},
      {[](PolicyMatch& m) { m.vnet = "n2"; }, "r: vnet n0 != n2 | vnet = n2"},
      {[](PolicyMatch& m) { m.tunnel = "n1"; },
       "r: tunnel n0 != n1 | tunnel = n1"},
      {[](PolicyMatch& m) {
         m.sources = {Cidr("fd00::/8")};
         m.source_groups = {"office"};
       },
       "r: src 10.1.0.5 not in fd00::/8, group:office | src = 10.6.0.1"},
      {[](PolicyMatch& m) { m.identity_groups = {"office"}; },
       "r: nobody knows who sends it, wants group:office | identity = bob"},
      {[](PolicyMatch& m) {
         m.times = {{.days = 1, .from = 8 * 60, .to = 18 * 60}};
       },
       "r: time Thu 00:00 not in mon 08:00-18:00 | time = Mon 08:00"},
  };
  for (const auto& c : cases) {
    tenant_.policies.clear();
    c.fill(Add("r"));
    EXPECT_THAT(Nearest(), ElementsAre(c.says));
  }
}

TEST_F(PolicyExplanationTest, AnIcmpTypeCanBeTheOne) {
  start_.tuple = {0, {Ip("10.1.0.5"), 7}, {Ip("10.2.0.9"), 0}, 1};
  start_.icmp_type = 0;
  Add("r").icmp_types = {8};
  EXPECT_THAT(Nearest(),
              ElementsAre("r: icmp_type 0 != echo-request | icmp_type = "
                          "echo-request"));
}

TEST_F(PolicyExplanationTest, NoRuleHelpsWhoIsRevoked) {
  Add("all");
  tenant_.revoked = {"bob"};
  start_.identity = "bob";
  const PolicyExplanation explanation = Explain();
  EXPECT_TRUE(explanation.revoked);
  EXPECT_EQ(explanation.decision.reason, RP_DROP_POLICY_REVOKED);
  EXPECT_EQ(explanation.tried, 0u);
  EXPECT_TRUE(explanation.nearest.empty());
}

TEST_F(PolicyExplanationTest, AShadowRuleIsNamedAndDoesNotDecide) {
  Add("strict", PolicyAction::kReject);
  tenant_.policies.back().shadow = true;
  Add("all");
  const PolicyExplanation explanation = Explain();
  EXPECT_EQ(explanation.decision.action, Action::kAllow);
  ASSERT_NE(explanation.shadow, nullptr);
  EXPECT_EQ(explanation.shadow->name, "strict");
}

TEST_F(PolicyExplanationTest, IPv6AndWhatHasNoPorts) {
  start_.tuple = {0, {Ip("fd00::5"), 7}, {Ip("fd00::9"), 0}, 58};
  PolicyMatch& web = Add("web");
  web.protocol = 6;
  web.destination_ports = {{443, 443}};
  PolicyMatch& other = Add("other");
  other.destinations = {Cidr("2001:db8::/32")};
  EXPECT_THAT(
      Nearest(),
      ElementsAre("other: dst fd00::9 not in 2001:db8::/32 | dst = 2001:db8::1",
                  "web: proto 58 != tcp | proto = tcp"
                  " no dport, wants 443 | dport = 443"));
}

TEST_F(PolicyExplanationTest, WhatAnEarlierRuleRefusesDoesNotHelp) {
  Add("no-22", PolicyAction::kDeny).destination_ports = {{22, 22}};
  Add("admin").destination_ports = {{22, 22}, {222, 222}};
  Add("only-22").destination_ports = {{22, 22}};
  Add("rest", PolicyAction::kDeny);
  Add("never");
  EXPECT_THAT(Nearest(),
              ElementsAre("admin: dport 80 != 22, 222 | dport = 222"));
}

TEST_F(PolicyExplanationTest, FromOutsideNoTunnelCanBeChanged) {
  start_.on_ramp = {};
  Add("r").tunnel = "n1";
  EXPECT_THAT(Nearest(), ElementsAre());
}

// "dport = 22": the flow with that.
void Apply(const std::string& change, const Tenant& tenant, FlowStart& start) {
  const std::vector<std::string> parts = absl::StrSplit(change, " = ");
  ASSERT_EQ(parts.size(), 2u) << change;
  const std::string& value = parts[1];
  const auto index = static_cast<size_t>(value.back() - '0');
  if (parts[0] == "proto") {
    start.tuple.protocol = *ParseRuleProtocol(value).value();
    if (start.tuple.protocol == 1 && !start.tuple.source.address.is_v4())
      start.tuple.protocol = 58;
  } else if (parts[0] == "dport") {
    start.tuple.destination.port = static_cast<uint16_t>(std::stoi(value));
  } else if (parts[0] == "sport") {
    start.tuple.source.port = static_cast<uint16_t>(std::stoi(value));
  } else if (parts[0] == "src") {
    start.tuple.source.address = Ip(value);
  } else if (parts[0] == "dst") {
    start.tuple.destination.address = Ip(value);
  } else if (parts[0] == "vnet") {
    start.vnet.vnet = &tenant.vnets[index];
  } else {
    ASSERT_EQ(parts[0], "tunnel");
    start.on_ramp.tunnel = &tenant.tunnels[index];
  }
}

TEST_F(PolicyExplanationTest, RandomFlowsAreExplainedAsTheyAreDecided) {
  RandomPolicy random(23);
  std::map<size_t, int> near_by_differences;
  for (int set = 0; set < 500; ++set) {
    tenant_.policies.clear();
    for (int i = 0; i < 8; ++i)
      Add(absl::StrCat(i), static_cast<PolicyAction>(set / 8 % 2 ? i % 3 : 0)) =
          random.Match();
    const CompiledPolicy policy(tenant_);
    start_.vnet.policy = &policy;
    for (int i = 0; i < 40; ++i) {
      const oracle::PolicyFlow flow = random.Flow();
      const auto port = [](int value) { return static_cast<uint16_t>(value); };
      start_.tuple = {0,
                      {flow.source, port(flow.source_port)},
                      {flow.destination, port(flow.destination_port)},
                      static_cast<uint8_t>(flow.protocol)};
      start_.vnet.vnet = &tenant_.vnets[flow.vnet.back() - '0'];
      start_.on_ramp.tunnel = &tenant_.tunnels[flow.tunnel.back() - '0'];
      const Decision decision = PolicyHooks().OnFlowStart(start_);
      const PolicyExplanation explanation = ExplainPolicy(start_);
      ASSERT_EQ(explanation.decision.action, decision.action);
      ASSERT_EQ(explanation.decision.rule, decision.rule);
      ASSERT_EQ(explanation.decision.reason, decision.reason);
      for (const NearRule& near : explanation.nearest) {
        FlowStart changed = start_;
        for (const PolicyDifference& difference : near.differences)
          Apply(difference.change, tenant_, changed);
        ASSERT_EQ(PolicyHooks().OnFlowStart(changed).action, Action::kAllow)
            << near.rule->name;
        ++near_by_differences[near.differences.size()];
      }
    }
  }
  for (size_t count = 1; count <= 4; ++count)
    EXPECT_GT(near_by_differences[count], 100) << count << ": hardly tested";
}

}  // namespace
}  // namespace rampart

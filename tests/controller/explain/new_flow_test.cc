// SPDX-License-Identifier: Apache-2.0
// What is said about a new flow is what the engine then does with its packet.
#include "controller/explain/new_flow.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "controller/policy/policy_hooks.h"
#include "maps/realm.h"
#include "tests/controller/flow/nat_engine_fixture.h"

namespace rampart {
namespace {

using ::testing::HasSubstr;

class NewFlowTest : public NatEngineTest {
 protected:
  void SetUp() override {
    NatEngineTest::SetUp();
    if (IsSkipped()) return;
    hooks.decide = [](const FlowStart& start) {
      return PolicyHooks().OnFlowStart(start);
    };
    resources_ = LabResources();
    Tenant& acme = resources_.tenants[0].Edit();
    acme.policies = {{.name = "no-25", .action = PolicyAction::kReject},
                     {.name = "web", .action = PolicyAction::kAllow},
                     {.name = "ping", .action = PolicyAction::kAllow},
                     {.name = "rest", .action = PolicyAction::kAllow}};
    acme.policies[0].match.destination_ports = {{25, 25}};
    acme.policies[1].match.destination_ports = {{443, 443}};
    acme.policies[2].match.protocol = IPPROTO_ICMP;
    acme.policies[3].match.protocol = 132;
    Apply(resources_, 2);
    snapshot_ = std::make_unique<Snapshot>(edge, resources_, 2);
  }

  NewFlowExplanation Explain(const PacketSpec& spec, const NewFlow& flow) {
    const std::vector<uint8_t> bytes = BuildPacket(spec);
    const auto packet = ParsePacket(flow.realm, bytes);
    EXPECT_TRUE(packet);
    return ExplainNewFlow(*snapshot_, engine->nat(), flow, *packet);
  }
  NewFlowExplanation Explain(const PacketSpec& spec) {
    return Explain(spec, {.realm = kVnet, .tunnel = kFra});
  }

  // All that an engine can be seen to hold.
  std::string State() const {
    std::string state;
    for (const auto& session : NatSessions()) state += session + "\n";
    return state + std::to_string(Entries());
  }

  PacketSpec RandomSpec();
  // Of a packet that was punted just now; the drops before it.
  rp_outcome WhatHappened(const std::map<int, uint64_t>& before) const {
    for (const auto& [reason, packets] : AllDrops()) {
      const auto old = before.find(reason);
      if (old == before.end() || old->second != packets)
        return static_cast<rp_outcome>(reason);
    }
    return RP_FORWARDED;
  }

  Resources resources_;
  std::unique_ptr<Snapshot> snapshot_;
};

PacketSpec NewFlowTest::RandomSpec() {
  const auto below = [&](uint32_t n) { return random() % n; };
  const IpAddress hosts[] = {net.fra,       net.fra2,   net.two, net.lan,
                             net.internet,  net.router, net.nat, net.blackhole,
                             net.internet2, net.fra};
  const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_UDP, IcmpOf(net.fra), 132};
  const uint16_t ports[] = {443, 25, 22, 443, 5351};
  PacketSpec spec = {.source = below(3) ? net.fra : hosts[below(10)],
                     .destination = hosts[below(10)],
                     .protocol = protocols[below(4)],
                     .dport = ports[below(5)]};
  spec.sport = static_cast<uint16_t>(1024 + below(60000));
  spec.tcp_flags = below(3) ? kTcpSyn : kTcpAck;
  spec.echo_reply = below(4) == 0;
  return spec;
}

TEST_P(NewFlowTest, ExplanationsComeTrueAndChangeNothing) {
  std::map<rp_outcome, int> seen;
  std::set<std::string> tuples;
  for (int i = 0; i < 3000; ++i) {
    PacketSpec spec = RandomSpec();
    const uint32_t tunnels[] = {kFra, kFra, kTwo, kGlobex};
    NewFlow flow = {.realm = kVnet, .tunnel = tunnels[random() % 4]};
    if (i % 4 == 3) {  // from outside, to a port that is somebody's or nobody's
      flow = {.realm = RP_REALM_UNDERLAY, .tunnel = RP_TUNNEL_UNDERLAY};
      std::swap(spec.source, spec.destination);
      spec.destination = net.nat;
    }
    // Protocols without ports are one tuple a pair of hosts.
    const FlowTuple tuple = TupleOfSpec(flow.realm, spec);
    if (!tuples
             .insert(std::to_string(tuple.realm) +
                     tuple.source.address.ToString() +
                     std::to_string(tuple.source.port) +
                     tuple.destination.address.ToString() +
                     std::to_string(tuple.destination.port) +
                     std::to_string(tuple.protocol))
             .second)
      continue;
    const std::string before = State();
    const NewFlowExplanation said = Explain(spec, flow);
    ASSERT_EQ(State(), before);
    const auto drops = AllDrops();
    Punt(spec, flow.tunnel, flow.realm);
    const rp_outcome happened = WhatHappened(drops);
    ++seen[said.outcome];
    if (said.outcome == RP_PUNTED) {
      ASSERT_EQ(State(), before) << "the edge answers and makes no flow";
      continue;
    }
    ASSERT_EQ(said.outcome, happened)
        << i << ": " << spec.source.ToString() << ":" << spec.sport << " > "
        << spec.destination.ToString() << ":" << spec.dport << " proto "
        << int{spec.protocol} << " tunnel " << flow.tunnel;
  }
  for (const rp_outcome reason :
       {RP_FORWARDED, RP_PUNTED, RP_DROP_SPOOFED, RP_DROP_VNI_REFUSED,
        RP_DROP_BLACKHOLE, RP_DROP_POLICY_DEFAULT, RP_DROP_POLICY_REJECT,
        RP_DROP_NAT_NO_SYN, RP_DROP_NAT_NO_MAPPING, RP_DROP_NO_ROUTE})
    EXPECT_GT(seen[reason], 10) << reason << ": hardly tested";
}

TEST_P(NewFlowTest, TheRouteThatWinsThoseThatLoseAndThePool) {
  const NewFlowExplanation said = Explain(Udp(net.fra, net.two));
  ASSERT_TRUE(said.route);
  EXPECT_EQ(said.route->tunnel->name, "two");
  ASSERT_EQ(said.lost.size(), 1u);
  EXPECT_EQ(said.lost[0].route->cidr.length(), 0);
  EXPECT_EQ(said.pool, "");
  EXPECT_EQ(Explain(Udp(net.fra, net.internet)).pool, "default");
}

TEST_P(NewFlowTest, TheRuleThatWouldAllowIt) {
  PacketSpec spec = Udp(net.fra, net.two);
  spec.dport = 80;
  const NewFlowExplanation said = Explain(spec);
  EXPECT_EQ(said.outcome, RP_DROP_POLICY_DEFAULT);
  ASSERT_TRUE(said.policy);
  ASSERT_FALSE(said.policy->nearest.empty());
  EXPECT_EQ(said.policy->nearest[0].rule->name, "web");
  EXPECT_EQ(said.policy->nearest[0].differences[0].why, "dport 80 != 443");
}

TEST_P(NewFlowTest, AFullPoolIsToldBeforeItRefuses) {
  StartWith([](NatPoolConfig& pool) {
    pool.ports = {1024, 1027};
    pool.block_size = 4;
    pool.rest = absl::ZeroDuration();
  });
  Apply(resources_, 2);
  snapshot_ = std::make_unique<Snapshot>(edge, resources_, 2);
  for (uint16_t sport = 1; sport <= 6; ++sport) {
    const PacketSpec spec = Udp(net.fra, net.internet, sport);
    const NewFlowExplanation said = Explain(spec);
    const auto drops = AllDrops();
    Punt(spec);
    EXPECT_EQ(said.outcome, WhatHappened(drops)) << sport;
    EXPECT_EQ(said.outcome == RP_FORWARDED, sport <= 4) << sport;
    EXPECT_THAT(said.steps.back().text, HasSubstr("pool default"));
  }
  const NewFlowExplanation other = Explain(Udp(net.fra2, net.internet));
  EXPECT_EQ(other.outcome, RP_DROP_NAT_EXHAUSTED);
}

TEST_P(NewFlowTest, WhoIsBehindAMappingAndWhomItLetsIn) {
  StartFiltering(NatFiltering::kAddressDependent);
  Apply(resources_, 2);
  snapshot_ = std::make_unique<Snapshot>(edge, resources_, 2);
  PacketSpec out = Udp(net.fra, net.internet, 443);
  const Endpoint outside = Outside(out);
  PacketSpec in = To(Udp(net.internet2, net.nat), outside);
  const NewFlow flow = {.realm = RP_REALM_UNDERLAY};
  EXPECT_EQ(Explain(in, flow).outcome, RP_DROP_NAT_FILTERED);
  in.source = net.internet;
  const NewFlowExplanation said = Explain(in, flow);
  EXPECT_EQ(said.outcome, RP_FORWARDED);
  ASSERT_TRUE(said.route);
  EXPECT_EQ(said.route->tunnel->name, "fra");
}

RP_BOTH_FAMILIES(NewFlowTest);

}  // namespace
}  // namespace rampart

// SPDX-License-Identifier: Apache-2.0
// What becomes of live flows when the configuration changes, and what is said
// about that beforehand.
#include <string>
#include <vector>

#include "tests/controller/flow/engine_fixture.h"

namespace rampart {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class OnChangeTest : public EngineTest {
 protected:
  // From here on applied resources share the tenants that nobody edits.
  void SetUp() override {
    EngineTest::SetUp();
    if (engine == nullptr) return;
    Apply(resources_, 2);
    Pass(absl::Milliseconds(300));  // the check of it comes to its end
  }

  void Change(OnChange on_change) {
    const absl::Status status = engine->Apply(
        std::make_shared<const Snapshot>(edge, resources_, ++epoch_),
        on_change);
    ASSERT_TRUE(status.ok()) << status;
  }
  // How many flows ended since the last call.
  size_t Ended() {
    Pass(absl::Milliseconds(300));
    return std::exchange(hooks.ends, {}).size();
  }
  // "fate why" of each flow that would not stay.
  std::vector<std::string> Forecast() const {
    std::vector<std::string> all;
    const Snapshot next(edge, resources_, epoch_ + 1);
    EXPECT_TRUE(engine->Forecast(
        next, absl::InfiniteDuration(),
        [&](const Engine::FlowView&, const Judgement& judgement) {
          all.push_back(std::to_string(static_cast<int>(judgement.fate)) + " " +
                        judgement.why);
        }));
    return all;
  }
  std::vector<Route>& Routes() { return resources_.tenants[0].Edit().routes; }
  void SendTwoByLan() {
    for (Route& route : Routes())
      if (route.tunnel == "two") route.tunnel = "lan";
  }

  void MoveLan(const std::string& vnet) {
    resources_.tenants[0].Edit().tunnels[2].vnet = vnet;
  }
  // The realm that rp_grants says the tunnel has left; 0: none.
  uint32_t FormerOfLan(uint32_t realm) const {
    const auto grant = plane->maps().grants.Get({kLan, realm});
    return grant.ok() && *grant ? (*grant)->former : 0;
  }

  Resources resources_ = LabResources();
  uint32_t epoch_ = 2;
};
RP_BOTH_FAMILIES(OnChangeTest);

TEST_P(OnChangeTest, KeepEndsNothingThatPolicyRefuses) {
  Punt(Udp(net.fra, net.two));
  hooks.decide = [](const FlowStart&) {
    return FakeHooks::Deny(RP_DROP_POLICY_DENY);
  };
  resources_.tenants[0].Edit().comment = "edited";
  EXPECT_THAT(Forecast(), ElementsAre("2 policy: a rule refuses it"));
  Change(OnChange::kKeep);
  EXPECT_EQ(Ended(), 0u);
  resources_.tenants[0].Edit().comment = "again";
  Change(OnChange::kRecheck);
  EXPECT_EQ(Ended(), 1u);
}

TEST_P(OnChangeTest, KeepEndsWhatHasNoTunnelAnyMore) {
  Punt(Udp(net.fra, net.two));
  std::erase_if(Routes(), [](const Route& r) { return r.tunnel == "two"; });
  std::erase_if(resources_.tenants[0].Edit().tunnels,
                [](const Tunnel& t) { return t.name == "two"; });
  EXPECT_THAT(Forecast(),
              ElementsAre("0 tunnel: it may not enter the vnet any more"));
  Change(OnChange::kKeep);
  EXPECT_EQ(Ended(), 1u);
}

TEST_P(OnChangeTest, CutEndsFlowsWhoseRouteDiffers) {
  Punt(Udp(net.fra, net.two));
  Punt(Udp(net.fra, net.internet));
  SendTwoByLan();
  EXPECT_THAT(Forecast(),
              ElementsAre("3 route: tunnel lan, before tunnel two"));
  Change(OnChange::kRecheck);
  EXPECT_EQ(Ended(), 0u);
  resources_.tenants[0].Edit().comment = "edited";
  Change(OnChange::kCut);
  EXPECT_EQ(Ended(), 1u);
  EXPECT_THAT(AllFlows(), SizeIs(1));
}

TEST_P(OnChangeTest, CutEndsFlowsWhoseSourceIsElsewhere) {
  Punt(Udp(net.two, net.fra), kTwo);
  SendTwoByLan();
  EXPECT_THAT(Forecast(),
              ElementsAre("3 route: its source is behind another tunnel"));
  Change(OnChange::kCut);
  EXPECT_EQ(Ended(), 1u);
}

TEST_P(OnChangeTest, CutEndsFlowsOfAnotherRule) {
  Punt(Udp(net.fra, net.two));
  Punt(Udp(net.fra, net.internet));
  hooks.decide = [&](const FlowStart& start) {
    Decision decision = FakeHooks::Allow();
    if (start.route.tunnel != nullptr) decision.rule = "new";
    return decision;
  };
  resources_.tenants[0].Edit().comment = "edited";
  EXPECT_THAT(Forecast(), ElementsAre("3 rule: new, before all"));
  Change(OnChange::kCut);
  EXPECT_EQ(Ended(), 1u);
}

TEST_P(OnChangeTest, CutEndsFlowsOfAnotherPool) {
  NatPoolConfig other;
  other.name = "other";
  other.addresses = {Ip("203.0.113.9"), Ip("2001:db8:64::9")};
  EdgeConfig config = LabEdge();
  config.pools.push_back(other);
  StartEngine(config);
  Change(OnChange::kRecheck);
  Punt(Udp(net.fra, net.internet));
  Punt(Udp(net.fra, net.two));
  for (Route& route : Routes())
    if (route.kind == Route::Kind::kInternet) route.pool = "other";
  EXPECT_THAT(Forecast(), ElementsAre("3 pool: other, before default"));
  Change(OnChange::kCut);
  EXPECT_EQ(Ended(), 1u);
  ASSERT_THAT(AllFlows(), SizeIs(1));
}

TEST_P(OnChangeTest, FlowsOfATenantThatNobodyEditedAreNotAskedAbout) {
  Punt(Udp(net.fra, net.internet), kGlobex, kOtherVnet);
  Punt(Udp(net.fra, net.internet));
  hooks.starts.clear();
  resources_.tenants[0].Edit().comment = "edited";
  EXPECT_THAT(Forecast(), IsEmpty());
  Change(OnChange::kCut);
  EXPECT_EQ(Ended(), 0u);
  ASSERT_THAT(hooks.starts, SizeIs(2));
  for (const FlowTuple& tuple : hooks.starts) EXPECT_EQ(tuple.realm, kVnet);
}

TEST_P(OnChangeTest, FlowsStayInTheVnetThatTheirTunnelHasLeft) {
  Punt(Udp(net.lan, net.fra), kLan);
  MoveLan("dark");
  EXPECT_THAT(Forecast(), ElementsAre("3 tunnel: it is in another vnet now"));
  Change(OnChange::kRecheck);
  EXPECT_EQ(Ended(), 0u);
  EXPECT_EQ(FormerOfLan(kDark), kVnet);
  // What is new begins in the vnet of now; answers to the old still come.
  Punt(Udp(net.lan, Ip(net.family == Family::kV4 ? "10.1.0.7" : "fd00:1::7")),
       kLan, kDark);
  EXPECT_THAT(AllFlows(), SizeIs(1));  // dark routes no such source back

  // A new controller finds it in the map.
  StartEngine();
  Change(OnChange::kKeep);
  EXPECT_EQ(Ended(), 0u);
  EXPECT_EQ(FormerOfLan(kDark), kVnet);

  Pass(absl::Minutes(10));
  EXPECT_THAT(AllFlows(), IsEmpty());
  EXPECT_EQ(FormerOfLan(kDark), 0u);
}

TEST_P(OnChangeTest, CutLeavesNoFlowInTheVnetThatItsTunnelHasLeft) {
  Punt(Udp(net.lan, net.fra), kLan);
  MoveLan("dark");
  Change(OnChange::kCut);
  EXPECT_EQ(Ended(), 1u);
  EXPECT_EQ(FormerOfLan(kDark), 0u);
}

TEST_P(OnChangeTest, WhatAnUnfinishedCheckWasToEndIsEnded) {
  Punt(Udp(net.fra, net.two));
  SendTwoByLan();
  Change(OnChange::kCut);
  resources_.tenants[1].Edit().comment = "another tenant, at once";
  Change(OnChange::kKeep);
  EXPECT_EQ(Ended(), 1u);
}

TEST_P(OnChangeTest, ARestartFindsTheRulesOfTheFlowsAgain) {
  hooks.decide = [](const FlowStart& start) {
    return Decision{
        .action = Decision::Action::kAllow,
        .rule = start.vnet.tenant->comment.empty() ? "before" : "after"};
  };
  Punt(Udp(net.fra, net.two));
  const Resources old = resources_;
  past = [&, old](uint32_t epoch, const Snapshot&) {
    return epoch == 2 ? std::make_shared<const Snapshot>(edge, old, 2)
                      : nullptr;
  };
  StartEngine();
  resources_.tenants[0].Edit().comment = "edited";
  Change(OnChange::kKeep);
  EXPECT_EQ(Ended(), 0u);
  ASSERT_THAT(AllFlows(), SizeIs(1));
  EXPECT_EQ(AllFlows()[0].rule, "before");
  // So a cut can tell that another one decides now.
  EXPECT_THAT(Forecast(), IsEmpty());  // nobody edited it since
  resources_.tenants[0].Edit().comment = "edited twice";
  EXPECT_THAT(Forecast(), ElementsAre("3 rule: after, before before"));
}

}  // namespace
}  // namespace rampart

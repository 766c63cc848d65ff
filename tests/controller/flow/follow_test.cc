// SPDX-License-Identifier: Apache-2.0
// Flows as hooks see them that follow each one.
#include <netinet/in.h>

#include "tests/controller/flow/engine_fixture.h"

namespace rampart {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class FollowTest : public EngineTest {
 protected:
  void SetUp() override {
    EngineTest::SetUp();
    if (IsSkipped()) return;
    hooks.follow = {.installed = true, .update = ToTicks(absl::Minutes(5))};
    StartEngine();
  }
  // A packet each way, each of this many bytes.
  void Use(const FlowState& flow, uint64_t bytes) {
    const FlowTuple back = {flow.reverse_realm, flow.destination, flow.source,
                            flow.tuple.protocol};
    for (const FlowTuple& key : {flow.tuple, back})
      ASSERT_TRUE(Edit(key, [&](rp_flow& entry) {
        entry.count += (1ULL << RP_COUNT_BYTES) + bytes;
        entry.last_seen = clock.tick;
        entry.tcp = RP_TCP_ACK | RP_TCP_ACK << RP_TCP_REVERSE;
      }));
  }
};
RP_BOTH_FAMILIES(FollowTest);

TEST_P(FollowTest, AnInstalledFlowHasItsRewriteAndBothTunnels) {
  Punt(Udp(net.fra, net.internet));
  Punt(Udp(net.fra, net.two));
  ASSERT_THAT(hooks.installed, SizeIs(2));
  const FlowState& out = hooks.installed[0];
  EXPECT_EQ(out.tuple.source.address, net.fra);
  EXPECT_EQ(out.source.address, net.nat);
  EXPECT_EQ(out.destination, out.tuple.destination);
  EXPECT_EQ(out.on_ramp, kFra);
  EXPECT_EQ(out.off_ramp, 0u);
  EXPECT_EQ(out.reverse_realm, 0u);
  EXPECT_EQ(out.rule, "all");
  EXPECT_EQ(out.start, clock.tick);
  const FlowState& across = hooks.installed[1];
  EXPECT_EQ(across.source, across.tuple.source);
  EXPECT_EQ(across.on_ramp, kFra);
  EXPECT_EQ(across.off_ramp, kTwo);
}

TEST_P(FollowTest, ARefusalIsToldOnceWhileItIsRemembered) {
  hooks.decide = [](const FlowStart&) {
    return FakeHooks::Deny(RP_DROP_POLICY_DENY);
  };
  Punt(Udp(net.fra, net.two));
  Punt(Udp(net.fra, net.two));
  ASSERT_THAT(hooks.refused, SizeIs(1));
  EXPECT_EQ(hooks.refused[0].second, RP_DROP_POLICY_DENY);
  EXPECT_EQ(hooks.refused[0].first.source, hooks.refused[0].first.tuple.source);
  EXPECT_THAT(hooks.installed, IsEmpty());
}

TEST_P(FollowTest, AFlowThatLivesIsToldOncePerInterval) {
  Punt(Udp(net.fra, net.two));
  const FlowState flow = hooks.installed.at(0);
  for (int minute = 0; minute < 11; ++minute) {
    Use(flow, 100);
    Pass(absl::Minutes(1));
  }
  ASSERT_THAT(hooks.updates, SizeIs(2));
  EXPECT_THAT(hooks.updates[0].packets, ElementsAre(6, 6));
  EXPECT_THAT(hooks.updates[1].bytes, ElementsAre(1100, 1100));
  EXPECT_EQ(hooks.updates[1].start, flow.start);
}

// What is told at the ends is what entries have counted, however flows end.
TEST_P(FollowTest, EndsAddUpToWhatWasCounted) {
  uint64_t counted = 0;
  for (uint16_t port = 2000; port < 2050; ++port) {
    Punt(Udp(net.fra, port % 2 ? net.two : net.internet, port));
    const FlowState flow = hooks.installed.back();
    for (uint32_t i = random() % 5; i > 0; --i) {
      Use(flow, port);
      counted += 2 * uint64_t{port};
    }
  }
  // Half of them by the policy, the others by time.
  hooks.decide = [](const FlowStart& start) {
    return start.tuple.source.port % 3 ? FakeHooks::Allow()
                                       : FakeHooks::Deny(RP_DROP_POLICY_DENY);
  };
  Apply(LabResources(), 2);
  Pass(absl::Minutes(10));
  ASSERT_THAT(hooks.ends, SizeIs(50));
  uint64_t told = 0;
  for (const FlowEnd& end : hooks.ends) told += end.bytes[0] + end.bytes[1];
  EXPECT_EQ(told, counted);
}

TEST_P(FollowTest, WhatTheEdgeSaysItselfIsCounted) {
  Punt(Echo(net.fra, net.router));
  EXPECT_EQ(hooks.made, 1);
}

TEST_P(FollowTest, WhoDoesNotFollowIsNotCalled) {
  hooks.follow = {};
  StartEngine();
  Punt(Udp(net.fra, net.two));
  Pass(absl::Minutes(1));
  EXPECT_THAT(hooks.installed, IsEmpty());
}

}  // namespace
}  // namespace rampart

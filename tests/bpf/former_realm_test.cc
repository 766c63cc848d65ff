// SPDX-License-Identifier: Apache-2.0
// Flows of a tunnel whose vnet was changed under them.
#include "tests/bpf/ramps.h"
#include "tests/testing/program_test.h"

namespace rampart::testing {
namespace {

constexpr uint32_t kFormer = 2002;  // VNI that the tunnel has left
constexpr uint32_t kLinkHop = 2;
constexpr uint32_t kTicksOfAWeek = 36'000'000;

class FormerRealmTest : public ProgramTest,
                        public ::testing::WithParamInterface<bool> {
 protected:
  void SetUp() override {
    ProgramTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    SetNextHop(kLinkHop, LinkNextHop(kUplink, v4_, 1500));
    flow_.realm = kFormer;
    flow_.on_ramp = kAccessTunnel;
    flow_.next_hop = kLinkHop;
    flow_.source = v4_ ? "10.1.0.5" : "fd00:1::5";
    flow_.destination = v4_ ? "10.2.0.9" : "fd00:2::9";
    flow_.reverse_realm = kFormer;
    Left(kFormer);
  }

  // The tunnel enters kVni now, and was in `former` before.
  void Left(uint32_t former) {
    programs().Put("rp_grants", rp_grant_key{kAccessTunnel, kVni},
                   rp_grant{.tenant = kTenant, .former = former});
  }
  Packet Sent(uint8_t ttl) const {
    return Packet()
        .IpAny(flow_.source, flow_.destination, {.ttl = ttl})
        .Udp(flow_.sport, flow_.dport)
        .Payload("question");
  }
  Result Send() { return Access(FromLink().Then(Sent(64))); }

  const bool v4_ = GetParam();
  Flow flow_;
};

INSTANTIATE_TEST_SUITE_P(Every, FormerRealmTest, ::testing::Bool(),
                         [](const auto& info) {
                           return FamilyName(info.param);
                         });

TEST_P(FormerRealmTest, AFlowStaysWhereItBegan) {
  PutFlow(programs(), flow_);
  EXPECT_THAT(Send(), Forwarded(ToLink().Then(Sent(63))));
  EXPECT_EQ(PacketsOf(ReadEntry(programs(), flow_)), 1u);
}

TEST_P(FormerRealmTest, AFlowOfTheVnetNowIsFoundFirst) {
  PutFlow(programs(), flow_);
  Flow now = flow_;
  now.realm = kVni;
  PutFlow(programs(), now);
  EXPECT_THAT(Send(), Forwarded(ToLink().Then(Sent(63))));
  EXPECT_EQ(PacketsOf(ReadEntry(programs(), now)), 1u);
  EXPECT_EQ(PacketsOf(ReadEntry(programs(), flow_)), 0u);
}

// What is not a live flow of this tunnel begins in the vnet that it has now.
TEST_P(FormerRealmTest, AllElseIsNewInTheVnetNow) {
  rp_punt record = {};
  record.reason = RP_PUNT_MISS;
  record.realm = kVni;
  record.tunnel = kAccessTunnel;
  record.slot = kAccess;
  record.tenant = kTenant;
  EXPECT_THAT(Send(), Punted(record, Sent(64)));

  Flow other = flow_;
  other.on_ramp = kAccessTunnel + 1;
  PutFlow(programs(), other);
  EXPECT_THAT(Send(), Punted(record, Sent(64)));

  flow_.age = flow_.reverse_age = kTicksOfAWeek;
  PutFlow(programs(), flow_);
  EXPECT_THAT(Send(), Punted(record, Sent(64)));

  flow_.age = flow_.reverse_age = 0;
  PutFlow(programs(), flow_);
  Left(0);
  EXPECT_THAT(Send(), Punted(record, Sent(64)));
}

}  // namespace
}  // namespace rampart::testing

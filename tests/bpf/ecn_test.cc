// SPDX-License-Identifier: Apache-2.0
// ECN across tunnels (RFC 6040), DSCP and TTL.
#include "tests/bpf/ramps.h"
#include "tests/testing/program_test.h"

namespace rampart::testing {
namespace {

enum Ecn : uint8_t { kNotEct, kEct1, kEct0, kCe };
constexpr uint8_t kRefused = 0xff;

// RFC 6040 figure 4: row = inner, column = outer, both in code point order.
constexpr uint8_t kDecapsulated[4][4] = {{kNotEct, kNotEct, kNotEct, kRefused},
                                         {kEct1, kEct1, kEct1, kCe},
                                         {kEct0, kEct1, kEct0, kCe},
                                         {kCe, kCe, kCe, kCe}};

class EcnTest : public ProgramTest,
                public ::testing::WithParamInterface<std::tuple<bool, bool>> {
 protected:
  void SetUp() override {
    ProgramTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    const auto [outer_v4, inner_v4] = GetParam();
    tunnel_ = TunnelOf({"", RP_PROFILE_MAC}, outer_v4);
    AddTunnel(tunnel_);
    host_ = inner_v4 ? "10.1.0.5" : "fd00:1::5";
    server_ = inner_v4 ? "10.2.0.9" : "fd00:2::9";
    SetNextHop(1, LinkNextHop(kUplink2, inner_v4, 1500));
    SetNextHop(2, NextHopTo(tunnel_, inner_v4, 1400));
    flow_.source = host_;
    flow_.destination = server_;
    flow_.reverse_realm = kVni;
    flow_.reverse_on_ramp = kAccessTunnel;
    PutFlow(programs(), flow_);
  }

  Packet Inner(uint8_t tos, uint8_t ttl) const {
    return Packet()
        .IpAny(host_, server_, {.ttl = ttl, .tos = tos})
        .Udp(flow_.sport, flow_.dport)
        .Payload("x");
  }
  Packet Back(uint8_t tos, uint8_t ttl) const {
    return Packet()
        .IpAny(server_, host_, {.ttl = ttl, .tos = tos})
        .Udp(flow_.dport, flow_.sport)
        .Payload("x");
  }

  Tunnel tunnel_;
  Ip host_, server_;
  Flow flow_;
};

std::string EcnCaseName(
    const ::testing::TestParamInfo<std::tuple<bool, bool>>& info) {
  return "Over" + FamilyName(std::get<0>(info.param)) + "Inner" +
         FamilyName(std::get<1>(info.param));
}

INSTANTIATE_TEST_SUITE_P(Any, EcnTest,
                         ::testing::Combine(::testing::Bool(),
                                            ::testing::Bool()),
                         EcnCaseName);

constexpr uint8_t kDscp = 0xb8;

TEST_P(EcnTest, Case42DecapsulationCombinesInnerAndOuter) {
  for (uint8_t inner = 0; inner < 4; ++inner)
    for (uint8_t outer = 0; outer < 4; ++outer) {
      const uint8_t want = kDecapsulated[inner][outer];
      const Result result = Uplink(
          FromPeer(tunnel_, {.ecn = outer}).Then(Inner(kDscp | inner, 64)));
      if (want == kRefused)
        EXPECT_THAT(result, Dropped(RP_DROP_ECN));
      else
        EXPECT_THAT(result, Forwarded(ToLink().Then(
                                Inner(static_cast<uint8_t>(kDscp | want), 63))))
            << int{inner} << " in " << int{outer};
    }
}

TEST_P(EcnTest, TheOuterDscpIsIgnored) {
  EXPECT_THAT(
      Uplink(FromPeer(tunnel_, {.ecn = 0x28 | kEct0}).Then(Inner(kEct0, 64))),
      Forwarded(ToLink().Then(Inner(kEct0, 63))));
}

TEST_P(EcnTest, APuntedPacketCarriesTheCombinedMark) {
  rp_punt record = {};
  record.reason = RP_PUNT_TTL;
  record.realm = kVni;
  record.tunnel = tunnel_.id;
  record.slot = kUplink;
  record.tenant = kTenant;
  EXPECT_THAT(
      Uplink(FromPeer(tunnel_, {.ecn = kCe}).Then(Inner(kDscp | kEct0, 1))),
      Punted(record, Inner(kDscp | kCe, 1)));
}

// Normal mode, RFC 6040 section 4.1: the inner mark is copied. DSCP: pipe.
TEST_P(EcnTest, EncapsulationCopiesTheMarkAndNothingElse) {
  for (uint8_t ecn = 0; ecn < 4; ++ecn)
    EXPECT_THAT(
        Access(FromLink().Then(Back(kDscp | ecn, 64))),
        Forwarded(ToPeer(tunnel_, {.ecn = ecn, .port = flow_.reverse_entropy})
                      .Then(Back(kDscp | ecn, 63))))
        << int{ecn};
}

TEST_P(EcnTest, TunnelToTunnelCopiesTheCombinedMark) {
  Tunnel far = tunnel_;
  far.peer = far.peer.is_v4() ? "192.0.2.11" : "2001:db8::11";
  SetNextHop(1, NextHopTo(far, host_.is_v4(), 1400));
  EXPECT_THAT(Uplink(FromPeer(tunnel_, {.ecn = kCe}).Then(Inner(kEct0, 64))),
              Forwarded(ToPeer(far, {.ecn = kCe, .port = flow_.entropy})
                            .Then(Inner(kCe, 63))));
}

// RFC 2003 section 3.1: the outer TTL says nothing about the inner one.
TEST_P(EcnTest, TheOuterTtlIsOursAndTheInnerOneIsDecrementedOnce) {
  for (const uint8_t ttl : {2, 64, 255}) {
    EXPECT_THAT(
        Uplink(FromPeer(tunnel_, {.ttl = 1}).Then(Inner(0, ttl))),
        Forwarded(ToLink().Then(Inner(0, static_cast<uint8_t>(ttl - 1)))));
    EXPECT_THAT(Access(FromLink().Then(Back(0, ttl))),
                Forwarded(ToPeer(tunnel_, {.port = flow_.reverse_entropy})
                              .Then(Back(0, static_cast<uint8_t>(ttl - 1)))));
  }
}

}  // namespace
}  // namespace rampart::testing

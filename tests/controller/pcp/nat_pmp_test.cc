// SPDX-License-Identifier: Apache-2.0
// NAT-PMP as subscribers see it, and hostile requests of both protocols.
#include "tests/controller/pcp/server_fixture.h"

namespace rampart {
namespace {

TEST_F(PcpServerTest, NatPmpTellsTheAddressAndMapsThere) {  // RFC 6886
  EXPECT_EQ(NatPmp({0, 0}), (Bytes{0, 128, 0, 0, 0, 0, 0, 0, 203, 0, 113, 1}));
  EXPECT_EQ(CountSessions(), 0) << "to tell it makes no mapping";
  const Bytes map = NatPmp({0, 2, 0, 0, 0x1f, 0x90, 0x9c, 0x40, 0, 0, 14, 16});
  EXPECT_EQ(map, (Bytes{0, 130, 0, 0, 0, 0, 0, 0, 0x1f, 0x90, 0x9c, 0x40, 0, 0,
                        14, 16}));
  EXPECT_TRUE(Reach({Ip("203.0.113.1"), 40000}));
  EXPECT_EQ(Do({.nonce = 5}).result, PcpResult::kNotAuthorized)
      << "a mapping of NAT-PMP has no nonce";
  const Bytes gone = NatPmp({0, 2, 0, 0, 0x1f, 0x90, 0, 0, 0, 0, 0, 0});
  EXPECT_EQ(gone,
            (Bytes{0, 130, 0, 0, 0, 0, 0, 0, 0x1f, 0x90, 0, 0, 0, 0, 0, 0}));
  EXPECT_FALSE(Reach({Ip("203.0.113.1"), 40000}));
}

TEST_F(PcpServerTest, NatPmpDeletesAllOfAProtocolAtOnce) {
  for (const uint8_t port : {1, 2, 3})
    NatPmp({0, 1, 0, 0, 0, port, 0, 0, 0, 0, 14, 16});
  NatPmp({0, 2, 0, 0, 0, 1, 0, 0, 0, 0, 14, 16});
  Do({.protocol = IPPROTO_UDP});
  ASSERT_THAT(kept_, SizeIs(5));
  EXPECT_EQ(NatPmp({0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})[3], 0);
  EXPECT_THAT(kept_, SizeIs(2)) << "TCP, and the mapping of PCP";
}

TEST_F(PcpServerTest, NatPmpRefusesByName) {
  EXPECT_EQ(NatPmp({0, 9}), (Bytes{0, 137, 0, 5, 0, 0, 0, 0}));
  EXPECT_EQ(NatPmp({0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 14, 16})[3], 2) << "port 0";
  PcpClient outsider = Client("10.1.0.5");
  outsider.pool.clear();
  EXPECT_EQ(Exchange(outsider, {0, 0})[3], 2);
  // There is no NAT-PMP in IPv6: version 0 is a wrong version of PCP.
  const Bytes wrong = Exchange(Client("fd00::5"), {0, 0});
  EXPECT_EQ(wrong[0], 2);
  EXPECT_EQ(wrong[3], 1);
}

// Whatever comes: one answer or none, and at the end every port is free.
class PcpHostileTest
    : public PcpServerTest,
      public testing::WithParamInterface<std::pair<NatMapping, bool>> {
 protected:
  Bytes Hostile() {
    MapAsk ask = {.port = static_cast<uint16_t>(random_() % 100),
                  .lifetime = random_() % 3 == 0 ? 0 : uint32_t(random_()),
                  .protocol = random_() % 2 == 0 ? uint8_t{6} : uint8_t{17},
                  .suggested = {Ip("203.0.113.1"), uint16_t(random_())},
                  .nonce = static_cast<uint8_t>(random_() % 2),
                  .prefer_failure = random_() % 4 == 0};
    if (random_() % 3 == 0)
      ask.remote = {Ip("198.51.100.1"), static_cast<uint16_t>(random_() % 9)};
    Bytes payload = Encode(ask);
    if (random_() % 8 == 0) payload[0] = 0;
    for (uint32_t flips = random_() % 3; flips > 0; --flips)
      payload[random_() % payload.size()] = random_();
    if (random_() % 8 == 0) payload.resize(random_() % payload.size());
    return payload;
  }
};
INSTANTIATE_TEST_SUITE_P(
    Pools, PcpHostileTest,
    testing::Values(std::pair(NatMapping::kEndpointIndependent, false),
                    std::pair(NatMapping::kEndpointIndependent, true),
                    std::pair(NatMapping::kAddressAndPortDependent, false),
                    std::pair(NatMapping::kAddressAndPortDependent, true)));

TEST_P(PcpHostileTest, RequestsLeaveNothingBehind) {
  NatPoolConfig pool = Pool();
  const auto [mapping, logged] = GetParam();
  pool.mapping = mapping;
  Start(pool, {.mappings_per_subscriber = 50});
  if (logged) nat_->log = [this](const BlockEvent&) { return ++records_; };
  for (int i = 0; i < 5000; ++i) {
    answers_.clear();
    server_->Receive(Client("10.1.0.5"), Hostile());
    Commit();  // of a block, if one was needed
    Commit();
    ASSERT_LE(answers_.size(), 1u);
    ASSERT_LE(kept_.size(), 50u);
    if (random_() % 50 == 0) Pass(absl::Seconds(random_() % 3000));
  }
  Pass(absl::Seconds(86401));
  EXPECT_THAT(kept_, IsEmpty());
  EXPECT_EQ(CountSessions(), 0);
}

}  // namespace
}  // namespace rampart

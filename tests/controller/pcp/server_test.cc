// SPDX-License-Identifier: Apache-2.0
// PCP as subscribers see it: requests in, answers out, and what the allocator
// lets in from outside meanwhile.
#include "tests/controller/pcp/server_fixture.h"

namespace rampart {
namespace {

TEST_F(PcpServerTest, AMappingLetsStrangersInUntilItExpires) {
  for (const char* source : {"10.1.0.5", "fd00::5"}) {
    for (const uint8_t protocol : {IPPROTO_TCP, IPPROTO_UDP}) {
      const Answer answer = Do({.source = source, .protocol = protocol});
      EXPECT_EQ(answer.result, PcpResult::kSuccess);
      EXPECT_EQ(answer.lifetime, 3600u);
      EXPECT_EQ(Reach(answer.outside, protocol), (Endpoint{Ip(source), 8080}));
      EXPECT_EQ(Reach(answer.outside, protocol == 6 ? 17 : 6), std::nullopt)
          << "no mapping of another protocol";
      Pass(absl::Seconds(3599));
      EXPECT_TRUE(Reach(answer.outside, protocol));
      Pass(absl::Seconds(2));
      EXPECT_FALSE(Reach(answer.outside, protocol));
    }
  }
  EXPECT_THAT(kept_, IsEmpty());
}

TEST_F(PcpServerTest, NothingIsPromisedBeforeItIsOnRecord) {
  server_->Receive(Client("10.1.0.5"), Encode({}));
  EXPECT_THAT(answers_, IsEmpty());
  server_->Logged(0);
  EXPECT_THAT(answers_, IsEmpty());
  server_->Logged(1);
  EXPECT_THAT(answers_, SizeIs(1));
}

TEST_F(PcpServerTest, ARequestWaitsForTheRecordOfItsBlock) {
  nat_->log = [this](const BlockEvent&) { return ++records_; };
  server_->Receive(Client("10.1.0.5"), Encode({}));
  EXPECT_THAT(kept_, IsEmpty()) << "no port yet";
  Commit();  // of the block; now the request is tried again
  EXPECT_THAT(answers_, IsEmpty());
  EXPECT_THAT(kept_, SizeIs(1));
  Commit();
  ASSERT_THAT(answers_, SizeIs(1));
  EXPECT_TRUE(Reach(Decode(answers_[0]).outside));
}

TEST_F(PcpServerTest, ARenewalKeepsThePortAndItsLifetimeIsTheNewOne) {
  const Answer first = Do({.lifetime = 600});
  Pass(absl::Seconds(500));
  const Answer second =
      Do({.lifetime = 600, .suggested = {Ip("203.0.113.1"), 2000}});
  EXPECT_EQ(second.result, PcpResult::kSuccess);
  EXPECT_EQ(second.outside, first.outside);
  Pass(absl::Seconds(590));
  EXPECT_TRUE(Reach(first.outside));
  Pass(absl::Seconds(20));
  EXPECT_FALSE(Reach(first.outside));
}

TEST_F(PcpServerTest, LifetimesAreKeptWithinLimits) {  // RFC 6887 section 15
  EXPECT_EQ(Do({.port = 1, .lifetime = 1}).lifetime, 120u);
  EXPECT_EQ(Do({.port = 2, .lifetime = kForEver}).lifetime, 86400u);
}

TEST_F(PcpServerTest, OnlyTheNonceOfAMappingMayTouchIt) {  // section 11.3
  const Answer first = Do({.lifetime = 600});
  Pass(absl::Seconds(100));
  for (const uint32_t lifetime : {0u, 600u}) {
    const Answer other = Do({.lifetime = lifetime, .nonce = 2});
    EXPECT_EQ(other.result, PcpResult::kNotAuthorized);
    EXPECT_NEAR(other.lifetime, 500, 1) << "how long the mapping lasts";
  }
  EXPECT_TRUE(Reach(first.outside));
}

TEST_F(PcpServerTest, ADeletionEndsTheMappingAndMayBeRepeated) {
  const Answer first = Do({});
  for (int i = 0; i < 2; ++i) {
    const Answer gone = Do({.lifetime = 0, .suggested = {Ip("192.0.2.1"), 7}});
    EXPECT_EQ(gone.result, PcpResult::kSuccess);
    EXPECT_EQ(gone.lifetime, 0u);
    EXPECT_EQ(gone.outside, (Endpoint{Ip("192.0.2.1"), 7})) << "copied";
    EXPECT_FALSE(Reach(first.outside));
  }
  EXPECT_THAT(kept_, IsEmpty());
}

// Section 15: a flow that goes on keeps its port.
TEST_F(PcpServerTest, ADeletionLeavesTheFlowsOfTheMapping) {
  const Answer first = Do({});
  const NatAllocator::Request flow = {.pool = "default",
                                      .subscriber = {1001, Ip("10.1.0.5")},
                                      .protocol = IPPROTO_TCP,
                                      .inside_port = 8080,
                                      .remote = {Ip("198.51.100.1"), 443}};
  EXPECT_EQ(nat_->Acquire(flow).outside, first.outside);
  EXPECT_EQ(Do({.lifetime = 0}).result, PcpResult::kSuccess);
  EXPECT_EQ(nat_->Find(flow), first.outside);
  // It is an outbound mapping now, which PCP cannot delete (section 15.1) ...
  EXPECT_EQ(Do({.lifetime = 0}).result, PcpResult::kNotAuthorized);
  // ... and from which a MAP request takes its port (section 11.3, case 4).
  EXPECT_EQ(Do({.nonce = 9}).outside, first.outside);
  nat_->Release(flow, first.outside);
  EXPECT_TRUE(Reach(first.outside));
}

TEST_F(PcpServerTest, ASuggestionIsFollowedIfItCanBe) {
  const Endpoint wish = {Ip("203.0.113.1"), 40000};
  EXPECT_EQ(Do({.suggested = wish}).outside, wish);
  const Answer other = Do({.source = "10.1.0.6", .suggested = wish});
  EXPECT_EQ(other.result, PcpResult::kSuccess);
  EXPECT_NE(other.outside, wish);
  EXPECT_EQ(Do({.port = 81, .suggested = {IpAddress(), 40001}}).outside,
            (Endpoint{wish.address, 40001}));
  for (const Endpoint& nonsense :
       {Endpoint{Ip("127.0.0.1"), 50000}, Endpoint{Ip("203.0.113.1"), 80},
        Endpoint{Ip("2001:db8::1"), 50000}})
    EXPECT_EQ(Do({.source = "10.1.0.7", .suggested = nonsense}).result,
              PcpResult::kSuccess);
}

TEST_F(PcpServerTest, PreferFailureFailsRatherThanDiffers) {
  const Endpoint wish = {Ip("203.0.113.1"), 40000};
  const Answer exact = Do({.suggested = wish, .prefer_failure = true});
  EXPECT_EQ(exact.result, PcpResult::kSuccess);
  EXPECT_EQ(exact.outside, wish);
  const size_t before = kept_.size();
  EXPECT_EQ(
      Do({.source = "10.1.0.6", .suggested = wish, .prefer_failure = true})
          .result,
      PcpResult::kCannotProvideExternal);
  EXPECT_EQ(
      Do({.suggested = {wish.address, 40001}, .prefer_failure = true}).result,
      PcpResult::kCannotProvideExternal);
  EXPECT_EQ(kept_.size(), before) << "no change of state";
  EXPECT_EQ(Reach(wish), (Endpoint{Ip("10.1.0.5"), 8080}));
}

// Section 11.3: external UDP ports 5350 and 5351 are PCP's own.
TEST_F(PcpServerTest, PortsOfPcpItselfAreNotGiven) {
  Start(Pool({5349, 5352}));
  for (const uint16_t wish : {5350, 5351}) {
    const MapAsk ask = {.port = wish,
                        .protocol = IPPROTO_UDP,
                        .suggested = {Ip("203.0.113.1"), wish}};
    const Answer answer = Do(ask);
    EXPECT_EQ(answer.result, PcpResult::kSuccess);
    EXPECT_TRUE(answer.outside.port == 5349 || answer.outside.port == 5352);
  }
  EXPECT_EQ(Do({.port = 9, .protocol = IPPROTO_UDP}).result,
            PcpResult::kNoResources);
  EXPECT_EQ(Do({.suggested = {Ip("203.0.113.1"), 5351}}).outside.port, 5351);
}

TEST_F(PcpServerTest, WhatCannotBeMappedIsRefusedByName) {
  EXPECT_EQ(Do({.protocol = 132}).result, PcpResult::kUnsuppProtocol);
  EXPECT_EQ(Do({.port = 0}).result, PcpResult::kUnsuppProtocol);
  EXPECT_EQ(Do({.port = 0, .protocol = 0}).result, PcpResult::kUnsuppProtocol);
  EXPECT_EQ(Do({.protocol = 0}).result, PcpResult::kMalformedRequest);
  EXPECT_EQ(Do({.lifetime = 0, .protocol = 0}).result,
            PcpResult::kMalformedRequest);
  EXPECT_EQ(Do({.port = 0, .lifetime = 0, .protocol = 0}).result,
            PcpResult::kSuccess);
  PcpClient outsider = Client("10.1.0.5");
  outsider.pool.clear();
  EXPECT_EQ(Decode(Exchange(outsider, Encode({}))).result,
            PcpResult::kNotAuthorized);
  outsider.pool = "gone";
  EXPECT_EQ(Decode(Exchange(outsider, Encode({}))).result,
            PcpResult::kNotAuthorized);
  NatPoolConfig v6_only = Pool();
  v6_only.addresses = {Ip("2001:db8::1")};
  Start(v6_only);
  EXPECT_EQ(Do({}).result, PcpResult::kNetworkFailure);
}

TEST_F(PcpServerTest, ASubscriberHasAQuota) {
  NatPoolConfig pool = Pool();
  pool.blocks_per_subscriber = 1;
  Start(pool, {.mappings_per_subscriber = 80});
  for (uint16_t port = 1; port <= 64; ++port)
    ASSERT_EQ(Do({.port = port}).result, PcpResult::kSuccess);
  EXPECT_EQ(Do({.port = 65}).result, PcpResult::kUserExQuota) << "ports";
  for (uint16_t port = 1; port <= 16; ++port)
    ASSERT_EQ(Do({.port = port, .protocol = IPPROTO_UDP}).result,
              PcpResult::kSuccess);
  const Answer refused = Do({.port = 17, .protocol = IPPROTO_UDP});
  EXPECT_EQ(refused.result, PcpResult::kUserExQuota) << "mappings";
  EXPECT_EQ(refused.lifetime, 30u);
  EXPECT_EQ(Do({.source = "10.1.0.6"}).result, PcpResult::kSuccess);
}

TEST_F(PcpServerTest, WithoutARecordThereIsNoMapping) {
  log_full_ = true;
  EXPECT_EQ(Do({}).result, PcpResult::kNoResources);
  EXPECT_EQ(nat_->Find({.pool = "default",
                        .subscriber = {1001, Ip("10.1.0.5")},
                        .protocol = IPPROTO_TCP,
                        .inside_port = 8080}),
            std::nullopt);
  log_full_ = false;
  const Answer made = Do({.lifetime = 600});
  log_full_ = true;
  Pass(absl::Seconds(500));
  EXPECT_EQ(Do({.lifetime = 600}).result, PcpResult::kNoResources);
  Pass(absl::Seconds(99));
  EXPECT_TRUE(Reach(made.outside)) << "as long as was promised";
  Pass(absl::Seconds(2));
  EXPECT_FALSE(Reach(made.outside));
}

class PcpStaticTest : public PcpServerTest {
 protected:
  PcpStaticTest() {
    NatPoolConfig pool = Pool();
    NatStatic mapping = {.pool = "default",
                         .subscriber = {1001, Ip("10.1.0.5")},
                         .protocol = IPPROTO_TCP,
                         .inside_port = 8080,
                         .outside = outside_};
    pool.static_mappings = {{.tenant = "acme",
                             .vnet = "main",
                             .protocol = mapping.protocol,
                             .inside = {Ip("10.1.0.5"), 8080},
                             .outside = outside_}};
    Start(pool);
    nat_->UseStatic({mapping});
  }
  const Endpoint outside_ = {Ip("203.0.113.1"), 8000};
};

TEST_F(PcpStaticTest, AStaticMappingIsToldAndStays) {  // sections 11.3, 15.1
  for (const uint8_t nonce : {1, 2}) {
    const Answer answer = Do({.nonce = nonce});
    EXPECT_EQ(answer.result, PcpResult::kSuccess);
    EXPECT_EQ(answer.outside, outside_);
    EXPECT_EQ(answer.lifetime, kForEver);
  }
  EXPECT_EQ(
      Do({.suggested = {outside_.address, 9}, .prefer_failure = true}).result,
      PcpResult::kCannotProvideExternal);
  EXPECT_EQ(Do({.lifetime = 0}).result, PcpResult::kNotAuthorized);
  EXPECT_TRUE(Reach(outside_));
  EXPECT_THAT(kept_, IsEmpty());
}

TEST_F(PcpServerTest, PeerHoldsTheMappingOfAFlow) {  // section 12.3
  const Endpoint remote = {Ip("198.51.100.1"), 443};
  const Answer answer = Do({.lifetime = 3600, .remote = remote});
  EXPECT_EQ(answer.result, PcpResult::kSuccess);
  EXPECT_EQ(answer.lifetime, 120u) << "a filtered mapping admits nobody";
  EXPECT_FALSE(Reach(answer.outside));
  EXPECT_EQ(Do({.nonce = 2, .remote = remote}).result,
            PcpResult::kNotAuthorized);
  EXPECT_EQ(Do({.suggested = {Ip("203.0.113.1"), 1}, .remote = remote}).outside,
            answer.outside)
      << "of a mapping that is there, the suggestion does not matter";
  const NatAllocator::Request flow = {.pool = "default",
                                      .subscriber = {1001, Ip("10.1.0.5")},
                                      .protocol = IPPROTO_TCP,
                                      .inside_port = 8080,
                                      .remote = remote};
  EXPECT_EQ(nat_->Find(flow), answer.outside);
  Pass(absl::Seconds(121));
  EXPECT_EQ(nat_->Find(flow), std::nullopt);
}

TEST_F(PcpServerTest, PeerInAnOpenPoolLastsAsLongAsWanted) {
  NatPoolConfig pool = Pool();
  pool.filtering = NatFiltering::kAddressDependent;
  Start(pool);
  const Endpoint remote = {Ip("2001:db8:7::7"), 443};
  const Answer answer =
      Do({.source = "fd00::5", .lifetime = 3600, .remote = remote});
  EXPECT_EQ(answer.lifetime, 3600u);
  EXPECT_TRUE(Reach(answer.outside)) << "from this address";
}

TEST_F(PcpServerTest, PeerNeverDiffersFromASuggestion) {
  const Endpoint remote = {Ip("198.51.100.1"), 443};
  const Endpoint wish = {Ip("203.0.113.1"), 1};
  EXPECT_EQ(Do({.suggested = wish, .remote = remote}).result,
            PcpResult::kCannotProvideExternal);
  const NatAllocator::Request flow = {.pool = "default",
                                      .subscriber = {1001, Ip("10.1.0.6")},
                                      .protocol = IPPROTO_TCP,
                                      .inside_port = 8080,
                                      .remote = remote};
  EXPECT_TRUE(nat_->Acquire(flow).ok());
  EXPECT_EQ(
      Do({.source = "10.1.0.6", .suggested = wish, .remote = remote}).outside,
      nat_->Find(flow))
      << "what the flow has, whatever was suggested";
  Do({.source = "10.1.0.6", .lifetime = 0, .remote = remote});
  EXPECT_EQ(Do({.suggested = {Ip("203.0.113.9"), 0}, .remote = remote}).result,
            PcpResult::kCannotProvideExternal);
  EXPECT_THAT(kept_, IsEmpty());
  for (const Endpoint& wrong :
       {Endpoint{Ip("127.0.0.1"), 1}, Endpoint{Ip("2001:db8::9"), 1},
        Endpoint{Ip("198.51.100.1"), 0}})
    EXPECT_EQ(Do({.remote = wrong}).result, PcpResult::kMalformedRequest);
  EXPECT_EQ(Do({.protocol = 47, .remote = remote}).result,
            PcpResult::kUnsuppProtocol);
}

TEST_F(PcpServerTest, ARestartKeepsMappingsAndTheEpoch) {  // section 8.5
  const Answer map = Do({.lifetime = 3600});
  const Answer map6 = Do({.source = "fd00::5", .lifetime = 3600});
  const Answer peer = Do({.port = 9, .remote = {Ip("198.51.100.1"), 443}});
  const std::vector<ExplicitMapping> kept = kept_;
  ASSERT_THAT(kept, SizeIs(3));
  Start(Pool());
  EXPECT_TRUE(mappings_->Restore(kept, absl::Seconds(5000)));
  EXPECT_TRUE(Reach(map.outside));
  EXPECT_TRUE(Reach(map6.outside));
  const Answer renewed = Do({});
  EXPECT_EQ(renewed.outside, map.outside);
  EXPECT_NEAR(renewed.epoch, 5000, 1);
  EXPECT_EQ(Do({.port = 9, .remote = {Ip("198.51.100.1"), 443}}).outside,
            peer.outside);
  EXPECT_EQ(Do({.nonce = 3}).result, PcpResult::kNotAuthorized);
  Pass(absl::Seconds(3601));
  EXPECT_FALSE(Reach(map6.outside));
}

TEST_F(PcpServerTest, ALossBeginsANewEpoch) {
  Do({});
  const std::vector<ExplicitMapping> kept = kept_;
  Start(Pool({1024, 1087}));
  NatPoolConfig elsewhere = Pool();
  elsewhere.addresses = {Ip("203.0.113.77")};
  Start(elsewhere);
  EXPECT_FALSE(mappings_->Restore(kept, absl::Seconds(5000)));
  EXPECT_THAT(kept_, IsEmpty());
  EXPECT_LE(Do({}).epoch, 1u);
}

TEST_F(PcpServerTest, WhatExpiredMeanwhileIsNoLoss) {
  Do({});
  std::vector<ExplicitMapping> kept = kept_;
  kept[0].expires = clock_.Now() - absl::Seconds(1);
  Start(Pool());
  EXPECT_TRUE(mappings_->Restore(kept, absl::Seconds(5000)));
  EXPECT_THAT(kept_, IsEmpty());
}

TEST_F(PcpServerTest, TheEpochCountsSeconds) {
  const Bytes announce = [] {
    Bytes payload = {2, 0, 0, 0, 0, 0, 0, 0};
    AddAddress(payload, Ip("fd00::5"));
    return payload;
  }();
  EXPECT_EQ(Read32(Exchange(Client("fd00::5"), announce), 8), 0u);
  Pass(absl::Seconds(100));
  EXPECT_EQ(Read32(Exchange(Client("fd00::5"), announce), 8), 100u);
}

TEST_F(PcpServerTest, WhoIsNoLongerThereLosesItsMappings) {
  const Answer first = Do({});
  const Answer second = Do({.source = "10.1.0.6"});
  mappings_->Remove([](const Subscriber& subscriber) {
    return subscriber.address == Ip("10.1.0.5");
  });
  EXPECT_FALSE(Reach(first.outside));
  EXPECT_TRUE(Reach(second.outside));
  EXPECT_THAT(kept_, SizeIs(1));
}

}  // namespace
}  // namespace rampart

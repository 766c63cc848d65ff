// SPDX-License-Identifier: Apache-2.0
// PCP and NAT-PMP as subscribers see them: requests in, answers out, and what
// the allocator lets in from outside meanwhile.
#include "controller/pcp/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <random>
#include <string>

#include "controller/pcp/wire.h"

namespace rampart {
namespace {

using Bytes = std::vector<uint8_t>;
using testing::IsEmpty;
using testing::SizeIs;

constexpr uint32_t kForEver = 0xffffffff;

IpAddress Ip(std::string_view text) { return IpAddress::Parse(text).value(); }

class TestClock final : public Clock {
 public:
  uint32_t Tick() const override { return tick; }
  absl::Time Now() const override { return absl::FromUnixSeconds(1000000); }
  uint32_t tick = 4294967000;  // wraps soon
};

struct MapAsk {
  std::string_view source = "10.1.0.5";
  uint16_t port = 8080;
  uint32_t lifetime = 3600;
  uint8_t protocol = IPPROTO_TCP;
  Endpoint suggested = {};
  uint8_t nonce = 1;  // its first byte
  bool prefer_failure = false;
  Endpoint remote = {};  // set: PEER
};

Bytes Encode(const MapAsk& ask) {
  const bool peer = ask.remote != Endpoint();
  Bytes payload = {2, static_cast<uint8_t>(peer ? 2 : 1), 0, 0};
  Add32(payload, ask.lifetime);
  AddAddress(payload, Ip(ask.source));
  payload.push_back(ask.nonce);
  payload.resize(36);
  payload.insert(payload.end(), {ask.protocol, 0, 0, 0});
  Add16(payload, ask.port);
  Add16(payload, ask.suggested.port);
  AddAddress(payload, ask.suggested.address);
  if (peer) {
    Add32(payload, uint32_t{ask.remote.port} << 16);
    AddAddress(payload, ask.remote.address);
  }
  if (ask.prefer_failure) payload.insert(payload.end(), {2, 0, 0, 0});
  return payload;
}

struct Answer {
  PcpResult result;
  uint32_t lifetime;
  uint32_t epoch;
  Endpoint outside;
};

Answer Decode(const Bytes& payload) {
  EXPECT_GE(payload.size(), 60u);
  return {PcpResult{payload[3]},
          Read32(payload, 4),
          Read32(payload, 8),
          {ReadAddress(payload, 44), Read16(payload, 42)}};
}

NatPoolConfig Pool(PortRange ports = {1024, 65535}) {
  NatPoolConfig pool;
  pool.name = "default";
  pool.addresses = {Ip("203.0.113.1"), Ip("2001:db8::1")};
  pool.ports = ports;
  pool.block_size = 64;
  pool.pcp = true;
  return pool;
}

class PcpServerTest : public testing::Test {
 protected:
  PcpServerTest() { Start(Pool()); }

  void Start(const NatPoolConfig& pool, PcpLimits limits = {}) {
    server_.reset();
    mappings_.reset();
    nat_ = std::make_unique<NatAllocator>(
        std::vector<NatPoolConfig>{pool}, clock_,
        [this](uint32_t bound) { return random_() % bound; });
    mappings_ = std::make_unique<PcpMappings>(
        *nat_, clock_,
        [this](const ExplicitMapping& mapping, bool kept) {
          return Keep(mapping, kept);
        },
        limits);
    server_ = std::make_unique<PcpServer>(
        *nat_, *mappings_, [this](const PcpClient&, const Bytes& payload) {
          answers_.push_back(payload);
        });
    durable_ = 0;
    records_ = 0;
  }
  uint64_t Keep(const ExplicitMapping& mapping, bool kept) {
    if (log_full_ && kept) return 0;
    std::erase_if(kept_, [&](const ExplicitMapping& other) {
      return other.subscriber == mapping.subscriber &&
             other.protocol == mapping.protocol &&
             other.inside_port == mapping.inside_port &&
             other.remote == mapping.remote;
    });
    if (kept) kept_.push_back(mapping);
    return ++records_;
  }
  // Makes all records durable.
  void Commit() {
    nat_->Logged(records_);
    server_->Logged(records_);
  }

  static PcpClient Client(std::string_view source) {
    return {.subscriber = {1001, Ip(source)},
            .port = 4000,
            .server =
                Ip(source.find(':') == source.npos ? "10.1.255.1" : "fd00::1"),
            .pool = "default"};
  }
  // What is answered after the records are durable.
  Bytes Exchange(const PcpClient& client, const Bytes& payload) {
    answers_.clear();
    server_->Receive(client, payload);
    Commit();
    EXPECT_THAT(answers_, SizeIs(1));
    return answers_.empty() ? Bytes(60) : answers_[0];
  }
  Answer Do(const MapAsk& ask) {
    return Decode(Exchange(Client(ask.source), Encode(ask)));
  }
  Bytes NatPmp(const Bytes& payload) {
    return Exchange(Client("10.1.0.5"), payload);
  }
  // Who gets a packet from a stranger at this external endpoint.
  std::optional<Endpoint> Reach(const Endpoint& outside,
                                uint8_t protocol = IPPROTO_TCP) {
    const IpAddress stranger =
        Ip(outside.address.is_v4() ? "198.51.100.7" : "2001:db8:7::7");
    const auto inside = nat_->FindInside(protocol, outside, {stranger, 999});
    if (!inside || !inside->admits) return std::nullopt;
    return Endpoint{inside->subscriber.address, inside->port};
  }
  int CountSessions() const {
    int sessions = 0;
    nat_->ForEach([&](const NatSession&) { ++sessions; });
    return sessions;
  }
  void Pass(absl::Duration time) {
    clock_.tick += ToTicks(time);
    mappings_->Expire();
  }

  TestClock clock_;
  std::mt19937 random_{1};
  std::unique_ptr<NatAllocator> nat_;
  std::unique_ptr<PcpMappings> mappings_;
  std::unique_ptr<PcpServer> server_;
  std::vector<Bytes> answers_;
  std::vector<ExplicitMapping> kept_;
  uint64_t records_ = 0;
  uint64_t durable_ = 0;
  bool log_full_ = false;
};

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

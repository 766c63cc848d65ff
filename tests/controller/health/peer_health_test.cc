// SPDX-License-Identifier: Apache-2.0
#include "controller/health/peer_health.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>
#include <vector>

namespace rampart {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr uint32_t kFra = 7;
constexpr uint32_t kEngineTickTicks = 6;  // 100 ms

class FakeClock final : public Clock {
 public:
  uint32_t Tick() const override { return tick; }
  absl::Time Now() const override { return now; }
  uint32_t tick = 0xfffffff0;  // wraps soon
  absl::Time now = absl::FromUnixSeconds(1000);
};

Peer PeerAt(std::string_view remote) {
  Peer peer;
  peer.remote = IpAddress::Parse(remote).value();
  peer.auth = Auth::kNone;
  return peer;
}

class PeerHealthTest : public ::testing::Test {
 protected:
  PeerHealthTest() { Use({"192.0.2.10", "192.0.2.11"}); }

  void Use(const std::vector<const char*>& remotes,
           const char* target = "10.1.0.1") {
    Tunnel tunnel;
    tunnel.id = kFra;
    tunnel.name = "fra";
    tunnel.vnet = "main";
    for (const char* remote : remotes) tunnel.peers.push_back(PeerAt(remote));
    if (target != nullptr)
      tunnel.probe.targets = {IpAddress::Parse(target).value()};
    Tenant tenant;
    tenant.name = "acme";
    tenant.vnets = {Vnet()};
    tenant.vnets[0].name = "main";
    tenant.vnets[0].vni = 1001;
    tenant.tunnels = {tunnel};
    Resources resources;
    resources.tenants = {tenant};
    auto next = std::make_shared<const Snapshot>(EdgeConfig(), resources, 1);
    health.Use(next.get());
    snapshot = std::move(next);
  }

  // Ticks of the engine. The peers in `alive` answer at once.
  void Run(int ticks, const std::set<uint32_t>& alive) {
    while (ticks-- > 0) {
      clock.tick += kEngineTickTicks;
      clock.now += absl::Milliseconds(100);
      Tick(alive);
    }
  }
  void Tick(const std::set<uint32_t>& alive) {
    std::set<uint32_t> asked;
    health.OnTick(
        [&](const Snapshot::TunnelRef& ref, uint32_t peer, uint16_t sequence) {
          EXPECT_EQ(ref.tunnel->id, kFra);
          EXPECT_EQ(ref.realm, 1001u);
          sent[peer].push_back(sequence);
          asked.insert(peer);
        });
    for (const uint32_t peer : alive)
      if (asked.contains(peer)) health.OnAnswer(kFra, peer, sent[peer].back());
  }
  PeerState State(uint32_t peer) const { return health.At(kFra, peer).state; }

  FakeClock clock;
  PeerHealth health{clock};
  std::shared_ptr<const Snapshot> snapshot;
  std::map<uint32_t, std::vector<uint16_t>> sent;  // by peer
};

TEST_F(PeerHealthTest, AnAnswerMakesAPeerUp) {
  EXPECT_EQ(State(0), PeerState::kWaiting);
  EXPECT_TRUE(health.IsUp(kFra, 0));  // nothing speaks against it
  Run(3, {0});
  EXPECT_EQ(State(0), PeerState::kUp);
  const std::vector<PeerChange> changes = health.TakeChanges();
  ASSERT_THAT(changes, SizeIs(1));
  EXPECT_EQ(changes[0].tunnel, kFra);
  EXPECT_EQ(changes[0].peer, 0u);
  EXPECT_EQ(changes[0].view.state, PeerState::kUp);
  EXPECT_THAT(health.TakeChanges(), IsEmpty());
}

TEST_F(PeerHealthTest, ADeadPeerIsDownWithinLessThanASecond) {
  Run(10, {0, 1});
  const absl::Time died = clock.now;
  while (State(0) != PeerState::kDown) Run(1, {1});
  EXPECT_LE(clock.now - died, absl::Milliseconds(800));
  EXPECT_EQ(State(1), PeerState::kUp);
  EXPECT_FALSE(health.IsUp(kFra, 0));
  EXPECT_EQ(health.At(kFra, 0).since, clock.now);
}

TEST_F(PeerHealthTest, TwoLostRoundsAreNoDeath) {
  Run(10, {0, 1});
  for (int i = 0; i < 10; ++i) {
    Run(4, {1});
    EXPECT_EQ(State(0), PeerState::kUp);
    Run(2, {0, 1});
  }
}

TEST_F(PeerHealthTest, ComesBackAfterTwoAnswersInARow) {
  Run(20, {1});
  ASSERT_EQ(State(0), PeerState::kDown);
  Run(2, {0, 1});
  EXPECT_EQ(State(0), PeerState::kDown);
  Run(2, {1});  // not in a row
  Run(2, {0, 1});
  EXPECT_EQ(State(0), PeerState::kDown);
  Run(2, {0, 1});
  EXPECT_EQ(State(0), PeerState::kUp);
}

// A way of 900 ms is slow, not dead.
TEST_F(PeerHealthTest, AnswersMayTakeLongerThanTheInterval) {
  for (int i = 0; i < 50; ++i) {
    Run(2, {1});
    if (sent[0].size() > 4)
      health.OnAnswer(kFra, 0, sent[0][sent[0].size() - 5]);
  }
  EXPECT_EQ(State(0), PeerState::kUp);
  EXPECT_EQ(health.At(kFra, 0).rtt, absl::Milliseconds(800));
}

TEST_F(PeerHealthTest, OneAnswerCountsOnceAndAGuessNever) {
  Run(20, {1});
  const uint16_t last = sent[0].back();
  EXPECT_FALSE(health.OnAnswer(kFra, 0, last + 1));
  EXPECT_FALSE(health.OnAnswer(kFra, 0, last - 30));
  EXPECT_FALSE(health.OnAnswer(kFra, 2, last));
  EXPECT_FALSE(health.OnAnswer(99, 0, last));
  EXPECT_TRUE(health.OnAnswer(kFra, 0, last));
  EXPECT_FALSE(health.OnAnswer(kFra, 0, last));
  EXPECT_FALSE(health.OnAnswer(kFra, 0, last - 1));
  EXPECT_EQ(health.At(kFra, 0).answers, 1u);
  EXPECT_EQ(State(0), PeerState::kDown);
}

// Sequence numbers wrap; who was dead for hours comes back all the same.
TEST_F(PeerHealthTest, DeadForLongIsNotDeadForEver) {
  Run(70000 * 2, {});
  ASSERT_EQ(State(0), PeerState::kDown);
  Run(6, {0});
  EXPECT_EQ(State(0), PeerState::kUp);
}

TEST_F(PeerHealthTest, AControllerThatWasLateBlamesNobody) {
  Run(10, {0, 1});
  for (int i = 0; i < 10; ++i) {
    clock.tick += 600;
    clock.now += absl::Seconds(10);
    Tick({});
  }
  EXPECT_EQ(State(0), PeerState::kUp);
}

TEST_F(PeerHealthTest, HealthStaysWithTheAddress) {
  Run(20, {1});
  ASSERT_EQ(State(0), PeerState::kDown);
  Use({"192.0.2.9", "192.0.2.11", "192.0.2.10"});
  EXPECT_EQ(State(0), PeerState::kWaiting);
  EXPECT_EQ(State(1), PeerState::kUp);
  EXPECT_EQ(State(2), PeerState::kDown);
}

TEST_F(PeerHealthTest, WithoutTargetsNothingIsProbed) {
  Run(20, {1});
  Use({"192.0.2.10", "192.0.2.11"}, nullptr);
  EXPECT_EQ(State(0), PeerState::kUnprobed);
  EXPECT_TRUE(health.IsUp(kFra, 0));
  sent.clear();
  Run(20, {});
  EXPECT_THAT(sent, IsEmpty());
}

TEST_F(PeerHealthTest, ASuspectIsDownUntilItAnswers) {
  PeerHealth next(clock);
  next.Suspect(kFra, 1);
  next.Use(snapshot.get());
  EXPECT_TRUE(next.IsUp(kFra, 0));
  EXPECT_FALSE(next.IsUp(kFra, 1));
}

}  // namespace
}  // namespace rampart

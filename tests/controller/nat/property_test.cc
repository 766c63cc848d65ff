// SPDX-License-Identifier: Apache-2.0
// The allocator against the oracle, over random operations.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/controller/nat/nat_fixture.h"
#include "tests/oracle/nat_oracle.h"

namespace rampart {
namespace {

using ::testing::Test;
using ::testing::UnorderedElementsAreArray;
using Request = NatAllocator::Request;

// Random operations on a small, often full pool; after each, the answer is
// one the oracle allows. Now and then the allocator restarts.
class RandomOperations {
 public:
  RandomOperations(std::vector<NatPoolConfig> pools,
                   std::vector<IpAddress> inside, std::vector<IpAddress> remote,
                   uint32_t seed, bool logged)
      : pools_(std::move(pools)),
        inside_(std::move(inside)),
        remote_(std::move(remote)),
        random_(seed),
        logged_(logged),
        oracle_(pools_),
        nat_(Fresh()) {}

  void Step() {
    const uint32_t dice = random_() % 100;
    if (dice < 50)
      Acquire();
    else if (dice < 84)
      Release();
    else if (dice < 88)
      Open();
    else if (dice < 92)
      AdoptAnything();
    else if (dice < 99)
      Wait();
    else
      Restart();
  }
  void Drain() {
    while (!held_.empty() && !Test::HasFatalFailure()) Release();
    ASSERT_EQ(CountSessions(*nat_), 0);
  }
  void ExpectSameSessions() {
    std::multiset<std::string> sessions;
    nat_->ForEach([&](const NatSession& session) {
      sessions.insert(oracle::SessionText(session));
    });
    ASSERT_EQ(sessions, oracle_.Sessions());
  }
  int refusals() const { return refusals_; }

 private:
  struct Held {
    Request request;
    Endpoint outside;
  };

  std::unique_ptr<NatAllocator> Fresh() {
    auto nat = std::make_unique<NatAllocator>(
        pools_, clock_, [this](uint32_t bound) { return random_() % bound; });
    if (logged_)
      nat->log = [this](const BlockEvent& event) { return Log(event); };
    return nat;
  }

  // What is on record is granted to one subscriber, and then released by it.
  uint64_t Log(BlockEvent event) {
    if (event.granted) {
      for (const BlockEvent& other : open_)
        EXPECT_TRUE(event.outside != other.outside ||
                    event.pool != other.pool || event.last < other.first ||
                    event.first > other.last);
      open_.push_back(event);
    } else {
      event.granted = true;
      EXPECT_EQ(std::erase(open_, event), 1u);
    }
    return ++records_;
  }
  // Waits for the record as a caller would.
  NatGrant Durable(const std::function<NatGrant()>& ask) {
    NatGrant grant = ask();
    while (grant.verdict == NatVerdict::kLogging) {
      nat_->Logged(records_);
      grant = ask();
    }
    return grant;
  }

  Request RandomRequest() {
    constexpr uint8_t kProtocols[] = {6, 6, 6, 17, 17, 1, 58, 47};
    return {.pool = pools_[random_() % pools_.size()].name,
            .subscriber = {random_() % 2 ? 1001u : 1002u,
                           inside_[random_() % inside_.size()]},
            .protocol = kProtocols[random_() % std::size(kProtocols)],
            .inside_port = static_cast<uint16_t>(random_() % 24),
            .remote = {remote_[random_() % remote_.size()],
                       static_cast<uint16_t>(random_() % 3)}};
  }

  void Acquire() {
    const Request request = RandomRequest();
    const oracle::NatOracle::Answer answer = oracle_.Acquire(request);
    const NatGrant got = Durable([&] { return nat_->Acquire(request); });
    ASSERT_EQ(got.verdict, answer.verdict);
    if (!got.ok()) {
      ++refusals_;
      return;
    }
    ASSERT_TRUE(
        answer.allowed.contains({got.outside.address, got.outside.port}))
        << got.outside.address.ToString() << " " << got.outside.port;
    oracle_.Held(request, got.outside);
    held_.push_back({request, got.outside});
  }

  void Open() {
    Request request = RandomRequest();
    request.pool = pools_[0].name;  // endpoint-independent
    request.protocol = random_() % 2 ? kTcpProtocol : kUdpProtocol;
    request.remote = {};
    const oracle::NatOracle::Answer answer = oracle_.Acquire(request);
    const NatGrant got =
        Durable([&] { return nat_->Open(request, std::nullopt); });
    ASSERT_EQ(got.verdict, answer.verdict);
    if (!got.ok()) return;
    ASSERT_TRUE(
        answer.allowed.contains({got.outside.address, got.outside.port}));
    ASSERT_EQ(nat_->Find(request), got.outside);
    oracle_.Opened(request, got.outside);
    for (const Held& held : held_)
      if (IsOpen(held) && IsSame(held.request, request)) return;
    held_.push_back({request, got.outside});
  }

  static bool IsOpen(const Held& held) {
    return held.request.remote == Endpoint();
  }
  static bool IsSame(const Request& a, const Request& b) {
    return a.pool == b.pool && a.subscriber == b.subscriber &&
           a.protocol == b.protocol && a.inside_port == b.inside_port;
  }

  void Release() {
    if (held_.empty()) return;
    std::swap(held_[random_() % held_.size()], held_.back());
    nat_->Release(held_.back().request, held_.back().outside);
    if (IsOpen(held_.back()))
      oracle_.Closed(held_.back().request);
    else
      oracle_.Released(held_.back().request);
    held_.pop_back();
  }

  void Wait() {
    const uint32_t ticks = random_() % 4000;
    clock_.tick += ticks;
    oracle_.Advance(ticks);
  }

  void AdoptAnything() {
    Request request = RandomRequest();
    const NatPoolConfig& pool = pools_[random_() % pools_.size()];
    request.pool = pool.name;
    Endpoint outside = {pool.addresses[random_() % pool.addresses.size()], 0};
    if (request.protocol != kGreProtocol)
      outside.port = pool.ports.first - 2 + random_() % 40;
    if (outside.address.family() != request.subscriber.address.family()) return;
    const absl::Status got = nat_->Adopt(request, outside);
    ASSERT_EQ(got.code(), oracle_.Adopt(request, outside)) << got;
    if (!got.ok()) return;
    oracle_.Held(request, outside);
    held_.push_back({request, outside});
  }

  // What the flow table and the log still know, in any order.
  void Restart() {
    nat_->ReleaseRested();
    std::vector<BlockEvent> blocks = oracle_.Blocks();
    if (logged_) {
      ASSERT_THAT(open_, UnorderedElementsAreArray(blocks));
    }
    nat_ = Fresh();
    std::shuffle(blocks.begin(), blocks.end(), random_);
    nat_->Restore(blocks);
    oracle_.Restarted();
    std::shuffle(held_.begin(), held_.end(), random_);
    for (const Held& held : held_) {
      if (IsOpen(held)) {
        ASSERT_TRUE(nat_->Adopt(held.request, held.outside).ok());
        ASSERT_TRUE(nat_->Open(held.request, std::nullopt).ok());
        nat_->Release(WithRemote(held.request), held.outside);
        continue;
      }
      const absl::Status got = nat_->Adopt(held.request, held.outside);
      ASSERT_TRUE(got.ok()) << got;
    }
    ExpectSameSessions();
  }
  static Request WithRemote(Request request) {
    request.remote.port = 1;
    return request;
  }

  std::vector<NatPoolConfig> pools_;
  std::vector<IpAddress> inside_;
  std::vector<IpAddress> remote_;
  FakeClock clock_;
  std::mt19937 random_;
  bool logged_;
  std::vector<BlockEvent> open_;  // on record, and not released
  uint64_t records_ = 0;
  oracle::NatOracle oracle_;
  std::unique_ptr<NatAllocator> nat_;
  std::vector<Held> held_;
  int refusals_ = 0;
};

class NatPropertyTest : public NatTest {
 protected:
  // Two small pools, the second for both families.
  static std::vector<NatPoolConfig> TwoPools() {
    NatPoolConfig independent = Pool(2, {1024, 1055}, 8);
    NatPoolConfig dependent = Pool(1, {2000, 2024}, 7);
    dependent.name = "dependent";
    dependent.mapping = NatMapping::kAddressAndPortDependent;
    dependent.addresses = {Outside(9), GetParam() == Family::kV4
                                           ? Ip("2001:db8::9")
                                           : Ip("192.0.2.9")};
    return {independent, dependent};
  }
  // How often something was refused.
  int Run(const std::vector<NatPoolConfig>& pools, bool logged = false) {
    int refusals = 0;
    for (uint32_t seed = 1; seed <= 15; ++seed) {
      RandomOperations run(pools, {Inside(1), Inside(2), Inside(3)},
                           {Remote(1), Remote(2)}, seed, logged);
      for (int i = 0; i < 2000 && !HasFatalFailure(); ++i) run.Step();
      run.ExpectSameSessions();
      refusals += run.refusals();
      run.Drain();
      if (HasFatalFailure()) {
        ADD_FAILURE() << "seed " << seed;
        break;
      }
    }
    return refusals;
  }
};
RP_BOTH_FAMILIES(NatPropertyTest);

TEST_P(NatPropertyTest, SmallPoolsAgreeWithTheOracle) {
  EXPECT_GT(Run(TwoPools()), 100) << "the pools were never full";
}

TEST_P(NatPropertyTest, QuotaAndRestAgreeWithTheOracle) {
  std::vector<NatPoolConfig> pools = TwoPools();
  for (NatPoolConfig& pool : pools) {
    pool.blocks_per_subscriber = 2;
    pool.rest = absl::Seconds(120);
  }
  EXPECT_GT(Run(pools), 100);
}

// RFC 6888 REQ-12: who had a port is told by the log, at any time.
TEST_P(NatPropertyTest, TheLogAgreesWithTheOracle) {
  std::vector<NatPoolConfig> pools = TwoPools();
  for (NatPoolConfig& pool : pools) pool.rest = absl::Seconds(30);
  EXPECT_GT(Run(pools, true), 100);
}

TEST_P(NatPropertyTest, ParityAndPreservationAgreeWithTheOracle) {
  std::vector<NatPoolConfig> pools = TwoPools();
  pools[0].port_choice = NatPortChoice::kParity;
  pools[0].rest = absl::Seconds(30);
  pools[1].port_choice = NatPortChoice::kPreserve;
  pools[1].ports = {10, 33};
  EXPECT_GT(Run(pools), 100);
}

TEST_P(NatPropertyTest, SharedPortsAgreeWithTheOracle) {
  std::vector<NatPoolConfig> pools = TwoPools();
  pools[1].overload = true;
  pools[1].ports = {2000, 2007};
  pools[1].block_size = 4;
  pools[1].rest = absl::Seconds(30);
  EXPECT_GT(Run(pools), 100);
}

}  // namespace
}  // namespace rampart

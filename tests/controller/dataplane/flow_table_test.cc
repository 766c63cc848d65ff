// SPDX-License-Identifier: Apache-2.0
// The flow table from the controller's side; that the data plane finds the
// same entries is what all of tests/bpf stands on.
#include "controller/dataplane/flow_table.h"

#include <bpf/bpf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <map>
#include <random>
#include <set>
#include <thread>
#include <tuple>
#include <vector>

#include "tests/testing/no_grace_period.h"

namespace rampart {
namespace {

// Over when the test says so.
class ManualGracePeriod final : public GracePeriod {
 public:
  uint64_t Start() override { return ++started; }
  bool IsOver(uint64_t ticket) const override { return over >= ticket; }
  absl::Status Wait() override { return absl::OkStatus(); }
  uint64_t started = 0, over = 0;
};

struct Less {
  template <typename K>
  bool operator()(const K& a, const K& b) const {
    return std::memcmp(&a, &b, sizeof(a)) < 0;
  }
};

template <typename Types>
class FlowTableTest : public ::testing::Test {
 protected:
  using K = typename std::tuple_element<0, Types>::type;
  using V = typename std::tuple_element<1, Types>::type;
  using Table = FlowTable<K, V>;

  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "making BPF maps needs root";
  }

  static UniqueFd Array(size_t size, uint32_t count) {
    LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE);
    return UniqueFd(bpf_map_create(BPF_MAP_TYPE_ARRAY, "rp_test", 4,
                                   static_cast<uint32_t>(size), count,
                                   &options));
  }
  void MakeMaps(uint32_t capacity) {
    capacity_ = capacity;
    hash_ = TestFlowHash(FlowBuckets(capacity));
    const uint32_t buckets = FlowBuckets(capacity);
    const uint32_t slots = buckets * RP_BUCKET_TAGS;
    tags_ = Array(sizeof(rp_bucket), buckets);
    entries_ = Array(sizeof(V), slots);
    notes_ = Array(sizeof(rp_flow_note), slots);
  }
  absl::StatusOr<std::unique_ptr<Table>> Open() {
    return Table::Open({tags_.get(), entries_.get(), notes_.get()}, hash_,
                       capacity_, grace_);
  }
  std::unique_ptr<Table> Make(uint32_t capacity) {
    MakeMaps(capacity);
    return Open().value();
  }
  // Keys that differ in one field, some in the last byte.
  static K Key(uint32_t i) {
    K key = {};
    key.realm = 1001 + i % 3;
    std::memcpy(&key.saddr, &i, sizeof(i));
    key.dport = static_cast<__be16>(i % 5);
    key.proto = i % 7 ? 17 : 6;
    return key;
  }
  static V Entry(uint32_t i) {
    V entry = {};
    entry.flow.next_hop = 1;
    entry.flow.on_ramp = i;
    return entry;
  }

  ManualGracePeriod grace_;
  uint32_t capacity_ = 0;
  rp_flow_hash hash_ = {};
  UniqueFd tags_, entries_, notes_;
};

using Families = ::testing::Types<std::tuple<rp_flow4_key, rp_flow4>,
                                  std::tuple<rp_flow6_key, rp_flow6>>;
TYPED_TEST_SUITE(FlowTableTest, Families);

TYPED_TEST(FlowTableTest, WhatIsPutInIsFoundUnderItsKeyOnly) {
  const auto table = this->Make(100);
  const auto slot =
      table->Insert(this->Key(1), this->Entry(77), {.start = 5, .epoch = 9});
  ASSERT_TRUE(slot.ok());
  EXPECT_EQ(table->Find(this->Key(1)), *slot);
  EXPECT_EQ(table->Find(this->Key(2)), std::nullopt);
  EXPECT_EQ(table->Get(this->Key(1))->flow.on_ramp, 77u);
  EXPECT_EQ(table->NoteAt(*slot).epoch, 9u);
  const auto key = table->KeyAt(*slot), wanted = this->Key(1);
  EXPECT_EQ(std::memcmp(&key, &wanted, sizeof(key)), 0);
  EXPECT_TRUE(absl::IsAlreadyExists(
      table->Insert(this->Key(1), this->Entry(1)).status()));
  table->SetNextHop(*slot, 65535);
  EXPECT_EQ(table->At(*slot).flow.next_hop, 65535);
}

TYPED_TEST(FlowTableTest, EveryByteOfAKeyCounts) {
  const auto table = this->Make(100);
  const auto key = this->Key(1);
  ASSERT_TRUE(table->Insert(key, this->Entry(1)).ok());
  for (size_t i = 0; i < offsetof(std::decay_t<decltype(key)>, pad); ++i) {
    auto other = key;
    reinterpret_cast<uint8_t*>(&other)[i] ^= 0x40;
    EXPECT_EQ(table->Find(other), std::nullopt) << "byte " << i;
  }
}

// An obvious map is the oracle; grace periods end at once, so that slots are
// used again and again.
TYPED_TEST(FlowTableTest, BehavesLikeAMapUnderRandomUse) {
  const auto table = this->Make(2000);
  std::map<typename TestFixture::K, uint32_t, Less> oracle;
  std::mt19937 dice(1);
  for (uint32_t i = 0; i < 200000; ++i) {
    const auto key = this->Key(dice() % 3000);
    const auto found = oracle.find(key);
    const auto slot = table->Find(key);
    ASSERT_EQ(slot.has_value(), found != oracle.end()) << i;
    if (slot) {
      ASSERT_EQ(table->At(*slot).flow.on_ramp, found->second) << i;
    }
    if (slot && dice() % 2) {
      table->Remove(*slot);
      oracle.erase(found);
    } else if (!slot && oracle.size() < 2000) {
      ASSERT_TRUE(table->Insert(key, this->Entry(i)).ok()) << i;
      oracle.emplace(key, i);
    }
    this->grace_.over = this->grace_.started;
    table->Reclaim();
    ASSERT_EQ(table->size(), oracle.size());
  }
  size_t seen = 0;
  table->ForEach([&](const auto& key, const auto& entry) {
    ++seen;
    EXPECT_EQ(oracle.at(key), entry.flow.on_ramp);
  });
  EXPECT_EQ(seen, oracle.size());
}

TYPED_TEST(FlowTableTest, TakesItsWholeCapacityAndNoEntryMore) {
  for (const uint32_t capacity : {1u, 50u, 5000u, 200000u}) {
    const auto table = this->Make(capacity);
    for (uint32_t i = 0; i < capacity; ++i)
      ASSERT_TRUE(table->Insert(this->Key(i), this->Entry(i)).ok())
          << i << " of " << capacity;
    EXPECT_TRUE(absl::IsResourceExhausted(
        table->Insert(this->Key(capacity), this->Entry(0)).status()));
    for (uint32_t i = 0; i < capacity; ++i)
      ASSERT_TRUE(table->Find(this->Key(i))) << i;
  }
}

// Addresses and ports in a row, as scanners and load generators have them.
TYPED_TEST(FlowTableTest, KeysInARowFillTheTableWhateverTheSecretIs) {
  std::mt19937_64 dice(7);
  for (int i = 0; i < 40; ++i) {
    constexpr uint32_t kEntries = 30000;
    this->MakeMaps(kEntries);
    for (auto& secret : this->hash_.secret) secret = dice();
    const auto table = this->Open().value();
    for (uint32_t n = 0; n < kEntries; ++n) {
      auto key = this->Key(0);
      const uint32_t address = 0x0a000000 + n / 500;
      std::memcpy(&key.saddr, &address, sizeof(address));
      key.sport = static_cast<__be16>(1024 + n % 500);
      ASSERT_TRUE(table->Insert(key, this->Entry(n)).ok()) << n;
    }
  }
}

TYPED_TEST(FlowTableTest, ASlotIsUsedAgainOnlyAfterAGracePeriodThatBeganLater) {
  const auto table = this->Make(700);  // in 1024 slots
  std::set<uint32_t> removed;
  for (uint32_t i = 0; i < 700; ++i)
    ASSERT_TRUE(table->Insert(this->Key(i), this->Entry(i)).ok());
  table->Reclaim();
  EXPECT_EQ(this->grace_.started, 0u) << "there is nothing to wait for";
  for (uint32_t i = 0; i < 300; ++i) {
    const uint32_t slot = table->Find(this->Key(i)).value();
    table->Remove(slot);
    EXPECT_EQ(table->Find(this->Key(i)), std::nullopt);
    EXPECT_NE(table->At(slot).flow.next_hop, 0) << "may be in use";
    removed.insert(slot);
  }
  table->Reclaim();
  table->Reclaim();
  EXPECT_EQ(this->grace_.started, 1u);
  const auto fill = [&](uint32_t from) {
    bool reused = false;
    for (uint32_t i = from; i < from + 200; ++i) {
      const auto slot = table->Insert(this->Key(i), this->Entry(i));
      if (slot.ok()) reused |= removed.contains(*slot);
    }
    return reused;
  };
  EXPECT_FALSE(fill(10000));
  this->grace_.over = 1;
  table->Reclaim();
  for (const uint32_t slot : removed)
    EXPECT_EQ(table->At(slot).flow.next_hop, 0);
  EXPECT_TRUE(fill(20000));
}

TYPED_TEST(FlowTableTest, AnotherWriterFindsWhatIsThere) {
  {
    const auto table = this->Make(1000);
    for (uint32_t i = 0; i < 500; ++i)
      ASSERT_TRUE(table->Insert(this->Key(i), this->Entry(i)).ok());
    table->Remove(table->Find(this->Key(7)).value());  // and dies
  }
  const auto table = this->Open();
  ASSERT_TRUE(table.ok());
  EXPECT_EQ((*table)->size(), 499u);
  EXPECT_EQ((*table)->Find(this->Key(7)), std::nullopt);
  EXPECT_EQ((*table)->Get(this->Key(8))->flow.on_ramp, 8u);
  for (uint32_t slot = 0; slot < (*table)->slots(); ++slot)
    EXPECT_EQ((*table)->At(slot).flow.next_hop != 0, (*table)->IsUsed(slot));
}

TYPED_TEST(FlowTableTest, MapsOfOtherSizesAreRefused) {
  this->MakeMaps(1000);
  this->hash_.buckets[RP_LEVELS - 1] += 1;
  EXPECT_EQ(this->Open().status().code(),
            absl::StatusCode::kFailedPrecondition);
  this->MakeMaps(1000);
  this->entries_ = this->Array(8, 1000);
  EXPECT_EQ(this->Open().status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(GracePeriodTest, TheKernelsEndSoonAndInOrder) {
  if (geteuid() != 0) GTEST_SKIP() << "making BPF maps needs root";
  auto grace = MakeGracePeriod();
  ASSERT_TRUE(grace.ok()) << grace.status();
  ASSERT_TRUE((*grace)->Wait().ok());
  uint64_t last = 0;
  for (int i = 0; i < 5; ++i) {
    const uint64_t ticket = (*grace)->Start();
    EXPECT_GE(ticket, last);
    last = ticket;
  }
  const auto deadline =
      std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!(*grace)->IsOver(last) && std::chrono::steady_clock::now() < deadline)
    std::this_thread::yield();
  EXPECT_TRUE((*grace)->IsOver(last));
}

}  // namespace
}  // namespace rampart

// SPDX-License-Identifier: Apache-2.0
// Map<K, V> against maps of the kernel.
#include "controller/dataplane/map.h"

#include <bpf/bpf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

namespace rampart {
namespace {

using testing::HasSubstr;

class MapTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!Make(BPF_MAP_TYPE_HASH, 1).valid()) {
      GTEST_SKIP() << "NEEDS ROOT: map tests make BPF maps";
    }
  }
  static UniqueFd Make(bpf_map_type type, uint32_t capacity) {
    return UniqueFd(bpf_map_create(type, "rp_test", sizeof(uint32_t),
                                   sizeof(uint64_t), capacity, nullptr));
  }
  static Map<uint32_t, uint64_t> Hash(uint32_t capacity) {
    return *Map<uint32_t, uint64_t>::Of(Make(BPF_MAP_TYPE_HASH, capacity));
  }
};

TEST_F(MapTest, ReturnsWhatWasPut) {
  const auto map = Hash(4);
  EXPECT_TRUE(map.Put(7, 70).ok());
  EXPECT_EQ(map.Get(7)->value(), 70u);
  EXPECT_TRUE(map.Put(7, 71).ok());
  EXPECT_EQ(map.Get(7)->value(), 71u);
  EXPECT_EQ(*map.Get(8), std::nullopt);
  EXPECT_TRUE(map.Delete(7).ok());
  EXPECT_EQ(*map.Get(7), std::nullopt);
  EXPECT_EQ(map.name(), "rp_test");
  EXPECT_EQ(map.max_entries(), 4u);
}

TEST_F(MapTest, TellsNewFromExisting) {
  const auto map = Hash(4);
  EXPECT_TRUE(absl::IsNotFound(map.PutExisting(1, 10)));
  EXPECT_TRUE(map.PutNew(1, 10).ok());
  EXPECT_TRUE(absl::IsAlreadyExists(map.PutNew(1, 11)));
  EXPECT_TRUE(map.PutExisting(1, 12).ok());
  EXPECT_TRUE(absl::IsNotFound(map.Delete(2)));
  EXPECT_THAT(map.Delete(2).ToString(), HasSubstr("map rp_test: delete"));
}

TEST_F(MapTest, RefusesToOverfill) {
  const auto map = Hash(2);
  EXPECT_TRUE(map.Put(1, 1).ok());
  EXPECT_TRUE(map.Put(2, 2).ok());
  EXPECT_TRUE(absl::IsResourceExhausted(map.Put(3, 3)));
  const auto array = *Map<uint32_t, uint64_t>::Of(Make(BPF_MAP_TYPE_ARRAY, 2));
  EXPECT_TRUE(absl::IsResourceExhausted(array.Put(2, 2)));
}

TEST_F(MapTest, NamesASizeThatDiffers) {
  const auto map = Map<uint64_t, uint64_t>::Of(Make(BPF_MAP_TYPE_HASH, 1));
  EXPECT_TRUE(absl::IsFailedPrecondition(map.status()));
  EXPECT_THAT(map.status().ToString(), HasSubstr("map rp_test: the kernel has "
                                                 "keys of 4 and values of 8"));
}

TEST_F(MapTest, VisitsEveryEntryOfHashAndArrayOnce) {
  constexpr uint32_t kEntries = 10000;  // several batches
  for (const bpf_map_type type : {BPF_MAP_TYPE_HASH, BPF_MAP_TYPE_ARRAY}) {
    const auto map = *Map<uint32_t, uint64_t>::Of(Make(type, kEntries));
    for (uint32_t i = 0; i < kEntries; ++i) {
      ASSERT_TRUE(map.Put(i, 3 * i).ok());
    }
    std::vector<int> seen(kEntries);
    ASSERT_TRUE(map.ForEach([&](uint32_t key, uint64_t value) {
                     EXPECT_EQ(value, 3 * key);
                     ++seen[key];
                   })
                    .ok());
    EXPECT_THAT(seen, testing::Each(1));
  }
}

TEST_F(MapTest, VisitsNothingInAnEmptyMap) {
  const auto map = Hash(4);
  EXPECT_TRUE(
      map.ForEach([](uint32_t, uint64_t) { FAIL() << "nothing is there"; })
          .ok());
}

TEST_F(MapTest, BatchDeleteStepsOverMissingKeys) {
  const auto map = Hash(100);
  for (uint32_t i = 0; i < 100; i += 2) ASSERT_TRUE(map.Put(i, i).ok());
  std::vector<uint32_t> keys(100);
  std::iota(keys.begin(), keys.end(), 0u);
  EXPECT_TRUE(map.DeleteBatch(keys).ok());
  EXPECT_TRUE(map.DeleteBatch({}).ok());
  EXPECT_TRUE(map.ForEach([](uint32_t key, uint64_t) {
                   ADD_FAILURE() << key << " is left";
                 })
                  .ok());
}

TEST_F(MapTest, BatchPutWritesAllOrSaysThatItIsFull) {
  auto map = *MapFd::Of(Make(BPF_MAP_TYPE_HASH, 4), 4, 8);
  const std::vector<uint32_t> keys = {1, 2, 3, 4, 5};
  const std::vector<uint64_t> values = {10, 20, 30, 40, 50};
  EXPECT_TRUE(map.PutBatch(keys.data(), values.data(), 4).ok());
  uint64_t value = 0;
  EXPECT_TRUE(map.Lookup(&keys[3], &value).ok());
  EXPECT_EQ(value, 40u);
  EXPECT_TRUE(
      absl::IsResourceExhausted(map.PutBatch(keys.data(), values.data(), 5)));
  EXPECT_TRUE(map.PutBatch(nullptr, nullptr, 0).ok());
}

}  // namespace
}  // namespace rampart

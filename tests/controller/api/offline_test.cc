// SPDX-License-Identifier: Apache-2.0
// Reading real pins while their owner is there and after it is gone.
#include "controller/dataplane/offline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>

#include "absl/strings/str_cat.h"
#include "controller/api/map_rows.h"
#include "controller/api/maps.h"

namespace rampart {
namespace {

using ::testing::Contains;

constexpr char kBpffs[] = "/sys/fs/bpf";

class OfflineTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root and BPF";
    auto data_plane =
        DataPlane::Open({.edge = edge_, .bpffs = kBpffs, .flow_capacity = 128});
    ASSERT_TRUE(data_plane.ok()) << data_plane.status();
    data_plane_ = *std::move(data_plane);
  }
  void TearDown() override {
    data_plane_.reset();
    if (geteuid() == 0) DetachAll(kBpffs, edge_).IgnoreError();
  }

  const std::string edge_ = absl::StrCat("offline-test-", getpid());
  std::unique_ptr<DataPlane> data_plane_;
};

TEST_F(OfflineTest, ReadsWhatWasWrittenBeforeAndAfterTheOwnerEnds) {
  const rp_grant_key key = {.tunnel = 7, .realm = 1001};
  ASSERT_TRUE(data_plane_->maps().grants.Put(key, rp_grant{.tenant = 3}).ok());
  const auto maps = OpenPinnedMaps(kBpffs, edge_);
  ASSERT_TRUE(maps.ok()) << maps.status();
  for (const bool owned : {true, false}) {
    if (!owned) data_plane_.reset();
    const auto document = MapDumpDocument(**maps, "rp_grants", 10, 0);
    ASSERT_TRUE(document.ok()) << document.status();
    EXPECT_EQ((*document)["entries"].dump(),
              R"([{"tunnel":7,"realm":"1001","tenant":3}])");
  }
  EXPECT_THAT(PinnedEdges(kBpffs), Contains(edge_));
}

TEST_F(OfflineTest, EveryMapIsPinnedUnderItsNameWithItsSizes) {
  const auto maps = OpenPinnedMaps(kBpffs, edge_);
  ASSERT_TRUE(maps.ok()) << maps.status();
  for (const MapType& type : MapTypes()) {
    const absl::Status status =
        (*maps)->ForEach(type.name, type.key_size, type.value_size,
                         [](const void*, const void*) { return true; });
    EXPECT_TRUE(status.ok()) << status;
  }
  EXPECT_TRUE(MapListDocument(**maps, 0).ok());
  EXPECT_TRUE(DropsDocument(**maps, true).ok());
}

TEST_F(OfflineTest, ManyEntriesAreReadOnceEachAndAVisitorMayStop) {
  for (uint32_t i = 0; i < 20000; ++i)
    ASSERT_TRUE(data_plane_->maps()
                    .grants.Put({.tunnel = i, .realm = 1}, {.tenant = 1})
                    .ok());
  const auto maps = OpenPinnedMaps(kBpffs, edge_);
  ASSERT_TRUE(maps.ok());
  std::vector<int> seen(20000);
  const auto visit = [&](const void* key, const void*) {
    rp_grant_key grant;
    std::memcpy(&grant, key, sizeof(grant));
    ++seen[grant.tunnel];
    return true;
  };
  ASSERT_TRUE(
      (*maps)
          ->ForEach("rp_grants", sizeof(rp_grant_key), sizeof(rp_grant), visit)
          .ok());
  EXPECT_THAT(seen, testing::Each(1));
  int visits = 0;
  ASSERT_TRUE(
      (*maps)
          ->ForEach("rp_grants", sizeof(rp_grant_key), sizeof(rp_grant),
                    [&](const void*, const void*) { return ++visits < 5; })
          .ok());
  EXPECT_EQ(visits, 5);
}

TEST_F(OfflineTest, CountersOfASlotInUseAreSummed) {
  rp_device device = {};
  device.ifindex = 1;
  device.role = RP_ROLE_UPLINK;
  ASSERT_TRUE(data_plane_->maps().devices.Put(9, device).ok());
  const auto maps = OpenPinnedMaps(kBpffs, edge_);
  ASSERT_TRUE(maps.ok());
  const auto counters = (*maps)->ReadCounters();
  ASSERT_TRUE(counters.ok()) << counters.status();
  ASSERT_EQ(counters->size(), 1u);
  EXPECT_EQ((*counters)[0].slot, 9u);
  EXPECT_EQ((*counters)[0].outcomes[RP_PASSED].packets, 0u);
}

TEST_F(OfflineTest, OtherSizesOrNamesAreErrors) {
  const auto maps = OpenPinnedMaps(kBpffs, edge_);
  ASSERT_TRUE(maps.ok());
  const auto visit = [](const void*, const void*) { return true; };
  EXPECT_EQ((*maps)->ForEach("rp_grants", 4, 4, visit).code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ((*maps)->ForEach("rp_nothing", 4, 4, visit).code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(OpenPinnedMaps(kBpffs, "no-such-edge").status().code(),
            absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace rampart

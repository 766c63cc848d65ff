// SPDX-License-Identifier: Apache-2.0
// What a second start does with what a first one left, and how it all ends.
#include <bpf/bpf.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "tests/controller/dataplane/fixture.h"

namespace rampart {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

class PinsTest : public DataPlaneTest {
 protected:
  // Replaces the pin of a map by another map.
  void Replace(const std::string& map, bpf_map_type type, uint32_t key,
               uint32_t value, uint32_t capacity) const {
    const std::string path = pins() + "/maps/" + map;
    ASSERT_EQ(unlink(path.c_str()), 0);
    const UniqueFd fd(
        bpf_map_create(type, map.c_str(), key, value, capacity, nullptr));
    ASSERT_EQ(bpf_obj_pin(fd.get(), path.c_str()), 0);
  }
  absl::Status OpenError() const { return DataPlane::Open(Options()).status(); }
};

TEST_F(PinsTest, FirstStartMakesMapsOfTheConfiguredSize) {
  const auto edge = Open();
  ASSERT_NE(edge, nullptr);
  EXPECT_FALSE(edge->adopted());
  EXPECT_EQ(edge->maps().flows4->capacity(), kCapacity);
  EXPECT_EQ(edge->maps().flows6->capacity(), kCapacity);
  EXPECT_EQ(edge->maps().config.Get(0)->value().layout, RP_LAYOUT_VERSION);
  EXPECT_EQ(edge->maps().config.Get(0)->value().store_id, kStore);
  struct stat info;
  ASSERT_EQ(stat(pins().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u) << "pins are capabilities";
}

TEST_F(PinsTest, LaterStartAdoptsTheMapsWithTheirContents) {
  const rp_grant_key key = {.tunnel = 3, .realm = 1001};
  {
    const auto edge = Open();
    ASSERT_TRUE(edge->maps().grants.Put(key, {.tenant = 5}).ok());
  }
  const auto edge = Open();
  ASSERT_NE(edge, nullptr);
  EXPECT_TRUE(edge->adopted());
  EXPECT_EQ(edge->maps().grants.Get(key)->value().tenant, 5u);
}

TEST_F(PinsTest, AKilledFirstStartIsBegunAgain) {
  std::filesystem::create_directories(pins() + "/maps_new");
  const UniqueFd map(
      bpf_map_create(BPF_MAP_TYPE_ARRAY, "left", 4, 4, 1, nullptr));
  ASSERT_EQ(bpf_obj_pin(map.get(), (pins() + "/maps_new/rp_config").c_str()),
            0);
  const auto edge = Open();
  ASSERT_NE(edge, nullptr);
  EXPECT_FALSE(edge->adopted());
  EXPECT_FALSE(std::filesystem::exists(pins() + "/maps_new"));
}

TEST_F(PinsTest, AddsAMapThatAnOlderVersionDidNotHave) {
  ASSERT_NE(Open(), nullptr);
  const std::string pin = pins() + "/maps/rp_locals";
  ASSERT_EQ(unlink(pin.c_str()), 0);
  const auto edge = Open();
  ASSERT_NE(edge, nullptr);
  EXPECT_TRUE(edge->adopted());
  EXPECT_TRUE(std::filesystem::exists(pin));
}

TEST_F(PinsTest, RefusesAMapOfAnotherShapeAndNamesTheDifference) {
  const struct {
    bpf_map_type type;
    uint32_t key, value, capacity;
    const char* message;
  } cases[] = {
      {BPF_MAP_TYPE_LRU_HASH, 8, 4, 262144, "type is 9, not 1"},
      {BPF_MAP_TYPE_HASH, 12, 4, 262144, "key size is 12, not 8"},
      {BPF_MAP_TYPE_HASH, 8, 16, 262144, "value size is 16, not 8"},
      {BPF_MAP_TYPE_HASH, 8, 4, 99, "capacity is 99, not 262144"},
  };
  for (const auto& c : cases) {
    ASSERT_NE(Open(), nullptr);
    Replace("rp_grants", c.type, c.key, c.value, c.capacity);
    const absl::Status status = OpenError();
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
    EXPECT_THAT(status.ToString(), HasSubstr("map rp_grants"));
    EXPECT_THAT(status.ToString(), HasSubstr(c.message));
    EXPECT_THAT(status.ToString(), HasSubstr("rampartd --detach"));
    ASSERT_TRUE(DetachAll(bpffs_, "edge-test").ok());
  }
}

TEST_F(PinsTest, RefusesAnotherFlowCapacity) {
  ASSERT_NE(Open(), nullptr);
  DataPlane::Options options = Options();
  options.flow_capacity = 2 * kCapacity;
  const absl::Status status = DataPlane::Open(options).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_THAT(status.ToString(), HasSubstr("capacity is 86, not 171"));
}

TEST_F(PinsTest, RefusesMapsOfAnotherLayout) {
  {
    const auto edge = Open();
    rp_config config = edge->maps().config.Get(0)->value();
    ++config.layout;
    ASSERT_TRUE(edge->maps().config.Put(0, config).ok());
  }
  const absl::Status status = OpenError();
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_THAT(status.ToString(),
              HasSubstr("have layout " + std::to_string(RP_LAYOUT_VERSION + 1) +
                        ", not " + std::to_string(RP_LAYOUT_VERSION)));
}

TEST_F(PinsTest, RefusesMapsOfAnotherStore) {
  ASSERT_NE(Open(), nullptr);
  DataPlane::Options options = Options();
  options.store_id = 0xbeef;
  const absl::Status status = DataPlane::Open(options).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_THAT(status.ToString(), HasSubstr("belong to store 5707e, not beef"));
}

TEST_F(PinsTest, OneControllerPerEdge) {
  auto edge = Open();
  const absl::Status second = OpenError();
  EXPECT_TRUE(absl::IsUnavailable(second)) << second;
  EXPECT_TRUE(absl::IsUnavailable(DetachAll(bpffs_, "edge-test").status()));
  DataPlane::Options other = Options();
  other.edge = "edge-other";
  EXPECT_TRUE(DataPlane::Open(other).ok()) << "another edge is not in the way";
  ASSERT_TRUE(DetachAll(bpffs_, "edge-other").ok());
  edge.reset();
  EXPECT_TRUE(OpenError().ok());
}

TEST_F(PinsTest, EdgeNamesWithDotsWorkAndThoseWithSlashesAreRefused) {
  DataPlane::Options options = Options();
  options.edge = "fra1.example.net";
  EXPECT_TRUE(DataPlane::Open(options).ok());
  EXPECT_TRUE(DetachAll(bpffs_, "fra1.example.net").ok());
  options.edge = "../../tmp";
  EXPECT_TRUE(absl::IsInvalidArgument(DataPlane::Open(options).status()));
}

TEST_F(PinsTest, MountsBpffsOnAnEmptyFolderOnly) {
  DataPlane::Options options = Options();
  options.bpffs = "/tmp/rampart-bpffs-" + std::to_string(getpid());
  std::filesystem::create_directories(options.bpffs);
  EXPECT_TRUE(DataPlane::Open(options).ok());
  EXPECT_TRUE(DetachAll(options.bpffs, "edge-test").ok());
  Shell("umount " + options.bpffs + " && touch " + options.bpffs + "/file");
  const absl::Status status = DataPlane::Open(options).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  std::filesystem::remove_all(options.bpffs);
  EXPECT_TRUE(absl::IsNotFound(DataPlane::Open(options).status()));
}

TEST_F(PinsTest, DetachAllLeavesNothingAndTellsWhatItRemoved) {
  MakeVeth("up0");
  {
    const auto edge = Open();
    ASSERT_TRUE(edge->Attach(Uplink("up0"), EntryOf("up0")).ok());
    ASSERT_TRUE(edge->OpenPuntPath("rptap").ok());
  }
  EXPECT_NE(ProgramOn("up0"), 0u) << "forwarding needs no controller";
  const auto removed = DetachAll(bpffs_, "edge-test");
  ASSERT_TRUE(removed.ok()) << removed.status();
  EXPECT_THAT(*removed, Contains("program on device up0"));
  EXPECT_THAT(*removed, Contains("map rp_flows4"));
  EXPECT_EQ(ProgramOn("up0"), 0u);
  EXPECT_FALSE(std::filesystem::exists(bpffs_ + "/rampart"));
  Shell("! ip link show rptap 2>/dev/null");
  EXPECT_THAT(*DetachAll(bpffs_, "edge-test"), IsEmpty());
}

TEST_F(PinsTest, DetachAllCleansUpAfterAKilledFirstStart) {
  std::filesystem::create_directories(pins() + "/maps_new");
  EXPECT_TRUE(DetachAll(bpffs_, "edge-test").ok());
  EXPECT_FALSE(std::filesystem::exists(pins()));
}

}  // namespace
}  // namespace rampart

// SPDX-License-Identifier: Apache-2.0
#include "controller/store/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "controller/store/sqlite.h"

namespace rampart {
namespace {

using ::testing::HasSubstr;

Resources OneTenant(const std::string& tenant) {
  Resources resources;
  resources.file = "resources.yaml";
  Tenant t;
  t.name = tenant;
  t.line = 2;
  t.vnets.push_back({.name = "main",
                     .vni = 4294967294,
                     .is_default = true,
                     .comment = "\"quoted\", and \xc3\xa9",
                     .router = {*IpAddress::Parse("10.1.255.1"),
                                *IpAddress::Parse("fd00::1")},
                     .line = 4});
  Tunnel gue{.name = "fra", .vnet = "main", .line = 6};
  gue.peers.push_back({.remote = *IpAddress::Parse("192.0.2.10"),
                       .keys = {{.key_id = 1, .key_file = "/etc/a.key"},
                                {.key_id = 2, .key_file = "/etc/b.key"}},
                       .line = 7});
  gue.peers.push_back({.remote = *IpAddress::Parse("2001:db8::10"),
                       .auth = Auth::kNone,
                       .variant = 1,
                       .accept_zero_checksum = true,
                       .line = 8});
  gue.sources = {*Prefix::Parse("10.9.0.0/16")};
  Tunnel gre{.name = "hq", .type = TunnelType::kGre, .vnet = "main", .line = 9};
  gre.peers.push_back({.remote = *IpAddress::Parse("192.0.2.20"),
                       .gre_key = 1001,
                       .checksum = true,
                       .sequence = true,
                       .line = 10});
  Tunnel lan{.name = "lan",
             .type = TunnelType::kInterface,
             .vnet = "main",
             .edge = "edge-a",
             .device = "eth1",
             .line = 11};
  t.tunnels = {gue, gre, lan};
  t.routes = {{"main", *Prefix::Parse("10.1.0.0/16"), Route::Kind::kTunnel,
               "fra", "", 12},
              {"main", *Prefix::Parse("::/0"), Route::Kind::kInternet, "",
               "default", 13},
              {"main", *Prefix::Parse("10.2.0.0/16"), Route::Kind::kBlackhole,
               "", "", 14}};
  t.policies = {{"web",
                 {.vnet = "main",
                  .tunnel = "fra",
                  .protocol = 6,
                  .sources = {*Prefix::Parse("10.0.0.0/8")},
                  .destinations = {*Prefix::Parse("2001:db8::/32")},
                  .source_ports = {{1024, 65535}},
                  .destination_ports = {{80, 80}, {443, 443}}},
                 PolicyAction::kReject,
                 15},
                {"rest", {}, PolicyAction::kAllow, 16}};
  resources.tenants.push_back(std::move(t));
  return resources;
}

class StoreTest : public ::testing::Test {
 protected:
  StoreTest() {
    folder_ = std::filesystem::temp_directory_path() /
              absl::StrCat("rampart-store-", getpid());
    std::filesystem::remove_all(folder_);
  }
  ~StoreTest() override { std::filesystem::remove_all(folder_); }

  std::string path() const { return folder_ / "deep" / "state.db"; }
  std::unique_ptr<StateStore> Open() {
    auto store = OpenStateStore("sqlite://" + path());
    EXPECT_TRUE(store.ok()) << store.status();
    return *std::move(store);
  }

  std::filesystem::path folder_;
};

TEST_F(StoreTest, ANewStoreIsEmptyAndItsFolderIsMade) {
  const auto stored = Open()->Load();
  ASSERT_TRUE(stored.ok()) << stored.status();
  EXPECT_EQ(stored->epoch, 0u);
  EXPECT_TRUE(stored->resources.tenants.empty());
}

TEST_F(StoreTest, EverythingButSecretsComesBackAfterARestart) {
  Resources resources = OneTenant("acme");
  resources.tenants[0].tunnels[0].peers[0].keys[0].secret = {1, 2, 3};
  const auto stored = Open()->Replace(resources);
  ASSERT_TRUE(stored.ok()) << stored.status();
  EXPECT_EQ(stored->epoch, 1u);
  const auto loaded = Open()->Load();
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->epoch, 1u);
  EXPECT_EQ(loaded->resources.file, "resources.yaml");
  Tenant expected = stored->resources.tenants[0];
  expected.tunnels[0].peers[0].keys[0].secret.clear();
  ASSERT_EQ(loaded->resources.tenants.size(), 1u);
  EXPECT_TRUE(loaded->resources.tenants[0] == expected);
}

TEST_F(StoreTest, AnIdIsNeverGivenToAnotherName) {
  auto store = Open();
  const uint32_t acme =
      store->Replace(OneTenant("acme"))->resources.tenants[0].id;
  const auto globex = *store->Replace(OneTenant("globex"));
  EXPECT_NE(globex.resources.tenants[0].id, acme);
  EXPECT_NE(globex.resources.tenants[0].tunnels[0].id,
            globex.resources.tenants[0].tunnels[1].id);
  store = Open();
  const auto again = *store->Replace(OneTenant("acme"));
  EXPECT_EQ(again.resources.tenants[0].id, acme);
  EXPECT_EQ(again.epoch, 3u);
}

TEST_F(StoreTest, APreviewGivesTheSameIdsAndStoresNothing) {
  auto store = Open();
  const auto preview = *store->Preview(OneTenant("acme"));
  EXPECT_EQ(preview.epoch, 1u);
  EXPECT_EQ(store->Load()->epoch, 0u);
  const auto stored = *store->Replace(OneTenant("acme"));
  EXPECT_TRUE(stored.resources.tenants == preview.resources.tenants);
}

TEST_F(StoreTest, TheStoreIdBelongsToTheFile) {
  const uint64_t id = Open()->store_id();
  EXPECT_EQ(Open()->store_id(), id);
  std::filesystem::remove_all(folder_);
  EXPECT_NE(Open()->store_id(), id);
}

TEST_F(StoreTest, AWriterKilledBeforeItsCommitLeavesTheOldResources) {
  ASSERT_TRUE(Open()->Replace(OneTenant("acme")).ok());
  const pid_t child = fork();
  if (child == 0) {
    auto db = Sqlite::Open(path());
    auto transaction = SqliteTransaction::Begin(*db);
    db->Execute("DELETE FROM tenants; UPDATE meta SET epoch = 9").IgnoreError();
    _exit(0);  // as kill -9 would end it: no destructor runs
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  const auto loaded = Open()->Load();
  EXPECT_EQ(loaded->epoch, 1u);
  EXPECT_EQ(loaded->resources.tenants.size(), 1u);
}

TEST_F(StoreTest, AFileOfAnotherSchemaIsRefused) {
  Open();
  ASSERT_TRUE(Sqlite::Open(path())->Execute("UPDATE meta SET schema = 7").ok());
  const auto store = OpenStateStore("sqlite://" + path());
  EXPECT_EQ(store.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(store.status().message()), HasSubstr("schema 7"));
}

TEST_F(StoreTest, WhatIsNoDatabaseIsRefusedByName) {
  std::filesystem::create_directories(folder_ / "deep" / "state.db");
  const auto store = OpenStateStore("sqlite://" + path());
  EXPECT_EQ(store.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(store.status().message()), HasSubstr(path()));
}

TEST(OpenStateStoreTest, OtherSchemesAreRefusedWithOneThatWorks) {
  for (const char* url : {"etcd://host:2379", "sqlite://", "/tmp/x", ""}) {
    const auto store = OpenStateStore(url);
    EXPECT_EQ(store.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(store.status().message()), HasSubstr("sqlite:///"));
  }
}

}  // namespace
}  // namespace rampart

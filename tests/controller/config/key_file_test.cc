// SPDX-License-Identifier: Apache-2.0
// Files that hold peers' keys.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <string>

#include "controller/config/edge_config.h"
#include "controller/config/secrets.h"
#include "tests/controller/config/key_files.h"

namespace rampart {
namespace {

class KeyFileTest : public testing::Test {
 protected:
  // Resources with one peer that has one key.
  static Resources WithKey(Auth auth, const std::string& key_file) {
    Peer peer{.remote = IpAddress::Parse("192.0.2.2").value(),
              .auth = auth,
              .line = 9};
    peer.keys = {{.key_id = 1, .key_file = key_file}};
    Tenant tenant{.name = "acme"};
    tenant.tunnels = {{.name = "t", .peers = {peer}}};
    return {.file = "f", .tenants = {tenant}};
  }

  // What is wrong with a file as a key for `auth`.
  std::string Report(Auth auth, const std::string& name) {
    Resources resources = WithKey(auth, keys_.Path(name));
    std::string message(LoadSecrets(resources).message());
    const std::string start =
        "f:9: peer 192.0.2.2: key_file \"" + keys_.Path(name) + "\": ";
    EXPECT_THAT(message, testing::StartsWith(start));
    EXPECT_TRUE(
        resources.tenants[0]->tunnels[0].peers[0].keys[0].secret.empty());
    return message.substr(std::min(start.size(), message.size()));
  }

  KeyFiles keys_;
};

TEST_F(KeyFileTest, MissingFileIsNamed) {
  EXPECT_EQ(Report(Auth::kMac, "none"),
            "No such file or directory; auth mac needs a file of 32 hex "
            "digits");
}

TEST_F(KeyFileTest, WrongNumberOfDigitsIsCounted) {
  keys_.Write("short", std::string(31, 'a'));
  keys_.Write("long", std::string(33, 'a'));
  keys_.Write("empty", "\n");
  EXPECT_EQ(Report(Auth::kMac, "short"),
            "has 31 hex digits; auth mac needs a file of 32 hex digits");
  EXPECT_EQ(Report(Auth::kMac, "long"),
            "has 33 hex digits; auth mac needs a file of 32 hex digits");
  EXPECT_EQ(Report(Auth::kMac, "cookie.key"),
            "has 16 hex digits; auth mac needs a file of 32 hex digits");
  EXPECT_EQ(Report(Auth::kCookie, "mac.key"),
            "has 32 hex digits; auth cookie needs a file of 16 hex digits");
  EXPECT_EQ(Report(Auth::kCookie, "empty"),
            "has 0 hex digits; auth cookie needs a file of 16 hex digits");
}

TEST_F(KeyFileTest, WhatIsNoKeyIsRefusedWithoutShowingIt) {
  keys_.Write("words", "correct horse battery staple....");
  keys_.Write("prefix", "0x0102030405060708090a0b0c0d0e0f");
  keys_.Write("two", "0123456789abcdef 0123456789abcde");
  keys_.Write("nul", std::string(32, '\0'));
  for (const char* name : {"words", "prefix", "two", "nul"})
    EXPECT_EQ(Report(Auth::kMac, name),
              "has characters that are no hex digits; auth mac needs a file of "
              "32 hex digits");
  keys_.Write("big", std::string(257, 'a'));
  EXPECT_EQ(Report(Auth::kMac, "big"),
            "has more than 256 bytes; auth mac needs a file of 32 hex digits");
}

TEST_F(KeyFileTest, OnlyRegularFilesAreRead) {
  ASSERT_EQ(mkfifo(keys_.Path("fifo").c_str(), 0600), 0);
  ASSERT_EQ(mkdir(keys_.Path("folder").c_str(), 0700), 0);
  for (const char* name : {"fifo", "folder"})
    EXPECT_EQ(Report(Auth::kMac, name),
              "is not a regular file; auth mac needs a file of 32 hex digits");
}

TEST_F(KeyFileTest, UnreadableFileIsNamed) {
  ASSERT_EQ(chmod(keys_.Path("mac.key").c_str(), 0), 0);
  // Root reads every file, nobody does not.
  const uid_t user = geteuid();
  ASSERT_EQ(seteuid(user == 0 ? 65534 : user), 0);
  const std::string report = Report(Auth::kMac, "mac.key");
  ASSERT_EQ(seteuid(user), 0);
  EXPECT_EQ(report,
            "Permission denied; auth mac needs a file of 32 hex digits");
}

TEST_F(KeyFileTest, OneBadFileLeavesTheOthersLoaded) {
  Resources resources = WithKey(Auth::kMac, keys_.Path("none"));
  std::vector<PeerKey>& keys =
      resources.tenants[0].Edit().tunnels[0].peers[0].keys;
  keys.push_back({.key_id = 2, .key_file = keys_.Path("mac.key")});
  EXPECT_EQ(LoadSecrets(resources).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(keys[0].secret.empty());
  EXPECT_EQ(keys[1].secret.size(), 16u);
}

TEST_F(KeyFileTest, RelativeNameIsSeenFromTheFileThatHasIt) {
  const EdgeConfig edge = ParseEdgeConfig("e", R"(
edge: a
devices: [{name: eth0, role: uplink}]
gue: {addresses: [192.0.2.1]}
)")
                              .value();
  const auto resources = ParseResources(keys_.Path("resources.yaml"), R"(
tenants:
- name: acme
  vnets: [{name: main, vni: 1}]
  tunnels: [{name: t, type: gue, peers: [{remote: 192.0.2.2, key_id: 1, key_file: x/../mac.key}]}]
)",
                                        edge);
  ASSERT_TRUE(resources.ok()) << resources.status();
  const PeerKey& key = resources->tenants[0]->tunnels[0].peers[0].keys[0];
  EXPECT_EQ(key.key_file, keys_.Path("mac.key"));
  EXPECT_EQ(key.secret.size(), 16u);
}

}  // namespace
}  // namespace rampart

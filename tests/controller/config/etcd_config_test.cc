// SPDX-License-Identifier: Apache-2.0
#include "controller/config/etcd_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace rampart {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kStart[] = "edge: a\ndevices: [{name: eth0, role: uplink}]\n";

absl::StatusOr<EdgeConfig> Parse(const std::string& yaml) {
  return ParseEdgeConfig("f", absl::StrCat(kStart, yaml));
}

std::string Report(const std::string& yaml) {
  const auto config = Parse(yaml);
  return config.ok() ? "" : std::string(config.status().message());
}

TEST(EtcdConfigTest, AUrlNamesItsEndpointsAndItsPrefix) {
  const auto config = Parse(
      "state: \"etcd://192.0.2.1:2379,[2001:db8::1],etcd-3.example:4001/f/x\"");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_THAT(config->etcd.endpoints,
              ElementsAre("192.0.2.1:2379", "[2001:db8::1]:2379",
                          "etcd-3.example:4001"));
  EXPECT_EQ(config->etcd.prefix, "/f/x");
  EXPECT_EQ(StatePath(*config), "/var/lib/rampart/fleet.db");
  EXPECT_EQ(Parse("state: etcd://h")->etcd.prefix, "/rampart");
}

TEST(EtcdConfigTest, AFileIsItsOwnPath) {
  const auto config = Parse("state: sqlite:///x/state.db");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_TRUE(config->etcd.endpoints.empty());
  EXPECT_EQ(StatePath(*config), "/x/state.db");
}

TEST(EtcdConfigTest, AllKeysAreRead) {
  const auto config = Parse(
      "state: etcd://h\n"
      "etcd: {copy: /c/fleet.db, user: u, password_file: /p, ca: /ca, cert: "
      "/cert, key: /key, advertise: \"[2001:db8::10]:9443\"}");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->etcd.user, "u");
  EXPECT_EQ(config->etcd.password_file, "/p");
  EXPECT_EQ(config->etcd.ca, "/ca");
  EXPECT_EQ(config->etcd.cert, "/cert");
  EXPECT_EQ(config->etcd.key, "/key");
  EXPECT_EQ(config->etcd.advertise, "[2001:db8::10]:9443");
  EXPECT_EQ(StatePath(*config), "/c/fleet.db");
  EXPECT_TRUE(config->warnings.empty());
}

TEST(EtcdConfigTest, APasswordInClearTextIsWarnedOf) {
  const auto config =
      Parse("state: etcd://h\netcd: {user: u, password_file: /p}");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_THAT(config->warnings,
              ElementsAre("f:4: etcd.user without etcd.ca: the password "
                          "crosses the network in clear text"));
}

struct Case {
  const char* yaml;
  const char* report;
};

TEST(EtcdConfigTest, EachMistakeIsOneLine) {
  for (const Case& mistake : {
           Case{"state: etcd://", "f:3: state: \"\" is not a host and port"},
           Case{"state: etcd://a:0", "\"a:0\" has no port from 1 to 65535"},
           Case{"state: etcd://a:b", "\"a:b\" has no port"},
           Case{"state: etcd://::1:2379", "\"::1:2379\" is not a host"},
           Case{"state: \"etcd://[192.0.2.1]\"", "is not a host and port"},
           Case{"state: etcd://a,a:2379", "\"a:2379\" is listed twice"},
           Case{"state: etcd://a,", "\"\" is not a host and port"},
           Case{"state: etcd://a/", "has no prefix of letters"},
           Case{"state: etcd://a/b/", "has no prefix of letters"},
           Case{"state: etcd://a/b//c", "has no prefix of letters"},
           Case{"state: \"etcd://a/b c\"", "has no prefix of letters"},
           Case{"etcd: {user: a}",
                "f:3: etcd: is for a store in etcd; write state: "
                "etcd://HOST:PORT/PREFIX, or remove this key"},
           Case{"state: etcd://a\netcd: {user: a}",
                "f:4: user: needs password_file; write both or neither"},
           Case{"state: etcd://a\netcd: {ca: /a, key: /b}",
                "f:4: key: needs cert; write both or neither"},
           Case{"state: etcd://a\netcd: {cert: /a, key: /b}",
                "f:4: cert: needs ca"},
           Case{"state: etcd://a\netcd: {copy: fleet.db}",
                "f:4: copy: \"fleet.db\" is not an absolute path; write one, "
                "such as /var/lib/rampart/fleet.db"},
           Case{"state: etcd://a\netcd: {advertise: host}",
                "f:4: advertise: \"host\" is not an address and port"},
       }) {
    const std::string report = Report(mistake.yaml);
    EXPECT_THAT(report, HasSubstr(mistake.report)) << mistake.yaml;
    EXPECT_THAT(report, testing::Not(HasSubstr("\n"))) << mistake.yaml;
  }
}

}  // namespace
}  // namespace rampart

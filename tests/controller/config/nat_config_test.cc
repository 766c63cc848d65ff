// SPDX-License-Identifier: Apache-2.0
// Section "nat" of rampartd.yaml.
#include "controller/config/nat_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace rampart {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// The mistake begins on line 3.
constexpr char kStart[] = "edge: a\ndevices: [{name: eth0, role: uplink}]\n";

IpAddress Ip(std::string_view text) { return IpAddress::Parse(text).value(); }
Prefix Net(std::string_view text) { return Prefix::Parse(text).value(); }

absl::StatusOr<EdgeConfig> Parse(std::string_view nat) {
  return ParseEdgeConfig("f", absl::StrCat(kStart, std::string(nat)));
}

TEST(NatConfigTest, EveryKeyOfAPoolIsRead) {
  const auto config = Parse(R"(nat:
  pools:
    - name: default
      addresses: [198.51.100.1, 203.0.113.0/30, "2001:db8:64::4/127"]
      ports: 2048-65535
      block_size: 256
      mapping: endpoint-independent
      filtering: address-dependent
      port_choice: parity
      blocks_per_subscriber: 4
      mappings_per_second: 100
      rest: 3m
      exclude: [192.0.2.0/24, "2001:db8:ffff::/48"]
      static:
        - {tenant: acme, vnet: main, protocol: tcp, inside: "10.1.0.5:80", outside: "203.0.113.1:8080"}
        - {tenant: acme, vnet: main, protocol: udp, inside: "[fd00::5]:53", outside: "[2001:db8:64::5]:53"}
      prefixes:
        - {tenant: globex, vnet: lab, inside: "fd00:2::/48", outside: "2001:db8:2::/48"}
      pcp: true
)");
  ASSERT_TRUE(config.ok()) << config.status();
  ASSERT_EQ(config->pools.size(), 1u);
  const NatPoolConfig& pool = config->pools[0];
  EXPECT_THAT(
      pool.addresses,
      ElementsAre(Ip("198.51.100.1"), Ip("203.0.113.0"), Ip("203.0.113.1"),
                  Ip("203.0.113.2"), Ip("203.0.113.3"), Ip("2001:db8:64::4"),
                  Ip("2001:db8:64::5")));
  EXPECT_EQ(pool.ports, (PortRange{2048, 65535}));
  EXPECT_EQ(pool.block_size, 256);
  EXPECT_EQ(pool.filtering, NatFiltering::kAddressDependent);
  EXPECT_EQ(pool.port_choice, NatPortChoice::kParity);
  EXPECT_EQ(pool.blocks_per_subscriber, 4u);
  EXPECT_EQ(pool.mappings_per_second, 100u);
  EXPECT_EQ(pool.rest, absl::Minutes(3));
  EXPECT_FALSE(pool.overload);
  EXPECT_THAT(pool.exclude,
              ElementsAre(Net("192.0.2.0/24"), Net("2001:db8:ffff::/48")));
  ASSERT_EQ(pool.static_mappings.size(), 2u);
  const NatStaticConfig& web = pool.static_mappings[0];
  EXPECT_EQ(web.tenant, "acme");
  EXPECT_EQ(web.vnet, "main");
  EXPECT_EQ(web.protocol, 6);
  EXPECT_EQ(web.inside, (Endpoint{Ip("10.1.0.5"), 80}));
  EXPECT_EQ(web.outside, (Endpoint{Ip("203.0.113.1"), 8080}));
  EXPECT_EQ(web.line, 17);
  EXPECT_EQ(pool.static_mappings[1].protocol, 17);
  EXPECT_EQ(pool.static_mappings[1].inside, (Endpoint{Ip("fd00::5"), 53}));
  ASSERT_EQ(pool.prefixes.size(), 1u);
  EXPECT_EQ(pool.prefixes[0].tenant, "globex");
  EXPECT_EQ(pool.prefixes[0].vnet, "lab");
  EXPECT_EQ(pool.prefixes[0].inside, Net("fd00:2::/48"));
  EXPECT_EQ(pool.prefixes[0].outside, Net("2001:db8:2::/48"));
  EXPECT_TRUE(pool.pcp);
  EXPECT_THAT(config->warnings, IsEmpty());
}

// RFC 4787 REQ-1 and REQ-8, RFC 6888 REQ-4 and REQ-8.
TEST(NatConfigTest, WhatIsLeftOutHasItsDefault) {
  const auto config =
      Parse("nat: {pools: [{name: a, addresses: [192.0.2.9]}]}");
  ASSERT_TRUE(config.ok()) << config.status();
  const NatPoolConfig& pool = config->pools[0];
  EXPECT_EQ(pool.ports, (PortRange{1024, 65535}));
  EXPECT_EQ(pool.block_size, 512);
  EXPECT_EQ(pool.mapping, NatMapping::kEndpointIndependent);
  EXPECT_EQ(pool.filtering, NatFiltering::kAddressAndPortDependent);
  EXPECT_EQ(pool.port_choice, NatPortChoice::kRandom);
  EXPECT_EQ(pool.blocks_per_subscriber, 8u);
  EXPECT_EQ(pool.mappings_per_second, 0u);
  EXPECT_EQ(pool.rest, absl::Seconds(120));
  EXPECT_FALSE(pool.overload);
  EXPECT_FALSE(pool.pcp);
}

TEST(NatConfigTest, AnOutsidePrefixIsInOnePool) {
  const auto config = Parse(R"(nat:
  pools:
    - {name: a, prefixes: [{tenant: t, vnet: v, inside: 10.0.0.0/24, outside: 198.18.0.0/24}]}
    - {name: b, prefixes: [{tenant: t, vnet: v, inside: 10.0.0.0/25, outside: 198.18.0.0/25}]}
)");
  EXPECT_EQ(std::string(config.status().message()),
            "f:6: outside 198.18.0.0/25 overlaps with line 5; translate each "
            "once");
}

TEST(NatConfigTest, OverloadIsForDependentMappings) {
  const auto config = Parse(
      "nat: {pools: [{name: a, addresses: [192.0.2.9], overload: true, "
      "mapping: address-and-port-dependent, port_choice: preserve}]}");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_TRUE(config->pools[0].overload);
  EXPECT_EQ(config->pools[0].port_choice, NatPortChoice::kPreserve);
}

TEST(NatConfigTest, APoolOfPrefixesNeedsNoAddress) {
  const auto config = Parse(
      "nat: {pools: [{name: a, prefixes: [{tenant: t, vnet: v, inside: "
      "10.0.0.0/24, outside: 198.18.0.0/24}]}]}");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_THAT(config->pools[0].addresses, IsEmpty());
}

// Less than an RFC demands runs, but not silently.
TEST(NatConfigTest, ShortTimesAreWarnedAbout) {
  const auto config = Parse(R"(nat:
  pools:
    - {name: a, addresses: [192.0.2.9], rest: 0s}
  timeouts: {udp: 30s, udp_unreplied: 10s, dns: 1s, tcp_established: 2h, tcp_opening: 30s, tcp_closing: 30s, icmp: 59s}
)");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->timeouts.dns, absl::Seconds(1));
  EXPECT_THAT(
      config->warnings,
      ElementsAre(
          "f:5: pool \"a\": rest 0 is below the 2m of RFC 6888 REQ-8; answers "
          "of the last subscriber may reach the next one",
          "f:6: timeouts: udp 30s is below the 2m of RFC 4787 REQ-5; "
          "applications may lose their connections",
          "f:6: timeouts: udp_unreplied 10s is below the 2m of RFC 4787 "
          "REQ-5; applications may lose their connections",
          "f:6: timeouts: tcp_established 2h is below the 2h4m of RFC 5382 "
          "REQ-5; applications may lose their connections",
          "f:6: timeouts: tcp_opening 30s is below the 4m of RFC 5382 REQ-5; "
          "applications may lose their connections",
          "f:6: timeouts: tcp_closing 30s is below the 4m of RFC 5382 REQ-5; "
          "applications may lose their connections",
          "f:6: timeouts: icmp 59s is below the 1m of RFC 5508 REQ-2; "
          "applications may lose their connections"));
}

// The first column of the README's table below `heading`.
std::vector<std::string> KeysInReadme(const std::string& heading) {
  std::ifstream file(std::string(RAMPART_SOURCE_DIR) +
                     "/controller/nat/README.md");
  std::vector<std::string> keys;
  bool inside = false;
  for (std::string line; std::getline(file, line);) {
    if (line.rfind(heading, 0) == 0) inside = true;
    if (inside && line.rfind("| `", 0) == 0)
      keys.push_back(line.substr(3, line.find('`', 3) - 3));
    else if (!keys.empty())
      break;
  }
  return keys;
}

bool Contained(const std::vector<std::string>& keys, absl::string_view key) {
  return std::find(keys.begin(), keys.end(), key) != keys.end();
}

// What the parser says about a map, "KEY" replaced.
std::string About(std::string map, const std::string& key) {
  map.replace(map.find("KEY"), 3, key);
  return std::string(Parse(map).status().message());
}

TEST(NatConfigTest, TheReadmeListsTheKeys) {
  const struct {
    const char *heading, *map;
  } cases[] = {{"Keys of a pool", "nat: {pools: [{KEY: {}}]}"},
               {"Time-outs", "nat: {timeouts: {KEY: {}}}"}};
  for (const auto& c : cases) {
    const std::vector<std::string> keys = KeysInReadme(c.heading);
    EXPECT_GE(keys.size(), 7u);
    for (const std::string& key : keys)
      EXPECT_THAT(About(c.map, key), Not(HasSubstr("unknown key"))) << key;
    // As many of the others as a message shows.
    std::string known = About(c.map, "zzzzzz");
    known = known.substr(known.find("known are ") + 10);
    for (const absl::string_view key : absl::StrSplit(known, ", "))
      EXPECT_TRUE(key == "..." || Contained(keys, key)) << key;
  }
}

struct Case {
  const char* pool;    // behind "name: a, "
  const char* report;  // behind "f:3: "
};
class NatMistakeTest : public testing::TestWithParam<Case> {};

TEST_P(NatMistakeTest, IsReportedWithWhatWouldBeRight) {
  const auto config =
      Parse(absl::StrCat("nat: {pools: [{name: a, ", GetParam().pool, "}]}"));
  EXPECT_EQ(std::string(config.status().message()),
            absl::StrCat("f:3: ", GetParam().report));
}

INSTANTIATE_TEST_SUITE_P(
    Modes, NatMistakeTest,
    testing::Values(
        Case{"addresses: [192.0.2.9], mapping: address-and-port-dependent, "
             "filtering: endpoint-independent",
             "filtering: a mapping of one remote endpoint lets only that one "
             "in; write address-and-port-dependent, or another mapping"},
        Case{"addresses: [192.0.2.9], overload: true",
             "overload: needs remotes to tell mappings apart; write mapping: "
             "address-and-port-dependent beside it"},
        Case{"addresses: [192.0.2.9], overload: true, pcp: true, mapping: "
             "address-and-port-dependent",
             "pcp: a mapping for all remotes does not share its port; write "
             "false, or leave out overload"},
        Case{"addresses: [192.0.2.9], port_choice: odd",
             "port_choice: \"odd\" is not known; write random, parity or "
             "preserve"},
        Case{"addresses: [192.0.2.9], blocks_per_subscriber: 65536",
             "blocks_per_subscriber: \"65536\" is out of range; write a whole "
             "number from 0 to 65535"},
        Case{"addresses: [192.0.2.9], rest: 120",
             "rest: \"120\" is not a duration; write a number and its unit, "
             "such as 300s or 5m"},
        Case{"addresses: [192.0.2.9], rest: -1s",
             "rest: \"-1s\" is out of range; write 0 to 720h"},
        Case{"addresses: [192.0.2.9], pcp: yes",
             "pcp: \"yes\" is not known; write false or true"}));

INSTANTIATE_TEST_SUITE_P(
    Addresses, NatMistakeTest,
    testing::Values(
        Case{"ports: 1024-65535",
             "key \"addresses\" is missing in pool; add it"},
        Case{"addresses: []",
             "addresses: holds no address; write at least "
             "one"},
        Case{"addresses: [203.0.113.1/28]",
             "addresses: \"203.0.113.1/28\" has bits set behind its length; "
             "write 203.0.113.0/28 or 203.0.113.1/32"},
        Case{"addresses: [203.0.113.0/28, 203.0.113.3]",
             "addresses: 203.0.113.3 is listed twice; keep one"},
        Case{"addresses: [10.0.0.0/8]",
             "addresses: \"10.0.0.0/8\" has more than 65536 addresses; write "
             "a longer prefix, such as 203.0.113.0/28"},
        Case{"addresses: [10.0.0.0/16, 203.0.113.3]",
             "addresses: holds more than 65536 addresses; make several pools"},
        Case{"addresses: [224.0.0.0/28]",
             "addresses: \"224.0.0.0/28\" holds no hosts' addresses; write a "
             "unicast prefix"},
        Case{"addresses: [203.0.113.0/28], exclude: [x]",
             "exclude: \"x\" is not a CIDR; write one such as "
             "10.1.0.0/16 or 2001:db8::/32"}));

INSTANTIATE_TEST_SUITE_P(
    Fixed, NatMistakeTest,
    testing::Values(
        Case{"addresses: [192.0.2.9], static: [{tenant: t, vnet: v, protocol: "
             "icmp, inside: \"10.0.0.1:1\", outside: \"192.0.2.9:1\"}]",
             "protocol: \"icmp\" is not known; write tcp or udp"},
        Case{"addresses: [192.0.2.9], static: [{tenant: t, vnet: v, protocol: "
             "tcp, inside: \"10.0.0.1\", outside: \"192.0.2.9:1\"}]",
             "inside: \"10.0.0.1\" is not an address and port; write "
             "192.0.2.1:8080 or [2001:db8::1]:8080"},
        Case{"addresses: [192.0.2.9], static: [{tenant: t, vnet: v, protocol: "
             "tcp, inside: \"10.0.0.1:0\", outside: \"192.0.2.9:1\"}]",
             "inside: \"10.0.0.1:0\" is not an address and port; write "
             "192.0.2.1:8080 or [2001:db8::1]:8080"},
        Case{"addresses: [192.0.2.9], static: [{tenant: t, vnet: v, protocol: "
             "tcp, inside: \"10.0.0.1:1\", outside: \"192.0.2.8:1\"}]",
             "outside: 192.0.2.8 is not one of the pool's addresses; write "
             "one of them"},
        Case{"addresses: [192.0.2.9], static: [{tenant: t, vnet: v, protocol: "
             "tcp, inside: \"[fd00::1]:1\", outside: \"192.0.2.9:1\"}]",
             "inside: is of another family than outside; NAT does not change "
             "the family"},
        Case{"addresses: [192.0.2.9], static: [{tenant: t, vnet: v, protocol: "
             "tcp, inside: \"10.0.0.1:1\", outside: \"192.0.2.9:1\"}, {tenant: "
             "t, vnet: v, protocol: tcp, inside: \"10.0.0.2:1\", outside: "
             "\"192.0.2.9:1\"}]",
             "outside: has a mapping already (line 3); give each its own "
             "port"},
        Case{"addresses: [192.0.2.9], static: [{tenant: t, vnet: v, protocol: "
             "tcp, inside: \"10.0.0.1:1\", outside: \"192.0.2.9:1\"}, {tenant: "
             "t, vnet: v, protocol: tcp, inside: \"10.0.0.1:1\", outside: "
             "\"192.0.2.9:2\"}]",
             "inside: has a mapping already (line 3); keep one"},
        Case{"prefixes: [{tenant: t, vnet: v, inside: 10.0.0.0/24, outside: "
             "198.18.0.0/25}]",
             "outside: 198.18.0.0/25 is of another family or length than "
             "inside; write a prefix of the same length, /24"},
        Case{"prefixes: [{tenant: t, vnet: v, inside: \"fd00::/72\", outside: "
             "\"2001:db8::/72\"}]",
             "inside: fd00::/72 is longer than a subnet; write at most /64"},
        Case{"prefixes: [{tenant: t, vnet: v, inside: 10.0.0.0/24, outside: "
             "198.18.0.0/24}, {tenant: u, vnet: v, inside: 10.0.0.0/25, "
             "outside: 198.18.0.0/25}]",
             "outside: inside or outside overlaps with line 3; translate each "
             "once"},
        Case{"addresses: [198.18.0.7], prefixes: [{tenant: t, vnet: v, inside: "
             "10.0.0.0/24, outside: 198.18.0.0/24}]",
             "outside 198.18.0.0/24 holds 198.18.0.7 of pool \"a\"; keep it in "
             "one of them"}));

}  // namespace
}  // namespace rampart

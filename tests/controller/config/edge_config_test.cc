// SPDX-License-Identifier: Apache-2.0
#include "controller/config/edge_config.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace rampart {
namespace {

constexpr char kExample[] =
    R"(# rampartd.yaml                                     # errors name file, line, what is wrong and what would be right
edge: edge-a
devices:
  - {name: eth0, role: uplink, mode: auto}          # native | generic | auto
gue: {addresses: [192.0.2.1, "2001:db8::1"], port: 6080}
nat:
  pools:
    - {name: default, addresses: [198.51.100.1, 198.51.100.2], ports: 1024-65535, block_size: 512,
       mapping: endpoint-independent, filtering: address-and-port-dependent}
  timeouts: {udp: 300s, udp_unreplied: 120s, dns: 30s, tcp_established: 7440s, tcp_opening: 240s, tcp_closing: 240s, icmp: 60s}
flows: {capacity: 1048576}
api: {socket: /run/rampart/api.sock}
state: sqlite:///var/lib/rampart/state.db           # or etcd://host:2379
metrics: {listen: "127.0.0.1:9464"}
flow_log: {path: /var/log/rampart/flows.jsonl, rotate_size: 64M, rotate_keep: 3, update_interval: 1m, ipfix: "[2001:db8::50]:4739",
           ipfix_transport: tcp, history_keep: 24h, history_size: 2G, queue: 4096}
)";

IpAddress Ip(std::string_view text) { return IpAddress::Parse(text).value(); }

TEST(EdgeConfigTest, EveryKeyOfTheExampleIsRead) {
  const auto config = ParseEdgeConfig("rampartd.yaml", kExample);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->file, "rampartd.yaml");
  EXPECT_EQ(config->edge, "edge-a");
  ASSERT_EQ(config->devices.size(), 1u);
  EXPECT_EQ(config->devices[0].name, "eth0");
  EXPECT_EQ(config->devices[0].role, DeviceRole::kUplink);
  EXPECT_EQ(config->devices[0].mode, XdpMode::kAuto);
  EXPECT_EQ(config->devices[0].line, 4);
  EXPECT_EQ(config->gue_addresses,
            (std::vector{Ip("192.0.2.1"), Ip("2001:db8::1")}));
  EXPECT_EQ(config->gue_port, 6080);
  ASSERT_EQ(config->pools.size(), 1u);
  EXPECT_EQ(config->pools[0].name, "default");
  EXPECT_EQ(config->pools[0].addresses,
            (std::vector{Ip("198.51.100.1"), Ip("198.51.100.2")}));
  EXPECT_EQ(config->pools[0].ports, (PortRange{1024, 65535}));
  EXPECT_EQ(config->pools[0].block_size, 512);
  EXPECT_EQ(config->pools[0].mapping, NatMapping::kEndpointIndependent);
  EXPECT_EQ(config->pools[0].line, 8);
  EXPECT_EQ(config->timeouts.udp, absl::Seconds(300));
  EXPECT_EQ(config->timeouts.tcp_established, absl::Seconds(7440));
  EXPECT_EQ(config->timeouts.udp_unreplied, absl::Seconds(120));
  EXPECT_EQ(config->timeouts.dns, absl::Seconds(30));
  EXPECT_EQ(config->timeouts.tcp_opening, absl::Seconds(240));
  EXPECT_EQ(config->timeouts.tcp_closing, absl::Seconds(240));
  EXPECT_TRUE(config->warnings.empty());
  EXPECT_EQ(config->timeouts.icmp, absl::Seconds(60));
  EXPECT_EQ(config->flow_capacity, 1048576u);
  EXPECT_EQ(config->api_socket, "/run/rampart/api.sock");
  EXPECT_EQ(config->state, "sqlite:///var/lib/rampart/state.db");
  EXPECT_EQ(config->metrics_listen, "127.0.0.1:9464");
  const FlowLogConfig& flow_log = config->flow_log;
  EXPECT_TRUE(flow_log.on);
  EXPECT_EQ(flow_log.path, "/var/log/rampart/flows.jsonl");
  EXPECT_EQ(flow_log.rotate_size, 64u << 20);
  EXPECT_EQ(flow_log.rotate_keep, 3);
  EXPECT_EQ(flow_log.update_interval, absl::Minutes(1));
  EXPECT_EQ(flow_log.ipfix, "[2001:db8::50]:4739");
  EXPECT_TRUE(flow_log.ipfix_tcp);
  EXPECT_EQ(flow_log.history_keep, absl::Hours(24));
  EXPECT_EQ(flow_log.history_size, uint64_t{2} << 30);
  EXPECT_EQ(flow_log.queue, 4096u);
}

TEST(EdgeConfigTest, WhatIsLeftOutHasItsDefault) {
  const auto config =
      ParseEdgeConfig("f", "edge: a\ndevices: [{name: eth0, role: uplink}]\n");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->devices[0].mode, XdpMode::kAuto);
  EXPECT_TRUE(config->gue_addresses.empty());
  EXPECT_EQ(config->gue_port, 6080);
  EXPECT_TRUE(config->pools.empty());
  EXPECT_EQ(config->timeouts.udp, absl::Seconds(300));
  EXPECT_EQ(config->metrics_listen, "");
  EXPECT_FALSE(config->flow_log.on);
}

TEST(EdgeConfigTest, OtherValuesAreRead) {
  const auto config = ParseEdgeConfig("f", R"(
edge: 0.b_c-d
devices:
  - {name: eth0, role: uplink, mode: native}
  - {name: eth1.100, role: access, mode: generic}
gue: {addresses: ["2001:db8::1"], port: 1}
nat:
  pools:
    - {name: a, addresses: ["2001:db8::2"], ports: 5000-5001, block_size: 2, mapping: address-and-port-dependent}
  timeouts: {udp: 5m, icmp: 1h30m}
metrics: {listen: "[::1]:1"}
)");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->devices[0].mode, XdpMode::kNative);
  EXPECT_EQ(config->devices[1].mode, XdpMode::kGeneric);
  EXPECT_EQ(config->devices[1].role, DeviceRole::kAccess);
  EXPECT_EQ(config->pools[0].mapping, NatMapping::kAddressAndPortDependent);
  EXPECT_EQ(config->timeouts.udp, absl::Minutes(5));
  EXPECT_EQ(config->timeouts.icmp, absl::Minutes(90));
}

struct Case {
  const char* yaml;    // instead of, or behind, the lines that must be there
  const char* report;  // without "f:"
};

std::string Report(std::string_view yaml) {
  return std::string(ParseEdgeConfig("f", yaml).status().message());
}

// Line 1 and 2 of every file below; the mistake begins on line 3.
constexpr char kStart[] = "edge: a\ndevices: [{name: eth0, role: uplink}]\n";

class EdgeConfigMistakeTest : public testing::TestWithParam<Case> {};

TEST_P(EdgeConfigMistakeTest, IsReportedWithWhatWouldBeRight) {
  EXPECT_EQ(Report(absl::StrCat(kStart, GetParam().yaml)),
            absl::StrCat("f:", GetParam().report));
}

INSTANTIATE_TEST_SUITE_P(
    Keys, EdgeConfigMistakeTest,
    testing::Values(
        Case{"flow: {}",
             "3: unknown key \"flow\" in the file; did you mean \"flows\"?"},
        Case{"zzz: 1",
             "3: unknown key \"zzz\" in the file; known are edge, devices, "
             "gue, nat, flows, api, state, etcd, metrics, flow_log"},
        Case{"gue: {addresses: [192.0.2.1], prot: 1}",
             "3: unknown key \"prot\" in gue; did you mean \"port\"?"},
        Case{"\"a\\nb\": 1",
             "3: unknown key \"a\\nb\" in the file; known are edge, devices, "
             "gue, nat, flows, api, state, etcd, metrics, flow_log"},
        Case{"edge: b",
             "3: duplicate key \"edge\" in the file (first on line 1); keep "
             "one"},
        Case{"gue: {port: 6080}",
             "3: key \"addresses\" is missing in gue; add it"},
        Case{"metrics: {}", "3: key \"listen\" is missing in metrics; add it"},
        Case{"gue: [1]", "3: gue is a list; write a map, {key: value, ...}"},
        Case{"gue:", "3: gue is empty; write a map, {key: value, ...}"},
        Case{"gue: {addresses: 192.0.2.1}",
             "3: addresses is a single value; write a list, [..., ...]"},
        Case{"flows: {capacity: [1]}",
             "3: capacity is a list; write a single value"},
        Case{"state: {a: b}", "3: state is a map; write a single value"},
        Case{"nat: {pools: [default]}",
             "3: pool is a single value; write a map, {key: value, ...}"}));

INSTANTIATE_TEST_SUITE_P(
    Values, EdgeConfigMistakeTest,
    testing::Values(
        Case{"flows: {capacity: many}",
             "3: capacity: \"many\" is not a whole number; write a whole "
             "number from 2 to 134217728"},
        Case{"flows: {capacity: 0x10}",
             "3: capacity: \"0x10\" is not a whole number; write a whole "
             "number from 2 to 134217728"},
        Case{"flows: {capacity: 1}",
             "3: capacity: \"1\" is out of range; write a whole number from 2 "
             "to 134217728"},
        Case{"gue: {addresses: [192.0.2.300]}",
             "3: addresses: \"192.0.2.300\" is not an IP address; write one "
             "such as 192.0.2.1 or 2001:db8::1"},
        Case{"gue: {addresses: [127.0.0.1]}",
             "3: addresses: \"127.0.0.1\" is no host's address outside its own "
             "link; write a unicast address"},
        Case{"gue: {addresses: []}",
             "3: addresses: holds no address; write at least one"},
        Case{"gue: {addresses: [192.0.2.1, 192.0.2.1]}",
             "3: addresses: 192.0.2.1 is listed twice; keep one"},
        Case{"gue: {addresses: [192.0.2.1], port: 65536}",
             "3: port: \"65536\" is out of range; write a whole number from 1 "
             "to 65535"},
        Case{"nat: {timeouts: {udp: 300}}",
             "3: udp: \"300\" is not a duration; write a number and its unit, "
             "such as 300s or 5m"},
        Case{"nat: {timeouts: {udp: -5m}}",
             "3: udp: \"-5m\" is out of range; write 100ms to 720h"},
        Case{"nat: {timeouts: {udp: inf}}",
             "3: udp: \"inf\" is out of range; write 100ms to 720h"},
        Case{"api: {socket: api.sock}",
             "3: socket: \"api.sock\" is not the path of a Unix socket; write "
             "an absolute one of at most 107 bytes, such as "
             "/run/rampart/api.sock"},
        Case{"state: sqlite://state.db",
             "3: state: \"sqlite://state.db\" is not a state store; write "
             "sqlite:// and an absolute path, such as "
             "sqlite:///var/lib/rampart/state.db, or etcd://HOST:PORT/PREFIX"},
        Case{"metrics: {listen: 9464}",
             "3: listen: \"9464\" is not an address and port; write "
             "127.0.0.1:9464 or [::1]:9464"},
        Case{"metrics: {listen: \"::1:9464\"}",
             "3: listen: \"::1:9464\" is not an address and port; write "
             "127.0.0.1:9464 or [::1]:9464"},
        Case{"flow_log: {path: \"\"}",
             "3: path: \"\" is not a path; write the name of a file"},
        Case{"flow_log: {ipfix: collector}",
             "3: ipfix: \"collector\" is not an address and port; write "
             "192.0.2.50:4739 or [2001:db8::50]:4739"},
        Case{"flow_log: {ipfix_transport: tcp}",
             "3: ipfix_transport: there is no collector; write ipfix: "
             "ADDRESS:PORT, too"},
        Case{"flow_log: {rotate_size: 1}",
             "3: rotate_size: \"1\" is no size; write 64K to 16384G, such as "
             "100M"},
        Case{"flow_log: {update_interval: 5}",
             "3: update_interval: \"5\" is no interval of updates; write 1s "
             "to 720h, such as 5m, or 0 for none"},
        Case{"flow_log: {history_keep: 7d}",
             "3: history_keep: \"7d\" is no time to keep records; write 1m to "
             "87600h, such as 168h for a week"}));

INSTANTIATE_TEST_SUITE_P(
    Pools, EdgeConfigMistakeTest,
    testing::Values(
        Case{"nat: {pools: [{name: a, addresses: [192.0.2.9], ports: "
             "5000-4000}]}",
             "3: ports: \"5000-4000\" is not a range of NAT ports; write one "
             "from 1 to 65535, such as 1024-65535"},
        Case{"nat: {pools: [{name: a, addresses: [192.0.2.9], ports: 0-10}]}",
             "3: ports: \"0-10\" is not a range of NAT ports; write one from 1 "
             "to 65535, such as 1024-65535"},
        Case{"nat: {pools: [{name: a, addresses: [192.0.2.9], ports: "
             "1024-65536}]}",
             "3: ports: \"1024-65536\" is not a range of NAT ports; write one "
             "from 1 to 65535, such as 1024-65535"},
        Case{"nat: {pools: [{name: a, addresses: [192.0.2.9], ports: "
             "1024-1123}]}",
             "3: block_size: 512 is more than the 100 ports of range "
             "1024-1123; write at most 100"},
        Case{"nat: {pools: [{name: a, addresses: [192.0.2.9], block_size: 0}]}",
             "3: block_size: \"0\" is out of range; write a whole number from "
             "1 to 65535"},
        Case{"nat: {pools: [{name: a, addresses: [192.0.2.9], filtering: "
             "none}]}",
             "3: filtering: \"none\" is not known; write "
             "endpoint-independent, address-dependent or "
             "address-and-port-dependent"},
        Case{"nat: {pools: [{name: a, addresses: [192.0.2.9], mapping: x}]}",
             "3: mapping: \"x\" is not known; write endpoint-independent or "
             "address-and-port-dependent"},
        Case{"nat:\n pools:\n"
             "  - {name: a, addresses: [192.0.2.9]}\n"
             "  - {name: a, addresses: [192.0.2.8]}",
             "6: name: duplicate pool \"a\" (first on line 5); give each pool "
             "its own name"},
        Case{"nat:\n pools:\n"
             "  - {name: a, addresses: [192.0.2.9]}\n"
             "  - {name: b, addresses: [192.0.2.8, 192.0.2.9]}",
             "6: address 192.0.2.9 of pool \"b\" is in pool \"a\" too; keep it "
             "in one of them"},
        Case{"nat: {pools: [{name: a, addresses: [192.0.2.9, 192.0.2.9]}]}",
             "3: addresses: 192.0.2.9 is listed twice; keep one"},
        Case{"gue: {addresses: [192.0.2.1, \"2001:db8::1\"]}\n"
             "nat: {pools: [{name: a, addresses: [\"2001:db8::1\"]}]}",
             "4: address 2001:db8::1 of pool \"a\" is in gue.addresses too; "
             "keep it in one of them"}));

TEST(EdgeConfigTest, MissingAndWrongDevicesAreReported) {
  EXPECT_EQ(Report("flows: {}\n"),
            "f:1: key \"edge\" is missing in the file; add it\n"
            "f:1: key \"devices\" is missing in the file; add it");
  EXPECT_EQ(Report("edge: a\ndevices: []\n"),
            "f:2: devices: holds no device; write at least one");
  EXPECT_EQ(Report("edge: a\ndevices:\n"
                   "  - {name: eth0, role: uplink}\n"
                   "  - {name: eth0, role: uplink}\n"),
            "f:4: name: duplicate device \"eth0\" (first on line 3); list each "
            "device once");
  EXPECT_EQ(Report("edge: a\ndevices: [{name: eth0, role: both}]\n"),
            "f:2: role: \"both\" is not known; write uplink or access");
  EXPECT_EQ(Report("edge: a\ndevices: [{name: a/b, role: uplink}]\n"),
            "f:2: name: \"a/b\" is not a device name; write one such as eth1");
  EXPECT_EQ(Report("edge: -a\ndevices: [{name: eth0, role: uplink}]\n"),
            "f:1: edge: \"-a\" is not a name; write at most 63 letters, "
            "digits, \".\", \"_\" and \"-\", with a letter or digit first");
}

TEST(EdgeConfigTest, AllMistakesAreReportedInTheOrderOfTheFile) {
  EXPECT_EQ(Report("devices: [{name: eth0, rule: uplink}]\n"
                   "gue:\n"
                   "  addresses: [x]\n"
                   "  port: y\n"
                   "edge: a\n"),
            "f:1: key \"role\" is missing in device; add it\n"
            "f:1: unknown key \"rule\" in device; did you mean \"role\"?\n"
            "f:3: addresses: \"x\" is not an IP address; write one such as "
            "192.0.2.1 or 2001:db8::1\n"
            "f:4: port: \"y\" is not a whole number; write a whole number from "
            "1 to 65535");
}

TEST(EdgeConfigTest, DocumentThatIsNoMapIsReportedOnce) {
  EXPECT_EQ(Report("- a\n- b\n"),
            "f:1: the file is a list; write a map, {key: value, ...}");
  EXPECT_EQ(Report(""), "f:1: is empty; write at least one key: value");
}

TEST(EdgeConfigTest, ManyMistakesAreCounted) {
  std::string yaml = kStart;
  for (int i = 0; i < 1500; ++i) absl::StrAppend(&yaml, "x", i, ": 1\n");
  const std::string report = Report(yaml);
  EXPECT_EQ(std::count(report.begin(), report.end(), '\n'), 1000);
  EXPECT_TRUE(report.ends_with("f: 500 more mistakes; correct these first"));
}

}  // namespace
}  // namespace rampart

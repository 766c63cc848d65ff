// SPDX-License-Identifier: Apache-2.0
// resources.yaml: what is read, and every mistake with its message.
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "controller/config/check.h"
#include "controller/config/edge_config.h"
#include "tests/controller/config/key_files.h"

namespace rampart {
namespace {

IpAddress Ip(std::string_view text) { return IpAddress::Parse(text).value(); }
Prefix Cidr(std::string_view text) { return Prefix::Parse(text).value(); }

EdgeConfig Edge() {
  return ParseEdgeConfig("rampartd.yaml", R"(
edge: edge-a
devices:
  - {name: eth0, role: uplink}
  - {name: eth1, role: access}
gue: {addresses: [192.0.2.1]}
nat: {pools: [{name: default, addresses: [198.51.100.1]}]}
)")
      .value();
}

constexpr char kExample[] =
    R"(# resources.yaml                                    # xdpctl apply -f resources.yaml [--dry-run]
tenants:
  - name: acme
    vnets:
      - {name: frankfurt, vni: 1001, default: true, comment: "London and Munich"}
      - {name: sydney, vni: 1002}
    tunnels:
      - {name: fra, type: gue, vnet: frankfurt, peers: [{remote: 192.0.2.10, auth: none}]}
      - {name: syd, type: gue, vnet: sydney, peers: [{remote: 192.0.2.11, auth: mac, key_id: 1, key_file: /etc/rampart/syd.key}]}
      - {name: hq,  type: gre, vnet: frankfurt, peers: [{remote: 192.0.2.20, key: 1001}]}
      - {name: lan, type: interface, vnet: frankfurt, edge: edge-a, device: eth1}
    routes:
      - {vnet: frankfurt, cidr: 10.1.0.0/16, via: fra}
      - {vnet: frankfurt, cidr: 0.0.0.0/0,  via: internet, pool: default}
    policies:                                       # no rule matches -> deny
      - {name: web, match: {vnet: frankfurt, protocol: tcp, destination_ports: [80, 443]}, action: allow}
      - {name: ping, match: {protocol: icmp}, action: allow}
)";

class ResourcesTest : public testing::Test {
 protected:
  absl::StatusOr<Resources> Parse(std::string_view yaml) {
    return ParseResources("f", yaml, edge_);
  }
  // One tenant: `yaml` is its content, with an indentation of one blank, from
  // line 3 on.
  Tenant ParseTenant(std::string_view yaml) {
    const auto resources =
        Parse(absl::StrCat("tenants:\n- name: acme\n", std::string(yaml)));
    EXPECT_TRUE(resources.ok()) << resources.status();
    return resources.ok() ? resources->tenants.at(0) : Tenant();
  }

  EdgeConfig edge_ = Edge();
};

TEST_F(ResourcesTest, ExampleIsReadAsItIsWritten) {
  KeyFiles keys;
  const auto resources = ParseResources(
      "resources.yaml",
      absl::StrReplaceAll(kExample,
                          {{"/etc/rampart/syd.key", keys.Path("mac.key")}}),
      edge_);
  ASSERT_TRUE(resources.ok()) << resources.status();
  EXPECT_EQ(resources->file, "resources.yaml");
  Tenant wanted{.name = "acme", .line = 3};
  wanted.vnets = {{.name = "frankfurt",
                   .vni = 1001,
                   .is_default = true,
                   .comment = "London and Munich",
                   .line = 5},
                  {.name = "sydney", .vni = 1002, .line = 6}};
  Peer syd{.remote = Ip("192.0.2.11"), .auth = Auth::kMac, .line = 9};
  syd.keys = {
      {.key_id = 1,
       .key_file = keys.Path("mac.key"),
       .secret = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}}};
  Peer hq{.remote = Ip("192.0.2.20"), .line = 10};
  hq.gre_key = 1001;
  wanted.tunnels = {
      {.name = "fra",
       .type = TunnelType::kGue,
       .vnet = "frankfurt",
       .peers = {{.remote = Ip("192.0.2.10"), .auth = Auth::kNone, .line = 8}},
       .line = 8},
      {.name = "syd",
       .type = TunnelType::kGue,
       .vnet = "sydney",
       .peers = {syd},
       .line = 9},
      {.name = "hq",
       .type = TunnelType::kGre,
       .vnet = "frankfurt",
       .peers = {hq},
       .line = 10},
      {.name = "lan",
       .type = TunnelType::kInterface,
       .vnet = "frankfurt",
       .edge = "edge-a",
       .device = "eth1",
       .line = 11}};
  wanted.routes = {{.vnet = "frankfurt",
                    .cidr = Cidr("10.1.0.0/16"),
                    .tunnel = "fra",
                    .line = 13},
                   {.vnet = "frankfurt",
                    .cidr = Cidr("0.0.0.0/0"),
                    .kind = Route::Kind::kInternet,
                    .pool = "default",
                    .line = 14}};
  PolicyMatch web{.vnet = "frankfurt", .protocol = 6};
  web.destination_ports = {{80, 80}, {443, 443}};
  wanted.policies = {
      {.name = "web", .match = web, .action = PolicyAction::kAllow, .line = 16},
      {.name = "ping",
       .match = {.protocol = 1},
       .action = PolicyAction::kAllow,
       .line = 17}};
  EXPECT_EQ(resources->tenants, std::vector{wanted});
}

TEST_F(ResourcesTest, NoTenantsAreFine) {
  const auto resources = Parse("tenants: []\n");
  ASSERT_TRUE(resources.ok()) << resources.status();
  EXPECT_TRUE(resources->tenants.empty());
}

TEST_F(ResourcesTest, TenantNeedsNoVnetUnlessSomethingIsInOne) {
  const Tenant tenant = ParseTenant("  policies: [{name: a, action: deny}]");
  EXPECT_TRUE(tenant.vnets.empty());
}

TEST_F(ResourcesTest, OnlyVnetIsTheDefaultAndMeantWhereNoneIsNamed) {
  const Tenant tenant = ParseTenant(R"(
  vnets: [{name: main, vni: 1, router: [10.1.255.1, "fd00::1"]}]
  tunnels: [{name: t, type: gue, peers: [{remote: 192.0.2.2, auth: none}], sources: [10.0.0.0/8, "fd00::/8"]}]
  routes: [{cidr: 10.0.0.0/8, via: t}, {cidr: 192.0.2.1, via: blackhole}, {cidr: "::/0", via: internet}])");
  EXPECT_TRUE(tenant.vnets[0].is_default);
  EXPECT_EQ(tenant.vnets[0].router,
            (std::vector{Ip("10.1.255.1"), Ip("fd00::1")}));
  EXPECT_EQ(tenant.tunnels[0].vnet, "main");
  EXPECT_EQ(tenant.tunnels[0].sources,
            (std::vector{Cidr("10.0.0.0/8"), Cidr("fd00::/8")}));
  for (const Route& route : tenant.routes) EXPECT_EQ(route.vnet, "main");
  EXPECT_EQ(tenant.routes[1].kind, Route::Kind::kBlackhole);
  EXPECT_EQ(tenant.routes[1].cidr, Cidr("192.0.2.1/32"));
  EXPECT_EQ(tenant.routes[2].pool, "default");
}

TEST_F(ResourcesTest, PeersOfEveryProfileAreRead) {
  KeyFiles keys;
  const Tenant tenant =
      ParseTenant(absl::StrReplaceAll(R"(
  vnets: [{name: main, vni: 1}]
  tunnels:
  - name: t
    type: gue
    peers:
    - {remote: 192.0.2.2, keys: [{key_id: 255, key_file: MAC2}, {key_id: 0, key_file: MAC}]}
    - {remote: 192.0.2.3, auth: cookie, key_file: COOKIE}
    - {remote: 192.0.2.4, auth: gre-key}
    - {remote: 192.0.2.5, auth: none, variant: 1}
  - {name: r, type: gre, peers: [{remote: 192.0.2.2}, {remote: 192.0.2.2, key: 0, checksum: true, sequence: true}]})",
                                      {{"MAC2", keys.Path("mac2.key")},
                                       {"MAC", keys.Path("mac.key")},
                                       {"COOKIE", keys.Path("cookie.key")}}));
  const std::vector<Peer>& peers = tenant.tunnels.at(0).peers;
  ASSERT_EQ(peers.size(), 4u);
  EXPECT_EQ(peers[0].auth, Auth::kMac);
  ASSERT_EQ(peers[0].keys.size(), 2u);
  EXPECT_EQ(peers[0].keys[0].key_id, 255);
  EXPECT_EQ(peers[0].keys[0].secret[0], 0xff);
  EXPECT_EQ(peers[1].auth, Auth::kCookie);
  EXPECT_EQ(
      peers[1].keys.at(0).secret,
      (std::vector<uint8_t>{1, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef}));
  EXPECT_EQ(peers[2].auth, Auth::kGreKey);
  EXPECT_EQ(peers[3].auth, Auth::kNone);
  EXPECT_EQ(peers[3].variant, 1);
  const std::vector<Peer>& gre = tenant.tunnels.at(1).peers;
  EXPECT_FALSE(gre[0].gre_key.has_value());
  EXPECT_EQ(gre[1].gre_key, 0u);
  EXPECT_TRUE(gre[1].checksum);
  EXPECT_TRUE(gre[1].sequence);
}

TEST_F(ResourcesTest, PeerOverIpv6MayLeaveOutItsChecksum) {
  edge_.gue_addresses = {Ip("2001:db8::1")};
  const Tenant tenant = ParseTenant(R"(
  vnets: [{name: main, vni: 1}]
  tunnels: [{name: t, type: gue, peers: [{remote: "2001:db8::2", auth: none, accept_zero_checksum: true}]}])");
  EXPECT_TRUE(tenant.tunnels.at(0).peers.at(0).accept_zero_checksum);
}

TEST_F(ResourcesTest, RulesMatchWhatTheySayAndOtherwiseAnything) {
  const Tenant tenant = ParseTenant(R"(
  vnets: [{name: main, vni: 1}]
  tunnels: [{name: t, type: gue, peers: [{remote: 192.0.2.2, auth: none}]}]
  policies:
  - {name: a, match: {vnet: main, tunnel: t, protocol: udp, sources: [10.0.0.0/8], destinations: ["::/0"], source_ports: [53], destination_ports: [8000-8100, 0-65535]}, action: reject}
  - {name: b, action: deny}
  - {name: c, match: {protocol: any}, action: deny}
  - {name: d, match: {protocol: sctp}, action: deny}
  - {name: e, match: {protocol: 89}, action: deny}
  - {name: f, match: {destination_ports: [22]}, action: deny})");
  const PolicyMatch& match = tenant.policies.at(0).match;
  EXPECT_EQ(tenant.policies[0].action, PolicyAction::kReject);
  EXPECT_EQ(match.vnet, "main");
  EXPECT_EQ(match.tunnel, "t");
  EXPECT_EQ(match.protocol, 17);
  EXPECT_EQ(match.sources, std::vector{Cidr("10.0.0.0/8")});
  EXPECT_EQ(match.destinations, std::vector{Cidr("::/0")});
  EXPECT_EQ(match.source_ports, (std::vector<PortRange>{{53, 53}}));
  EXPECT_EQ(match.destination_ports,
            (std::vector<PortRange>{{8000, 8100}, {0, 65535}}));
  EXPECT_EQ(tenant.policies.at(1).match, PolicyMatch());
  EXPECT_EQ(tenant.policies.at(2).match, PolicyMatch());
  EXPECT_EQ(tenant.policies.at(3).match.protocol, 132);
  EXPECT_EQ(tenant.policies.at(4).match.protocol, 89);
}

// Other edges' interface tunnels are none of this edge's business.
TEST_F(ResourcesTest, DeviceOfAnotherEdgeNeedNotBeHere) {
  const Tenant tenant = ParseTenant(R"(
  vnets: [{name: main, vni: 1}]
  tunnels:
  - {name: a, type: interface, edge: edge-a, device: eth1}
  - {name: b, type: interface, edge: edge-b, device: eth1})");
  EXPECT_EQ(tenant.tunnels.size(), 2u);
}

TEST_F(ResourcesTest, StoredResourcesAreCheckedAgainstAChangedEdge) {
  KeyFiles keys;
  const auto resources = ParseResources(
      "f",
      absl::StrReplaceAll(kExample,
                          {{"/etc/rampart/syd.key", keys.Path("mac.key")}}),
      edge_);
  ASSERT_TRUE(resources.ok()) << resources.status();
  EXPECT_EQ(CheckResources(*resources, edge_), absl::OkStatus());
  edge_.pools.clear();
  EXPECT_EQ(CheckResources(*resources, edge_).message(),
            "f:14: route 0.0.0.0/0: edge \"edge-a\" has no pool \"default\"; "
            "there is none");
}

struct Case {
  const char* yaml;    // of tenant acme, from line 3 on
  const char* report;  // without "f:"
};

class ResourcesMistakeTest : public testing::TestWithParam<Case> {};

TEST_P(ResourcesMistakeTest, IsReportedWithWhatWouldBeRight) {
  const auto resources = ParseResources(
      "f", absl::StrCat("tenants:\n- name: acme\n", GetParam().yaml), Edge());
  EXPECT_EQ(std::string(resources.status().message()),
            absl::StrCat("f:", GetParam().report));
}

#define VNET "  vnets: [{name: main, vni: 1}]\n"
#define VNETS \
  "  vnets: [{name: main, vni: 1, default: true}, {name: lab, vni: 2}]\n"
// A peer on line 4.
#define GUE(peer) VNET "  tunnels: [{name: t, type: gue, peers: [" peer "]}]\n"
#define GRE(peer) VNET "  tunnels: [{name: t, type: gre, peers: [" peer "]}]\n"
#define ROUTE(route) \
  GUE("{remote: 192.0.2.2, auth: none}") "  routes: [" route "]\n"
#define POLICY(rule) \
  GUE("{remote: 192.0.2.2, auth: none}") "  policies: [" rule "]\n"

INSTANTIATE_TEST_SUITE_P(
    Keys, ResourcesMistakeTest,
    testing::Values(
        Case{"  vnet: []",
             "3: unknown key \"vnet\" in tenant; did you mean \"vnets\"?"},
        Case{"  id: 7",
             "3: unknown key \"id\" in tenant; known are name, vnets, tunnels, "
             "routes, policies"},
        Case{"  line: 7",
             "3: unknown key \"line\" in tenant; known are name, vnets, "
             "tunnels, "
             "routes, policies"},
        Case{"  vnets: [{name: a, vni: 1, vni: 2}]",
             "3: duplicate key \"vni\" in vnet (first on line 3); keep one"},
        Case{"  vnets: [{name: a}]",
             "3: key \"vni\" is missing in vnet; add it"},
        Case{"  vnets: {name: a, vni: 1}",
             "3: vnets is a map; write a list, [..., ...]"},
        Case{"  vnets: [{name: [a], vni: 1}]",
             "3: name is a list; write a single value"},
        Case{"  vnets: [{name: a, vni: 1, default: maybe}]",
             "3: default: \"maybe\" is not known; write false or true"},
        Case{VNET "  tunnels: [{name: t, type: gue, edge: a, peers: [{remote: "
                  "192.0.2.2, auth: none}]}]",
             "4: unknown key \"edge\" in tunnel; known are name, type, vnet, "
             "sources, peers"},
        Case{GRE("{remote: 192.0.2.2, auth: none}"),
             "4: unknown key \"auth\" in gre peer; known are remote, key, "
             "checksum, sequence"},
        Case{GUE("{remote: 192.0.2.2, auth: none, key: 1}"),
             "4: unknown key \"key\" in gue peer; did you mean \"keys\"?"},
        Case{ROUTE("{cidr: 10.0.0.0/8, to: t}"),
             "5: key \"via\" is missing in route; add it\n"
             "f:5: unknown key \"to\" in route; known are vnet, cidr, via, "
             "pool"},
        Case{POLICY("{name: a, match: {port: 1}, action: deny}"),
             "5: unknown key \"port\" in match; known are vnet, tunnel, "
             "protocol, sources, destinations, source_ports, "
             "destination_ports"},
        Case{POLICY("{name: a}"),
             "5: key \"action\" is missing in policy; add it"}));

INSTANTIATE_TEST_SUITE_P(
    Vnets, ResourcesMistakeTest,
    testing::Values(
        Case{"  vnets: [{name: a, vni: 0}]",
             "3: vni: \"0\" is out of range; write a whole number from 1 to "
             "4294967294"},
        Case{"  vnets: [{name: a, vni: 4294967295}]",
             "3: vni: \"4294967295\" is out of range; write a whole number "
             "from 1 to 4294967294"},
        Case{"  vnets: [{name: a, vni: 99999999999999999999}]",
             "3: vni: \"99999999999999999999\" is not a whole number; write a "
             "whole number from 1 to 4294967294"},
        Case{"  vnets:\n  - {name: a, vni: 7, default: true}\n  - {name: b, "
             "vni: 7}",
             "5: vnet \"b\": VNI 7 belongs to vnet \"a\" of tenant \"acme\" "
             "(line 4); give each vnet its own"},
        Case{"  vnets: [{name: a, vni: 7}]\n- name: other\n  vnets: [{name: a, "
             "vni: 7}]",
             "5: vnet \"a\": VNI 7 belongs to vnet \"a\" of tenant \"acme\" "
             "(line 3); give each vnet its own"},
        Case{"  vnets:\n  - {name: a, vni: 7, default: true}\n  - {name: a, "
             "vni: 8}",
             "5: duplicate vnet \"a\" (first on line 4); give each vnet its "
             "own name"},
        Case{"  vnets:\n  - {name: a, vni: 7, default: true}\n  - {name: b, "
             "vni: 8, default: true}",
             "5: vnet \"b\" is a second default of tenant \"acme\" (the first "
             "is \"a\" on line 4); keep one"},
        Case{"  vnets: [{name: a, vni: 7}, {name: b, vni: 8}]",
             "2: tenant \"acme\" has 2 vnets and no default; write default: "
             "true in one of them"},
        Case{"  routes: [{cidr: 10.0.0.0/8, via: blackhole}]",
             "3: route 10.0.0.0/8 needs a vnet, and tenant \"acme\" has none; "
             "add one under vnets"},
        Case{"  vnets: [{name: a, vni: 7, router: [10.0.0.1, 10.0.0.2]}]",
             "3: router: has 2 addresses of IPv4; write at most one per "
             "family"},
        Case{"  vnets: [{name: \"\", vni: 7}]",
             "3: name: \"\" is not a name; write at most 63 letters, digits, "
             "\".\", \"_\" and \"-\", with a letter or digit first"},
        Case{"  vnets: [{name: a b, vni: 7}]",
             "3: name: \"a b\" is not a name; write at most 63 letters, "
             "digits, \".\", \"_\" and \"-\", with a letter or digit first"},
        Case{"- name: acme",
             "3: duplicate tenant \"acme\" (first on line 2); give each tenant "
             "its own name"}));

INSTANTIATE_TEST_SUITE_P(
    Tunnels, ResourcesMistakeTest,
    testing::Values(
        Case{VNET "  tunnels: [{name: t, type: wg, peers: [], device: x}]",
             "4: type: \"wg\" is not known; write gue, gre or interface"},
        Case{VNET "  tunnels: [{name: internet, type: interface, edge: edge-a, "
                  "device: eth1}]",
             "4: name: \"internet\" is where routes may lead without a tunnel; "
             "write another name"},
        Case{VNET "  tunnels: [{name: t, vnet: mian, type: interface, edge: "
                  "edge-a, device: eth1}]",
             "4: tunnel \"t\": tenant \"acme\" has no vnet \"mian\"; did you "
             "mean \"main\"?"},
        Case{"  tunnels: [{name: t, type: interface, edge: edge-a, device: "
             "eth1}]",
             "3: tunnel \"t\" needs a vnet, and tenant \"acme\" has none; add "
             "one under vnets"},
        Case{VNET "  tunnels:\n"
                  "  - {name: t, type: interface, edge: edge-b, device: eth1}\n"
                  "  - {name: t, type: interface, edge: edge-c, device: eth1}",
             "6: duplicate tunnel \"t\" (first on line 5); give each tunnel "
             "its own name"},
        Case{VNET "  tunnels: [{name: t, type: interface, edge: edge-a}]",
             "4: key \"device\" is missing in tunnel; add it"},
        Case{VNET "  tunnels: [{name: t, type: interface, device: eth1}]",
             "4: key \"edge\" is missing in tunnel; add it"},
        Case{VNET "  tunnels: [{name: t, type: interface, edge: edge-a, "
                  "device: eth9}]",
             "4: tunnel \"t\": edge \"edge-a\" has no device \"eth9\"; add it "
             "to devices with role: access"},
        Case{VNET "  tunnels: [{name: t, type: interface, edge: edge-a, "
                  "device: eth0}]",
             "4: tunnel \"t\": device \"eth0\" is an uplink; use a device with "
             "role: access"},
        Case{VNET "  tunnels: [{name: t, type: interface, edge: edge-a, "
                  "device: eth1}]\n"
                  "- name: other\n"
                  "  vnets: [{name: main, vni: 2}]\n"
                  "  tunnels: [{name: u, type: interface, edge: edge-a, "
                  "device: eth1}]",
             "7: tunnel \"u\": device \"eth1\" of edge \"edge-a\" belongs to "
             "tunnel \"t\" of tenant \"acme\" (line 4); use another device"},
        Case{VNET "  tunnels: [{name: t, type: gue, peers: [{remote: "
                  "192.0.2.2, auth: none}], sources: [10.0.0.1/8]}]",
             "4: sources: \"10.0.0.1/8\" has bits set behind its length; write "
             "10.0.0.0/8 or 10.0.0.1/32"}));

INSTANTIATE_TEST_SUITE_P(
    Peers, ResourcesMistakeTest,
    testing::Values(
        Case{GUE(""), "4: peers: holds no peer; write at least one"},
        Case{VNET "  tunnels: [{name: t, type: gue}]",
             "4: key \"peers\" is missing in tunnel; add it"},
        Case{GUE("{auth: none}"),
             "4: key \"remote\" is missing in gue peer; add it"},
        Case{GUE("{remote: 0.0.0.0, auth: none}"),
             "4: remote: \"0.0.0.0\" is no host's address outside its own "
             "link; write a unicast address"},
        Case{GUE("{remote: 192.0.2.1, auth: none}"),
             "4: peer 192.0.2.1 is a gue address of this edge; write the "
             "address of the other end"},
        Case{GUE("{remote: 198.51.100.1, auth: none}"),
             "4: peer 198.51.100.1 is in pool \"default\" of this edge; write "
             "the address of the other end"},
        Case{GUE("{remote: \"2001:db8::2\", auth: none}"),
             "4: peer 2001:db8::2 is IPv6, and this edge has no gue address of "
             "that family; add one to gue.addresses"},
        Case{GUE("{remote: 192.0.2.2, auth: none},\n   {remote: 192.0.2.2, "
                 "auth: gre-key}"),
             "5: gue peer 192.0.2.2 is in tunnel \"t\" of tenant \"acme\" "
             "(line 4); list each remote address once"},
        Case{GUE("{remote: 192.0.2.2, auth: none}") "- name: other\n" VNETS
                                                    "  tunnels: [{name: u, "
                                                    "type: gue, peers: "
                                                    "[{remote: 192.0.2.2, "
                                                    "auth: none}]}]",
             "6: vnet \"main\": VNI 1 belongs to vnet \"main\" of tenant "
             "\"acme\" (line 3); give each vnet its own\n"
             "f:7: gue peer 192.0.2.2 is in tunnel \"t\" of tenant \"acme\" "
             "(line 4); list each remote address once"},
        Case{GRE("{remote: 192.0.2.2, key: 5},\n   {remote: 192.0.2.2, key: "
                 "5}"),
             "5: gre peer 192.0.2.2 with key 5 is in tunnel \"t\" of tenant "
             "\"acme\" (line 4); give each its own key"},
        Case{GRE("{remote: 192.0.2.2},\n   {remote: 192.0.2.2}"),
             "5: gre peer 192.0.2.2 is in tunnel \"t\" of tenant \"acme\" "
             "(line 4); give each its own key"},
        Case{GRE("{remote: 192.0.2.2, key: 4294967296}"),
             "4: key: \"4294967296\" is out of range; write a whole number "
             "from 0 to 4294967295"},
        Case{GUE("{remote: 192.0.2.2, auth: psk, key_file: x}"),
             "4: auth: \"psk\" is not known; write mac, cookie, gre-key or "
             "none"},
        Case{GUE("{remote: 192.0.2.2}"),
             "4: key \"key_id\" is missing in gue peer; add it\n"
             "f:4: key \"key_file\" is missing in gue peer; add it"},
        Case{GUE("{remote: 192.0.2.2, auth: cookie}"),
             "4: key \"key_file\" is missing in gue peer; add it"},
        Case{GUE("{remote: 192.0.2.2, key_id: 256, key_file: x}"),
             "4: key_id: \"256\" is out of range; write a whole number from 0 "
             "to 255"},
        Case{GUE("{remote: 192.0.2.2, auth: none, key_file: x}"),
             "4: key_file: auth none has no key; leave it out, or write auth "
             "mac or cookie"},
        Case{GUE("{remote: 192.0.2.2, auth: gre-key, keys: [{key_file: x}]}"),
             "4: keys: auth gre-key has no key; leave it out, or write auth "
             "mac or cookie"},
        Case{GUE("{remote: 192.0.2.2, keys: [], key_file: x}"),
             "4: keys: stands beside key_id or key_file; write either one"},
        Case{GUE("{remote: 192.0.2.2, keys: []}"),
             "4: keys: holds no key; write one, or two while they roll"},
        Case{GUE("{remote: 192.0.2.2, keys: [{key_id: 1, key_file: a}, "
                 "{key_id: 2, key_file: b}, {key_id: 3, key_file: c}]}"),
             "4: keys: holds 3 keys; write at most two"},
        Case{GUE("{remote: 192.0.2.2, keys: [{key_id: 1, key_file: a}, "
                 "{key_id: 1, key_file: b}]}"),
             "4: keys: has the same key_id twice; give each key its own"},
        Case{GUE("{remote: 192.0.2.2, auth: none, variant: 2}"),
             "4: variant: \"2\" is out of range; write a whole number from 0 "
             "to 1"},
        Case{GUE("{remote: 192.0.2.2, auth: gre-key, variant: 1}"),
             "4: variant: 1 has no room for authentication; write auth: none, "
             "or leave variant out"},
        Case{GUE("{remote: 192.0.2.2, auth: none, accept_zero_checksum: true}"),
             "4: accept_zero_checksum: is about UDP over IPv6, and remote is "
             "IPv4; leave it out"}));

INSTANTIATE_TEST_SUITE_P(
    Routes, ResourcesMistakeTest,
    testing::Values(
        Case{ROUTE("{cidr: 10.0.0.0/33, via: t}"),
             "5: cidr: \"10.0.0.0/33\" is not a CIDR; write one such as "
             "10.1.0.0/16 or 2001:db8::/32"},
        Case{ROUTE("{cidr: 10.0.0.1/8, via: t}"),
             "5: cidr: \"10.0.0.1/8\" has bits set behind its length; write "
             "10.0.0.0/8 or 10.0.0.1/32"},
        Case{ROUTE("{cidr: 10.0.0.0/8, via: tt}"),
             "5: route 10.0.0.0/8: tenant \"acme\" has no tunnel \"tt\"; did "
             "you mean \"t\"?"},
        Case{ROUTE("{cidr: 10.0.0.0/8, via: frankfurt}"),
             "5: route 10.0.0.0/8: tenant \"acme\" has no tunnel "
             "\"frankfurt\"; known are t"},
        Case{ROUTE("{vnet: x, cidr: 10.0.0.0/8, via: blackhole}"),
             "5: route 10.0.0.0/8: tenant \"acme\" has no vnet \"x\"; known "
             "are main"},
        Case{ROUTE("{cidr: 10.0.0.0/8, via: internet, pool: defualt}"),
             "5: route 10.0.0.0/8: edge \"edge-a\" has no pool \"defualt\"; "
             "did you mean \"default\"?"},
        Case{ROUTE("{cidr: 10.0.0.0/8, via: t, pool: default}"),
             "5: pool: route via \"t\" uses no pool; leave it out, or write "
             "via: internet"},
        Case{ROUTE("{cidr: 10.0.0.0/8, via: t},\n   {vnet: main, cidr: "
                   "10.0.0.0/8, via: blackhole}"),
             "6: duplicate route 10.0.0.0/8 in vnet \"main\" (first on line "
             "5); keep one"},
        Case{VNETS "  tunnels: [{name: t, type: gre, peers: [{remote: "
                   "192.0.2.2}]}]\n"
                   "  routes: [{vnet: lab, cidr: 10.0.0.0/8, via: t}]",
             "5: route 10.0.0.0/8 in vnet \"lab\": tunnel \"t\" carries vnet "
             "\"main\" only; use a tunnel of that vnet, or gue with auth mac, "
             "cookie or gre-key"},
        Case{VNETS "  tunnels: [{name: t, type: gue, peers: [{remote: "
                   "192.0.2.2, auth: gre-key}, {remote: 192.0.2.3, auth: "
                   "none}]}]\n"
                   "  routes: [{vnet: lab, cidr: 10.0.0.0/8, via: t}]",
             "5: route 10.0.0.0/8 in vnet \"lab\": tunnel \"t\" carries vnet "
             "\"main\" only; use a tunnel of that vnet, or gue with auth mac, "
             "cookie or gre-key"}));

INSTANTIATE_TEST_SUITE_P(
    Policies, ResourcesMistakeTest,
    testing::Values(
        Case{POLICY("{name: a, action: drop}"),
             "5: action: \"drop\" is not known; write allow, deny or reject"},
        Case{POLICY("{name: a, action: deny},\n   {name: a, action: deny}"),
             "6: duplicate policy \"a\" (first on line 5); give each policy "
             "its own name"},
        Case{POLICY("{name: a, match: {vnet: x}, action: deny}"),
             "5: policy \"a\": tenant \"acme\" has no vnet \"x\"; known are "
             "main"},
        Case{POLICY("{name: a, match: {tunnel: u}, action: deny}"),
             "5: policy \"a\": tenant \"acme\" has no tunnel \"u\"; known are "
             "t"},
        Case{POLICY("{name: a, match: {protocol: tpc}, action: deny}"),
             "5: protocol: \"tpc\" is not a protocol; write tcp, udp, icmp, "
             "sctp, any or a number from 0 to 255"},
        Case{POLICY("{name: a, match: {protocol: 256}, action: deny}"),
             "5: protocol: \"256\" is not a protocol; write tcp, udp, icmp, "
             "sctp, any or a number from 0 to 255"},
        Case{POLICY("{name: a, match: {protocol: tcp, destination_ports: "
                    "[8100-8000]}, action: deny}"),
             "5: destination_ports: \"8100-8000\" is not a port range; write a "
             "port from 0 to 65535, or a range such as 8000-8100"},
        Case{POLICY("{name: a, match: {source_ports: [65536]}, action: deny}"),
             "5: source_ports: \"65536\" is not a port range; write a port "
             "from 0 to 65535, or a range such as 8000-8100"},
        Case{POLICY("{name: a, match: {destination_ports: 80}, action: deny}"),
             "5: destination_ports is a single value; write a list, [..., "
             "...]"},
        Case{POLICY("{name: a, match: {protocol: icmp, destination_ports: "
                    "[80]}, action: deny}"),
             "5: protocol: icmp never matches together with ports; write tcp "
             "or udp, or leave the ports out"},
        Case{POLICY("{name: a, match: {sources: [x]}, action: deny}"),
             "5: sources: \"x\" is not a CIDR; write one such as 10.1.0.0/16 "
             "or 2001:db8::/32"}));

TEST_F(ResourcesTest, LongNameIsCutInItsMessage) {
  const auto resources =
      Parse("tenants: [{name: " + std::string(5000, 'a') + "}]\n");
  EXPECT_EQ(std::string(resources.status().message()),
            "f:1: name: \"" + std::string(64, 'a') +
                "...\" is not a name; write at most 63 letters, digits, "
                "\".\", \"_\" and \"-\", with a letter or digit first");
}

TEST_F(ResourcesTest, MissingTenantsAreReported) {
  EXPECT_EQ(Parse("tenant: []\n").status().message(),
            "f:1: key \"tenants\" is missing in the file; add it\n"
            "f:1: unknown key \"tenant\" in the file; did you mean "
            "\"tenants\"?");
  EXPECT_EQ(Parse("tenants:\n").status().message(),
            "f:1: tenants is empty; write a list, [..., ...]");
  EXPECT_EQ(Parse("").status().message(),
            "f:1: is empty; write at least one key: value");
}

TEST_F(ResourcesTest, AliasStandsForNothingElse) {
  EXPECT_EQ(Parse("tenants:\n- &a {name: acme}\n- *a\n").status().message(),
            "f:2: anchors (&) and aliases (*) are not accepted; write the "
            "value out where it is needed\n"
            "f:3: anchors (&) and aliases (*) are not accepted; write the "
            "value out where it is needed");
}

TEST_F(ResourcesTest, MistakesOfAllKindsAreReportedAtOnce) {
  EXPECT_EQ(Parse(R"(tenants:
  - name: acme
    vnets:
      - {name: main, vni: 0}
    tunnels:
      - {name: t, type: gue, peers: [{remote: 192.0.2.2, key_id: 1, key_file: /nonexistent/key}]}
    routes:
      - {cidr: 10.0.0.0/8, via: u}
    policys: []
)")
                .status()
                .message(),
            "f:4: vni: \"0\" is out of range; write a whole number from 1 to "
            "4294967294\n"
            "f:6: peer 192.0.2.2: key_file \"/nonexistent/key\": No such file "
            "or directory; auth mac needs a file of 32 hex digits\n"
            "f:8: route 10.0.0.0/8: tenant \"acme\" has no tunnel \"u\"; known "
            "are t\n"
            "f:9: unknown key \"policys\" in tenant; did you mean "
            "\"policies\"?");
}

}  // namespace
}  // namespace rampart

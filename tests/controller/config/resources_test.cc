// SPDX-License-Identifier: Apache-2.0
// resources.yaml: what is read.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "controller/config/check.h"
#include "controller/config/edge_config.h"
#include "controller/model/json.h"
#include "controller/model/keep_same.h"
#include "tests/controller/config/key_files.h"
#include "tests/controller/config/resource_edge.h"

namespace rampart {
namespace {

IpAddress Ip(std::string_view text) { return IpAddress::Parse(text).value(); }
Prefix Cidr(std::string_view text) { return Prefix::Parse(text).value(); }

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
    return resources.ok() ? *resources->tenants.at(0) : Tenant();
  }

  EdgeConfig edge_ = ResourceEdge();
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
  EXPECT_EQ(resources->tenants, std::vector<Shared<Tenant>>{wanted});
}

TEST_F(ResourcesTest, NoTenantsAreFine) {
  const auto resources = Parse("tenants: []\n");
  ASSERT_TRUE(resources.ok()) << resources.status();
  EXPECT_TRUE(resources->tenants.empty());
}

TEST_F(ResourcesTest, WithoutVnetsAllIsInTheDefaultOne) {
  const Tenant tenant = ParseTenant(R"(
  comment: small
  tunnels: [{name: t, type: gue, comment: later}]
  routes: [{cidr: 10.0.0.0/8, via: t}, {cidr: "fd00::/8", via: t, comment: x}])");
  ASSERT_EQ(tenant.vnets.size(), 1u);
  EXPECT_EQ(tenant.vnets[0].name, "default");
  EXPECT_EQ(tenant.vnets[0].vni, uint32_t{1} << 24);
  EXPECT_TRUE(tenant.vnets[0].is_default);
  EXPECT_TRUE(tenant.tunnels[0].peers.empty());
  EXPECT_EQ(tenant.tunnels[0].vnet, "default");
  for (const Route& route : tenant.routes) EXPECT_EQ(route.vnet, "default");
  EXPECT_EQ(tenant.comment, "small");
  EXPECT_EQ(tenant.tunnels[0].comment, "later");
  EXPECT_EQ(tenant.routes[1].comment, "x");
}

TEST_F(ResourcesTest, AVniThatIsNotWrittenIsKeptOrFree) {
  constexpr char kFile[] = R"(tenants:
- name: acme
  vnets: [{name: a, default: true}, {name: b, vni: 16777216}, {name: c}]
)";
  const auto first = Parse(kFile);
  ASSERT_TRUE(first.ok()) << first.status();
  const auto vnis = [](const Resources& resources) {
    std::vector<uint32_t> all;
    for (const Vnet& vnet : resources.tenants[0]->vnets)
      all.push_back(vnet.vni);
    return all;
  };
  EXPECT_EQ(vnis(*first),
            (std::vector<uint32_t>{16777217, 16777216, 16777218}));
  const auto second = ParseResources("f", R"(tenants:
- name: acme
  vnets: [{name: c, default: true}, {name: new}, {name: a}]
)",
                                     edge_, *first);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(vnis(*second),
            (std::vector<uint32_t>{16777218, 16777216, 16777217}));
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

TEST_F(ResourcesTest, PeersHaveWeightsLabelsAndProbes) {
  const Tenant tenant = ParseTenant(R"(  vnets: [{name: main, vni: 1}]
  tunnels:
  - name: t
    type: gre
    peers:
    - {remote: 192.0.2.2, weight: 90, labels: {release: stable, line: 7}}
    - {remote: 192.0.2.3, weight: 0}
    - {remote: 192.0.2.4}
    probe: {targets: [10.0.0.1, "fd00::1"], interval: 1s, failures: 5, successes: 4}
  - {name: u, type: gre, peers: [{remote: 192.0.2.5}], probe: {targets: [10.0.0.1]}}
)");
  ASSERT_EQ(tenant.tunnels.size(), 2u);
  const Tunnel& t = tenant.tunnels[0];
  EXPECT_EQ(t.peers[0].weight, 90u);
  EXPECT_EQ(t.peers[0].labels, (Labels{{"release", "stable"}, {"line", "7"}}));
  EXPECT_EQ(t.peers[1].weight, 0u);
  EXPECT_EQ(t.peers[2].weight, 1u);
  EXPECT_EQ(t.probe, (TunnelProbe{.targets = {Ip("10.0.0.1"), Ip("fd00::1")},
                                  .interval = absl::Seconds(1),
                                  .failures = 5,
                                  .successes = 4}));
  EXPECT_EQ(tenant.tunnels[1].probe, TunnelProbe{.targets = {Ip("10.0.0.1")}});
  for (const Tunnel& tunnel : tenant.tunnels)
    EXPECT_EQ(TunnelFromJson(ToJson(tunnel)).value(), tunnel);
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

// A tenant that nobody has edited cannot have got a mistake of its own, but
// its numbers may be taken by another.
TEST_F(ResourcesTest, CheckedTenantsAreOnlyComparedWithTheOthers) {
  const auto resources = Parse(R"(
tenants:
- name: acme
  vnets: [{name: main, vni: 1}]
  routes: [{cidr: 10.0.0.0/8, via: internet}]
- name: globex
  vnets: [{name: main, vni: 2}]
)");
  ASSERT_TRUE(resources.ok()) << resources.status();
  edge_.pools.clear();  // a mistake, were acme looked at again
  Resources next = *resources;
  next.tenants[1].Edit().vnets[0].vni = 1;
  next.tenants[1].Edit().routes.push_back(resources->tenants[0]->routes[0]);
  Mistakes mistakes("f");
  CheckResources(next, edge_, mistakes, &*resources);
  EXPECT_EQ(mistakes.ToStatus().message(),
            "f:5: route 10.0.0.0/8: edge \"edge-a\" has no pool \"default\"; "
            "there is none\n"
            "f:7: vnet \"main\": VNI 1 belongs to vnet \"main\" of tenant "
            "\"acme\" (line 4); give each vnet its own");
}

TEST_F(ResourcesTest, EqualTenantsAreTakenOver) {
  const auto one = [](const char* name, int vni) {
    return absl::StrCat("{name: ", name, ", vnets: [{name: m, vni: ", vni,
                        "}]}");
  };
  const auto before =
      Parse(absl::StrCat("tenants: [", one("a", 1), ",", one("b", 2), "]"));
  const auto moved = Parse(absl::StrCat("tenants: [", one("b", 2), ",",
                                        one("c", 3), ",", one("a", 1), "]"));
  ASSERT_TRUE(before.ok() && moved.ok());
  Resources after = *moved;
  after.tenants[2].Edit().comment = "other";
  KeepSame(*before, after);
  EXPECT_TRUE(after.tenants[0].SameAs(before->tenants[1]));
  EXPECT_FALSE(after.tenants[1].SameAs(before->tenants[0]));
  EXPECT_FALSE(after.tenants[2].SameAs(before->tenants[0]));
  EXPECT_EQ(before->tenants[0]->comment, "");
}

}  // namespace
}  // namespace rampart

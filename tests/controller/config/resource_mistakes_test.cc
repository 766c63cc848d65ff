// SPDX-License-Identifier: Apache-2.0
// resources.yaml: every mistake, with its message.
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "tests/controller/config/resource_edge.h"

namespace rampart {
namespace {

std::string Report(std::string_view yaml) {
  return std::string(
      ParseResources("f", yaml, ResourceEdge()).status().message());
}

struct Case {
  const char* yaml;    // of tenant acme, from line 3 on
  const char* report;  // without "f:"
};

class ResourcesMistakeTest : public testing::TestWithParam<Case> {};

TEST_P(ResourcesMistakeTest, IsReportedWithWhatWouldBeRight) {
  EXPECT_EQ(Report(absl::StrCat("tenants:\n- name: acme\n", GetParam().yaml)),
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
             "3: unknown key \"id\" in tenant; known are name, comment, vnets, "
             "tunnels, "
             "routes, denials, groups, revoked, policies, tests"},
        Case{"  line: 7",
             "3: unknown key \"line\" in tenant; known are name, comment, "
             "vnets, "
             "tunnels, "
             "routes, denials, groups, revoked, policies, tests"},
        Case{"  vnets: [{name: a, vni: 1, vni: 2}]",
             "3: duplicate key \"vni\" in vnet (first on line 3); keep one"},
        Case{"  vnets: {name: a, vni: 1}",
             "3: vnets is a map; write a list, [..., ...]"},
        Case{"  vnets: [{name: [a], vni: 1}]",
             "3: name is a list; write a single value"},
        Case{"  vnets: [{name: a, vni: 1, default: maybe}]",
             "3: default: \"maybe\" is not known; write false or true"},
        Case{VNET "  tunnels: [{name: t, type: gue, edge: a, peers: [{remote: "
                  "192.0.2.2, auth: none}]}]",
             "4: unknown key \"edge\" in tunnel; known are name, type, vnet, "
             "sources, identities, context, comment, peers, probe"},
        Case{GRE("{remote: 192.0.2.2, auth: none}"),
             "4: unknown key \"auth\" in gre peer; known are remote, key, "
             "checksum, sequence, weight, labels"},
        Case{GUE("{remote: 192.0.2.2, auth: none, key: 1}"),
             "4: unknown key \"key\" in gue peer; did you mean \"keys\"?"},
        Case{ROUTE("{cidr: 10.0.0.0/8, to: t}"),
             "5: key \"via\" is missing in route; add it\n"
             "f:5: unknown key \"to\" in route; known are vnet, cidr, via, "
             "comment, pool"},
        Case{POLICY("{name: a, match: {port: 1}, action: deny}"),
             "5: unknown key \"port\" in match; known are vnet, tunnel, "
             "protocol, sources, destinations, identities, source_ports, "
             "destination_ports, icmp_types, times, context"},
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

// A probe on line 5.
#define PROBE(probe)                                                   \
  VNET "  tunnels: [{name: t, type: gue, peers: [{remote: 192.0.2.2, " \
       "auth: none}],\n      probe: " probe "}]\n"

INSTANTIATE_TEST_SUITE_P(
    Probes, ResourcesMistakeTest,
    testing::Values(
        Case{PROBE("{interval: 1s}"),
             "5: key \"targets\" is missing in probe; add it"},
        Case{PROBE("{targets: []}"),
             "5: targets: holds no address; write one beyond the tunnel, or "
             "leave probe out"},
        Case{PROBE("{targets: [10.0.0.1, 10.0.0.2, 10.0.0.3, 10.0.0.4, "
                   "10.0.0.5]}"),
             "5: targets: holds 5 addresses; write at most 4"},
        Case{PROBE("{targets: [224.0.0.1]}"),
             "5: targets: \"224.0.0.1\" is no host's address outside its own "
             "link; write a unicast address"},
        Case{PROBE("{targets: [10.0.0.1], interval: 50ms}"),
             "5: interval: \"50ms\" is no interval of probes; write one from "
             "100ms to 1h, such as 200ms"},
        Case{PROBE("{targets: [10.0.0.1], failures: 0}"),
             "5: failures: \"0\" is out of range; write a whole number from 1 "
             "to 100"},
        Case{PROBE("{targets: [10.0.0.1], tcp: 80}"),
             "5: unknown key \"tcp\" in probe; known are targets, interval, "
             "failures, successes"},
        Case{"  vnets: [{name: main, vni: 1, router: [10.0.0.1]}]\n"
             "  tunnels: [{name: t, type: gue, peers: [{remote: 192.0.2.2, "
             "auth: none}], probe: {targets: [10.0.0.1]}}]",
             "4: tunnel \"t\": probe target 10.0.0.1 is this edge's own "
             "address in vnet \"main\"; write one beyond the tunnel"},
        Case{VNET "  tunnels: [{name: t, type: interface, edge: edge-a, "
                  "device: eth1, probe: {targets: [10.0.0.1]}}]",
             "4: probe: is about peers, and an interface has none; leave it "
             "out"},
        Case{GUE("{remote: 192.0.2.2, auth: none, weight: -1}"),
             "4: weight: \"-1\" is not a whole number; write a whole number "
             "from 0 to 1000000"},
        Case{GUE("{remote: 192.0.2.2, auth: none, labels: {a b: c}}"),
             "4: labels: \"a b\" is not a name; write at most 63 letters, "
             "digits, \".\", \"_\" and \"-\", with a letter or digit first"},
        Case{GUE("{remote: 192.0.2.2, auth: none, labels: {a: [c]}}"),
             "4: a is a list; write a single value"},
        Case{GUE("{remote: 192.0.2.2, auth: none, labels: {a: b, a: c}}"),
             "4: duplicate key \"a\" in labels (first on line 4); keep one"}));

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

TEST(ResourceMistakesTest, LongNameIsCutInItsMessage) {
  const std::string report =
      Report("tenants: [{name: " + std::string(5000, 'a') + "}]\n");
  EXPECT_EQ(report,
            "f:1: name: \"" + std::string(64, 'a') +
                "...\" is not a name; write at most 63 letters, digits, "
                "\".\", \"_\" and \"-\", with a letter or digit first");
}

TEST(ResourceMistakesTest, MissingTenantsAreReported) {
  EXPECT_EQ(Report("tenant: []\n"),
            "f:1: key \"tenants\" is missing in the file; add it\n"
            "f:1: unknown key \"tenant\" in the file; did you mean "
            "\"tenants\"?");
  EXPECT_EQ(Report("tenants:\n"),
            "f:1: tenants is empty; write a list, [..., ...]");
  EXPECT_EQ(Report(""), "f:1: is empty; write at least one key: value");
}

TEST(ResourceMistakesTest, AliasStandsForNothingElse) {
  EXPECT_EQ(Report("tenants:\n- &a {name: acme}\n- *a\n"),
            "f:2: anchors (&) and aliases (*) are not accepted; write the "
            "value out where it is needed\n"
            "f:3: anchors (&) and aliases (*) are not accepted; write the "
            "value out where it is needed");
}

TEST(ResourceMistakesTest, MistakesOfAllKindsAreReportedAtOnce) {
  EXPECT_EQ(Report(R"(tenants:
  - name: acme
    vnets:
      - {name: main, vni: 0}
    tunnels:
      - {name: t, type: gue, peers: [{remote: 192.0.2.2, key_id: 1, key_file: /nonexistent/key}]}
    routes:
      - {cidr: 10.0.0.0/8, via: u}
    policys: []
)"),
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

// SPDX-License-Identifier: Apache-2.0
// Policy in resources.yaml: what is read, and every mistake with its message.
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "tests/controller/config/resource_edge.h"

namespace rampart {
namespace {

Prefix Cidr(std::string_view text) { return Prefix::Parse(text).value(); }

constexpr char kTenant[] = R"(tenants:
- name: acme
  vnets: [{name: main, vni: 1}]
  tunnels:
  - {name: t, type: gue, peers: [{remote: 192.0.2.2, auth: none}], context: {site: fra, tag: prod}, identities: [{identity: alice, sources: [10.1.0.5, "fd00::5"]}, {identity: staff, sources: [10.1.0.0/16]}]}
)";

absl::StatusOr<Resources> Parse(std::string_view yaml) {
  return ParseResources("f", absl::StrCat(kTenant, std::string(yaml)),
                        ResourceEdge());
}

constexpr char kEverything[] = R"(
  denials: {explain: true, contact: "noc@acme.example"}
  groups:
  - {name: office, prefixes: [10.1.0.0/16, "fd00::/64"], identities: [alice, bob]}
  revoked: [mallory]
  policies:
  - name: work
    match:
      sources: [group:office, 10.9.0.0/16]
      destinations: [group:office]
      identities: [carol, group:office]
      times: [mon-fri 08:00-18:00, "22:00-06:00", "sat,sun"]
      context: {tag: prod}
    action: allow
    layer: tcp
    pool: default
    limits: {rate: 50, concurrent: 1000, source_rate: 5, source_concurrent: 10}
    log: true
  - {name: pings, match: {protocol: icmp, icmp_types: [echo-request, 129]}, action: deny, shadow: true}
  - {name: web, match: {protocol: tcp, destination_ports: [80]}, action: allow}
  tests:
  - {name: a, source: 10.1.0.5, destination: 198.51.100.1, protocol: tcp, destination_port: 80, expect: allow, rule: web}
  - {name: b, tunnel: t, source: 10.1.0.5, destination: 10.1.0.6, protocol: udp, destination_port: 9, time: "2026-11-20T12:00:00Z", expect: allow, rule: work}
  - {name: c, tunnel: t, source: 10.1.0.5, destination: 10.1.0.6, protocol: udp, destination_port: 9, time: "2026-11-20T20:00:00Z", expect: deny}
  - {name: d, tunnel: t, identity: mallory, source: 10.1.0.5, destination: 198.51.100.1, protocol: tcp, destination_port: 80, expect: deny}
  - {name: e, source: "fd00::5", destination: "fd00::6", protocol: icmp, expect: deny}
)";

TEST(PolicyFileTest, EverythingIsRead) {
  const auto resources = Parse(kEverything);
  ASSERT_TRUE(resources.ok()) << resources.status();
  const Tenant& acme = resources->tenants.at(0);
  EXPECT_EQ(acme.denials,
            (Denials{.explain = true, .contact = "noc@acme.example"}));
  EXPECT_EQ(acme.revoked, std::vector<std::string>{"mallory"});
  EXPECT_EQ(acme.tunnels.at(0).context,
            (Labels{{"site", "fra"}, {"tag", "prod"}}));
  EXPECT_EQ(acme.tunnels.at(0).identities,
            (std::vector<TunnelIdentity>{{Cidr("10.1.0.5/32"), "alice"},
                                         {Cidr("fd00::5/128"), "alice"},
                                         {Cidr("10.1.0.0/16"), "staff"}}));
  ASSERT_EQ(acme.groups.size(), 1u);
  EXPECT_EQ(acme.groups[0].prefixes.size(), 2u);
  EXPECT_EQ(acme.groups[0].identities.size(), 2u);
  const PolicyRule& work = acme.policies.at(0);
  EXPECT_EQ(work.match.sources, std::vector<Prefix>{Cidr("10.9.0.0/16")});
  EXPECT_EQ(work.match.source_groups, std::vector<std::string>{"office"});
  EXPECT_EQ(work.match.destination_groups, std::vector<std::string>{"office"});
  EXPECT_EQ(work.match.identities, std::vector<std::string>{"carol"});
  EXPECT_EQ(work.match.identity_groups, std::vector<std::string>{"office"});
  EXPECT_EQ(work.match.times,
            (std::vector<TimeWindow>{{.days = 0x1f, .from = 480, .to = 1080},
                                     {.from = 1320, .to = 360},
                                     {.days = 0x60}}));
  EXPECT_EQ(work.match.context, (Labels{{"tag", "prod"}}));
  EXPECT_EQ(work.layer, Layer::kTcp);
  EXPECT_EQ(work.pool, "default");
  EXPECT_EQ(work.limits, (PolicyLimits{50, 1000, 5, 10}));
  EXPECT_TRUE(work.log);
  EXPECT_FALSE(work.shadow);
  EXPECT_EQ(acme.policies.at(1).match.icmp_types,
            (std::vector<uint8_t>{8, 129}));
  EXPECT_TRUE(acme.policies.at(1).shadow);
  ASSERT_EQ(acme.tests.size(), 5u);
  EXPECT_EQ(acme.tests[0].vnet, "main");
  EXPECT_EQ(acme.tests[1].time, absl::FromUnixSeconds(1795176000));
  EXPECT_EQ(acme.tests[4].protocol, 58);
  EXPECT_EQ(acme.tests[4].icmp_type, 128);
}

struct Case {
  const char* yaml;    // of tenant acme, from line 6 on
  const char* report;  // without "f:"
};

class PolicyMistakeTest : public testing::TestWithParam<Case> {};

TEST_P(PolicyMistakeTest, IsReportedWithWhatWouldBeRight) {
  EXPECT_EQ(std::string(Parse(GetParam().yaml).status().message()),
            absl::StrCat("f:", GetParam().report));
}

#define MATCH(match) \
  "  policies: [{name: a, match: {" match "}, action: allow}]\n"
#define RULE(rule) "  policies: [{name: a, " rule "}]\n"
#define TEST_OF(test)                                                   \
  "  policies: [{name: web, match: {protocol: tcp, destination_ports: " \
  "[80]}, action: allow}]\n  tests: [{name: t, source: 10.1.0.5, " test "}]\n"

INSTANTIATE_TEST_SUITE_P(
    Rules, PolicyMistakeTest,
    testing::Values(
        Case{MATCH("sources: []"),
             "6: sources: is an empty list; leave it out to match anything"},
        Case{MATCH("sources: [\"group:ofice\"]") "  groups: [{name: office, "
                                                 "prefixes: [10.0.0.0/8]}]",
             "6: policy \"a\": tenant \"acme\" has no group \"ofice\"; did you "
             "mean \"office\"?"},
        Case{MATCH("sources: [\"group:\"]"),
             "6: sources: \"\" is not a name; write at most 63 letters, "
             "digits, \".\", \"_\" and \"-\", with a letter or digit first"},
        Case{MATCH("identities: [\"group:office\"]") "  groups: [{name: "
                                                     "office, prefixes: "
                                                     "[10.0.0.0/8]}]",
             "6: policy \"a\": group \"office\" holds no identities; add some "
             "to it, or leave it out"},
        Case{MATCH("destinations: [\"group:admins\"]") "  groups: [{name: "
                                                       "admins, identities: "
                                                       "[bob]}]",
             "6: policy \"a\": group \"admins\" holds no prefixes; add some to "
             "it, or leave it out"},
        Case{MATCH("identities: [\"a b\"]"),
             "6: identities: \"a b\" is not an identity; write at most 255 "
             "characters without spaces, such as alice@example.com"},
        Case{MATCH("times: [mon-fry]"),
             "6: times: \"mon-fry\" is not a part of the week; write days, "
             "hours (UTC) or both, such as mon-fri 08:00-18:00, sat,sun or "
             "22:00-06:00"},
        Case{MATCH("times: [\"08:00-08:00\"]"),
             "6: times: \"08:00-08:00\" is not a part of the week; write days, "
             "hours (UTC) or both, such as mon-fri 08:00-18:00, sat,sun or "
             "22:00-06:00"},
        Case{MATCH("icmp_types: [pong]"),
             "6: icmp_types: \"pong\" is not an ICMP type; write echo-request, "
             "echo-reply or a number from 0 to 255"},
        Case{MATCH("protocol: tcp, icmp_types: [8]"),
             "6: protocol: tcp never matches together with icmp_types; write "
             "icmp, or leave it out"},
        Case{MATCH("icmp_types: [8], source_ports: [8]"),
             "6: icmp_types: never match together with ports; leave either "
             "out"},
        Case{MATCH("context: [a]"),
             "6: context is a list; write a map, {key: value, ...}"},
        Case{RULE("action: deny, pool: default"),
             "6: pool: action deny has none; leave it out, or write action: "
             "allow"},
        Case{RULE("action: reject, limits: {rate: 1}"),
             "6: limits: action reject has none; leave it out, or write "
             "action: allow"},
        Case{RULE("action: allow, limits: {rate: 0}"),
             "6: rate: \"0\" is out of range; write a whole number from 1 to "
             "1000000000"},
        Case{RULE("action: allow, pool: defualt"),
             "6: policy \"a\": edge \"edge-a\" has no pool \"defualt\"; did "
             "you mean \"default\"?"},
        Case{RULE("action: allow, layer: 7"),
             "6: layer: \"7\" is not known; write ip, tcp, udp, http or ssh"},
        Case{RULE("action: allow, layer: ssh, match: {protocol: udp}"),
             "6: layer: ssh is carried by tcp, and the rule is about udp; "
             "write protocol: tcp"},
        Case{RULE("action: allow, shadow: maybe"),
             "6: shadow: \"maybe\" is not known; write false or true"}));

INSTANTIATE_TEST_SUITE_P(
    Tenants, PolicyMistakeTest,
    testing::Values(
        Case{"  denials: {contact: noc}",
             "6: contact: is told only with explain: true; add that, or leave "
             "it out"},
        Case{"  denials: {explain: true, contact: \"a\\nb\"}",
             "6: contact: \"a\\nb\" is not a contact; write at most 200 bytes "
             "on one line, such as noc@example.com"},
        Case{"  revoked: [\"\"]",
             "6: revoked: \"\" is not an identity; write at most 255 "
             "characters without spaces, such as alice@example.com"},
        Case{"  groups: [{name: a, prefixes: [10.0.0.1/8]}]",
             "6: prefixes: \"10.0.0.1/8\" has bits set behind its length; "
             "write 10.0.0.0/8 or 10.0.0.1/32"},
        Case{"  groups: [{name: a}, {name: a}]",
             "6: duplicate group \"a\" (first on line 6); give each group its "
             "own name"},
        Case{"  tests: [{name: a, source: 10.1.0.5, destination: \"fd00::1\", "
             "protocol: tcp, destination_port: 80, expect: deny}]",
             "6: destination: fd00::1 is of another family than the source; "
             "write two of one family"},
        Case{"  tests: [{name: a, source: 10.1.0.5, destination: 10.0.0.1, "
             "protocol: any, expect: deny}]",
             "6: protocol: \"any\" is not one protocol; write tcp, udp, icmp, "
             "sctp or a number from 0 to 255"},
        Case{"  tests: [{name: a, source: 10.1.0.5, destination: 10.0.0.1, "
             "protocol: icmp, destination_port: 7, expect: deny}]",
             "6: protocol: icmp has no ports; write tcp or udp, or leave the "
             "ports out"},
        Case{"  tests: [{name: a, source: 10.1.0.5, destination: 10.0.0.1, "
             "protocol: udp, expect: deny}]",
             "6: key \"destination_port\" is missing in test; add it"},
        Case{"  tests: [{name: a, source: 10.1.0.5, destination: 10.0.0.1, "
             "protocol: icmp, time: noon, expect: deny}]",
             "6: time: \"noon\" is not a time; write one such as "
             "2026-11-22T08:00:00Z"}));

INSTANTIATE_TEST_SUITE_P(
    Tests, PolicyMistakeTest,
    testing::Values(
        Case{TEST_OF("destination: 10.2.0.1, protocol: tcp, "
                     "destination_port: 443, expect: allow"),
             "7: test \"t\" expects allow, and no rule matches, so it is "
             "denied; mend the policy, or the test"},
        Case{TEST_OF("destination: 10.2.0.1, protocol: tcp, "
                     "destination_port: 80, expect: deny"),
             "7: test \"t\" expects deny, and rule \"web\" says allow; mend "
             "the policy, or the test"},
        Case{TEST_OF("destination: 10.2.0.1, protocol: tcp, destination_port: "
                     "80, expect: allow, rule: wbe"),
             "7: test \"t\": tenant \"acme\" has no policy \"wbe\"; known are "
             "web"},
        Case{"  policies: [{name: n, match: {times: [mon-fri 08:00-18:00]}, "
             "action: allow}]\n  tests: [{name: t, source: 10.1.0.5, "
             "destination: 10.0.0.1, protocol: icmp, expect: deny}]",
             "7: test \"t\" expects deny, and rule \"n\" says allow on Mon "
             "08:00; mend the policy, or the test"}));

}  // namespace
}  // namespace rampart

// SPDX-License-Identifier: Apache-2.0
// Resources as JSON: the keys of resources.yaml. That everything comes back is
// shown in tests/controller/store.
#include "controller/model/json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

namespace rampart {
namespace {

using Json = nlohmann::ordered_json;

TEST(JsonTest, ObjectsHaveTheKeysOfTheFileInItsOrder) {
  Peer peer{.remote = IpAddress::Parse("192.0.2.1").value(),
            .auth = Auth::kMac};
  peer.keys = {{.key_id = 1, .key_file = "/k", .secret = {1, 2, 3}}};
  const Tunnel tunnel{
      .id = 7, .name = "t", .vnet = "v", .peers = {peer}, .line = 3};
  EXPECT_EQ(ToJson(tunnel).dump(),
            R"({"name":"t","id":7,"type":"gue","vnet":"v","peers":[{)"
            R"("remote":"192.0.2.1","auth":"mac","keys":[)"
            R"({"key_id":1,"key_file":"/k"}]}],"line":3})");
  const Route route{.vnet = "v",
                    .cidr = Prefix::Parse("10.0.0.0/8").value(),
                    .kind = Route::Kind::kInternet,
                    .pool = "p"};
  EXPECT_EQ(ToJson(route).dump(),
            R"({"vnet":"v","cidr":"10.0.0.0/8","via":"internet","pool":"p"})");
  PolicyRule rule{.name = "r", .action = PolicyAction::kAllow};
  EXPECT_EQ(ToJson(rule).dump(), R"({"name":"r","action":"allow"})");
  rule.match.protocol = 6;
  rule.match.destination_ports = {{80, 80}, {8000, 8100}};
  EXPECT_EQ(ToJson(rule).dump(),
            R"({"name":"r","match":{"protocol":"tcp","destination_ports":)"
            R"(["80","8000-8100"]},"action":"allow"})");
}

TEST(JsonTest, SingleObjectsComeBack) {
  const Vnet vnet{.name = "v", .vni = 9, .is_default = true, .line = 4};
  EXPECT_EQ(VnetFromJson(ToJson(vnet)).value(), vnet);
  const Route route{.cidr = Prefix::Parse("::/0").value(), .tunnel = "t"};
  EXPECT_EQ(RouteFromJson(ToJson(route)).value(), route);
  const PolicyRule rule{.name = "r", .match = {.protocol = 0}};
  EXPECT_EQ(PolicyRuleFromJson(ToJson(rule)).value(), rule);
}

TEST(JsonTest, NumbersMayBeNumbersOrText) {
  EXPECT_EQ(
      VnetFromJson(Json::parse(R"({"name": "a", "vni": "5"})")).value().vni,
      5u);
  EXPECT_EQ(VnetFromJson(Json::parse(R"({"name": "a", "vni": 5})")).value().vni,
            5u);
}

TEST(JsonTest, MistakesAreReportedAsInTheFile) {
  const auto report = [](const char* json) {
    return std::string(VnetFromJson(Json::parse(json)).status().message());
  };
  EXPECT_EQ(report(R"({"name": "a b", "vni": 0, "x": 1, "line": 7})"),
            "name: \"a b\" is not a name; write at most 63 letters, digits, "
            "\".\", \"_\" and \"-\", with a letter or digit first\n"
            "vni: \"0\" is out of range; write a whole number from 1 to "
            "4294967294\n"
            "unknown key \"x\" in vnet; known are name, vni, default, "
            "comment, router");
  EXPECT_EQ(report("[]"), "vnet is a list; write a map, {key: value, ...}");
  EXPECT_EQ(report("null"), "vnet is empty; write a map, {key: value, ...}");
  EXPECT_EQ(report(R"({"name": null, "vni": 1.5})"),
            "name is empty; write a single value\n"
            "vni: \"1.5\" is not a whole number; write a whole number from 1 "
            "to 4294967294");
  EXPECT_EQ(report(R"({"name": "a", "vni": -1})"),
            "vni: \"-1\" is not a whole number; write a whole number from 1 to "
            "4294967294");
}

TEST(JsonTest, DeepNestingIsRefused) {
  Json json = 1;
  for (int i = 0; i < 1000; ++i) json = Json::array({json});
  EXPECT_EQ(VnetFromJson(Json{{"name", "a"}, {"vni", 1}, {"router", json}})
                .status()
                .message(),
            "nested too deep; no resource is\n"
            "router is a list; write a single value");
}

}  // namespace
}  // namespace rampart

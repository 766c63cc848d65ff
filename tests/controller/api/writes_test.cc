// SPDX-License-Identifier: Apache-2.0
// Objects are added, changed and removed one by one, each as one epoch.
#include "controller/api/writes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "controller/store/ids.h"
#include "tests/controller/api/fakes.h"
#include "tests/controller/api/json_schema.h"

namespace rampart {
namespace {

using ::testing::HasSubstr;

Prefix Cidr(const char* text) { return *Prefix::Parse(text); }

EdgeConfig Edge() {
  EdgeConfig edge;
  edge.edge = "edge-a";
  edge.gue_addresses = {*IpAddress::Parse("192.0.2.1"),
                        *IpAddress::Parse("2001:db8::1")};
  edge.pools = {{.name = "default"}};
  return edge;
}

Tenant Acme() {
  Tenant acme = {.id = 1, .name = "acme"};
  acme.vnets = {{.name = "frankfurt", .vni = 1001, .is_default = true},
                {.name = "sydney", .vni = 1002}};
  acme.tunnels = {{.id = 1, .name = "fra", .vnet = "frankfurt"}};
  acme.routes = {
      {.vnet = "frankfurt", .cidr = Cidr("10.1.0.0/16"), .tunnel = "fra"},
      {.vnet = "frankfurt", .cidr = Cidr("2001:db8:1::/48"), .tunnel = "fra"}};
  acme.policies = {{.name = "web", .action = PolicyAction::kAllow},
                   {.name = "rest"}};
  return acme;
}

// What is applied is in force.
class LiveBackend : public FakeBackend {
 public:
  LiveBackend() : FakeBackend(Edge(), {.file = "r.yaml", .tenants = {Acme()}}) {
    ids_.tenants["acme"] = 1;
    ids_.tunnels[{"acme", "fra"}] = 1;
    now_ = FakeBackend::snapshot();
  }
  std::shared_ptr<const Snapshot> snapshot() const override { return now_; }
  absl::StatusOr<uint32_t> Apply(Change change) override {
    applied.push_back(change);
    const auto given = AssignIds(change.resources, now_->resources(), ids_);
    if (!given.ok()) return given.status();
    now_ = std::make_shared<const Snapshot>(Edge(), std::move(change.resources),
                                            now_->epoch() + 1);
    return now_->epoch();
  }

 private:
  Ids ids_;
  std::shared_ptr<const Snapshot> now_;
};

class WritesTest : public ::testing::Test {
 protected:
  ApiResponse Ask(const std::string& method, const std::string& target,
                  const std::string& body = "",
                  const std::string& if_match = "") {
    const auto parsed = ParseTarget(target);
    return MakeApi(backend_)({.method = method,
                              .path = parsed->first,
                              .query = parsed->second,
                              .body = body,
                              .uid = 0,
                              .who = "root (uid 0)",
                              .if_match = if_match});
  }
  Json Do(const std::string& method, const std::string& target,
          const std::string& body = "", int status = 200) {
    const ApiResponse response = Ask(method, target, body);
    EXPECT_EQ(response.status, status) << response.body;
    Json document = Json::parse(response.body);
    EXPECT_EQ(DocumentMismatch(document), "") << target;
    return document;
  }
  std::string Refused(const std::string& method, const std::string& target,
                      const std::string& body, int status) {
    const size_t before = backend_.applied.size();
    const Json error = Do(method, target, body, status);
    EXPECT_EQ(backend_.applied.size(), before);
    return error["error"]["message"];
  }
  const Tenant& acme() { return backend_.snapshot()->resources().tenants[0]; }

  LiveBackend backend_;
};

TEST_F(WritesTest, AVnetGetsAFreeVniAndMayBeTheDefault) {
  const Json answer =
      Do("POST", "/v1/tenants/acme/vnets",
         R"({"name": "london", "default": true, "comment": "x"})");
  EXPECT_EQ(answer["epoch"], 4);
  EXPECT_EQ(answer["object"].dump(),
            R"({"name":"london","vni":16777216,"default":true,"comment":"x"})");
  EXPECT_FALSE(acme().vnets[0].is_default);
  EXPECT_TRUE(acme().vnets[2].is_default);
  ASSERT_EQ(backend_.applied.size(), 1u);
  EXPECT_EQ(backend_.applied[0].who, "root (uid 0)");
  EXPECT_EQ(backend_.applied[0].what, "vnet add acme/london");
  EXPECT_EQ(Do("POST", "/v1/tenants/acme/vnets",
               R"({"name": "paris"})")["object"]["vni"],
            16777217);
}

TEST_F(WritesTest, TheDefaultIsReassignedAndNeverLost) {
  EXPECT_THAT(Refused("DELETE", "/v1/tenants/acme/vnets/frankfurt", "", 409),
              HasSubstr("it is the tenant's default"));
  EXPECT_THAT(Refused("PATCH", "/v1/tenants/acme/vnets/frankfurt",
                      R"({"default": false})", 400),
              HasSubstr("no default"));
  Do("PATCH", "/v1/tenants/acme/vnets/sydney", R"({"default": true})");
  EXPECT_TRUE(acme().vnets[1].is_default);
  EXPECT_FALSE(acme().vnets[0].is_default);
  EXPECT_THAT(Refused("DELETE", "/v1/tenants/acme/vnets/frankfurt", "", 409),
              HasSubstr("a tunnel, 2 routes of the tenant name it"));
}

TEST_F(WritesTest, ATenantIsAddedWithADefaultVnet) {
  const Json answer = Do("POST", "/v1/tenants", R"({"name": "globex"})");
  EXPECT_EQ(answer["id"], 2);
  EXPECT_EQ(answer["object"]["vnets"].dump(),
            R"([{"name":"default","vni":16777216,"default":true}])");
  EXPECT_THAT(Refused("POST", "/v1/tenants", R"({"name": "globex"})", 409),
              HasSubstr("tenant globex: there is one of this name"));
  EXPECT_EQ(Do("DELETE", "/v1/tenants/globex")["removed"].size(), 2u);
  Refused("DELETE", "/v1/tenants/globex", "", 404);
}

TEST_F(WritesTest, ANetworkIsRoutedOncePerVnet) {
  for (const char* cidr : {"10.1.0.0/16", "2001:db8:1::/48"}) {
    const std::string body =
        absl::StrCat(R"({"via": "fra", "cidr": ")", cidr, "\"");
    EXPECT_THAT(Refused("POST", "/v1/tenants/acme/routes", body + "}", 409),
                HasSubstr("You already have a route defined for this exact IP "
                          "subnet (code 1014): tenant acme, vnet frankfurt, "
                          "via fra"));
    Do("POST", "/v1/tenants/acme/routes", body + R"(, "vnet": "sydney"})");
    Do("DELETE", absl::StrCat("/v1/tenants/acme/routes/sydney/", cidr));
    Refused("DELETE", absl::StrCat("/v1/tenants/acme/routes/sydney/", cidr), "",
            404);
  }
}

TEST_F(WritesTest, ATunnelMayHaveNoPeerYet) {
  const Json answer = Do("POST", "/v1/tenants/acme/tunnels",
                         R"({"name": "par", "type": "gue"})");
  EXPECT_EQ(answer["id"], 2);
  EXPECT_EQ(answer["object"].dump(),
            R"({"name":"par","type":"gue","vnet":"frankfurt"})");
  Do("PATCH", "/v1/tenants/acme/tunnels/par",
     R"({"peers": [{"remote": "2001:db8::9", "auth": "none"}]})");
  EXPECT_EQ(acme().tunnels[1].peers.size(), 1u);
  EXPECT_EQ(acme().tunnels[1].id, 2u);
  Do("PATCH", "/v1/tenants/acme/tunnels/par", R"({"peers": null})");
  EXPECT_TRUE(acme().tunnels[1].peers.empty());
  EXPECT_THAT(Refused("DELETE", "/v1/tenants/acme/tunnels/fra", "", 409),
              HasSubstr("2 routes of the tenant name it"));
  Do("DELETE", "/v1/tenants/acme/tunnels/par");
}

TEST_F(WritesTest, RulesGoWhereTheyAreTold) {
  Do("POST", "/v1/tenants/acme/policies",
     R"({"name": "last", "action": "deny"})");
  Do("POST", "/v1/tenants/acme/policies?before=rest",
     R"({"name": "mid", "action": "allow"})");
  std::vector<std::string> names;
  for (const PolicyRule& rule : acme().policies) names.push_back(rule.name);
  EXPECT_THAT(names, ::testing::ElementsAre("web", "mid", "rest", "last"));
  Refused("POST", "/v1/tenants/acme/policies?before=none",
          R"({"name": "x", "action": "allow"})", 404);
}

TEST_F(WritesTest, ADeleteSaysWhatUsesTheObject) {
  Engine::FlowView flow;
  flow.tuple = {.realm = 1001,
                .source = {*IpAddress::Parse("10.9.0.1"), 1},
                .destination = {*IpAddress::Parse("10.1.2.3"), 2},
                .protocol = 6};
  flow.on_ramp = 1;
  backend_.fake_engine.flows = {flow, flow};
  backend_.fake_engine.flows[1].tuple.destination.address =
      *IpAddress::Parse("10.2.0.1");
  EXPECT_EQ(
      Do("DELETE",
         "/v1/tenants/acme/routes/frankfurt/10.1.0.0%2F16?dry_run=1")["flows"],
      1);
  EXPECT_EQ(Do("DELETE", "/v1/tenants/acme?dry_run=1")["flows"], 2);
  EXPECT_TRUE(backend_.applied.empty());
  EXPECT_EQ(backend_.snapshot()->epoch(), 3u);
}

TEST_F(WritesTest, AWriteForAnotherEpochIsRefused) {
  const std::string path = "/v1/tenants/acme/vnets/sydney";
  const ApiResponse read = Ask("GET", path);
  EXPECT_EQ(read.etag, "\"3\"");
  EXPECT_EQ(Ask("PATCH", path, R"({"comment": "a"})", read.etag).status, 200);
  const ApiResponse late = Ask("PATCH", path, R"({"comment": "b"})", read.etag);
  EXPECT_EQ(late.status, 412);
  EXPECT_THAT(late.body, HasSubstr("epoch 3 was to be changed, and 4 is"));
  EXPECT_EQ(acme().vnets[1].comment, "a");
  EXPECT_EQ(Ask("PATCH", path, R"({"comment": "b"})", "*").etag, "\"5\"");
  EXPECT_EQ(Ask("PATCH", path, R"({"comment": "c"})", "W/\"5\"").status, 400);
}

TEST_F(WritesTest, WhatIsSoAlreadyIsNoEpoch) {
  EXPECT_EQ(Do("PATCH", "/v1/tenants/acme/vnets/sydney",
               R"({"comment": ""})")["epoch"],
            3);
  EXPECT_TRUE(backend_.applied.empty());
}

TEST_F(WritesTest, EveryMistakeIsNamed) {
  struct Case {
    const char* method;
    const char* path;
    const char* body;
    int status;
    const char* message;
  };
  for (const Case& c : std::initializer_list<Case>{
           {"POST", "vnets", "{", 400, "the body is not JSON"},
           {"POST", "vnets", "[]", 400, "must be a JSON object"},
           {"POST", "vnets", "{}", 400, "key \"name\" is missing"},
           {"POST", "vnets", R"({"name": "x", "id": 5})", 400, "leave it out"},
           {"POST", "vnets", R"({"name": "x", "color": 5})", 400,
            "unknown key \"color\""},
           {"POST", "vnets", R"({"name": "x", "vni": 1001})", 400,
            "VNI 1001 belongs to vnet \"frankfurt\" of tenant \"acme\";"},
           {"POST", "routes", R"({"cidr": "10.1", "via": "fra"})", 400, "cidr"},
           {"POST", "routes", R"({"cidr": "10.7.0.0/16", "via": "far"})", 400,
            "has no tunnel \"far\"; known are fra"},
           {"POST", "tunnels?dry=1", "{}", 400, "parameter \"dry\""},
           {"POST", "tunnels?dry_run=yes", "{}", 400, "write 0 or 1"},
           {"POST", "tunnels",
            R"({"name": "x", "type": "gue", "peers": [{"remote": )"
            R"("192.0.2.9", "key_id": 1, "key_file": "x.key"}]})",
            400, "write an absolute path"},
           {"PATCH", "tunnels/fra", R"({"name": "fro"})", 400,
            "what it is called cannot be changed"},
           {"PATCH", "tunnels/fro", "{}", 404, "tunnel acme/fro: there is"},
           {"DELETE", "routes/frankfurt/x", "", 400, "x"},
       }) {
    SCOPED_TRACE(absl::StrCat(c.method, " ", c.path, " ", c.body));
    EXPECT_THAT(Refused(c.method, absl::StrCat("/v1/tenants/acme/", c.path),
                        c.body, c.status),
                HasSubstr(c.message));
  }
  EXPECT_THAT(
      Refused("POST", "/v1/tenants/none/vnets", R"({"name": "x"})", 404),
      HasSubstr("tenant \"none\""));
}

TEST_F(WritesTest, UsageIsOfTheTenant) {
  backend_.fake_engine.counts[1002] = {.flows = 4, .started = 9, .ended = 5};
  EXPECT_EQ(Do("GET", "/v1/tenants/acme/usage")["flows"].dump(),
            R"({"now":4,"started":9,"ended":5})");
}

}  // namespace
}  // namespace rampart

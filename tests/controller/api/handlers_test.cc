// SPDX-License-Identifier: Apache-2.0
// Every route of the API against an edge that is made up.
#include "controller/api/handlers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "absl/strings/str_cat.h"
#include "controller/api/resource_rows.h"
#include "tests/controller/api/fakes.h"
#include "tests/controller/api/json_schema.h"
#include "tests/controller/store/fake_fleet.h"

namespace rampart {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

IpAddress Ip(const char* text) { return *IpAddress::Parse(text); }
Prefix Cidr(const char* text) { return *Prefix::Parse(text); }

EdgeConfig Edge() {
  EdgeConfig edge;
  edge.edge = "edge-a";
  edge.devices = {{.name = "eth0"},
                  {.name = "eth1", .role = DeviceRole::kAccess},
                  {.name = "eth2", .role = DeviceRole::kAccess}};
  edge.pools = {{.name = "default", .addresses = {Ip("203.0.113.1")}}};
  return edge;
}

Tunnel Gue(uint32_t id, const char* name, const char* vnet,
           const char* remote) {
  Tunnel tunnel = {.id = id, .name = name, .vnet = vnet};
  Peer peer = {.remote = Ip(remote)};
  peer.keys = {{.key_id = 1, .key_file = "/k", .secret = {0xa5, 0xa5, 0xa5}}};
  tunnel.peers = {peer};
  return tunnel;
}

Tenant Acme() {
  Tenant acme = {.id = 1, .name = "acme"};
  acme.vnets = {{.name = "frankfurt", .vni = 1001, .is_default = true},
                {.name = "sydney", .vni = 1002, .comment = "down under"}};
  acme.tunnels = {Gue(1, "fra", "frankfurt", "192.0.2.10"),
                  Gue(2, "syd", "sydney", "192.0.2.11"),
                  {.id = 3,
                   .name = "lan",
                   .type = TunnelType::kInterface,
                   .vnet = "frankfurt",
                   .edge = "edge-a",
                   .device = "eth1"}};
  acme.routes = {
      {.vnet = "frankfurt", .cidr = Cidr("10.1.0.0/16"), .tunnel = "fra"},
      {.vnet = "sydney", .cidr = Cidr("10.1.0.0/16"), .tunnel = "syd"},
      {.vnet = "frankfurt", .cidr = Cidr("10.0.0.0/8"), .tunnel = "lan"},
      {.vnet = "frankfurt",
       .cidr = Cidr("0.0.0.0/0"),
       .kind = Route::Kind::kInternet,
       .pool = "default"},
      {.vnet = "frankfurt",
       .cidr = Cidr("2001:db8::/32"),
       .kind = Route::Kind::kBlackhole}};
  acme.policies = {{.name = "web",
                    .match = {.vnet = "frankfurt",
                              .protocol = 6,
                              .destination_ports = {{80, 80}, {8000, 8100}}},
                    .action = PolicyAction::kAllow},
                   {.name = "ping",
                    .match = {.protocol = 1},
                    .action = PolicyAction::kDeny}};
  return acme;
}

Tenant Globex() {
  Tenant globex = {.id = 2, .name = "globex"};
  globex.vnets = {{.name = "main", .vni = 2001, .is_default = true}};
  return globex;
}

class HandlersTest : public ::testing::Test {
 protected:
  ApiResponse Ask(const std::string& method, const std::string& target,
                  const std::string& body = "") {
    const auto parsed = ParseTarget(target);
    return MakeApi(backend_)({.method = method,
                              .path = parsed->first,
                              .query = parsed->second,
                              .body = body,
                              .uid = 0});
  }
  Json Get(const std::string& target, int status = 200) {
    const ApiResponse response = Ask("GET", target);
    EXPECT_EQ(response.status, status) << response.body;
    Json document = Json::parse(response.body);
    EXPECT_EQ(DocumentMismatch(document), "") << target;
    return document;
  }
  std::string Error(const std::string& target, int status) {
    const Json error = Get(target, status);
    EXPECT_EQ(error["schema"], "xdpctl/v1/error");
    return error["error"]["message"];
  }

  FakeBackend backend_{Edge(), {.file = "r.yaml", .tenants = {Acme()}}};
};

TEST_F(HandlersTest, EveryAnswerNamesItsSchema) {
  for (const auto& [path, kind] :
       std::map<std::string, std::string>{{"/v1/status", "status"},
                                          {"/v1/devices", "devices"},
                                          {"/v1/resources", "resources"},
                                          {"/v1/tenants", "tenants"},
                                          {"/v1/vnets", "vnets"},
                                          {"/v1/tunnels", "tunnels"},
                                          {"/v1/routes", "routes"},
                                          {"/v1/policies", "policies"},
                                          {"/v1/flows", "flows"},
                                          {"/v1/nat/sessions", "nat-sessions"},
                                          {"/v1/nat/pools", "nat-pools"},
                                          {"/v1/nat/ports", "nat-ports"},
                                          {"/v1/drops", "drops"},
                                          {"/v1/maps", "maps"},
                                          {"/v1/maps/rp_grants", "map"}})
    EXPECT_EQ(Get(path)["schema"], absl::StrCat("xdpctl/v1/", kind));
}

TEST_F(HandlersTest, UnknownPathsAndMethodsAreRefused) {
  EXPECT_THAT(Error("/v1/nothing", 404), HasSubstr("/v1/nothing"));
  EXPECT_THAT(Error("/v1/maps/rp_nothing", 404), HasSubstr("rp_flows4"));
  Error("/v1/statusx", 404);
  Error("/v1/status/", 404);
  Error("/v1/maps/", 404);
  Error("/v1/maps/rp_grants/x", 404);
  Error("/", 404);
  const ApiResponse posted = Ask("POST", "/v1/status");
  EXPECT_EQ(posted.status, 405);
  EXPECT_EQ(posted.allow, "GET");
  EXPECT_EQ(Ask("GET", "/v1/apply").allow, "POST");
  EXPECT_EQ(Ask("DELETE", "/v1/maps/rp_grants").status, 405);
}

TEST_F(HandlersTest, EdgesAreThoseOfTheFleet) {
  EXPECT_THAT(Error("/v1/edges", 409), HasSubstr("shares its store with no"));
  FakeFleet fleet;
  fleet.there = {{.name = "edge-b",
                  .api = "192.0.2.2:9443",
                  .version = "1",
                  .epoch = 7,
                  .started = absl::FromUnixSeconds(0)}};
  backend_.fake_fleet = &fleet;
  EXPECT_EQ(Get("/v1/edges")["edges"].dump(),
            R"([{"edge":"edge-b","api":"192.0.2.2:9443","version":"1",)"
            R"("epoch":7,"started":"1970-01-01T00:00:00Z","this":false}])");
}

TEST_F(HandlersTest, StatusSaysHowStaleTheFleetsStateIs) {
  FakeFleet fleet;
  backend_.fake_fleet = &fleet;
  EXPECT_EQ(Get("/v1/status")["fleet"]["stale_s"], 0);
  fleet.now.reached = absl::UnavailableError("etcd h:1: gone");
  const Json status = Get("/v1/status");
  EXPECT_EQ(status["fleet"]["reached"], false);
  EXPECT_EQ(status["fleet"]["why"], "etcd h:1: gone");
  EXPECT_EQ(status["fleet"]["stale_s"], 10);
  EXPECT_EQ(status["degraded"][status["degraded"].size() - 1],
            "the fleet's store is not reached for 10 s: epoch 3 may be old, "
            "changes are refused: etcd h:1: gone");
}

TEST_F(HandlersTest, ResourcesCanBeAppliedElsewhere) {
  const Json document = Get("/v1/resources");
  EXPECT_EQ(document["epoch"], 3);
  ASSERT_FALSE(document["tenants"].empty());
  for (const Json& tenant : document["tenants"]) {
    EXPECT_FALSE(tenant.contains("id"));
    for (const Json& tunnel : tenant.value("tunnels", Json::array())) {
      EXPECT_FALSE(tunnel.contains("id"));
      EXPECT_FALSE(tunnel.contains("line"));
    }
  }
  backend_.fake_store.old[2] = {.epoch = 2};
  EXPECT_EQ(Get("/v1/resources?epoch=2")["tenants"], Json::array());
  Error("/v1/resources?epoch=x", 400);
  Error("/v1/resources?epoch=9", 404);
}

TEST_F(HandlersTest, StatusShowsTheEdge) {
  backend_.attached = {{.slot = 0,
                        .ifindex = 1,
                        .name = "eth0",
                        .mode = XdpMode::kGeneric,
                        .why = "no XDP in driver",
                        .queues = 1}};
  Json status = Get("/v1/status");
  status.erase("pid");
  status.erase("version");
  EXPECT_EQ(
      status.dump(),
      R"({"schema":"xdpctl/v1/status","edge":"edge-a","uptime_s":4000,)"
      R"("adopted":true,"epoch":3,"tenants":1,"flows":{"now":0,)"
      R"("capacity":1048576,"started":5,"ended":2,"adopted":1},)"
      R"("nat":{"sessions":0},"punts":{"total":7,"pending":0,)"
      R"("injected":0,"dropped":0,"answered":0,"waiting":0},)"
      R"("drops":{"packets":0},"degraded":["device eth1 is not there"],)"
      R"("devices":[{"name":"eth0","role":"uplink","state":"attached",)"
      R"("mode":"generic","why":"no XDP in driver","tenant":"","vnet":"",)"
      R"("tunnel":"","slot":0,"ifindex":1,"queues":1,"adopted":false,)"
      R"("forwarded":0,"passed":0,"punted":0,"dropped":0},)"
      R"({"name":"eth1","role":"access","state":"missing","mode":"",)"
      R"("why":"","tenant":"acme","vnet":"frankfurt","tunnel":"lan"},)"
      R"({"name":"eth2","role":"access","state":"unused","mode":"","why":"",)"
      R"("tenant":"","vnet":"","tunnel":""}]})");
}

TEST_F(HandlersTest, ResourcesAreListed) {
  EXPECT_EQ(Get("/v1/tenants")["tenants"].dump(),
            R"([{"name":"acme","id":1,"default_vnet":"frankfurt","vnets":2,)"
            R"("tunnels":3,"routes":5,"policies":2,"comment":""}])");
  EXPECT_EQ(Get("/v1/vnets")["vnets"][1].dump(),
            R"({"tenant":"acme","name":"sydney","vni":1002,"default":false,)"
            R"("router":[],"comment":"down under"})");
  EXPECT_EQ(Get("/v1/routes")["routes"][3].dump(),
            R"({"tenant":"acme","vnet":"frankfurt","cidr":"0.0.0.0/0",)"
            R"("kind":"internet","via":"internet","pool":"default",)"
            R"("comment":""})");
  EXPECT_EQ(Get("/v1/policies")["policies"][0].dump(),
            R"({"tenant":"acme","name":"web","action":"allow","match":)"
            R"({"vnet":"frankfurt","protocol":"tcp",)"
            R"("destination_ports":["80","8000-8100"]}})");
}

TEST_F(HandlersTest, TunnelsNameTheirKeyFilesButNotTheKeys) {
  const Json tunnels = Get("/v1/tunnels");
  EXPECT_EQ(tunnels["tunnels"][0].dump(),
            R"({"tenant":"acme","name":"fra","id":1,"type":"gue",)"
            R"("vnet":"frankfurt","peers":[{"remote":"192.0.2.10",)"
            R"("auth":"mac","accept_zero_checksum":false,)"
            R"("keys":[{"key_id":1,"key_file":"/k"}],"weight":1,)"
            R"("labels":{},"state":"unprobed","rtt_ms":null,"since":null}],)"
            R"("probe":null,"edge":"","device":"","sources":[],"comment":"",)"
            R"("state":"unprobed"})");
  EXPECT_THAT(tunnels.dump(), Not(HasSubstr("165")));
}

TEST_F(HandlersTest, RouteGetNamesTheWinnerAndTheLosers) {
  const Json answer = Get("/v1/route?address=10.1.2.3");
  EXPECT_EQ(answer["route"]["tunnel"], "fra");
  EXPECT_EQ(answer["route"]["cidr"], "10.1.0.0/16");
  ASSERT_EQ(answer["lost"].size(), 2u);
  EXPECT_EQ(answer["lost"][0]["tunnel"], "lan");
  EXPECT_EQ(answer["lost"][0]["why"], "shorter prefix");
  EXPECT_EQ(answer["lost"][1]["kind"], "internet");
  ASSERT_EQ(answer["also"].size(), 1u);
  EXPECT_EQ(answer["also"][0]["vnet"], "sydney");
}

TEST_F(HandlersTest, RouteGetTakesAVnetAndBothFamilies) {
  EXPECT_EQ(Get("/v1/route?vnet=sydney&address=10.1.2.3")["route"]["tunnel"],
            "syd");
  EXPECT_EQ(Get("/v1/route?vnet=acme/sydney&address=10.1.2.3")["route"]["vnet"],
            "sydney");
  EXPECT_EQ(Get("/v1/route?address=2001:db8::1")["route"]["kind"], "blackhole");
}

TEST_F(HandlersTest, RouteGetSaysWhyItHasNoAnswer) {
  EXPECT_THAT(Error("/v1/route?vnet=sydney&address=10.9.0.1", 404),
              HasSubstr("nothing routes 10.9.0.1 in acme/sydney"));
  EXPECT_THAT(Error("/v1/route?vnet=atlantis&address=10.9.0.1", 404),
              HasSubstr("vnet atlantis"));
  Error("/v1/route?address=10.1", 400);
  Error("/v1/route", 400);
}

TEST(RouteOfTwoTenantsTest, WithoutAVnetTheChoicesAreListed) {
  FakeBackend backend(Edge(), {.file = "", .tenants = {Acme(), Globex()}});
  const auto answer = GetRoute(backend, {{"address", "10.1.2.3"}});
  EXPECT_EQ(answer.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(answer.status().message()),
              HasSubstr("name one of acme/frankfurt, globex/main"));
}

Engine::FlowView Flow(uint32_t realm, const char* source, uint8_t protocol) {
  Engine::FlowView flow;
  flow.tuple = {.realm = realm,
                .source = {Ip(source), 1234},
                .destination = {Ip("198.51.100.10"), 443},
                .protocol = protocol};
  flow.translated_source = {Ip("203.0.113.1"), 40000};
  flow.translated_destination = flow.tuple.destination;
  flow.on_ramp = 1;
  flow.next_hop.kind = RP_NEXT_HOP_SEND;
  flow.next_hop.use = RP_USE_UNDERLAY;
  flow.packets[0] = 3;
  flow.packets[1] = 2;
  flow.bytes[0] = 180;
  flow.bytes[1] = 2000;
  flow.idle = absl::Milliseconds(1500);
  flow.expires_in = absl::Seconds(60);
  flow.tcp = RP_TCP_SYN | RP_TCP_ACK | RP_TCP_SYN << RP_TCP_REVERSE;
  flow.epoch = 3;
  flow.rule = "web";
  return flow;
}

TEST_F(HandlersTest, AFlowIsShownWithNames) {
  backend_.fake_engine.flows = {Flow(1001, "10.1.0.5", 6)};
  EXPECT_EQ(
      Get("/v1/flows").dump(),
      R"({"schema":"xdpctl/v1/flows","matched":1,"truncated":false,)"
      R"("flows":[{"tenant":"acme","vnet":"frankfurt","proto":"tcp",)"
      R"("src":"10.1.0.5","sport":1234,"dst":"198.51.100.10","dport":443,)"
      R"("to_src":"203.0.113.1","to_sport":40000,"to_dst":"198.51.100.10",)"
      R"("to_dport":443,"on_ramp":"fra","off_ramp":"internet",)"
      R"("state":"ESTABLISHED","reason":"","packets":[3,2],)"
      R"("bytes":[180,2000],"idle_s":1.5,"expires_in_s":60.0,"epoch":3,)"
      R"("rule":"web"}]})");
}

TEST_F(HandlersTest, ARefusedFlowShowsItsReason) {
  Engine::FlowView flow = Flow(1001, "10.1.0.5", 17);
  flow.next_hop.kind = RP_NEXT_HOP_DROP;
  flow.next_hop.use = RP_USE_REASON;
  flow.next_hop.reason = RP_DROP_POLICY_DENY;
  backend_.fake_engine.flows = {flow};
  const Json row = Get("/v1/flows?state=refused")["flows"][0];
  EXPECT_EQ(row["reason"], "POLICY_DENY");
}

TEST_F(HandlersTest, FlowsAreSelectedCountedAndCut) {
  for (int i = 0; i < 5; ++i)
    backend_.fake_engine.flows.push_back(
        Flow(1001 + i % 2, absl::StrCat("10.1.0.", i).c_str(), i < 3 ? 6 : 17));
  EXPECT_EQ(Get("/v1/flows?proto=tcp")["matched"], 3);
  EXPECT_EQ(Get("/v1/flows?proto=tcp&not-vnet=sydney")["matched"], 2);
  const Json cut = Get("/v1/flows?limit=2");
  EXPECT_EQ(cut["matched"], 5);
  EXPECT_EQ(cut["truncated"], true);
  EXPECT_EQ(cut["flows"].size(), 2u);
  Error("/v1/flows?limit=0", 400);
  Error("/v1/flows?limit=100001", 400);
  EXPECT_THAT(Error("/v1/flows?colour=red", 400), HasSubstr("'colour'"));
}

TEST_F(HandlersTest, NatSessionsAreShownAndSelected) {
  NatSession session = {.pool = "default",
                        .subscriber = {1001, Ip("10.1.0.5")},
                        .protocol = 17,
                        .inside_port = 5000,
                        .outside = {Ip("203.0.113.1"), 40000},
                        .flows = 2};
  backend_.fake_engine.sessions = {session};
  session.subscriber.realm = 1002;
  backend_.fake_engine.sessions.push_back(session);
  EXPECT_EQ(
      Get("/v1/nat/sessions?vnet=frankfurt").dump(),
      R"({"schema":"xdpctl/v1/nat-sessions","matched":1,"truncated":false,)"
      R"("sessions":[{"tenant":"acme","vnet":"frankfurt","proto":"udp",)"
      R"("inside":"10.1.0.5","inside_port":5000,"outside":"203.0.113.1",)"
      R"("outside_port":40000,"remote":"","remote_port":0,)"
      R"("pool":"default","flows":2}]})");
  EXPECT_THAT(Error("/v1/nat/sessions?not-state=x", 400),
              HasSubstr("NAT sessions have none"));
}

std::vector<std::string> Changes(const Json& diff, const char* kind) {
  std::vector<std::string> changes;
  for (const Json& entry : diff[kind])
    changes.push_back(absl::StrCat(entry["kind"].get<std::string>(), " ",
                                   entry["tenant"].get<std::string>(), " ",
                                   entry["name"].get<std::string>()));
  return changes;
}

TEST(DiffTest, NothingDiffersFromItself) {
  const Resources resources = {.file = "a", .tenants = {Acme()}};
  Resources moved = resources;
  moved.file = "b";
  moved.tenants[0].Edit().line = 7;
  moved.tenants[0].Edit().routes[0].line = 9;
  const Json diff = DiffResources(resources, moved);
  for (const char* kind : {"added", "changed", "removed"})
    EXPECT_TRUE(diff[kind].empty()) << kind;
}

TEST(DiffTest, ATenantIsAddedAndRemovedWithAllThatItHas) {
  const Resources none;
  const Resources one = {.file = "", .tenants = {Globex()}};
  EXPECT_THAT(Changes(DiffResources(none, one), "added"),
              ElementsAre("tenant globex globex", "vnet globex main"));
  EXPECT_THAT(Changes(DiffResources(one, none), "removed"),
              ElementsAre("tenant globex globex", "vnet globex main"));
}

TEST(DiffTest, EveryFieldOfEveryObjectCounts) {
  struct Case {
    const char* change;
    std::function<void(Tenant&)> edit;
  };
  for (const Case& c : std::initializer_list<Case>{
           {"vnet acme sydney", [](Tenant& t) { t.vnets[1].vni = 7; }},
           {"vnet acme sydney",
            [](Tenant& t) { t.vnets[1].comment = std::string("x"); }},
           {"vnet acme sydney",
            [](Tenant& t) { t.vnets[1].router = {Ip("10.0.0.1")}; }},
           {"tunnel acme fra",
            [](Tenant& t) { t.tunnels[0].peers[0].remote = Ip("192.0.2.9"); }},
           {"tunnel acme fra",
            [](Tenant& t) { t.tunnels[0].peers[0].keys[0].secret[0] ^= 1; }},
           {"tunnel acme fra",
            [](Tenant& t) { t.tunnels[0].sources = {Cidr("10.9.0.0/16")}; }},
           {"tunnel acme lan",
            [](Tenant& t) { t.tunnels[2].device = std::string("eth2"); }},
           {"route acme frankfurt 10.1.0.0/16",
            [](Tenant& t) { t.routes[0].tunnel = std::string("lan"); }},
           {"route acme frankfurt 0.0.0.0/0",
            [](Tenant& t) { t.routes[3].pool = std::string("other"); }},
           {"policy acme web",
            [](Tenant& t) { t.policies[0].action = PolicyAction::kReject; }},
           {"policy acme web",
            [](Tenant& t) { t.policies[0].match.sources = {Cidr("::/0")}; }},
           {"policy acme (order)",
            [](Tenant& t) { std::swap(t.policies[0], t.policies[1]); }},
       }) {
    SCOPED_TRACE(c.change);
    Resources to = {.file = "", .tenants = {Acme()}};
    c.edit(to.tenants[0].Edit());
    const Json diff = DiffResources({.file = "", .tenants = {Acme()}}, to);
    EXPECT_THAT(Changes(diff, "changed"), ElementsAre(c.change));
    EXPECT_TRUE(diff["added"].empty());
    EXPECT_TRUE(diff["removed"].empty());
  }
}

constexpr char kNewResources[] = R"(
tenants:
  - name: initech
    vnets: [{name: main, vni: 3001, default: true}]
)";

std::string ApplyBody(const std::string& text, bool dry_run) {
  return Json{{"file", "new.yaml"}, {"text", text}, {"dry_run", dry_run}}
      .dump();
}

TEST_F(HandlersTest, ADryRunTellsTheDifferenceAndAppliesNothing) {
  const ApiResponse response =
      Ask("POST", "/v1/apply", ApplyBody(kNewResources, true));
  ASSERT_EQ(response.status, 200) << response.body;
  const Json diff = Json::parse(response.body);
  EXPECT_EQ(diff["epoch"], 3);
  EXPECT_THAT(Changes(diff, "added"),
              ElementsAre("tenant initech initech", "vnet initech main"));
  EXPECT_EQ(diff["removed"].size(), 13u) << "all of acme";
  EXPECT_TRUE(backend_.applied.empty());
}

TEST_F(HandlersTest, AnApplyIsOneEpoch) {
  const ApiResponse response =
      Ask("POST", "/v1/apply", ApplyBody(kNewResources, false));
  ASSERT_EQ(response.status, 200) << response.body;
  EXPECT_EQ(Json::parse(response.body)["epoch"], 4);
  ASSERT_EQ(backend_.applied.size(), 1u);
  EXPECT_EQ(backend_.applied[0].resources.tenants[0]->name, "initech");
}

TEST_F(HandlersTest, AnApplyThatFailsSaysWhy) {
  backend_.apply_error = absl::FailedPreconditionError("apply: no such luck");
  const ApiResponse response =
      Ask("POST", "/v1/apply", ApplyBody(kNewResources, false));
  EXPECT_EQ(response.status, 409);
  EXPECT_THAT(response.body, HasSubstr("no such luck"));
}

TEST_F(HandlersTest, AnApplyWithMistakesIsRefusedWithALineForEach) {
  const ApiResponse response =
      Ask("POST", "/v1/apply",
          ApplyBody("tenants:\n  - name: x\n    colour: red\n    vnets: 5\n",
                    false));
  EXPECT_EQ(response.status, 400);
  const Json lines = Json::parse(response.body)["error"]["lines"];
  ASSERT_GE(lines.size(), 2u) << response.body;
  EXPECT_THAT(lines[0].get<std::string>(), HasSubstr("new.yaml:3: "));
  EXPECT_TRUE(backend_.applied.empty());
}

TEST_F(HandlersTest, AnApplyOfSomethingElseIsRefused) {
  for (const char* body :
       {"", "{", "[]", "5", "{}", R"({"file":"x"})", R"({"text":"x"})",
        R"({"file":1,"text":"x"})", R"({"file":"x","text":"","dry_run":1})"}) {
    EXPECT_EQ(Ask("POST", "/v1/apply", body).status, 400) << body;
  }
  EXPECT_TRUE(backend_.applied.empty());
}

TEST_F(HandlersTest, AnApplyTakesWhatItIsToDoToFlowsAndWhy) {
  Json body = Json::parse(ApplyBody(kNewResources, false));
  body["on_change"] = "cut";
  body["confirm"] = "5m";
  body["comment"] = "why not";
  ASSERT_EQ(Ask("POST", "/v1/apply", body.dump()).status, 200);
  ASSERT_EQ(backend_.applied.size(), 1u);
  EXPECT_EQ(backend_.applied[0].on_change, OnChange::kCut);
  EXPECT_EQ(backend_.applied[0].confirm, absl::Minutes(5));
  EXPECT_EQ(backend_.applied[0].comment, "why not");
  EXPECT_EQ(backend_.applied[0].what, "apply -f new.yaml");
  for (const auto& [key, value] :
       std::multimap<std::string, Json>{{"on_change", "drop"},
                                        {"on_change", 1},
                                        {"confirm", "5"},
                                        {"confirm", "0s"},
                                        {"confirm", 5},
                                        {"comment", std::string(1001, 'x')}}) {
    Json wrong = body;
    wrong[key] = value;
    const ApiResponse response = Ask("POST", "/v1/apply", wrong.dump());
    EXPECT_EQ(response.status, 400);
    EXPECT_THAT(response.body, HasSubstr(key));
  }
  EXPECT_EQ(backend_.applied.size(), 1u);
}

TEST_F(HandlersTest, ADryRunTellsWhatBecomesOfFlows) {
  for (const FlowFate fate :
       {FlowFate::kRemoved, FlowFate::kRefused, FlowFate::kDiffers})
    backend_.fake_engine.forecast.push_back(
        {Engine::FlowView(),
         {.fate = fate, .rule = "then", .why = "rule: then, before now"}});
  const Json flows = Json::parse(
      Ask("POST", "/v1/apply", ApplyBody(kNewResources, true)).body)["flows"];
  EXPECT_EQ(flows["changed"], 3);
  EXPECT_EQ(flows["ends"].dump(), R"({"keep":1,"recheck":2,"cut":3})");
  EXPECT_EQ(flows["complete"], true);
  const Json diff = Json::parse(
      Ask("POST", "/v1/policies/diff", ApplyBody(kNewResources, true)).body);
  EXPECT_EQ(diff["schema"], "xdpctl/v1/policy-diff");
  EXPECT_EQ(diff["flows"]["changed"], 3);
  ASSERT_EQ(diff["changes"].size(), 3u);
  EXPECT_EQ(diff["changes"][1]["fate"], "refused");
  EXPECT_EQ(diff["changes"][2]["rule_then"], "then");
  EXPECT_TRUE(backend_.applied.empty());
}

TEST_F(HandlersTest, TheHistoryIsToldAndGoneBackIn) {
  FakeStore& store = backend_.fake_store;
  store.records = {{.epoch = 2, .time = absl::FromUnixSeconds(0), .who = "a"},
                   {.epoch = 3,
                    .time = absl::FromUnixSeconds(1),
                    .who = "b",
                    .tenants = {"acme"}}};
  store.on_probation = {3, 2, absl::FromUnixSeconds(60)};
  const Json history = Get("/v1/epochs");
  ASSERT_EQ(history["epochs"].size(), 2u);
  EXPECT_EQ(history["epochs"][0]["epoch"], 3);
  EXPECT_EQ(history["epochs"][1]["time"], "1970-01-01T00:00:00Z");
  EXPECT_EQ(history["probation"].dump(),
            R"({"epoch":3,"back_to":2,"deadline":"1970-01-01T00:01:00Z"})");
  store.old[2].epoch = 2;
  ASSERT_EQ(Ask("POST", "/v1/epochs/2/rollback", R"({"dry_run":true})").status,
            200);
  EXPECT_TRUE(backend_.applied.empty());
  const ApiResponse back = Ask("POST", "/v1/epochs/2/rollback");
  ASSERT_EQ(back.status, 200) << back.body;
  ASSERT_EQ(backend_.applied.size(), 1u);
  EXPECT_EQ(backend_.applied[0].what, "rollback to epoch 2");
  EXPECT_TRUE(backend_.applied[0].ends_probation);
  EXPECT_TRUE(backend_.applied[0].resources.tenants.empty());
  EXPECT_EQ(Ask("POST", "/v1/epochs/7/rollback").status, 404);
  EXPECT_EQ(Ask("POST", "/v1/epochs/x/rollback").status, 400);
  EXPECT_EQ(Ask("POST", "/v1/epochs/2/rollback", "5").status, 400);
}

TEST_F(HandlersTest, OnlyWhatIsOnProbationIsConfirmed) {
  backend_.fake_store.on_probation = {3, 2, absl::FromUnixSeconds(60)};
  EXPECT_EQ(Ask("POST", "/v1/epochs/2/confirm").status, 409);
  EXPECT_EQ(Ask("POST", "/v1/epochs/3/confirm").status, 200);
  EXPECT_FALSE(backend_.fake_store.probation());
  EXPECT_EQ(Ask("POST", "/v1/epochs/3/confirm").status, 409);
}

}  // namespace
}  // namespace rampart

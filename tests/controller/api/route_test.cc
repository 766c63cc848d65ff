// SPDX-License-Identifier: Apache-2.0
// What the API says about routes, against brute force on random ones.
#include "controller/api/route.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <random>
#include <set>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "controller/api/handlers.h"
#include "controller/api/peer_rows.h"
#include "controller/policy/policy_hooks.h"
#include "tests/controller/api/fakes.h"
#include "tests/controller/api/json_schema.h"

namespace rampart {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

IpAddress Ip(std::string_view text) { return IpAddress::Parse(text).value(); }
Prefix Cidr(std::string_view text) { return Prefix::Parse(text).value(); }

// Short prefixes of few bits, so that they meet each other often.
class RandomNetwork {
 public:
  explicit RandomNetwork(int seed) : random_(seed) {}

  uint32_t Below(uint32_t bound) { return random_() % bound; }
  IpAddress Address(Family family) {
    uint8_t bytes[16] = {10};
    if (family == Family::kV6) bytes[0] = 0xfd;
    for (int i = 1; i < 16; ++i)
      bytes[i] = Below(3) == 0 ? static_cast<uint8_t>(random_()) : 0;
    uint32_t v4;
    std::memcpy(&v4, bytes, sizeof(v4));
    return family == Family::kV4 ? IpAddress::V4(v4) : IpAddress::V6(bytes);
  }
  Family AnyFamily() { return Below(2) == 0 ? Family::kV4 : Family::kV6; }
  Prefix Network() {
    const IpAddress address = Address(AnyFamily());
    return {address, static_cast<int>(Below(address.bits() + 1))};
  }

  // A tenant with `routes` routes over three vnets and six tunnels.
  Tenant MakeTenant(size_t routes) {
    Tenant tenant;
    tenant.id = 1;
    tenant.name = "acme";
    for (uint32_t i = 0; i < 3; ++i) {
      Vnet vnet;
      vnet.name = absl::StrCat("v", i);
      vnet.vni = 1001 + i;
      vnet.is_default = i == 0;
      tenant.vnets.push_back(vnet);
    }
    for (uint32_t i = 0; i < 6; ++i) {
      Tunnel tunnel;
      tunnel.id = 1 + i;
      tunnel.name = absl::StrCat("t", i);
      tunnel.vnet = tenant.vnets[i % 3].name;
      Peer peer;
      peer.remote = Ip(absl::StrCat("192.0.2.", 10 + i));
      peer.auth = i < 3 ? Auth::kNone : Auth::kGreKey;
      tunnel.peers = {peer};
      tenant.tunnels.push_back(tunnel);
    }
    std::set<std::pair<std::string, Prefix>> seen;
    while (tenant.routes.size() < routes) AddRoute(tenant, seen);
    return tenant;
  }

 private:
  void AddRoute(Tenant& tenant,
                std::set<std::pair<std::string, Prefix>>& seen) {
    Route route;
    route.vnet = tenant.vnets[Below(3)].name;
    route.cidr = Network();
    if (!seen.emplace(route.vnet, route.cidr).second) return;
    route.kind = Below(9) == 0 ? Route::Kind::kBlackhole : Route::Kind::kTunnel;
    const auto& tunnel = tenant.tunnels[Below(6)];
    if (route.kind == Route::Kind::kTunnel) {
      if (tunnel.vnet != route.vnet && tunnel.peers[0].auth == Auth::kNone)
        return;
      route.tunnel = tunnel.name;
    }
    tenant.routes.push_back(route);
  }
  std::mt19937 random_;
};

Resources Of(Tenant tenant) {
  Resources resources;
  resources.tenants.push_back(std::move(tenant));
  return resources;
}

EdgeConfig Edge() {
  EdgeConfig edge;
  edge.edge = "edge-a";
  return edge;
}

// The pair in an order that both sides agree on.
using Pair = std::pair<std::pair<std::string, std::string>,
                       std::pair<std::string, std::string>>;
Pair PairOf(std::pair<std::string, std::string> a,
            std::pair<std::string, std::string> b) {
  if (b < a) std::swap(a, b);
  return {a, b};
}

TEST(RouteOverlapsTest, AreThoseOfBruteForce) {
  for (int seed = 0; seed < 20; ++seed) {
    RandomNetwork random(seed);
    const Tenant tenant = random.MakeTenant(150);
    std::multiset<Pair> expected;
    for (size_t i = 0; i < tenant.routes.size(); ++i)
      for (size_t j = 0; j < i; ++j) {
        const Route &a = tenant.routes[i], &b = tenant.routes[j];
        if (a.cidr.Overlaps(b.cidr))
          expected.insert(
              PairOf({a.vnet, a.cidr.ToString()}, {b.vnet, b.cidr.ToString()}));
      }
    const Snapshot snapshot(Edge(), Of(tenant), 3);
    const auto document = OverlapsDocument(snapshot, {{"limit", "100000"}});
    ASSERT_TRUE(document.ok());
    EXPECT_EQ(DocumentMismatch(*document), "");
    std::multiset<Pair> found;
    for (const Json& row : (*document)["overlaps"]) {
      found.insert(PairOf({row["vnet"], row["cidr"]},
                          {row["other_vnet"], row["other_cidr"]}));
      EXPECT_TRUE(Cidr(row["cidr"].get<std::string>())
                      .Contains(Cidr(row["other_cidr"].get<std::string>())));
    }
    EXPECT_EQ(found, expected);
    EXPECT_EQ((*document)["total"], expected.size());
    EXPECT_EQ((*OverlapsDocument(snapshot, {{"limit", "5"}}))["total"],
              expected.size());
  }
}

TEST(RouteOverlapsTest, SayWhatTheyMean) {
  RandomNetwork random(1);
  Tenant tenant = random.MakeTenant(0);
  const auto add = [&](const char* vnet, const char* cidr, const char* tunnel) {
    Route route;
    route.vnet = vnet;
    route.cidr = Cidr(cidr);
    route.tunnel = tunnel;
    tenant.routes.push_back(route);
  };
  add("v0", "192.168.2.0/28", "t0");
  add("v0", "192.168.2.0/24", "t3");
  add("v1", "192.168.2.0/24", "t1");
  add("v2", "192.168.3.0/24", "t2");
  const Snapshot snapshot(Edge(), Of(tenant), 3);
  const auto texts = [&](const Query& query) {
    std::multiset<std::string> all;
    const Json document = OverlapsDocument(snapshot, query).value();
    for (const Json& row : document["overlaps"])
      all.insert(row["text"].get<std::string>());
    return all;
  };
  EXPECT_THAT(texts({}),
              ElementsAre("contained, SAME vnet: 192.168.2.0/28 goes to t0",
                          "contained, separate vnets (fine)",
                          "same prefix, separate vnets (fine)"));
  EXPECT_THAT(texts({{"vnet", "v2"}}), IsEmpty());
  EXPECT_THAT(
      std::string(
          OverlapsDocument(snapshot, {{"limit", "0"}}).status().message()),
      HasSubstr("limit: \"0\" is none"));
  EXPECT_FALSE(OverlapsDocument(snapshot, {{"tenant", "globex"}}).ok());
}

// The longest prefix of a linear scan.
const Route* LinearRoute(const Tenant& tenant, const std::string& vnet,
                         const IpAddress& address) {
  const Route* best = nullptr;
  for (const Route& route : tenant.routes)
    if (route.vnet == vnet && route.cidr.Contains(address) &&
        (best == nullptr || best->cidr.length() < route.cidr.length()))
      best = &route;
  return best;
}

// What route get says, what admission asks of the same snapshot and what a
// linear scan of 10,000 routes finds are one.
TEST(RouteGetTest, IsTheLongestPrefix) {
  RandomNetwork random(3);
  const Tenant tenant = random.MakeTenant(10000);
  const Snapshot snapshot(Edge(), Of(tenant), 3);
  for (int i = 0; i < 2000; ++i) {
    const Vnet& vnet = tenant.vnets[random.Below(3)];
    const IpAddress address =
        i % 2 == 0
            ? random.Address(random.AnyFamily())
            : tenant.routes[random.Below(10000)].cidr.address();  // an edge
    const Route* expected = LinearRoute(tenant, vnet.name, address);
    const auto used = snapshot.FindRoute(vnet.vni, address);
    const auto document =
        RouteDocument(snapshot, nullptr,
                      {{"address", address.ToString()}, {"vnet", vnet.name}});
    ASSERT_EQ(used.has_value(), expected != nullptr);
    ASSERT_EQ(document.ok(), expected != nullptr);
    if (expected == nullptr) continue;
    ASSERT_EQ(used->route->cidr, expected->cidr);
    ASSERT_EQ((*document)["route"]["cidr"], expected->cidr.ToString());
    ASSERT_EQ((*document)["route"]["kind"],
              expected->kind == Route::Kind::kTunnel ? "tunnel" : "blackhole");
    for (const Json& lost : (*document)["lost"])
      ASSERT_LT(Cidr(lost["cidr"].get<std::string>()).length(),
                expected->cidr.length());
  }
}

class WhoCanTest : public ::testing::Test {
 protected:
  PolicyRule RandomRule(const Tenant& tenant, int number) {
    PolicyRule rule;
    rule.name = absl::StrCat("r", number);
    rule.action =
        random.Below(3) == 0 ? PolicyAction::kDeny : PolicyAction::kAllow;
    PolicyMatch& match = rule.match;
    if (random.Below(3) == 0) match.vnet = tenant.vnets[random.Below(3)].name;
    if (random.Below(4) == 0)
      match.tunnel = tenant.tunnels[random.Below(6)].name;
    if (random.Below(2) == 0) match.protocol = random.Below(2) == 0 ? 6 : 17;
    if (random.Below(2) == 0) match.destinations = {random.Network()};
    if (random.Below(3) == 0) match.sources = {random.Network()};
    if (match.protocol && random.Below(2) == 0)
      match.destination_ports = {{0, static_cast<uint16_t>(random.Below(9))}};
    return rule;
  }

  // Whether the rows say that the rule lets this flow in.
  static bool IsTold(const Json& document, const FlowStart& start,
                     const PolicyRule& rule) {
    for (const Json& row : document["access"]) {
      if (row["rule"] != rule.name || row["vnet"] != start.vnet.vnet->name)
        continue;
      const Json& from = row["from"];
      const auto contains = [](const Json& prefixes, const IpAddress& address) {
        return std::any_of(
            prefixes.begin(), prefixes.end(), [&](const Json& prefix) {
              return Cidr(prefix.get<std::string>()).Contains(address);
            });
      };
      if (std::find(from.begin(), from.end(), start.on_ramp.tunnel->name) !=
              from.end() &&
          contains(row["to"], start.tuple.destination.address) &&
          (row["sources"].empty() ||
           contains(row["sources"], start.tuple.source.address)))
        return true;
    }
    return false;
  }

  RandomNetwork random{11};
};

// Whatever flow policy allows into the network: it is in the answer.
TEST_F(WhoCanTest, NoFlowThatIsAllowedIsLeftOut) {
  int allowed = 0;
  for (int round = 0; round < 300; ++round) {
    Tenant tenant = random.MakeTenant(30);
    for (int i = 0; i < 8; ++i)
      tenant.policies.push_back(RandomRule(tenant, i));
    const Snapshot snapshot(Edge(), Of(tenant), 3);
    const Prefix network = random.Network();
    const auto document =
        WhoCanDocument(snapshot, {{"cidr", network.ToString()}});
    if (document.ok()) {
      ASSERT_EQ(DocumentMismatch(*document), "");
    }
    for (int i = 0; i < 100; ++i) {
      const Family family = network.family();
      const Snapshot::TunnelRef on_ramp =
          snapshot.FindTunnel(1 + random.Below(6));
      const Snapshot::VnetRef vnet = snapshot.FindVnet(1001 + random.Below(3));
      const auto grants = snapshot.Grants();
      if (std::none_of(grants.begin(), grants.end(), [&](const auto& grant) {
            return grant.first.tunnel == on_ramp.tunnel->id &&
                   grant.first.realm == vnet.vnet->vni;
          }))
        continue;
      FlowStart start = {.tuple = {.realm = vnet.vnet->vni},
                         .vnet = vnet,
                         .on_ramp = on_ramp,
                         .route = {}};
      start.tuple.source = {random.Address(family), 1};
      start.tuple.destination = {
          i % 2 == 0 ? network.address() : random.Address(family),
          static_cast<uint16_t>(random.Below(9))};
      start.tuple.protocol = random.Below(2) == 0 ? 6 : 17;
      const auto route =
          snapshot.FindRoute(vnet.vnet->vni, start.tuple.destination.address);
      if (!network.Contains(start.tuple.destination.address) || !route ||
          route->route->kind == Route::Kind::kBlackhole)
        continue;
      start.route = *route;
      const PolicyRule* rule = vnet.policy->FindRule(QueryOf(start));
      if (rule == nullptr || rule->action != PolicyAction::kAllow) continue;
      ++allowed;
      ASSERT_TRUE(document.ok());
      ASSERT_TRUE(IsTold(*document, start, *rule))
          << document->dump() << " " << rule->name << " "
          << start.tuple.destination.address.ToString();
    }
  }
  EXPECT_GT(allowed, 1000);
}

TEST_F(WhoCanTest, NamesVnetsTunnelsPeopleAndPorts) {
  Tenant tenant = random.MakeTenant(0);
  Route route;
  route.vnet = "v0";
  route.cidr = Cidr("192.168.2.0/24");
  route.tunnel = "t0";
  tenant.routes = {route};
  PolicyRule deny, ssh, rest, never;
  deny.name = "night";
  deny.match.tunnel = "t3";
  ssh.name = "ssh";
  ssh.action = PolicyAction::kAllow;
  ssh.match.protocol = 6;
  ssh.match.destination_ports = {{22, 22}};
  ssh.match.identities = {"alice"};
  rest.name = "rest";  // nothing passes it
  never.name = "never";
  never.action = PolicyAction::kAllow;
  tenant.policies = {deny, ssh, rest, never};
  const Snapshot snapshot(Edge(), Of(tenant), 3);
  const Json document =
      WhoCanDocument(snapshot, {{"cidr", "192.168.2.1/28"}}).value();
  EXPECT_EQ(document["cidr"], "192.168.2.0/28");
  EXPECT_EQ(document["targets"].dump(),
            R"([{"tenant":"acme","vnet":"v0","default":true,)"
            R"("part":"192.168.2.0/28","cidr":"192.168.2.0/24","via":"t0"}])");
  EXPECT_EQ(document["access"].dump(),
            R"([{"tenant":"acme","vnet":"v0","from":["t0","t3"],)"
            R"("sources":[],"identities":["alice"],"context":{},)"
            R"("at_times":false,"to":["192.168.2.0/28"],"protocol":"tcp",)"
            R"("ports":["22"],"rule":"ssh","unless":["night"]}])");
  EXPECT_EQ(WhoCanDocument(snapshot, {{"cidr", "10.0.0.1"}}).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(WhoCanDocument(snapshot, {{"cidr", "10.0.0.1/33"}}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

class HealthTest : public ::testing::Test {
 protected:
  HealthTest() : backend(Edge(), Of(MakeTenant())) {}
  static Tenant MakeTenant() {
    Tenant tenant = RandomNetwork(1).MakeTenant(0);
    Tunnel& tunnel = tenant.tunnels[0];
    tunnel.peers.push_back(tunnel.peers[0]);
    tunnel.peers[1].remote = Ip("192.0.2.99");
    tunnel.peers[1].labels = {{"release", "canary"}};
    tunnel.probe.targets = {Ip("10.1.0.1")};
    Route route;
    route.vnet = "v0";
    route.cidr = Cidr("10.1.0.0/16");
    route.tunnel = "t0";
    tenant.routes = {route};
    return tenant;
  }
  void Set(uint32_t peer, PeerState state) {
    backend.fake_engine.peers[{1, peer}].state = state;
  }
  FakeBackend backend;
};

TEST_F(HealthTest, IsThatOfTheTunnelAsAWhole) {
  const Tunnel& tunnel = backend.snapshot()->resources().tenants[0]->tunnels[0];
  const auto state = [&](PeerState a, PeerState b) {
    Set(0, a);
    Set(1, b);
    return TunnelState(tunnel, backend.fake_engine);
  };
  using enum PeerState;
  EXPECT_EQ(state(kUp, kUp), "up");
  EXPECT_EQ(state(kUp, kDown), "degraded");
  EXPECT_EQ(state(kDown, kDown), "down");
  EXPECT_EQ(state(kUp, kWaiting), "waiting");
  EXPECT_EQ(state(kDown, kWaiting), "degraded");
  EXPECT_EQ(state(kUnprobed, kUnprobed), "unprobed");
  EXPECT_EQ(TunnelState(Tunnel(), backend.fake_engine), "down");
}

TEST_F(HealthTest, IsInTunnelsAndInTheRoute) {
  Set(0, PeerState::kDown);
  PeerView& up = backend.fake_engine.peers[{1, 1}];
  up.state = PeerState::kUp;
  up.rtt = absl::Microseconds(4100);
  up.since = absl::FromUnixSeconds(0);
  const Json tunnels = GetTunnels(backend).value();
  EXPECT_EQ(DocumentMismatch(tunnels), "");
  const Json& tunnel = tunnels["tunnels"][0];
  EXPECT_EQ(tunnel["state"], "degraded");
  EXPECT_EQ(tunnel["peers"][0]["state"], "down");
  EXPECT_EQ(tunnel["peers"][1].dump(),
            R"({"remote":"192.0.2.99","auth":"none","variant":0,)"
            R"("accept_zero_checksum":false,"keys":[],"weight":1,)"
            R"("labels":{"release":"canary"},"state":"up","rtt_ms":4.1,)"
            R"("since":"1970-01-01T00:00:00.000Z"})");
  const Json route = GetRoute(backend, {{"address", "10.1.2.3"}}).value();
  EXPECT_EQ(DocumentMismatch(route), "");
  EXPECT_EQ(route["route"]["state"], "degraded");
  EXPECT_EQ(route["route"]["peers_up"], 1);
  EXPECT_EQ(route["route"]["rtt_ms"], 4.1);
}

TEST(RouteAdviseTest, PrintsTheLinesForHostsBehindInterfaces) {
  Tenant tenant = RandomNetwork(1).MakeTenant(0);
  Tunnel lan;
  lan.id = 9;
  lan.name = "lan";
  lan.type = TunnelType::kInterface;
  lan.vnet = "v0";
  lan.edge = "edge-a";
  lan.device = "eth1";
  tenant.tunnels.push_back(lan);
  for (const auto& [vnet, cidr, tunnel] :
       {std::tuple("v0", "10.1.0.0/16", "t0"),
        {"v0", "10.3.0.0/16", "lan"},
        {"v0", "fd00:1::/48", "t0"},
        {"v1", "10.9.0.0/16", "t1"}}) {
    Route route;
    route.vnet = vnet;
    route.cidr = Cidr(cidr);
    route.tunnel = tunnel;
    tenant.routes.push_back(route);
  }
  FakeBackend backend(Edge(), Of(tenant));
  AttachedDevice eth1;
  eth1.slot = 4;
  eth1.name = "eth1";
  eth1.role = DeviceRole::kAccess;
  backend.attached = {eth1};
  for (const char* address : {"10.3.0.1", "fe80::1"}) {
    rp_local_key key = {.slot = 4, .addr = {}};
    Ip(address).ToMapped(key.addr);
    backend.fake_maps.Put("rp_locals", key, uint32_t{1});
  }
  const Json document = AdviseDocument(backend, {}).value();
  EXPECT_EQ(DocumentMismatch(document), "");
  ASSERT_THAT(document["advice"], SizeIs(1));
  EXPECT_EQ(document["advice"][0]["lines"].dump(),
            R"(["ip route add 10.1.0.0/16 via 10.3.0.1"])");
  EXPECT_EQ(document["advice"][0]["missing"].dump(), R"(["fd00:1::/48"])");
  EXPECT_THAT((*AdviseDocument(backend, {{"vnet", "v1"}}))["advice"],
              IsEmpty());
  EXPECT_FALSE(AdviseDocument(backend, {{"vnet", "nowhere"}}).ok());
}

}  // namespace
}  // namespace rampart

// SPDX-License-Identifier: Apache-2.0
#include "tests/controller/flow/engine_fixture.h"

#include <unistd.h>

#include "controller/flow/flow_entry.h"

namespace rampart {
namespace {

Prefix Cidr(std::string_view text) { return Prefix::Parse(text).value(); }

Route RouteTo(std::string vnet, std::string_view cidr, std::string via) {
  Route route;
  route.vnet = std::move(vnet);
  route.cidr = Cidr(cidr);
  if (via == "internet") {
    route.kind = Route::Kind::kInternet;
    route.pool = "default";
  } else if (via == "blackhole") {
    route.kind = Route::Kind::kBlackhole;
  } else {
    route.tunnel = std::move(via);
  }
  return route;
}

Peer PlainPeer(std::string_view remote) {
  Peer peer;
  peer.remote = Ip(remote);
  peer.auth = Auth::kNone;
  return peer;
}

Tunnel GueTunnel(uint32_t id, std::string name, std::string vnet,
                 std::vector<Peer> peers) {
  Tunnel tunnel;
  tunnel.id = id;
  tunnel.name = std::move(name);
  tunnel.vnet = std::move(vnet);
  tunnel.peers = std::move(peers);
  return tunnel;
}

Vnet LabVnet(std::string name, uint32_t vni) {
  Vnet vnet;
  vnet.name = std::move(name);
  vnet.vni = vni;
  vnet.router = {Ip("10.1.0.1"), Ip("fd00:1::1")};
  return vnet;
}

Tenant Acme() {
  Tenant acme;
  acme.id = 1;
  acme.name = "acme";
  acme.vnets = {LabVnet("frankfurt", kVnet), LabVnet("dark", kDark)};
  acme.tunnels = {
      GueTunnel(kFra, "fra", "frankfurt", {PlainPeer("192.0.2.10")}),
      GueTunnel(kTwo, "two", "frankfurt",
                {PlainPeer("192.0.2.20"), PlainPeer("192.0.2.21")}),
      GueTunnel(kLan, "lan", "frankfurt", {})};
  acme.tunnels[2].type = TunnelType::kInterface;
  acme.tunnels[2].edge = "edge-a";
  acme.tunnels[2].device = "eth1";
  acme.tunnels.push_back(
      GueTunnel(4, "dim", "dark", {PlainPeer("192.0.2.40")}));
  for (const auto& [cidr, via] :
       std::vector<std::pair<const char*, const char*>>{
           {"10.1.0.0/16", "fra"},
           {"10.2.0.0/16", "two"},
           {"10.3.0.0/16", "lan"},
           {"10.66.0.0/16", "blackhole"},
           {"192.0.2.0/24", "fra"},
           {"0.0.0.0/0", "internet"},
           {"fd00:1::/48", "fra"},
           {"fd00:2::/48", "two"},
           {"fd00:3::/48", "lan"},
           {"fd00:66::/48", "blackhole"},
           {"2001:db8:2::/64", "fra"},
           {"::/0", "internet"}})
    acme.routes.push_back(RouteTo("frankfurt", cidr, via));
  acme.routes.push_back(RouteTo("dark", "10.1.0.0/16", "dim"));
  acme.routes.push_back(RouteTo("dark", "fd00:1::/48", "dim"));
  return acme;
}

Tenant Globex() {
  Tenant globex;
  globex.id = 2;
  globex.name = "globex";
  globex.vnets = {LabVnet("berlin", kOtherVnet)};
  globex.tunnels = {
      GueTunnel(kGlobex, "gbx", "berlin", {PlainPeer("192.0.2.30")})};
  for (const auto& [cidr, via] :
       std::vector<std::pair<const char*, const char*>>{
           {"10.1.0.0/16", "gbx"},
           {"0.0.0.0/0", "internet"},
           {"fd00:1::/48", "gbx"},
           {"::/0", "internet"}})
    globex.routes.push_back(RouteTo("berlin", cidr, via));
  return globex;
}

Link LabLink(uint32_t ifindex, std::string name) {
  Link link;
  link.ifindex = ifindex;
  link.name = std::move(name);
  link.mac = {2, 0, 0, 0, 0, static_cast<uint8_t>(ifindex)};
  link.mtu = 1500;
  link.up = true;
  return link;
}

void ArrangeUnderlay(FakeUnderlay& underlay) {
  underlay.links = {LabLink(kUplinkIf, "eth0"), LabLink(kLanIf, "eth1")};
  underlay.addresses[kLanIf] = {Ip("10.3.0.254"), Ip("fe80::1"),
                                Ip("fd00:3::fe")};
  const auto route = [&](std::string_view cidr, uint32_t ifindex,
                         std::string_view gateway) {
    UnderlayRoute r;
    r.ifindex = ifindex;
    r.mtu = 1500;
    if (!gateway.empty()) r.gateway = Ip(gateway);
    underlay.routes.emplace_back(Cidr(cidr), r);
  };
  route("0.0.0.0/0", kUplinkIf, "192.0.2.254");
  route("::/0", kUplinkIf, "2001:db8::fe");
  route("192.0.2.0/24", kUplinkIf, "");
  route("10.3.0.0/16", kLanIf, "");
  route("fd00:3::/64", kLanIf, "");
  uint8_t last = 1;
  for (const char* address :
       {"192.0.2.254", "2001:db8::fe", "192.0.2.10", "192.0.2.20", "192.0.2.21",
        "192.0.2.30", "192.0.2.40"})
    underlay.neighbours[{kUplinkIf, Ip(address)}] = {4, 0, 0, 0, 0, last++};
  for (const char* address : {"10.3.0.5", "fd00:3::5"})
    underlay.neighbours[{kLanIf, Ip(address)}] = {4, 0, 0, 0, 0, last++};
}

template <typename F>
bool EditEntry(typename F::Table& table, const FlowTuple& tuple,
               const std::function<void(rp_flow&)>& change) {
  const auto slot = table.Find(KeyOf<F>(tuple));
  if (!slot) return false;
  typename F::Value value = table.At(*slot);
  change(value.flow);
  table.Overwrite(*slot, value);
  return true;
}

}  // namespace

const LabNet& Net(Family family) {
  static const LabNet v4 = {.family = Family::kV4,
                            .fra = Ip("10.1.0.5"),
                            .fra2 = Ip("10.1.0.6"),
                            .two = Ip("10.2.0.9"),
                            .lan = Ip("10.3.0.5"),
                            .internet = Ip("198.51.100.10"),
                            .internet2 = Ip("198.51.100.11"),
                            .router = Ip("10.1.0.1"),
                            .blackhole = Ip("10.66.0.1"),
                            .nat = Ip("203.0.113.1"),
                            .fra_remote = Ip("192.0.2.10"),
                            .two_remotes = {Ip("192.0.2.20"), Ip("192.0.2.21")},
                            .gateway = Ip("192.0.2.254"),
                            .lan_gateway = Ip("10.3.0.77")};
  static const LabNet v6 = {.family = Family::kV6,
                            .fra = Ip("fd00:1::5"),
                            .fra2 = Ip("fd00:1::6"),
                            .two = Ip("fd00:2::9"),
                            .lan = Ip("fd00:3::5"),
                            .internet = Ip("2001:db8:77::10"),
                            .internet2 = Ip("2001:db8:77::11"),
                            .router = Ip("fd00:1::1"),
                            .blackhole = Ip("fd00:66::1"),
                            .nat = Ip("2001:db8:64::1"),
                            .fra_remote = Ip("192.0.2.10"),
                            .two_remotes = {Ip("192.0.2.20"), Ip("192.0.2.21")},
                            .gateway = Ip("2001:db8::fe"),
                            .lan_gateway = Ip("fd00:3::77")};
  return family == Family::kV4 ? v4 : v6;
}

Resources LabResources() {
  Resources resources;
  resources.tenants = {Acme(), Globex()};
  return resources;
}

EdgeConfig LabEdge() {
  EdgeConfig edge;
  edge.edge = "edge-a";
  edge.gue_addresses = {Ip("192.0.2.1"), Ip("2001:db8::1")};
  NatPoolConfig pool;
  pool.name = "default";
  pool.addresses = {Ip("203.0.113.1"), Ip("2001:db8:64::1")};
  edge.pools = {pool};
  return edge;
}

void EngineTest::SetUp() {
  kernel = FakeKernel::Make(flow_capacity);
  if (!kernel) GTEST_SKIP() << "needs root: BPF maps cannot be made";
  ArrangeUnderlay(underlay);
  StartEngine();
}

void EngineTest::TearDown() {
  if (engine == nullptr) return;
  const Engine::Statistics is = engine->statistics();
  EXPECT_EQ(is.punts, is.punts_dropped + is.punts_injected + is.punts_answered +
                          is.punts_waiting);
  FlowCount sum;
  for (const auto& [realm, count] : engine->flow_counts()) {
    EXPECT_NE(realm, 0u);
    sum.flows += count.flows;
    sum.started += count.started;
  }
  EXPECT_EQ(sum.flows, is.flows);
  EXPECT_EQ(sum.started, is.flows_started);
}

void EngineTest::StartEngine(const EdgeConfig& config) {
  engine.reset();
  edge = config;
  plane = std::make_unique<FakeDataPlane>(*kernel);
  AttachedDevice uplink, lan;
  uplink.slot = kUplinkSlot;
  uplink.ifindex = kUplinkIf;
  lan.slot = kLanSlot;
  lan.ifindex = kLanIf;
  lan.role = DeviceRole::kAccess;
  plane->attached = {uplink, lan};
  rp_device inject = {};
  inject.role = RP_ROLE_INJECT;
  ASSERT_TRUE(plane->maps().devices.Put(kInjectSlot, inject).ok());
  auto made = MakeEngine(
      {*plane, underlay, hooks, clock,
       [this](uint32_t n) { return static_cast<uint32_t>(random() % n); },
       block_log, past});
  ASSERT_TRUE(made.ok());
  engine = *std::move(made);
  Apply(LabResources(), 1);
}

void EngineTest::Apply(const Resources& resources, uint32_t epoch) {
  const absl::Status status =
      engine->Apply(std::make_shared<const Snapshot>(edge, resources, epoch),
                    OnChange::kRecheck);
  ASSERT_TRUE(status.ok()) << status;
}

void EngineTest::PuntBytes(rp_punt punt, const Bytes& packet) {
  punt.length = packet.size();
  plane->punts.emplace_back(punt, packet);
  const absl::StatusOr<int> handled = engine->ProcessPunts(64);
  ASSERT_TRUE(handled.ok()) << handled.status();
  ASSERT_EQ(*handled, 1);
}

void EngineTest::Punt(const PacketSpec& spec, uint32_t tunnel, uint32_t realm,
                      rp_punt_reason reason, uint16_t mtu) {
  rp_punt punt = {};
  punt.reason = reason;
  punt.realm = realm;
  punt.tunnel = tunnel;
  punt.mtu = mtu;
  PuntBytes(punt, BuildPacket(spec));
}

void EngineTest::Pass(absl::Duration duration) {
  const uint32_t step = ToTicks(kEngineTick);
  for (uint32_t left = ToTicks(duration); left > 0;) {
    const uint32_t now = std::min(left, step);
    clock.tick += now;
    left -= now;
    const absl::Status status = engine->OnTick();
    ASSERT_TRUE(status.ok()) << status;
  }
}

std::vector<Engine::FlowView> EngineTest::AllFlows() const {
  std::vector<Engine::FlowView> flows;
  engine->ForEachFlow(
      [&](const Engine::FlowView& view) { flows.push_back(view); });
  return flows;
}

std::optional<Engine::FlowView> EngineTest::Flow(const FlowTuple& tuple) const {
  for (const Engine::FlowView& view : AllFlows())
    if (view.tuple == tuple) return view;
  return std::nullopt;
}

size_t EngineTest::Entries() const {
  return plane->maps().flows4->size() + plane->maps().flows6->size();
}

bool EngineTest::Edit(const FlowTuple& key,
                      const std::function<void(rp_flow&)>& change) {
  return key.source.address.is_v4()
             ? EditEntry<FlowV4>(*plane->maps().flows4, key, change)
             : EditEntry<FlowV6>(*plane->maps().flows6, key, change);
}

FlowTuple EngineTest::ReverseOf(const Engine::FlowView& flow) {
  return {flow.reverse_realm, flow.translated_destination,
          flow.translated_source, flow.tuple.protocol};
}

std::map<int, uint64_t> EngineTest::AllDrops() const {
  std::map<int, uint64_t> drops;
  EXPECT_TRUE(plane->maps()
                  .slow.drops
                  .ForEach([&](uint32_t reason, const rp_counter& counter) {
                    if (counter.packets) drops[reason] = counter.packets;
                  })
                  .ok());
  return drops;
}

uint64_t EngineTest::Drops(rp_outcome reason) const {
  const auto drops = AllDrops();
  const auto found = drops.find(reason);
  return found == drops.end() ? 0 : found->second;
}

std::multiset<std::string> EngineTest::NatSessions() const {
  std::multiset<std::string> sessions;
  engine->ForEachNatSession([&](const NatSession& s) {
    sessions.insert(
        std::to_string(s.subscriber.realm) + " " +
        s.subscriber.address.ToString() + ":" + std::to_string(s.inside_port) +
        " " + std::to_string(s.protocol) + " as " +
        s.outside.address.ToString() + ":" + std::to_string(s.outside.port) +
        " x" + std::to_string(s.flows));
  });
  return sessions;
}

rp_next_hop EngineTest::NextHop(uint32_t index) const {
  return plane->maps().next_hops.Get(index).value().value();
}

}  // namespace rampart

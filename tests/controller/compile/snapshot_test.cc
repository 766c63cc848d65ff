// SPDX-License-Identifier: Apache-2.0
#include "controller/compile/snapshot.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <map>
#include <set>
#include <string>
#include <vector>

namespace rampart {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

IpAddress Ip(std::string_view text) { return IpAddress::Parse(text).value(); }
Prefix Cidr(std::string_view text) { return Prefix::Parse(text).value(); }

constexpr uint32_t kFrankfurt = 1001;
constexpr uint32_t kSydney = 1002;
constexpr uint32_t kBerlin = 2001;
enum TunnelId : uint32_t { kFra = 1, kSyd, kHq, kLan, kBer, kMix };

EdgeConfig MakeEdge() {
  EdgeConfig edge;
  edge.edge = "edge-a";
  edge.gue_addresses = {Ip("192.0.2.1"), Ip("192.0.2.101"), Ip("2001:db8::1")};
  edge.pools.resize(2);
  edge.pools[0].name = "default";
  edge.pools[0].addresses = {Ip("198.51.100.1"), Ip("2001:db8:64::1")};
  edge.pools[1].name = "shared";
  edge.pools[1].addresses = {Ip("192.0.2.1")};
  return edge;
}

Route MakeRoute(const std::string& vnet, std::string_view cidr,
                const std::string& tunnel) {
  Route route;
  route.vnet = vnet;
  route.cidr = Cidr(cidr);
  route.tunnel = tunnel;
  if (tunnel == "internet") {
    route.kind = Route::Kind::kInternet;
    route.pool = "default";
  }
  if (tunnel == "blackhole") route.kind = Route::Kind::kBlackhole;
  return route;
}

PeerKey Key(uint8_t id, size_t size) {
  PeerKey key;
  key.key_id = id;
  for (size_t i = 0; i < size; ++i) key.secret.push_back(16 * id + i);
  return key;
}

Peer GuePeer(std::string_view remote, Auth auth,
             std::vector<PeerKey> keys = {}) {
  Peer peer;
  peer.remote = Ip(remote);
  peer.auth = auth;
  peer.keys = std::move(keys);
  return peer;
}

Peer GrePeer(std::string_view remote, std::optional<uint32_t> key) {
  Peer peer;
  peer.remote = Ip(remote);
  peer.gre_key = key;
  return peer;
}

Tunnel MakeTunnel(uint32_t id, std::string name, TunnelType type,
                  std::string vnet, std::vector<Peer> peers) {
  Tunnel tunnel;
  tunnel.id = id;
  tunnel.name = std::move(name);
  tunnel.type = type;
  tunnel.vnet = std::move(vnet);
  tunnel.peers = std::move(peers);
  return tunnel;
}

Vnet MakeVnet(std::string name, uint32_t vni) {
  Vnet vnet;
  vnet.name = std::move(name);
  vnet.vni = vni;
  return vnet;
}

Tenant MakeAcme() {
  Tenant acme;
  acme.id = 10;
  acme.name = "acme";
  acme.vnets = {MakeVnet("frankfurt", kFrankfurt), MakeVnet("sydney", kSydney)};
  acme.vnets[1].router = {Ip("10.1.255.1"), Ip("fd00::1")};
  acme.tunnels = {
      MakeTunnel(kFra, "fra", TunnelType::kGue, "frankfurt",
                 {GuePeer("192.0.2.10", Auth::kNone)}),
      MakeTunnel(kSyd, "syd", TunnelType::kGue, "sydney",
                 {GuePeer("2001:db8::11", Auth::kMac, {Key(1, 16), Key(2, 16)}),
                  GuePeer("192.0.2.11", Auth::kCookie, {Key(3, 8)})}),
      MakeTunnel(
          kHq, "hq", TunnelType::kGre, "frankfurt",
          {GrePeer("192.0.2.20", 1001), GrePeer("192.0.2.20", std::nullopt)}),
      MakeTunnel(kLan, "lan", TunnelType::kInterface, "frankfurt", {}),
      MakeTunnel(kMix, "mix", TunnelType::kGue, "frankfurt",
                 {GuePeer("192.0.2.30", Auth::kGreKey)}),
  };
  acme.tunnels[1].peers[0].accept_zero_checksum = true;
  acme.tunnels[1].sources = {Cidr("172.16.0.0/12")};
  acme.tunnels[2].peers[0].checksum = true;
  acme.tunnels[2].peers[1].sequence = true;
  acme.routes = {
      MakeRoute("frankfurt", "10.1.0.0/16", "fra"),
      MakeRoute("frankfurt", "10.1.2.0/24", "hq"),
      MakeRoute("frankfurt", "0.0.0.0/0", "internet"),
      MakeRoute("frankfurt", "fd00:1::/32", "lan"),
      MakeRoute("frankfurt", "10.9.0.0/16", "syd"),
      MakeRoute("frankfurt", "10.10.0.0/16", "syd"),
      MakeRoute("sydney", "10.1.0.0/16", "syd"),
      MakeRoute("sydney", "10.2.0.0/16", "fra"),
      MakeRoute("sydney", "10.3.0.0/16", "blackhole"),
  };
  return acme;
}

Tenant MakeGlobex() {
  Tenant globex;
  globex.id = 11;
  globex.name = "globex";
  globex.vnets = {MakeVnet("frankfurt", kBerlin)};
  globex.tunnels = {MakeTunnel(kBer, "fra", TunnelType::kGue, "frankfurt",
                               {GuePeer("192.0.2.40", Auth::kNone)})};
  globex.tunnels[0].sources = {Cidr("0.0.0.0/0")};
  globex.routes = {MakeRoute("frankfurt", "10.1.0.0/16", "fra")};
  return globex;
}

class SnapshotTest : public ::testing::Test {
 protected:
  Snapshot snapshot_{MakeEdge(), Resources{"", {MakeAcme(), MakeGlobex()}}, 42};
};

TEST_F(SnapshotTest, FindsVnetsTunnelsAndPools) {
  EXPECT_EQ(snapshot_.epoch(), 42u);
  EXPECT_EQ(snapshot_.FindVnet(kSydney).vnet->name, "sydney");
  EXPECT_EQ(snapshot_.FindVnet(kSydney).tenant->name, "acme");
  EXPECT_EQ(snapshot_.FindVnet(kBerlin).tenant->name, "globex");
  EXPECT_EQ(snapshot_.FindVnet(0).vnet, nullptr);
  EXPECT_EQ(snapshot_.FindTunnel(kBer).tenant->name, "globex");
  EXPECT_EQ(snapshot_.FindTunnel(kBer).realm, kBerlin);
  EXPECT_EQ(snapshot_.FindTunnel(kSyd).realm, kSydney);
  EXPECT_EQ(snapshot_.FindTunnel(99).tunnel, nullptr);
  EXPECT_EQ(snapshot_.FindPool("shared"), &snapshot_.edge().pools[1]);
  EXPECT_EQ(snapshot_.FindPool("none"), nullptr);
}

TEST_F(SnapshotTest, TheSameAddressIsRoutedApartInEachVnet) {
  const struct {
    uint32_t realm;
    const char* destination;
    Route::Kind kind;
    uint32_t tunnel;
  } cases[] = {
      {kFrankfurt, "10.1.0.5", Route::Kind::kTunnel, kFra},
      {kFrankfurt, "10.1.2.5", Route::Kind::kTunnel, kHq},
      {kFrankfurt, "fd00:1::5", Route::Kind::kTunnel, kLan},
      {kFrankfurt, "8.8.8.8", Route::Kind::kInternet, 0},
      {kSydney, "10.1.2.5", Route::Kind::kTunnel, kSyd},
      {kSydney, "10.3.0.1", Route::Kind::kBlackhole, 0},
      {kBerlin, "10.1.2.5", Route::Kind::kTunnel, kBer},
  };
  for (const auto& c : cases) {
    const auto route = snapshot_.FindRoute(c.realm, Ip(c.destination));
    if (!route) {
      ADD_FAILURE() << "no route to " << c.destination;
      continue;
    }
    EXPECT_EQ(route->route->kind, c.kind) << c.destination;
    EXPECT_EQ(route->tunnel ? route->tunnel->id : 0, c.tunnel) << c.destination;
  }
  EXPECT_FALSE(snapshot_.FindRoute(kFrankfurt, Ip("fd00:2::5")));
  EXPECT_FALSE(snapshot_.FindRoute(kBerlin, Ip("8.8.8.8")));
  EXPECT_FALSE(snapshot_.FindRoute(9999, Ip("10.1.2.5")));
}

template <typename K, typename V>
std::string BytesOf(const std::vector<std::pair<K, V>>& entries) {
  std::string bytes;
  for (const auto& [key, value] : entries) {
    bytes.append(reinterpret_cast<const char*>(&key), sizeof(key));
    bytes.append(reinterpret_cast<const char*>(&value), sizeof(value));
  }
  return bytes;
}

TEST_F(SnapshotTest, WhatNobodyEditedIsNotCompiledAgain) {
  Resources resources = snapshot_.resources();
  resources.tenants[1].Edit().routes.push_back(
      MakeRoute("frankfurt", "10.1.2.0/24", "blackhole"));
  resources.tenants[1].Edit().tunnels[0].peers[0].remote = Ip("192.0.2.41");
  std::swap(resources.tenants[0], resources.tenants[1]);
  const Snapshot next(MakeEdge(), resources, 43, &snapshot_);
  const Snapshot anew(MakeEdge(), resources, 43);
  const auto route = [](const Snapshot& snapshot, uint32_t realm) {
    return snapshot.FindRoute(realm, Ip("10.1.2.5"))->route;
  };
  EXPECT_EQ(route(next, kFrankfurt), route(snapshot_, kFrankfurt));
  EXPECT_EQ(route(next, kBerlin)->kind, Route::Kind::kBlackhole);
  EXPECT_EQ(route(snapshot_, kBerlin)->kind, Route::Kind::kTunnel);
  EXPECT_EQ(BytesOf(next.Peers4()), BytesOf(anew.Peers4()));
  EXPECT_NE(BytesOf(next.Peers4()), BytesOf(snapshot_.Peers4()));
  EXPECT_EQ(BytesOf(next.Peers6()), BytesOf(anew.Peers6()));
  EXPECT_EQ(BytesOf(next.Grants()), BytesOf(anew.Grants()));
}

TEST_F(SnapshotTest, ListsEveryRouteLongestFirst) {
  std::vector<std::string> routes;
  for (const auto& ref : snapshot_.FindRoutes(kFrankfurt, Ip("10.1.2.5")))
    routes.push_back(ref.route->cidr.ToString());
  EXPECT_THAT(routes, ElementsAre("10.1.2.0/24", "10.1.0.0/16", "0.0.0.0/0"));
  EXPECT_THAT(snapshot_.FindRoutes(9999, Ip("10.1.2.5")), IsEmpty());
}

TEST_F(SnapshotTest, ASourceMustBeRoutedBackOrListed) {
  const struct {
    const char* why;
    uint32_t tunnel;
    uint32_t realm;
    const char* source;
    bool allowed;
  } cases[] = {
      {"routed back", kFra, kFrankfurt, "10.1.0.5", true},
      {"a longer prefix is elsewhere", kFra, kFrankfurt, "10.1.2.5", false},
      {"the longer prefix", kHq, kFrankfurt, "10.1.2.5", true},
      {"the Internet is no tunnel", kFra, kFrankfurt, "8.8.8.8", false},
      {"no route", kFra, kFrankfurt, "fd00:2::5", false},
      {"another vnet's route", kFra, kSydney, "10.1.0.5", false},
      {"this vnet's route", kSyd, kSydney, "10.1.0.5", true},
      {"listed", kSyd, kSydney, "172.16.3.4", true},
      {"listed, in another vnet of the tenant", kSyd, kFrankfurt, "172.16.3.4",
       true},
      {"listed, but another tenant's vnet", kBer, kFrankfurt, "1.2.3.4", false},
      {"listed by another tunnel", kFra, kFrankfurt, "172.16.3.4", false},
      {"blackholed", kSyd, kSydney, "10.3.0.1", false},
      {"no such tunnel", 99, kFrankfurt, "10.1.0.5", false},
      {"no such vnet", kFra, 9999, "10.1.0.5", false},
      {"another tenant with the same prefix", kBer, kFrankfurt, "10.1.0.5",
       false},
  };
  for (const auto& c : cases)
    EXPECT_EQ(snapshot_.SourceAllowed(c.tunnel, c.realm, Ip(c.source)),
              c.allowed)
        << c.why;
}

TEST_F(SnapshotTest, ARouterAddressIsTheVnetsOrADummy) {
  EXPECT_EQ(snapshot_.RouterAddress(kSydney, Family::kV4), Ip("10.1.255.1"));
  EXPECT_EQ(snapshot_.RouterAddress(kSydney, Family::kV6), Ip("fd00::1"));
  EXPECT_EQ(snapshot_.RouterAddress(kFrankfurt, Family::kV4), Ip("192.0.0.8"));
  EXPECT_EQ(snapshot_.RouterAddress(kFrankfurt, Family::kV6),
            Ip("100:0:0:1::8"));
  EXPECT_EQ(snapshot_.RouterAddress(9999, Family::kV4), Ip("192.0.0.8"));
}

TEST_F(SnapshotTest, APeerIsKnownBehindEachTunnelAddressOfItsFamily) {
  std::multiset<std::string> seen;
  for (const auto& [key, peer] : snapshot_.Peers4())
    seen.insert(IpAddress::V4(key.saddr).ToString() + " > " +
                IpAddress::V4(key.daddr).ToString() + " kind " +
                std::to_string(key.kind));
  EXPECT_THAT(
      seen,
      UnorderedElementsAre(
          "192.0.2.10 > 192.0.2.1 kind 1", "192.0.2.10 > 192.0.2.101 kind 1",
          "192.0.2.11 > 192.0.2.1 kind 1", "192.0.2.11 > 192.0.2.101 kind 1",
          "192.0.2.20 > 192.0.2.1 kind 2", "192.0.2.20 > 192.0.2.101 kind 2",
          "192.0.2.20 > 192.0.2.1 kind 3", "192.0.2.20 > 192.0.2.101 kind 3",
          "192.0.2.30 > 192.0.2.1 kind 1", "192.0.2.30 > 192.0.2.101 kind 1",
          "192.0.2.40 > 192.0.2.1 kind 1", "192.0.2.40 > 192.0.2.101 kind 1"));
  const auto peers6 = snapshot_.Peers6();
  ASSERT_EQ(peers6.size(), 1u);
  EXPECT_EQ(IpAddress::V6(peers6[0].first.saddr), Ip("2001:db8::11"));
  EXPECT_EQ(IpAddress::V6(peers6[0].first.daddr), Ip("2001:db8::1"));
  EXPECT_EQ(peers6[0].first.kind, RP_PEER_GUE);
}

class PeerEntryTest : public SnapshotTest {
 protected:
  // The entry for packets from `remote`, of `kind`, to 192.0.2.1.
  std::pair<rp_peer4_key, rp_peer> Entry(std::string_view remote, int kind) {
    for (const auto& entry : snapshot_.Peers4())
      if (entry.first.saddr == Ip(remote).v4() && entry.first.kind == kind &&
          entry.first.daddr == Ip("192.0.2.1").v4())
        return entry;
    ADD_FAILURE() << "no peer";
    return {};
  }
};

TEST_F(PeerEntryTest, OfProfileNoneIsBoundToItsVnet) {
  const auto [key, peer] = Entry("192.0.2.10", RP_PEER_GUE);
  EXPECT_EQ(peer.tunnel, kFra);
  EXPECT_EQ(peer.realm, kFrankfurt);
  EXPECT_EQ(peer.profile, RP_PROFILE_NONE);
  EXPECT_EQ(peer.flags, 0);
  EXPECT_EQ(peer.keys[0].used, 0);
}

TEST_F(PeerEntryTest, OfProfileMacHoldsBothKeysLittleEndian) {
  const rp_peer peer = snapshot_.Peers6()[0].second;
  EXPECT_EQ(peer.tunnel, kSyd);
  EXPECT_EQ(peer.realm, 0u) << "it is in the packet";
  EXPECT_EQ(peer.index, 0u);
  EXPECT_EQ(peer.profile, RP_PROFILE_MAC);
  EXPECT_EQ(peer.flags, RP_PEER_ZERO_CSUM6);
  EXPECT_EQ(peer.keys[0].k0, 0x1716151413121110u);
  EXPECT_EQ(peer.keys[0].k1, 0x1f1e1d1c1b1a1918u);
  EXPECT_EQ(peer.keys[0].id, 1);
  EXPECT_EQ(peer.keys[0].used, 1);
  EXPECT_EQ(peer.keys[1].k0, 0x2726252423222120u);
  EXPECT_EQ(peer.keys[1].id, 2);
  EXPECT_EQ(peer.keys[1].used, 1);
}

TEST_F(PeerEntryTest, OfProfileCookieHoldsTheBytesOfThePacket) {
  const auto [key, peer] = Entry("192.0.2.11", RP_PEER_GUE);
  EXPECT_EQ(peer.index, 1u);
  EXPECT_EQ(peer.profile, RP_PROFILE_COOKIE);
  EXPECT_EQ(peer.realm, 0u);
  EXPECT_EQ(
      std::memcmp(&peer.keys[0].k0, "\x30\x31\x32\x33\x34\x35\x36\x37", 8), 0);
  EXPECT_EQ(peer.keys[0].id, 0);
  EXPECT_EQ(peer.keys[0].used, 1);
  EXPECT_EQ(peer.keys[1].used, 0);
}

TEST_F(PeerEntryTest, OfProfileGreKeyTakesItsRealmFromThePacket) {
  const auto [key, peer] = Entry("192.0.2.30", RP_PEER_GUE);
  EXPECT_EQ(peer.profile, RP_PROFILE_GRE_KEY);
  EXPECT_EQ(peer.realm, 0u);
  EXPECT_EQ(key.gre_key, 0u);
}

TEST_F(PeerEntryTest, OfGreIsToldApartByItsKey) {
  const auto [keyed, with_key] = Entry("192.0.2.20", RP_PEER_GRE_KEY);
  EXPECT_EQ(keyed.gre_key, htonl(1001));
  EXPECT_EQ(with_key.profile, RP_PROFILE_GRE);
  EXPECT_EQ(with_key.realm, kFrankfurt);
  EXPECT_EQ(with_key.flags, RP_PEER_GRE_CSUM);
  const auto [bare, without] = Entry("192.0.2.20", RP_PEER_GRE);
  EXPECT_EQ(bare.gre_key, 0u);
  EXPECT_EQ(without.flags, RP_PEER_GRE_SEQ);
  EXPECT_EQ(without.index, 1u);
}

TEST_F(SnapshotTest, TunnelsMayEnterTheirVnetAndThoseRoutedThroughThem) {
  std::vector<std::tuple<uint32_t, uint32_t, uint32_t>> grants;
  for (const auto& [key, grant] : snapshot_.Grants())
    grants.emplace_back(key.tunnel, key.realm, grant.tenant);
  using Grant = std::tuple<uint32_t, uint32_t, uint32_t>;
  EXPECT_THAT(grants,
              UnorderedElementsAre(
                  Grant(kFra, kFrankfurt, 10),  // none: its own vnet only
                  Grant(kSyd, kSydney, 10), Grant(kSyd, kFrankfurt, 10),
                  Grant(kHq, kFrankfurt, 10), Grant(kLan, kFrankfurt, 10),
                  Grant(kMix, kFrankfurt, 10), Grant(kBer, kBerlin, 11)));
}

TEST_F(SnapshotTest, AnAddressMayServeTunnelsAndNat) {
  std::map<std::string, uint32_t> uses;
  for (const auto& [key, use] : snapshot_.Addresses())
    uses[IpAddress::FromMapped(key.addr).ToString()] = use;
  const std::map<std::string, uint32_t> expected = {
      {"192.0.2.1", RP_ADDRESS_TUNNEL | RP_ADDRESS_NAT},
      {"192.0.2.101", RP_ADDRESS_TUNNEL},
      {"2001:db8::1", RP_ADDRESS_TUNNEL},
      {"198.51.100.1", RP_ADDRESS_NAT},
      {"2001:db8:64::1", RP_ADDRESS_NAT},
  };
  EXPECT_EQ(uses, expected);
}

// What a configuration says about NAT, with tenants and vnets by name.
class NatSnapshotTest : public ::testing::Test {
 protected:
  static EdgeConfig MakeNatEdge() {
    EdgeConfig edge = MakeEdge();
    NatPoolConfig& pool = edge.pools[0];
    const Endpoint inside = {Ip("10.1.0.5"), 80};
    const IpAddress outside = Ip("198.51.100.1");
    pool.static_mappings = {
        {"acme", "frankfurt", IPPROTO_TCP, inside, {outside, 8080}},
        {"globex", "frankfurt", IPPROTO_UDP, inside, {outside, 8081}},
        {"acme", "berlin", IPPROTO_TCP, inside, {outside, 8082}},
        {"none", "frankfurt", IPPROTO_TCP, inside, {outside, 8083}}};
    edge.pools[1].prefixes = {
        {"acme", "sydney", Cidr("10.1.0.0/24"), Cidr("203.0.113.0/24")},
        {"acme", "sydney", Cidr("fd00:1::/48"), Cidr("2001:db8:1::/48")},
        {"globex", "sydney", Cidr("10.2.0.0/24"), Cidr("203.0.114.0/24")}};
    return edge;
  }
  // Of rp_prefixes: network and enum rp_address_use.
  static std::map<std::string, uint32_t> PrefixUses(const EdgeConfig& edge) {
    const Snapshot snapshot(edge, Resources{"", {MakeAcme(), MakeGlobex()}}, 1);
    std::map<std::string, uint32_t> uses;
    for (const auto& [key, use] : snapshot.Prefixes())
      EXPECT_TRUE(uses.emplace(IpAddress::V6(key.addr).ToString() + "/" +
                                   std::to_string(key.bits),
                               use)
                      .second);
    return uses;
  }
  const Snapshot snapshot_{MakeNatEdge(),
                           Resources{"", {MakeAcme(), MakeGlobex()}}, 1};
};

TEST_F(NatSnapshotTest, StaticMappingsAreOfTheVnetsThatAreThere) {
  const IpAddress inside = Ip("10.1.0.5"), outside = Ip("198.51.100.1");
  EXPECT_THAT(
      snapshot_.NatStatics(),
      ElementsAre(
          NatStatic{"default",
                    {kFrankfurt, inside},
                    IPPROTO_TCP,
                    80,
                    {outside, 8080}},
          NatStatic{
              "default", {kBerlin, inside}, IPPROTO_UDP, 80, {outside, 8081}}));
}

TEST_F(NatSnapshotTest, SoArePrefixes) {
  std::vector<std::string> prefixes;
  for (const NatPrefix& prefix : snapshot_.NatPrefixes())
    prefixes.push_back(prefix.pool + " " + std::to_string(prefix.realm) + " " +
                       prefix.inside.ToString() + " " +
                       prefix.outside.ToString());
  EXPECT_THAT(prefixes, ElementsAre("shared 1002 10.1.0.0/24 203.0.113.0/24",
                                    "shared 1002 fd00:1::/48 2001:db8:1::/48"));
}

TEST_F(NatSnapshotTest, TheDataPlaneIsToldTheirOutside) {
  const uint32_t use = RP_ADDRESS_NAT | RP_ADDRESS_PREFIX;
  EXPECT_THAT(PrefixUses(MakeNatEdge()),
              UnorderedElementsAre(Pair("::ffff:203.0.113.0/120", use),
                                   Pair("2001:db8:1::/48", use)));
  EXPECT_THAT(PrefixUses(MakeEdge()), IsEmpty());
}

// Those of vnets whose default route leaves some destinations alone.
TEST_F(NatSnapshotTest, NetworksBehindTunnelsAreToldIfTheyAreSeenOutside) {
  EdgeConfig edge = MakeEdge();
  edge.pools[1].exclude = {Cidr("172.16.0.0/12")};
  EXPECT_THAT(PrefixUses(edge), IsEmpty()) << "no route names the pool";
  edge.pools[0].exclude = {Cidr("172.16.0.0/12")};
  const uint32_t use = RP_ADDRESS_NAT | RP_ADDRESS_INSIDE;
  EXPECT_THAT(PrefixUses(edge),
              UnorderedElementsAre(Pair("::ffff:10.1.0.0/112", use),
                                   Pair("::ffff:10.1.2.0/120", use),
                                   Pair("fd00:1::/32", use),
                                   Pair("::ffff:10.9.0.0/112", use),
                                   Pair("::ffff:10.10.0.0/112", use)));
}

}  // namespace
}  // namespace rampart

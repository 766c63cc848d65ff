// SPDX-License-Identifier: Apache-2.0
// Where the data plane sends flows is where `route get` says: both against a
// linear scan of 10,000 random prefixes.
#include <cstring>
#include <random>
#include <set>

#include "maps/outcomes.h"
#include "tests/controller/flow/engine_fixture.h"

namespace rampart {
namespace {

constexpr size_t kRoutes = 10000;
constexpr int kFlows = 1000;

class RouteAgreementTest : public EngineTest {
 protected:
  uint32_t Below(uint32_t bound) { return numbers() % bound; }

  // Of few different bytes, so that prefixes contain each other.
  IpAddress Address() {
    uint8_t bytes[16] = {20, 7};
    if (net.family == Family::kV6) bytes[0] = 0x20;
    for (int i = 1; i < 16; ++i)
      if (Below(2) == 0) bytes[i] = static_cast<uint8_t>(Below(32) * 8);
    if (net.family == Family::kV6) return IpAddress::V6(bytes);
    uint32_t v4;
    std::memcpy(&v4, bytes, sizeof(v4));
    return IpAddress::V4(v4);
  }

  // Through fra, through two, or nowhere. fra may send from anywhere.
  Resources RandomRoutes() {
    Resources resources = LabResources();
    Tenant& acme = resources.tenants[0].Edit();
    acme.routes.clear();
    acme.tunnels[0].sources = {Prefix(net.fra, 0)};
    std::set<Prefix> seen;
    const int shortest = net.family == Family::kV4 ? 12 : 20;
    for (int tries = 0; seen.size() < kRoutes && tries < 200000; ++tries) {
      const IpAddress address = Address();
      Route route;
      route.vnet = "frankfurt";
      route.cidr = {address, shortest + static_cast<int>(Below(address.bits() -
                                                               shortest + 1))};
      if (!seen.insert(route.cidr).second) continue;
      const uint32_t kind = Below(8);
      if (kind == 0)
        route.kind = Route::Kind::kBlackhole;
      else
        route.tunnel = kind % 2 == 0 ? "fra" : "two";
      acme.routes.push_back(route);
    }
    return resources;
  }

  static const Route* Scan(const Tenant& tenant, const IpAddress& address) {
    const Route* best = nullptr;
    for (const Route& route : tenant.routes)
      if (route.cidr.Contains(address) &&
          (best == nullptr || best->cidr.length() < route.cidr.length()))
        best = &route;
    return best;
  }

  std::mt19937 numbers{17};
};
RP_BOTH_FAMILIES(RouteAgreementTest);

TEST_P(RouteAgreementTest, FlowsGoWhereTheLongestPrefixLeads) {
  const Resources resources = RandomRoutes();
  const Tenant& acme = resources.tenants[0];
  EXPECT_EQ(acme.routes.size(), kRoutes);
  Apply(resources, 2);
  const Snapshot snapshot(edge, resources, 2);
  std::map<std::string, int> ways;
  for (int i = 0; i < kFlows; ++i) {
    const IpAddress destination =
        Below(3) == 0 ? Address()
                      : acme.routes[Below(acme.routes.size())].cidr.address();
    if (destination == net.router) continue;
    const Route* expected = Scan(acme, destination);
    const auto told = snapshot.FindRoute(kVnet, destination);
    ASSERT_EQ(told.has_value(), expected != nullptr);
    const PacketSpec spec = Udp(net.fra, destination, 1000 + i);
    Punt(spec);
    const auto flow = Flow(TupleOfSpec(kVnet, spec));
    ASSERT_TRUE(flow.has_value()) << destination.ToString();
    if (expected != nullptr) {
      ASSERT_EQ(told->route->cidr, expected->cidr);
    }
    if (expected == nullptr || expected->kind == Route::Kind::kBlackhole) {
      ASSERT_EQ(flow->next_hop.kind, RP_NEXT_HOP_DROP);
      ASSERT_EQ(flow->next_hop.reason,
                expected == nullptr ? RP_DROP_NO_ROUTE : RP_DROP_BLACKHOLE);
      ++ways["nowhere"];
      continue;
    }
    ASSERT_EQ(flow->next_hop.tunnel, expected->tunnel == "fra" ? kFra : kTwo);
    ++ways[expected->tunnel];
  }
  for (const char* way : {"nowhere", "fra", "two"}) EXPECT_GT(ways[way], 50);
}

}  // namespace
}  // namespace rampart

// SPDX-License-Identifier: Apache-2.0
// What a new configuration changes.
#include <map>
#include <string>

#include "maps/config.h"
#include "tests/controller/flow/engine_fixture.h"

namespace rampart {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

using ConfigurationTest = EngineTest;
RP_BOTH_FAMILIES(ConfigurationTest);

template <typename K, typename V>
std::map<std::string, std::string> Contents(const Map<K, V>& map) {
  std::map<std::string, std::string> contents;
  EXPECT_TRUE(
      map.ForEach([&](const K& key, const V& value) {
           contents.emplace(
               std::string(reinterpret_cast<const char*>(&key), sizeof(key)),
               std::string(reinterpret_cast<const char*>(&value),
                           sizeof(value)));
         })
          .ok());
  return contents;
}

template <typename K, typename V>
std::map<std::string, std::string> Contents(
    const std::vector<std::pair<K, V>>& entries) {
  std::map<std::string, std::string> contents;
  for (const auto& [key, value] : entries) {
    contents.emplace(
        std::string(reinterpret_cast<const char*>(&key), sizeof(key)),
        std::string(reinterpret_cast<const char*>(&value), sizeof(value)));
  }
  return contents;
}

TEST_P(ConfigurationTest, TheMapsHoldWhatTheSnapshotSays) {
  Resources less = LabResources();
  less.tenants.pop_back();
  less.tenants[0].Edit().tunnels[1].peers.pop_back();
  uint32_t epoch = 1;
  for (const Resources& resources : {LabResources(), less, LabResources()}) {
    Apply(resources, ++epoch);
    const Snapshot snapshot(LabEdge(), resources, epoch);
    const Maps& maps = plane->maps();
    EXPECT_EQ(Contents(maps.peers4), Contents(snapshot.Peers4()));
    EXPECT_EQ(Contents(maps.peers6), Contents(snapshot.Peers6()));
    EXPECT_EQ(Contents(maps.grants), Contents(snapshot.Grants()));
    EXPECT_EQ(Contents(maps.addresses), Contents(snapshot.Addresses()));
    EXPECT_EQ(maps.config.Get(0).value()->epoch, epoch);
  }
}

TEST_P(ConfigurationTest, TheConfigEntryIsComplete) {
  rp_config config = plane->maps().config.Get(0).value().value();
  config.store_id = 4711;
  ASSERT_TRUE(plane->maps().config.Put(0, config).ok());
  Apply(LabResources(), 5);
  config = plane->maps().config.Get(0).value().value();
  EXPECT_EQ(config.layout, uint32_t{RP_LAYOUT_VERSION});
  EXPECT_EQ(config.gue_port, htons(6080));
  EXPECT_EQ(config.store_id, 4711u);  // the data plane's, not ours
  EXPECT_EQ(config.epoch, 5u);
  EXPECT_GT(config.punts_per_tick, 0u);
  EXPECT_EQ(config.timeouts[RP_TIMEOUT_UDP], ToTicks(absl::Seconds(300)));
  EXPECT_EQ(config.timeouts[RP_TIMEOUT_TCP_ESTABLISHED],
            ToTicks(absl::Seconds(7440)));
  EXPECT_EQ(config.timeouts[RP_TIMEOUT_TCP_OPENING],
            ToTicks(absl::Seconds(240)));
  EXPECT_EQ(config.timeouts[RP_TIMEOUT_ICMP], ToTicks(absl::Seconds(60)));
  EXPECT_EQ(config.timeouts[RP_TIMEOUT_DENIED], ToTicks(absl::Seconds(5)));
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  EXPECT_NEAR(now.tv_sec + config.unix_offset / 1e9,
              absl::ToUnixSeconds(absl::Now()), 2);
}

TEST_P(ConfigurationTest, AWrongClockOffsetIsPutRight) {
  rp_config config = plane->maps().config.Get(0).value().value();
  const uint64_t right = config.unix_offset;
  timespec unix_time;
  clock_gettime(CLOCK_REALTIME, &unix_time);
  config.unix_offset = 1;
  ASSERT_TRUE(plane->maps().config.Put(0, config).ok());
  Apply(LabResources(), 2);
  EXPECT_NEAR(plane->maps().config.Get(0).value()->unix_offset, right, 1e7);
}

TEST_P(ConfigurationTest, LocalsAreTheAddressesOfAccessInterfaces) {
  EXPECT_THAT(Contents(plane->maps().locals), SizeIs(3));
  underlay.addresses[kLanIf].pop_back();
  clock.tick++;
  engine->OnUnderlayChange();
  EXPECT_THAT(Contents(plane->maps().locals), SizeIs(2));
}

TEST_P(ConfigurationTest, FlowsTheHooksNowRefuseEnd) {
  const PacketSpec refused = Udp(net.fra, net.two);
  const PacketSpec kept = Udp(net.fra, net.internet);
  Punt(refused);
  Punt(kept);
  ASSERT_TRUE(Edit(TupleOfSpec(kVnet, refused), [](rp_flow& f) {
    f.count = uint64_t{4} << RP_COUNT_BYTES;
  }));
  hooks.decide = [](const FlowStart& start) {
    return start.route.tunnel != nullptr ? FakeHooks::Deny(RP_DROP_POLICY_DENY)
                                         : FakeHooks::Allow();
  };
  Pass(absl::Seconds(3));
  EXPECT_THAT(hooks.ends, IsEmpty());  // nobody asks without a change
  Apply(LabResources(), 2);
  Pass(absl::Milliseconds(300));
  ASSERT_THAT(hooks.ends, SizeIs(1));
  EXPECT_EQ(hooks.ends[0].reason, FlowEndReason::kPolicy);
  EXPECT_EQ(hooks.ends[0].packets[0], 4u);
  EXPECT_FALSE(Flow(TupleOfSpec(kVnet, refused)));
  EXPECT_TRUE(Flow(TupleOfSpec(kVnet, kept)));
}

TEST_P(ConfigurationTest, RefusalsOfTheOldConfigurationAreForgotten) {
  const PacketSpec spec = Udp(net.fra, net.two);
  hooks.decide = [](const FlowStart&) { return Decision(); };
  Punt(spec);
  EXPECT_EQ(Entries(), 1u);
  hooks.decide = nullptr;
  Apply(LabResources(), 2);
  Pass(absl::Milliseconds(300));
  EXPECT_EQ(Entries(), 0u);
  Punt(spec);
  EXPECT_EQ(Entries(), 2u);
}

TEST_P(ConfigurationTest, FlowsOfARemovedTunnelEndOnEitherSide) {
  Punt(Udp(net.fra, net.two));
  Punt(Udp(net.two, net.fra, 77), kTwo);
  Punt(Udp(net.fra, net.internet));
  Resources resources = LabResources();
  std::vector<Tunnel>& tunnels = resources.tenants[0].Edit().tunnels;
  tunnels.erase(tunnels.begin() + 1);
  std::erase_if(resources.tenants[0].Edit().routes,
                [](const Route& r) { return r.tunnel == "two"; });
  Apply(resources, 2);
  Pass(absl::Milliseconds(300));
  ASSERT_THAT(hooks.ends, SizeIs(2));
  for (const FlowEnd& end : hooks.ends)
    EXPECT_EQ(end.reason, FlowEndReason::kRemoved);
  EXPECT_EQ(Entries(), 2u);
}

TEST_P(ConfigurationTest, FlowsOfARemovedTenantEnd) {
  Punt(Udp(net.fra, net.internet), kGlobex, kOtherVnet);
  Punt(Udp(net.fra, net.internet));
  Resources resources = LabResources();
  resources.tenants.pop_back();
  Apply(resources, 2);
  Pass(absl::Milliseconds(300));
  ASSERT_THAT(hooks.ends, SizeIs(1));
  EXPECT_EQ(hooks.ends[0].tuple.realm, kOtherVnet);
  size_t sessions = 0;
  engine->ForEachNatSession([&](const NatSession&) { ++sessions; });
  EXPECT_EQ(sessions, 1u);
}

TEST_P(ConfigurationTest, ChangedRoutesConcernNewFlowsOnly) {
  const PacketSpec old = Udp(net.fra, net.two);
  Punt(old);
  Resources resources = LabResources();
  for (Route& route : resources.tenants[0].Edit().routes) {
    if (route.tunnel != "two") continue;
    route.kind = Route::Kind::kBlackhole;
    route.tunnel.clear();
  }
  Apply(resources, 2);
  Pass(absl::Seconds(3));
  EXPECT_THAT(hooks.ends, IsEmpty());
  EXPECT_TRUE(Flow(TupleOfSpec(kVnet, old)));
  Punt(Udp(net.fra, net.two, 99));
  EXPECT_EQ(Drops(RP_DROP_BLACKHOLE), 1u);
}

TEST_P(ConfigurationTest, AMovedPeerKeepsItsNextHop) {
  const PacketSpec spec = Udp(net.two, net.fra);
  Punt(spec, kTwo);
  uint32_t index = 0;
  ASSERT_TRUE(
      Edit(TupleOfSpec(kVnet, spec), [&](rp_flow& f) { index = f.next_hop; }));
  const rp_next_hop before = NextHop(index);
  Resources resources = LabResources();
  resources.tenants[0].Edit().tunnels[0].peers[0].remote = Ip("192.0.2.30");
  resources.tenants[1].Edit().tunnels[0].peers[0].remote = Ip("192.0.2.10");
  Apply(resources, 2);
  const rp_next_hop after = NextHop(index);
  EXPECT_EQ(after.kind, RP_NEXT_HOP_SEND);
  EXPECT_EQ(after.tunnel, before.tunnel);
  EXPECT_EQ(after.header[14 + 19], 30);  // outer destination, last byte
  EXPECT_EQ(before.header[14 + 19], 10);
}

}  // namespace
}  // namespace rampart

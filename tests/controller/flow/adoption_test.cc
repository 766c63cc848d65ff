// SPDX-License-Identifier: Apache-2.0
// A controller that starts over the maps of an earlier one.
#include <set>
#include <string>

#include "controller/flow/flow_entry.h"
#include "tests/controller/flow/engine_fixture.h"

namespace rampart {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using AdoptionTest = EngineTest;
RP_BOTH_FAMILIES(AdoptionTest);

TEST_P(AdoptionTest, FlowsAndNatStateAreTakenOver) {
  for (uint16_t port = 1; port <= 200; ++port) {
    Punt(Udp(net.fra, net.internet, port));
    Punt(Udp(net.fra, net.internet2, port));
    Punt(Udp(net.fra, net.internet, port), kGlobex, kOtherVnet);
  }
  Punt(Echo(net.fra, net.internet));
  Punt(Tcp(net.fra, net.two));
  const auto sessions = NatSessions();
  const size_t entries = Entries();
  StartEngine();
  EXPECT_EQ(NatSessions(), sessions);
  EXPECT_EQ(Entries(), entries);
  EXPECT_EQ(engine->statistics().flows_adopted, 602u);
  EXPECT_EQ(engine->statistics().flows, 602u);
  EXPECT_THAT(hooks.ends, IsEmpty());
}

TEST_P(AdoptionTest, NoPortIsGivenTwice) {
  std::set<uint16_t> ports;
  for (uint16_t port = 1; port <= 300; ++port) {
    const PacketSpec spec = Udp(net.fra, net.internet, port);
    Punt(spec);
    ports.insert(Flow(TupleOfSpec(kVnet, spec))->translated_source.port);
  }
  StartEngine();
  for (uint16_t port = 301; port <= 600; ++port) {
    const PacketSpec spec = Udp(net.fra, net.internet, port);
    Punt(spec);
    ports.insert(Flow(TupleOfSpec(kVnet, spec))->translated_source.port);
  }
  EXPECT_EQ(ports.size(), 600u);
}

TEST_P(AdoptionTest, AdoptedFlowsGoOnAndEndWithTheirCounters) {
  const PacketSpec spec = Udp(net.fra, net.internet);
  Punt(spec);
  ASSERT_TRUE(Edit(TupleOfSpec(kVnet, spec), [](rp_flow& f) {
    f.count = uint64_t{9} << RP_COUNT_BYTES;
  }));
  StartEngine();
  Punt(spec);
  EXPECT_THAT(plane->injected, SizeIs(1));
  EXPECT_EQ(Entries(), 2u);
  Pass(absl::Seconds(302));
  ASSERT_THAT(hooks.ends, SizeIs(1));
  EXPECT_THAT(hooks.ends[0].packets, ElementsAre(9, 0));
  EXPECT_EQ(hooks.ends[0].rule, "all");  // as its epoch says
  EXPECT_THAT(NatSessions(), IsEmpty());
}

TEST_P(AdoptionTest, NextHopsKeepTheirIndices) {
  for (const PacketSpec& spec :
       {Udp(net.fra, net.two), Udp(net.fra, net.lan),
        Udp(net.fra, net.internet), Udp(net.fra, net.blackhole)})
    Punt(spec);
  const auto read = [&] {
    std::vector<int> kinds;
    EXPECT_TRUE(plane->maps()
                    .next_hops
                    .ForEach([&](uint32_t, const rp_next_hop& hop) {
                      kinds.push_back(hop.kind * 10 + hop.use);
                    })
                    .ok());
    return kinds;
  };
  const std::vector<int> before = read();
  StartEngine();
  for (const PacketSpec& spec :
       {Udp(net.fra2, net.two), Udp(net.fra2, net.lan),
        Udp(net.fra2, net.internet2), Udp(net.fra2, net.blackhole)})
    Punt(spec);
  const std::vector<int> after = read();
  // Only another peer of tunnel two may be new.
  int more = 0;
  for (size_t i = 0; i < after.size(); ++i) more += before[i] != after[i];
  EXPECT_LE(more, 1);
}

TEST_P(AdoptionTest, HalfAFlowIsRemoved) {
  const PacketSpec spec = Udp(net.fra, net.internet);
  Punt(spec);
  const auto flow = Flow(TupleOfSpec(kVnet, spec));
  const auto remove = [](auto& table, const auto& key) {
    table.Remove(table.Find(key).value());
  };
  if (net.family == Family::kV4)
    remove(*plane->maps().flows4, KeyOf<FlowV4>(flow->tuple));
  else
    remove(*plane->maps().flows6, KeyOf<FlowV6>(flow->tuple));
  EXPECT_EQ(Entries(), 1u);
  StartEngine();
  EXPECT_EQ(Entries(), 0u);
  EXPECT_EQ(engine->statistics().flows_adopted, 0u);
}

TEST_P(AdoptionTest, AFlowWhoseAddressLeftThePoolEnds) {
  Punt(Udp(net.fra, net.internet));
  EdgeConfig renumbered = LabEdge();
  renumbered.pools[0].addresses = {Ip("203.0.113.99"), Ip("2001:db8:64::99")};
  StartEngine(renumbered);
  EXPECT_EQ(Entries(), 0u);
  ASSERT_THAT(hooks.ends, SizeIs(1));
  EXPECT_EQ(hooks.ends[0].reason, FlowEndReason::kRemoved);
}

TEST_P(AdoptionTest, DropCountersGoOn) {
  Punt(Udp(net.two, net.internet));
  StartEngine();
  Punt(Udp(net.two, net.internet));
  EXPECT_EQ(Drops(RP_DROP_SPOOFED), 2u);
}

TEST_P(AdoptionTest, RefusalsStayRefusals) {
  Punt(Udp(net.fra, net.blackhole));
  StartEngine();
  EXPECT_EQ(engine->statistics().flows, 0u);
  EXPECT_EQ(Entries(), 1u);
  Pass(absl::Seconds(7));
  EXPECT_EQ(Entries(), 0u);
}

}  // namespace
}  // namespace rampart

// SPDX-License-Identifier: Apache-2.0
// Whatever happens in whatever order: what the allocator holds, and what the
// data plane is told, is what the flows in the table need, and no more.
#include <algorithm>

#include "tests/controller/flow/nat_engine_fixture.h"

namespace rampart {
namespace {

using ::testing::IsEmpty;

class NatPropertyTest : public NatEngineTest {
 protected:
  static constexpr NatFiltering kFilterings[] = {
      NatFiltering::kEndpointIndependent, NatFiltering::kAddressDependent,
      NatFiltering::kAddressAndPortDependent};

  uint32_t Random(uint32_t bound) {
    return static_cast<uint32_t>(dice() % bound);
  }
  // So few ports that quota and exhaustion are met.
  void Restart() {
    StartWith([this](NatPoolConfig& pool) {
      pool.filtering = filtering;
      pool.ports = {1024, 1024 + 5 * 4 - 1};
      pool.block_size = 4;
      pool.blocks_per_subscriber = 2;
      pool.rest = absl::ZeroDuration();
    });
    epoch = 1;
  }

  PacketSpec Packet() {
    PacketSpec spec = Udp(net.fra, net.internet, 1 + Random(12));
    if (Random(2)) spec.destination = net.internet2;
    switch (Random(3)) {
      case 0:
        return spec;
      case 1:
        spec.protocol = IPPROTO_TCP;
        return spec;
      default:
        spec.protocol = IcmpOf(net.fra);
        return spec;
    }
  }
  // Any endpoint that some flow has outside, or none has.
  Endpoint SomeOutside() {
    const std::vector<Engine::FlowView> flows = AllFlows();
    if (flows.empty() || Random(8) == 0) return {net.nat, 1030};
    const Engine::FlowView& flow = flows[Random(flows.size())];
    return flow.translated_source.address == net.nat ? flow.translated_source
                                                     : flow.tuple.destination;
  }
  void FromInside(PacketSpec spec) {
    if (Random(4) == 0) spec = To(spec, SomeOutside());
    if (Random(3) == 0) return Punt(spec, kGlobex, kOtherVnet);
    if (Random(3) == 0) spec.source = net.fra2;
    Punt(spec);
  }
  void FromOutside(PacketSpec spec) {
    spec.source = Random(2) ? net.internet : net.internet2;
    PuntOutside(To(spec, SomeOutside()));
  }
  void UseSome() {
    for (const Engine::FlowView& flow : AllFlows())
      if (Random(3) == 0) Touch(flow.tuple);
  }
  void Step() {
    switch (Random(12)) {
      case 0:
        return Pass(absl::Seconds(1 + Random(60)));
      case 1:
        return UseSome();
      case 2:
        return Random(3) ? Apply(LabResources(), ++epoch) : Restart();
      case 3:
      case 4:
      case 5:
        return FromOutside(Packet());
      default:
        return FromInside(Packet());
    }
  }

  // What NatSessions() and OpenPorts() must say.
  struct Needed {
    std::map<std::string, int> holds;
    std::set<std::string> open;
  };
  void Need(Needed& needed, uint32_t realm, const Endpoint& inside,
            const Endpoint& outside, int protocol) const {
    ++needed
          .holds[std::to_string(realm) + " " + inside.address.ToString() + ":" +
                 std::to_string(inside.port) + " " + std::to_string(protocol) +
                 " as " + outside.address.ToString() + ":" +
                 std::to_string(outside.port) + " x"];
    if (filtering != NatFiltering::kAddressAndPortDependent &&
        (protocol == IPPROTO_TCP || protocol == IPPROTO_UDP))
      needed.open.insert(Open(protocol, outside));
  }
  void Check() {
    Needed needed;
    size_t entries = 0;
    for (const Engine::FlowView& flow : AllFlows()) {
      entries += flow.kind == RP_FLOW_REFUSED ? 1 : 2;
      if (flow.kind != RP_FLOW_FORWARD_NAT) continue;
      const FlowTuple& tuple = flow.tuple;
      if (tuple.realm != RP_REALM_UNDERLAY)
        Need(needed, tuple.realm, tuple.source, flow.translated_source,
             tuple.protocol);
      if (tuple.destination.address == net.nat)
        Need(needed, flow.reverse_realm, flow.translated_destination,
             tuple.destination, tuple.protocol);
    }
    std::multiset<std::string> sessions;
    for (const auto& [session, holds] : needed.holds)
      sessions.insert(session + std::to_string(holds));
    ASSERT_EQ(Entries(), entries);
    if (filtering == NatFiltering::kEndpointIndependent) {
      ASSERT_EQ(NatSessions(), sessions);
      ASSERT_EQ(OpenPorts(), needed.open);
      return;
    }
    // Neighbours that were not let in hold theirs for a while, too.
    std::map<std::string, int> held;
    for (const std::string& session : NatSessions()) {
      const size_t count = session.rfind('x') + 1;
      held[session.substr(0, count)] = std::stoi(session.substr(count));
    }
    for (const auto& [session, holds] : needed.holds)
      ASSERT_GE(held[session], holds) << session;
    for (const std::string& port : needed.open)
      ASSERT_TRUE(OpenPorts().contains(port)) << port;
  }

  std::mt19937 dice;
  NatFiltering filtering = NatFiltering::kEndpointIndependent;
  uint32_t epoch = 1;
};
RP_BOTH_FAMILIES(NatPropertyTest);

TEST_P(NatPropertyTest, MappingsAreHeldByTheFlowsThatNeedThem) {
  for (uint32_t seed = 0; seed < 12; ++seed) {
    SCOPED_TRACE(seed);
    dice.seed(seed);
    filtering = kFilterings[seed % 3];
    Restart();
    for (int step = 0; step < 150; ++step) {
      ASSERT_NO_FATAL_FAILURE(Step());
      ASSERT_NO_FATAL_FAILURE(Check());
    }
    Pass(absl::Seconds(250));
    ASSERT_EQ(Entries(), 0u);
    ASSERT_THAT(NatSessions(), IsEmpty());
    ASSERT_THAT(OpenPorts(), IsEmpty());
  }
  for (const rp_outcome reason : {RP_DROP_NAT_QUOTA, RP_DROP_NAT_EXHAUSTED,
                                  RP_DROP_NAT_FILTERED, RP_DROP_NAT_NO_MAPPING})
    EXPECT_GT(Drops(reason), 0u) << "never met";
}

}  // namespace
}  // namespace rampart

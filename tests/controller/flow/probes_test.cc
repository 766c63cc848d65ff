// SPDX-License-Identifier: Apache-2.0
// Probes, and where the flows of a dead peer go.
#include <netinet/in.h>

#include <cstring>
#include <map>

#include "controller/flow/packet.h"
#include "tests/controller/flow/engine_fixture.h"

namespace rampart {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

class ProbesTest : public EngineTest {
 protected:
  void SetUp() override {
    EngineTest::SetUp();
    if (engine == nullptr) return;
    Apply(Probed(), 2);
  }
  // Tunnel `two`, with probes to a host behind it and `peers` peers.
  Resources Probed(size_t peers = 2) {
    Resources resources = LabResources();
    Tunnel& two = resources.tenants[0].Edit().tunnels[1];
    two.probe.targets = {net.two};
    if (peers == 3) {
      two.peers.push_back(two.peers[0]);
      two.peers[2].remote = Ip("192.0.2.40");
      resources.tenants[0].Edit().tunnels[3].peers[0].remote = Ip("192.0.2.41");
    }
    return resources;
  }
  // Where a packet of the edge has gone.
  uint32_t CarrierOf(const FakeDataPlane::Sent& sent) const {
    return NextHop(sent.next_hop).carrier;
  }
  // The reply to a probe, as the other end makes it.
  static Bytes ReplyTo(const Bytes& request) {
    const auto packet = ParsePacket(kVnet, request);
    Bytes reply = request;
    const size_t size = packet->is_v4() ? 4 : 16;
    uint8_t* at = reply.data() + (packet->is_v4() ? 12 : 8);
    std::swap_ranges(at, at + size, at + size);
    reply[packet->l4] = packet->is_v4() ? 0 : 129;
    return reply;
  }
  void Answer(const Bytes& reply, uint32_t peer, uint32_t tunnel = kTwo) {
    rp_punt punt = {};
    punt.reason = RP_PUNT_MISS;
    punt.realm = kVnet;
    punt.tunnel = tunnel;
    punt.peer = peer;
    PuntBytes(punt, reply);
  }
  // A tick of the engine; peers in `alive` answer their probes.
  void Tick(const std::set<uint32_t>& alive) {
    clock.tick += 6;
    ASSERT_TRUE(engine->OnTick().ok());
    for (const FakeDataPlane::Sent& sent : std::exchange(plane->sent, {}))
      if (alive.contains(CarrierOf(sent)))
        Answer(ReplyTo(sent.packet), CarrierOf(sent));
  }
  void Ticks(int count, const std::set<uint32_t>& alive) {
    while (count-- > 0) Tick(alive);
  }
  PeerState State(uint32_t peer) const {
    return engine->peer(kTwo, peer).state;
  }
  // Which peer each flow leaves through, by source port.
  std::map<uint16_t, uint32_t> Carriers() const {
    std::map<uint16_t, uint32_t> carriers;
    for (const Engine::FlowView& flow : AllFlows())
      carriers[flow.tuple.source.port] = flow.next_hop.carrier;
    return carriers;
  }
};
RP_BOTH_FAMILIES(ProbesTest);

TEST_P(ProbesTest, AProbeGoesThroughEachPeerFromTheRouter) {
  Ticks(3, {});
  Pass(absl::Milliseconds(1));
  clock.tick += 12;
  plane->sent.clear();
  ASSERT_TRUE(engine->OnTick().ok());
  ASSERT_THAT(plane->sent, SizeIs(2));
  for (uint32_t peer = 0; peer < 2; ++peer) {
    const auto packet = ParsePacket(kVnet, plane->sent[peer].packet);
    ASSERT_TRUE(packet.has_value());
    EXPECT_TRUE(packet->IsEchoRequest());
    EXPECT_EQ(packet->tuple.source.address, net.router);
    EXPECT_EQ(packet->tuple.destination.address, net.two);
    const rp_next_hop hop = NextHop(plane->sent[peer].next_hop);
    EXPECT_EQ(hop.kind, RP_NEXT_HOP_SEND);
    EXPECT_EQ(hop.carrier, peer);
    EXPECT_EQ(hop.exact, 1);
  }
  EXPECT_GT(hooks.made, 0);
}

TEST_P(ProbesTest, AnswersEndHereAndAreNoDrops) {
  Ticks(10, {0, 1});
  EXPECT_EQ(State(0), PeerState::kUp);
  EXPECT_EQ(State(1), PeerState::kUp);
  EXPECT_THAT(AllDrops(), IsEmpty());
  EXPECT_EQ(Entries(), 0u);
  EXPECT_THAT(engine->TakePeerChanges(), SizeIs(2));
  EXPECT_THAT(engine->TakePeerChanges(), IsEmpty());
}

// The other end may route its answers as it likes.
TEST_P(ProbesTest, AnAnswerMayComeThroughTheOtherPeer) {
  for (int i = 0; i < 20; ++i) {
    clock.tick += 6;
    ASSERT_TRUE(engine->OnTick().ok());
    for (const FakeDataPlane::Sent& sent : std::exchange(plane->sent, {}))
      if (CarrierOf(sent) == 0) Answer(ReplyTo(sent.packet), 1);
  }
  EXPECT_EQ(State(0), PeerState::kUp);
  EXPECT_EQ(State(1), PeerState::kDown);
}

TEST_P(ProbesTest, NobodyElseCanAnswer) {
  Ticks(4, {});
  Bytes reply;
  for (int i = 0; i < 3 && plane->sent.empty(); ++i) {
    clock.tick += 6;
    ASSERT_TRUE(engine->OnTick().ok());
  }
  ASSERT_FALSE(plane->sent.empty());
  reply = ReplyTo(plane->sent[0].packet);
  Answer(reply, 0, kFra);  // another tunnel
  Bytes guess = reply;
  guess[guess.size() - 16] ^= 1;  // not what was sent
  Answer(guess, 0);
  EXPECT_EQ(engine->peer(kTwo, 0).answers, 0u);
  EXPECT_THAT(AllDrops(), ElementsAre(Pair(int{RP_DROP_SPOOFED}, 1),
                                      Pair(int{RP_DROP_NO_ROUTE}, 1)));
  EXPECT_EQ(Entries(), 0u);  // the answer itself has the same tuple
  Answer(reply, 0);
  EXPECT_EQ(engine->peer(kTwo, 0).answers, 1u);
}

TEST_P(ProbesTest, TheFlowsOfADeadPeerMoveAndTheirEntriesDoNotChange) {
  for (uint16_t port = 1; port <= 64; ++port) Punt(Udp(net.fra, net.two, port));
  Ticks(5, {0, 1});
  const auto before = Carriers();
  std::map<uint16_t, rp_flow> entries;
  for (const auto& [port, carrier] : before)
    ASSERT_TRUE(Edit(TupleOfSpec(kVnet, Udp(net.fra, net.two, port)),
                     [&](rp_flow& f) { entries[port] = f; }));
  Ticks(9, {1});
  ASSERT_EQ(State(0), PeerState::kDown);
  for (const auto& [port, carrier] : Carriers()) {
    EXPECT_EQ(carrier, 1u);
    ASSERT_TRUE(
        Edit(TupleOfSpec(kVnet, Udp(net.fra, net.two, port)), [&](rp_flow& f) {
          EXPECT_EQ(std::memcmp(&f, &entries[port], sizeof(f)), 0);
        }));
  }
  Punt(Udp(net.fra, net.two, 99));  // a new one does not even try
  EXPECT_EQ(Flow(TupleOfSpec(kVnet, Udp(net.fra, net.two, 99)))->next_hop.peer,
            1u);
  Ticks(5, {0, 1});
  EXPECT_EQ(State(0), PeerState::kUp);
  auto after = Carriers();
  after.erase(99);
  EXPECT_EQ(after, before);
}

TEST_P(ProbesTest, AnswersOfAFlowFromADeadPeerMoveToo) {
  rp_punt punt = {};
  punt.reason = RP_PUNT_MISS;
  punt.realm = kVnet;
  punt.tunnel = kTwo;
  punt.peer = 0;
  const PacketSpec spec = Udp(net.two, net.fra, 5);
  PuntBytes(punt, BuildPacket(spec));
  uint32_t index = 0;
  ASSERT_TRUE(Edit(ReverseOf(*Flow(TupleOfSpec(kVnet, spec))),
                   [&](rp_flow& f) { index = f.next_hop; }));
  EXPECT_EQ(NextHop(index).carrier, 0u);
  Ticks(12, {1});
  EXPECT_EQ(NextHop(index).carrier, 1u);
  EXPECT_EQ(NextHop(index).peer, 0u);
}

// It is more likely that the target is gone than that all peers are.
TEST_P(ProbesTest, IfNobodyAnswersNothingMoves) {
  for (uint16_t port = 1; port <= 64; ++port) Punt(Udp(net.fra, net.two, port));
  const auto before = Carriers();
  Ticks(30, {});
  EXPECT_EQ(State(0), PeerState::kDown);
  EXPECT_EQ(State(1), PeerState::kDown);
  EXPECT_EQ(Carriers(), before);
}

TEST_P(ProbesTest, TheFlowsOfADeadPeerAreSharedByTheOthers) {
  Apply(Probed(3), 3);
  for (uint16_t port = 1; port <= 300; ++port)
    Punt(Udp(net.fra, net.two, port));
  Ticks(12, {1, 2});
  std::map<uint32_t, int> flows;
  for (const auto& [port, carrier] : Carriers()) ++flows[carrier];
  EXPECT_EQ(flows[0], 0);
  EXPECT_GT(flows[1], 100);
  EXPECT_GT(flows[2], 100);
}

// Flows that have moved stay there while a new controller finds out.
TEST_P(ProbesTest, ARestartDoesNotMoveFlowsBackToADeadPeer) {
  for (uint16_t port = 1; port <= 8; ++port) Punt(Udp(net.fra, net.two, port));
  Ticks(12, {1});
  engine.reset();
  plane = std::make_unique<FakeDataPlane>(*kernel);
  AttachedDevice uplink;
  uplink.slot = kUplinkSlot;
  uplink.ifindex = kUplinkIf;
  plane->attached = {uplink};
  auto made = MakeEngine(
      {*plane, underlay, hooks, clock,
       [this](uint32_t n) { return static_cast<uint32_t>(random() % n); },
       nullptr});
  ASSERT_TRUE(made.ok());
  engine = *std::move(made);
  Apply(Probed(), 2);
  EXPECT_EQ(State(0), PeerState::kDown);
  for (const auto& [port, carrier] : Carriers()) EXPECT_EQ(carrier, 1u);
  Ticks(8, {0, 1});
  EXPECT_EQ(State(0), PeerState::kUp);
}

// Seldom used is not unused.
TEST_P(ProbesTest, TheWayOfProbesStays) {
  Resources resources = Probed();
  resources.tenants[0].Edit().tunnels[1].probe.interval = absl::Hours(1);
  Apply(resources, 3);
  Pass(absl::Hours(1) + absl::Seconds(1));
  const auto hops = [&] {
    std::set<uint32_t> found;
    EXPECT_TRUE(plane->maps()
                    .next_hops
                    .ForEach([&](uint32_t index, const rp_next_hop& hop) {
                      if (hop.exact != 0) found.insert(index);
                    })
                    .ok());
    return found;
  };
  EXPECT_THAT(hops(), SizeIs(2));
  Pass(absl::Seconds(60));
  EXPECT_THAT(hops(), SizeIs(2));
  Apply(LabResources(), 4);  // without probes
  Pass(absl::Seconds(60));
  EXPECT_THAT(hops(), IsEmpty());
}

}  // namespace
}  // namespace rampart

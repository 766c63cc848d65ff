// SPDX-License-Identifier: Apache-2.0
// Datagrams in parts: fragments that the data plane punts, and packets that it
// cannot take on whole.
#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

#include "controller/flow/checksum.h"
#include "tests/controller/flow/nat_engine_fixture.h"

namespace rampart {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

// What a fragment says about itself.
struct Part {
  uint32_t id = 0;
  size_t begin = 0;
  bool more = false;
  Bytes data;
};

uint16_t Read16(const Bytes& bytes, size_t at) {
  return static_cast<uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}

void Write16(Bytes& bytes, size_t at, size_t value) {
  bytes[at] = static_cast<uint8_t>(value >> 8);
  bytes[at + 1] = static_cast<uint8_t>(value & 0xff);
}

Bytes FragmentV4(const Bytes& packet, const Part& part) {
  Bytes out(packet.begin(), packet.begin() + 20);
  Write16(out, 2, 20 + part.data.size());
  Write16(out, 4, part.id);
  Write16(out, 6, (part.more ? 0x2000 : 0) | part.begin / 8);
  Write16(out, 10, 0);
  const auto sum = static_cast<uint16_t>(~FoldSum(SumBytes(out)));
  std::memcpy(&out[10], &sum, sizeof(sum));
  out.insert(out.end(), part.data.begin(), part.data.end());
  return out;
}

Bytes FragmentV6(const Bytes& packet, const Part& part) {
  Bytes out(packet.begin(), packet.begin() + 40);
  Write16(out, 4, 8 + part.data.size());
  out.push_back(std::exchange(out[6], uint8_t{IPPROTO_FRAGMENT}));
  out.resize(48);
  Write16(out, 42, part.begin | (part.more ? 1 : 0));
  Write16(out, 44, part.id >> 16);
  Write16(out, 46, part.id & 0xffff);
  out.insert(out.end(), part.data.begin(), part.data.end());
  return out;
}

class NatPartsTest : public NatEngineTest {
 protected:
  // In pieces that begin at 0 and at `cuts`, multiples of 8.
  std::vector<Bytes> Pieces(const PacketSpec& spec, std::vector<size_t> cuts,
                            uint32_t id = 7) const {
    const Bytes packet = BuildPacket(spec);
    const size_t header = v4() ? 20 : 40;
    cuts.push_back(packet.size() - header);
    std::vector<Bytes> pieces;
    Part part = {.id = id};
    for (const size_t end : cuts) {
      part.more = end != cuts.back();
      part.data.assign(packet.begin() + static_cast<int>(header + part.begin),
                       packet.begin() + static_cast<int>(header + end));
      pieces.push_back(v4() ? FragmentV4(packet, part)
                            : FragmentV6(packet, part));
      part.begin = end;
    }
    return pieces;
  }
  Part Read(const Bytes& fragment) const {
    const size_t header = v4() ? 20 : 48;
    const uint16_t place = Read16(fragment, v4() ? 6 : 42);
    Part part = {
        .data = {fragment.begin() + static_cast<int>(header), fragment.end()}};
    part.id = v4() ? Read16(fragment, 4)
                   : Read16(fragment, 44) << 16 | Read16(fragment, 46);
    part.begin = v4() ? place % 0x2000 * 8 : place & ~7;
    part.more = v4() ? place & 0x2000 : place & 1;
    return part;
  }
  void PuntPieces(const std::vector<Bytes>& pieces, uint32_t tunnel = kFra,
                  uint32_t realm = kVnet) {
    for (const Bytes& piece : pieces) {
      rp_punt punt = {};
      punt.reason = RP_PUNT_FRAGMENT;
      punt.realm = realm;
      punt.tunnel = tunnel;
      PuntBytes(punt, piece);
    }
  }
  // What was injected is this packet, in order and with its ports beside it.
  // Returns the identification that all parts have.
  uint32_t ExpectInjected(const PacketSpec& spec, size_t parts) {
    EXPECT_THAT(plane->injected, SizeIs(parts));
    const Bytes packet = BuildPacket(spec);
    Bytes data;
    std::set<uint32_t> ids;
    for (const auto& injected : plane->injected) {
      const Part part = Read(injected.packet);
      ids.insert(part.id);
      EXPECT_EQ(part.begin, data.size());
      data.insert(data.end(), part.data.begin(), part.data.end());
      EXPECT_EQ(part.more, &injected != &plane->injected.back());
      ExpectBeside(spec, injected);
    }
    EXPECT_EQ(data, Bytes(packet.begin() + (v4() ? 20 : 40), packet.end()));
    plane->injected.clear();
    EXPECT_THAT(ids, SizeIs(1));
    return ids.empty() ? 0 : *ids.begin();
  }
  void ExpectBeside(const PacketSpec& spec,
                    const FakeDataPlane::Injected& injected) const {
    ASSERT_TRUE(injected.of);
    EXPECT_EQ(ntohs(injected.of->sport), spec.sport);
    EXPECT_EQ(ntohs(injected.of->dport), spec.dport);
    EXPECT_EQ(injected.of->proto, spec.protocol);
    if (v4()) {
      EXPECT_EQ(FoldSum(SumBytes({injected.packet.data(), 20})), 0xffff);
    }
  }
  // A datagram of three parts.
  PacketSpec Long(const IpAddress& destination, uint16_t sport = 1234) const {
    PacketSpec spec = Udp(net.fra, destination, sport);
    spec.payload = 100;
    return spec;
  }
};
RP_BOTH_FAMILIES(NatPartsTest);

TEST_P(NatPartsTest, ACompleteDatagramBeginsItsFlowAndGoesOnInOrder) {
  const PacketSpec spec = Long(net.internet);
  std::vector<int> order = {0, 1, 2};
  uint32_t last = 7;
  do {
    const std::vector<Bytes> pieces = Pieces(spec, {24, 64});
    for (const int i : order) {
      EXPECT_THAT(plane->injected, IsEmpty());
      PuntPieces({pieces[i]});
    }
    const uint32_t id = ExpectInjected(spec, 3);
    EXPECT_NE(id, last) << "no two datagrams have the same";
    last = id;
    EXPECT_EQ(engine->statistics().flows_started, 1u);
  } while (std::next_permutation(order.begin(), order.end()));
  const auto flow = Flow(TupleOfSpec(kVnet, spec));
  ASSERT_TRUE(flow);
  EXPECT_EQ(flow->translated_source.address, net.nat);
  EXPECT_THAT(AllDrops(), IsEmpty());
}

TEST_P(NatPartsTest, ADatagramGoesOnInItsRealmAndThroughItsTunnel) {
  PuntPieces(Pieces(Long(net.two), {24}));
  ASSERT_THAT(plane->injected, SizeIs(2));
  for (const auto& injected : plane->injected) {
    EXPECT_EQ(injected.realm, kVnet);
    EXPECT_EQ(injected.tunnel, kFra);
  }
}

TEST_P(NatPartsTest, ALongPingGoesOnByItsIdentifier) {
  PacketSpec spec = Echo(net.fra, net.internet);
  spec.payload = 100;
  spec.dport = 0;  // as in a flow key
  PuntPieces(Pieces(spec, {24, 64}));
  ExpectInjected(spec, 3);
  EXPECT_TRUE(Flow(TupleOfSpec(kVnet, spec)));
}

// An answer would have to be as long.
TEST_P(NatPartsTest, TheRouterDoesNotAnswerLongPings) {
  PacketSpec spec = Echo(net.fra, net.router);
  spec.payload = 100;
  PuntPieces(Pieces(spec, {24, 64}));
  EXPECT_THAT(AllDrops(), ElementsAre(Pair(int{RP_DROP_FRAGMENT}, 3)));
  EXPECT_THAT(plane->sent, IsEmpty());
}

TEST_P(NatPartsTest, TwoTenantsMayHaveTheSameIdentification) {
  const PacketSpec spec = Long(net.internet);
  const std::vector<Bytes> pieces = Pieces(spec, {64});
  PuntPieces({pieces[0]});
  PuntPieces({pieces[1]}, kGlobex, kOtherVnet);
  EXPECT_THAT(plane->injected, IsEmpty());
  PuntPieces({pieces[1]});
  const uint32_t one = ExpectInjected(spec, 2);
  PuntPieces({pieces[0]}, kGlobex, kOtherVnet);
  EXPECT_NE(ExpectInjected(spec, 2), one) << "they meet behind one address";
}

TEST_P(NatPartsTest, OverlapsAreRefused) {
  const std::vector<Bytes> pieces = Pieces(Long(net.internet), {24, 64});
  const std::vector<Bytes> others = Pieces(Long(net.internet), {16, 64});
  PuntPieces({pieces[0], others[1], pieces[1], pieces[2]});
  EXPECT_THAT(AllDrops(), ElementsAre(Pair(int{RP_DROP_FRAG_OVERLAP}, 4)));
  EXPECT_THAT(plane->injected, IsEmpty());
  EXPECT_EQ(Entries(), 0u);
}

TEST_P(NatPartsTest, WhatDoesNotBecomeCompleteIsGivenUp) {
  PuntPieces({Pieces(Long(net.internet), {24, 64})[1]});
  Pass(absl::Seconds(31));
  EXPECT_THAT(AllDrops(), ElementsAre(Pair(int{RP_DROP_FRAG_TIME}, 1)));
}

TEST_P(NatPartsTest, ARefusalIsCountedForEachPart) {
  PuntPieces(Pieces(Long(net.blackhole), {24, 64}));
  EXPECT_THAT(AllDrops(), ElementsAre(Pair(int{RP_DROP_BLACKHOLE}, 3)));
  PacketSpec forged = Long(net.internet);
  forged.source = net.two;
  PuntPieces(Pieces(forged, {24}));
  EXPECT_EQ(Drops(RP_DROP_SPOOFED), 2u);
  EXPECT_THAT(plane->injected, IsEmpty());
}

TEST_P(NatPartsTest, AFragmentThatIsNotToBeHeldIsDropped) {
  const std::vector<Bytes> pieces = Pieces(Long(net.internet), {24});
  rp_punt punt = {};
  punt.reason = RP_PUNT_MISS;
  punt.realm = kVnet;
  punt.tunnel = kFra;
  PuntBytes(punt, pieces[1]);
  EXPECT_THAT(AllDrops(), ElementsAre(Pair(int{RP_DROP_FRAGMENT}, 1)));
}

TEST_P(NatPartsTest, PartsWaitForTheirNextHopTogether) {
  const auto neighbour = underlay.neighbours.extract({kUplinkIf, net.gateway});
  clock.tick++;
  engine->OnUnderlayChange();
  const PacketSpec spec = Long(net.internet);
  PuntPieces(Pieces(spec, {24, 64}));
  EXPECT_THAT(plane->injected, IsEmpty());
  EXPECT_EQ(engine->statistics().pending_packets, 1u);
  underlay.neighbours[{kUplinkIf, net.gateway}] = neighbour.mapped();
  clock.tick++;
  engine->OnUnderlayChange();
  ExpectInjected(spec, 3);
}

TEST_P(NatPartsTest, PartsThatWaitInVainAreCountedEach) {
  underlay.neighbours.erase({kUplinkIf, net.gateway});
  clock.tick++;
  engine->OnUnderlayChange();
  PuntPieces(Pieces(Long(net.internet), {24, 64}));
  Pass(absl::Seconds(4));
  EXPECT_THAT(AllDrops(), ElementsAre(Pair(int{RP_DROP_NEXT_HOP_DOWN}, 3)));
}

TEST_P(NatPartsTest, PartsThatAreTooBigAreCutOrTheirSenderIsTold) {
  PacketSpec spec = Long(net.internet);
  spec.payload = 4000;
  PuntPieces(Pieces(spec, {2000}));
  if (v4()) {
    EXPECT_THAT(plane->injected, SizeIs(4));
    for (const auto& injected : plane->injected)
      EXPECT_LE(injected.packet.size(), 1500u);
    ExpectInjected(spec, 4);
    EXPECT_THAT(AllDrops(), IsEmpty());
    return;
  }
  EXPECT_THAT(plane->injected, IsEmpty());
  EXPECT_THAT(AllDrops(), ElementsAre(Pair(int{RP_DROP_TOO_BIG}, 2)));
  ASSERT_THAT(plane->sent, SizeIs(1));
  const Bytes& told = plane->sent[0].packet;
  EXPECT_EQ(told[40], 2) << "packet too big";
  EXPECT_EQ(Read16(told, 46), 1500);
  EXPECT_EQ(ParsePacket(0, told)->tuple.destination.address, net.fra);
}

// IPv6 packets never are, but by their source (RFC 8200 section 5).
TEST_P(NatPartsTest, APacketThatMayBeCutIs) {
  PacketSpec spec = Long(net.internet);
  spec.payload = 1472;
  Bytes packet = BuildPacket(spec);
  if (v4()) Write16(packet, 6, 0);  // without "don't fragment"
  rp_punt punt = {};
  punt.reason = RP_PUNT_SPLIT;
  punt.realm = kVnet;
  punt.tunnel = kFra;
  punt.mtu = 1000;
  if (v4()) {
    PuntBytes(punt, packet);
    for (const auto& injected : plane->injected)
      EXPECT_LE(injected.packet.size(), 1000u);
    const uint32_t id = ExpectInjected(spec, 2);
    PuntBytes(punt, packet);
    EXPECT_NE(ExpectInjected(spec, 2), id);
    Write16(packet, 6, 0x4000);
  }
  PuntBytes(punt, packet);
  EXPECT_THAT(plane->injected, IsEmpty());
  EXPECT_THAT(AllDrops(), ElementsAre(Pair(int{RP_DROP_TOO_BIG_NO_DF}, 1)));
}

TEST_P(NatPartsTest, DatagramsFromOutsideFindTheirHost) {
  StartFiltering(NatFiltering::kEndpointIndependent);
  const Endpoint nat = Outside(Udp(net.fra, net.internet));
  plane->injected.clear();
  PacketSpec in = To(Udp(net.internet2, net.nat), nat);
  in.payload = 100;
  PuntPieces(Pieces(in, {24, 64}), RP_TUNNEL_UNDERLAY, RP_REALM_UNDERLAY);
  ASSERT_THAT(plane->injected, SizeIs(3));
  EXPECT_EQ(plane->injected[0].realm, RP_REALM_UNDERLAY);
  ExpectInjected(in, 3);
  EXPECT_TRUE(Flow(TupleOfSpec(RP_REALM_UNDERLAY, in)));
}

TEST_P(NatPartsTest, DatagramsFromOutsideThatNobodyExpectsAreRefused) {
  PacketSpec in = Udp(net.internet, net.nat);
  in.payload = 100;
  PuntPieces(Pieces(in, {24, 64}), RP_TUNNEL_UNDERLAY, RP_REALM_UNDERLAY);
  EXPECT_THAT(AllDrops(), ElementsAre(Pair(int{RP_DROP_NAT_NO_MAPPING}, 3)));
  EXPECT_EQ(Entries(), 0u);
}

}  // namespace
}  // namespace rampart

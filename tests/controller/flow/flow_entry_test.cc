// SPDX-License-Identifier: Apache-2.0
#include "controller/flow/flow_entry.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "controller/flow/checksum.h"
#include "tests/controller/flow/packets.h"

namespace rampart {
namespace {

using Bytes = std::vector<uint8_t>;

// RFC 1624 eqn. 3 on the 16 bits at `offset`, as the data plane does it.
void ApplyDelta(Bytes& packet, size_t offset, uint16_t delta) {
  uint16_t check;
  std::memcpy(&check, &packet[offset], 2);
  check = ~FoldSum(uint32_t{static_cast<uint16_t>(~check)} + delta);
  std::memcpy(&packet[offset], &check, 2);
}

void ApplyL4(Bytes& packet, size_t l4, uint8_t protocol, uint16_t sport,
             uint16_t dport, uint16_t delta) {
  if (protocol == IPPROTO_TCP || protocol == IPPROTO_UDP) {
    std::memcpy(&packet[l4], &sport, 2);
    std::memcpy(&packet[l4 + 2], &dport, 2);
    ApplyDelta(packet, l4 + (protocol == IPPROTO_TCP ? 16 : 6), delta);
  } else if (protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6) {
    const uint16_t id = sport | dport;
    std::memcpy(&packet[l4 + 4], &id, 2);
    ApplyDelta(packet, l4 + 2, delta);
  }
}

Bytes Apply(const rp_flow4& value, uint8_t protocol, Bytes packet) {
  std::memcpy(&packet[12], &value.saddr, 4);
  std::memcpy(&packet[16], &value.daddr, 4);
  --packet[8];
  packet[10] = packet[11] = 0;
  const uint16_t check = ~FoldSum(SumBytes({packet.data(), 20}));
  std::memcpy(&packet[10], &check, 2);
  ApplyL4(packet, 20, protocol, value.sport, value.dport, value.flow.l4_delta);
  return packet;
}

Bytes Apply(const rp_flow6& value, uint8_t protocol, Bytes packet) {
  std::memcpy(&packet[8], value.saddr, 16);
  std::memcpy(&packet[24], value.daddr, 16);
  --packet[7];
  ApplyL4(packet, 40, protocol, value.sport, value.dport, value.flow.l4_delta);
  return packet;
}

// A flow by its first packet, with or without a new source.
struct Case {
  PacketSpec spec;
  Endpoint source;  // after the rewrite
};

template <typename F>
void ExpectPacketsOfBothDirectionsComeOutRight(const Case& c) {
  FlowPlan plan = {.tuple = TupleOfSpec(1001, c.spec), .source = c.source};
  plan.reverse_realm = c.source.address == c.spec.source ? 1001 : 0;
  const FlowPair<F> pair = CompileFlow<F>(plan);

  PacketSpec out = c.spec;
  out.source = c.source.address;
  out.sport = c.source.port ? c.source.port : c.spec.sport;
  --out.ttl;
  EXPECT_EQ(Apply(pair.value[kForward], c.spec.protocol, BuildPacket(c.spec)),
            BuildPacket(out));

  PacketSpec answer = out;
  answer.ttl = 50;
  std::swap(answer.source, answer.destination);
  const bool icmp =
      c.spec.protocol == IPPROTO_ICMP || c.spec.protocol == IPPROTO_ICMPV6;
  if (icmp)
    answer.echo_reply = !answer.echo_reply;
  else
    std::swap(answer.sport, answer.dport);
  EXPECT_EQ(KeyOf<F>(TupleOfSpec(plan.reverse_realm, answer)).sport,
            pair.key[kReverse].sport);
  EXPECT_EQ(TupleOf<F>(pair.key[kReverse]),
            TupleOfSpec(plan.reverse_realm, answer));
  PacketSpec home = answer;
  home.destination = c.spec.source;
  (icmp ? home.sport : home.dport) = c.spec.sport;
  --home.ttl;
  EXPECT_EQ(Apply(pair.value[kReverse], c.spec.protocol, BuildPacket(answer)),
            BuildPacket(home));

  // Each entry finds the other.
  const auto reverse = ReverseKey<F>(pair.key[kForward], pair.value[kForward]);
  EXPECT_EQ(std::memcmp(&reverse, &pair.key[kReverse], sizeof(reverse)), 0);
  const auto forward = ReverseKey<F>(pair.key[kReverse], pair.value[kReverse]);
  EXPECT_EQ(std::memcmp(&forward, &pair.key[kForward], sizeof(forward)), 0);
}

void Check(const Case& c) {
  SCOPED_TRACE(testing::Message()
               << int{c.spec.protocol} << " " << c.spec.source.ToString() << ":"
               << c.spec.sport << " -> " << c.spec.destination.ToString()
               << " as " << c.source.address.ToString() << ":"
               << c.source.port);
  if (c.spec.source.is_v4())
    ExpectPacketsOfBothDirectionsComeOutRight<FlowV4>(c);
  else
    ExpectPacketsOfBothDirectionsComeOutRight<FlowV6>(c);
}

struct Net {
  IpAddress inside, outside, nat;
};
const Net kNets[] = {
    {Ip("10.1.0.5"), Ip("198.51.100.10"), Ip("203.0.113.1")},
    {Ip("fd00:1::5"), Ip("2001:db8::10"), Ip("2001:db8:64::1")}};

TEST(FlowEntryTest, RoutedPacketsOnlyLoseAHop) {
  for (const Net& net : kNets) {
    for (const uint8_t protocol : {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP}) {
      const uint16_t port = protocol == IPPROTO_SCTP ? 0 : 1234;
      Check({{.source = net.inside,
              .destination = net.outside,
              .protocol = protocol},
             {net.inside, port}});
    }
    for (const bool reply : {false, true}) {
      PacketSpec echo = {.source = net.inside, .destination = net.outside};
      echo.protocol = IcmpOf(net.inside);
      echo.echo_reply = reply;
      // The source of a reply has no port: its identifier is at the other end.
      Check({echo, {net.inside, uint16_t{reply ? uint16_t{0} : echo.sport}}});
    }
  }
}

TEST(FlowEntryTest, TranslatedPacketsHaveRightChecksums) {
  for (const Net& net : kNets) {
    for (const uint8_t protocol : {IPPROTO_TCP, IPPROTO_UDP}) {
      Check({{.source = net.inside,
              .destination = net.outside,
              .protocol = protocol},
             {net.nat, 40000}});
    }
    PacketSpec echo = {.source = net.inside, .destination = net.outside};
    echo.protocol = IcmpOf(net.inside);
    Check({echo, {net.nat, 40000}});
    Check({{.source = net.inside,
            .destination = net.outside,
            .protocol = IPPROTO_SCTP},
           {net.nat, 0}});
  }
}

TEST(FlowEntryTest, RandomTranslationsHaveRightChecksums) {
  std::mt19937 random(1);
  for (int i = 0; i < 2000; ++i) {
    const Net& net = kNets[i % 2];
    PacketSpec spec = {.source = net.inside, .destination = net.outside};
    spec.protocol = i % 3 ? IPPROTO_TCP : IPPROTO_UDP;
    spec.sport = random();
    spec.dport = random();
    spec.ttl = 2 + random() % 254;
    spec.payload = random() % 64;
    Check({spec, {net.nat, static_cast<uint16_t>(1 + random() % 65535)}});
  }
}

// A change of nothing is 0 and not 0xffff: added to the checksum of a UDP
// packet, 0xffff would make it "none".
TEST(FlowEntryTest, UnchangedPacketsHaveNoL4Delta) {
  for (const Net& net : kNets) {
    const FlowPlan plan = {
        .tuple =
            TupleOfSpec(1, {.source = net.inside, .destination = net.outside}),
        .source = {net.inside, 1234},
        .reverse_realm = 1};
    const uint16_t delta =
        net.inside.is_v4() ? CompileFlow<FlowV4>(plan).value[0].flow.l4_delta
                           : CompileFlow<FlowV6>(plan).value[0].flow.l4_delta;
    EXPECT_EQ(delta, 0);
  }
}

template <typename F>
void ExpectStateOfBothDirections(const Net& net) {
  FlowPlan plan = {.tuple = {1001, {net.inside, 1}, {net.outside, 2}, 17},
                   .source = {net.nat, 3},
                   .snat = true,
                   .now = 77,
                   .entropy = 50000};
  plan.next_hop[kForward] = 11;
  plan.next_hop[kReverse] = 12;
  plan.on_ramp[kForward] = 21;
  plan.reverse_realm = 0;
  const FlowPair<F> pair = CompileFlow<F>(plan);
  const rp_flow& forward = pair.value[kForward].flow;
  const rp_flow& reverse = pair.value[kReverse].flow;
  EXPECT_EQ(KindOf(forward), RP_FLOW_FORWARD_NAT);
  EXPECT_EQ(KindOf(reverse), RP_FLOW_REVERSE);
  EXPECT_EQ(forward.next_hop, 11u);
  EXPECT_EQ(reverse.next_hop, 12u);
  EXPECT_EQ(forward.on_ramp, 21u);
  EXPECT_EQ(reverse.on_ramp, 0u);
  EXPECT_EQ(forward.reverse_realm, 0u);
  EXPECT_EQ(reverse.reverse_realm, 1001u);
  for (const rp_flow& flow : {forward, reverse}) {
    EXPECT_EQ(flow.last_seen, 77u);
    EXPECT_EQ(flow.marks & RP_FLOW_ENTROPY, 50000 & RP_FLOW_ENTROPY);
    EXPECT_EQ(flow.count + flow.carried + flow.ack + flow.tcp, 0u);
  }
  plan.next_hop[kForward] = 33;
  const auto refusal = CompileRefusal<F>(plan);
  EXPECT_EQ(KindOf(refusal.flow), RP_FLOW_REFUSED);
  EXPECT_EQ(refusal.flow.next_hop, 33u);
  EXPECT_EQ(refusal.flow.on_ramp, 21u);
}

TEST(FlowEntryTest, StateNamesTunnelsNextHopsAndRealms) {
  ExpectStateOfBothDirections<FlowV4>(kNets[0]);
  ExpectStateOfBothDirections<FlowV6>(kNets[1]);
}

}  // namespace
}  // namespace rampart

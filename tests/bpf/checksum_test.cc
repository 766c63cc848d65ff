// SPDX-License-Identifier: Apache-2.0
// Checksums that the data plane makes by adding differences, against sums made
// from the whole packet: thousands of random packets, and those values at which
// ones' complement arithmetic goes wrong.
#include <linux/bpf.h>

#include <random>
#include <string>

#include "tests/bpf/ramps.h"
#include "tests/testing/oracle.h"
#include "tests/testing/program_test.h"

namespace rampart::testing {
namespace {

constexpr int kPackets = 4000;

class ChecksumTest
    : public ProgramTest,
      public ::testing::WithParamInterface<std::tuple<bool, bool>> {
 protected:
  void SetUp() override {
    ProgramTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    const auto [outer_v4, inner_v4] = GetParam();
    tunnel_ = TunnelOf({"", RP_PROFILE_COOKIE}, outer_v4);
    AddTunnel(tunnel_);
    host_ = inner_v4 ? "10.1.0.5" : "fd00:1::5";
    server_ = inner_v4 ? "198.51.100.10" : "2001:db8:100::10";
    pool_ = inner_v4 ? "203.0.113.1" : "2001:db8:200::1";
    AddAddress(pool_, RP_ADDRESS_NAT);
    SetNextHop(1, LinkNextHop(kUplink, inner_v4, 1500));
    SetNextHop(2, NextHopTo(tunnel_, inner_v4, 1448));
  }
  uint16_t Random16() { return static_cast<uint16_t>(random_()); }
  Bytes RandomBytes(size_t size) {
    Bytes bytes(size);
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random_());
    return bytes;
  }
  Flow RandomFlow(uint8_t proto) {
    Flow flow = {.source = host_,
                 .destination = server_,
                 .sport = Random16(),
                 .dport = Random16(),
                 .proto = proto,
                 .to_source = pool_,
                 .to_sport = Random16()};
    flow.reverse_entropy = RP_OUTER_PORT | (Random16() & RP_FLOW_ENTROPY);
    return flow;
  }
  Packet L4(const Packet& ip, uint8_t proto, uint16_t sport, uint16_t dport,
            const Bytes& payload) const {
    if (proto == kUdp) return ip.Udp(sport, dport).Payload(payload);
    return ip.Tcp(sport, dport).Payload(payload);
  }

  Tunnel tunnel_;
  Ip host_, server_, pool_;
  std::mt19937 random_{1624};
};

std::string ChecksumCaseName(
    const ::testing::TestParamInfo<std::tuple<bool, bool>>& info) {
  return "Over" + FamilyName(std::get<0>(info.param)) + "Inner" +
         FamilyName(std::get<1>(info.param));
}

INSTANTIATE_TEST_SUITE_P(Any, ChecksumTest,
                         ::testing::Combine(::testing::Bool(),
                                            ::testing::Bool()),
                         ChecksumCaseName);

TEST_P(ChecksumTest, OuterAndInnerSumsOfRandomPacketsAreThoseOfTheWholePacket) {
  for (int i = 0; i < kPackets; ++i) {
    const uint8_t proto = i % 2 ? kUdp : kTcp;
    const Flow flow = RandomFlow(proto);
    PutFlow(programs(), flow);
    const Bytes payload = RandomBytes(Random16() % 600);
    const uint8_t ttl = static_cast<uint8_t>(2 + Random16() % 254);
    const uint16_t to = *flow.to_sport;
    const Packet in = L4(Packet().IpAny(server_, pool_, {.ttl = ttl}), proto,
                         flow.dport, to, payload);
    const IpFields after = {.ttl = static_cast<uint8_t>(ttl - 1)};
    const Packet out = L4(ToPeer(tunnel_, {.port = flow.reverse_entropy})
                              .IpAny(server_, host_, after),
                          proto, flow.dport, flow.sport, payload);
    const Result result =
        programs().RunOnly(kUplink, FromLink().Then(in).Build());
    ASSERT_EQ(Diff(result.output, out.Build()), "") << "packet " << i;
    ASSERT_EQ(FaultsOfFrame(result.output), "") << "packet " << i;
    programs().ClearFlows();
  }
}

// RFC 768: a UDP checksum that comes out 0 is sent as 0xffff; RFC 1624 section
// 5: the result of adding differences must be the same number.
TEST_P(ChecksumTest, EveryUdpChecksumComesOutRightEvenZero) {
  Flow flow = RandomFlow(kUdp);
  flow.to_sport = 40000;
  PutFlow(programs(), flow);
  int zeros = 0;
  for (uint32_t i = 0; i < 65536; i += 1) {
    Bytes payload = {static_cast<uint8_t>(i >> 8), static_cast<uint8_t>(i)};
    const Packet out = L4(ToLink().IpAny(pool_, server_, {.ttl = 63}), kUdp,
                          40000, flow.dport, payload);
    const Bytes want = out.Build();
    const size_t at = want.size() - 2 - 2;
    const bool edge = Get16(want, at) == 0xffff || i % 97 == 0;
    if (!edge) continue;
    zeros += Get16(want, at) == 0xffff;
    const Packet in = L4(FromPeer(tunnel_).IpAny(host_, server_), kUdp,
                         flow.sport, flow.dport, payload);
    const Result result = programs().RunOnly(kUplink, in.Build());
    ASSERT_EQ(Diff(result.output, want), "") << i;
  }
  EXPECT_GE(zeros, 1);
}

// A header that sums to all ones has checksum 0, which adding differences may
// miss as 0xffff (RFC 1624 section 3).
TEST_P(ChecksumTest, HeaderChecksumsThatComeOutZero) {
  if (!host_.is_v4()) return;
  Flow flow = RandomFlow(kUdp);
  PutFlow(programs(), flow);
  const auto translated = [&](uint16_t id) {
    return ToLink()
        .Ip4(pool_, server_, {.ttl = 63, .id = id})
        .Udp(*flow.to_sport, flow.dport)
        .Payload("x");
  };
  // Adding the checksum to any word of the header makes the sum all ones.
  const uint16_t id = Get16(translated(0).Build(), 14 + 10);
  ASSERT_EQ(Get16(translated(id).Build(), 14 + 10), 0);
  EXPECT_THAT(Uplink(FromPeer(tunnel_)
                         .Ip4(host_, server_, {.id = id})
                         .Udp(flow.sport, flow.dport)
                         .Payload("x")),
              Forwarded(translated(id)));
}

TEST_P(ChecksumTest, OuterHeaderChecksumsThatComeOutZero) {
  if (!tunnel_.peer.is_v4()) return;
  Flow flow = RandomFlow(kUdp);
  PutFlow(programs(), flow);
  const auto frame = [&](const Tunnel& to, size_t size) {
    return ToPeer(to, {.port = flow.reverse_entropy})
        .IpAny(server_, host_, {.ttl = 63})
        .Udp(flow.dport, flow.sport)
        .Payload(Bytes(size, 'x'));
  };
  for (size_t size = 1; size < 200; ++size) {
    Tunnel to = tunnel_;
    to.peer = "192.0.0.0";
    const uint16_t low = Get16(frame(to, size).Build(), 14 + 10);
    to.peer =
        "192.0." + std::to_string(low >> 8) + "." + std::to_string(low & 0xff);
    ASSERT_EQ(Get16(frame(to, size).Build(), 14 + 10), 0);
    SetNextHop(2, NextHopTo(to, host_.is_v4(), 1448));
    EXPECT_THAT(Uplink(FromLink()
                           .IpAny(server_, pool_)
                           .Udp(flow.dport, *flow.to_sport)
                           .Payload(Bytes(size, 'x'))),
                Forwarded(frame(to, size)));
  }
}

// What comes on with a wrong checksum leaves with a wrong one: damage is never
// made to look right.
TEST_P(ChecksumTest, AWrongSumStaysWrong) {
  for (const uint8_t proto : {kUdp, kTcp}) {
    const Flow flow = RandomFlow(proto);
    PutFlow(programs(), flow);
    Bytes frame = L4(FromLink().IpAny(server_, pool_), proto, flow.dport,
                     *flow.to_sport, FromText("data"))
                      .Build();
    frame.back() ^= 0x10;
    const Result result = programs().RunOnly(kUplink, frame);
    ASSERT_EQ(result.verdict, static_cast<uint32_t>(XDP_TX));
    EXPECT_NE(FaultsOfFrame(result.output), "");
  }
}

// The outer sum is made from the inner one, which covers neither options nor
// extension headers, and not these protocols in the other family's packets.
TEST_P(ChecksumTest, WhatTheInnerSumDoesNotCoverIsInTheOuterSum) {
  const Bytes options = {7, 7, 4, 0, 0, 0, 0, 1};
  const Bytes padding = {1, 4, 9, 8, 7, 6};
  const auto ip = [&](const Ip& from, const Packet& front, uint8_t ttl) {
    if (from.is_v4())
      return front.Ip4(from, pool_, {.ttl = ttl, .options = options});
    return front.Ip6(from, pool_, {.ttl = ttl})
        .Extension(kDestinationOptions, padding);
  };
  const uint8_t odd = host_.is_v4() ? uint8_t{kIcmp6} : uint8_t{kIcmp};
  for (const uint8_t proto : {uint8_t{kUdp}, uint8_t{kTcp}, odd}) {
    Flow flow = RandomFlow(proto);
    if (proto == odd) flow.sport = flow.dport = 0;
    flow.to_source = {};
    flow.to_sport = {};
    flow.source = server_;
    flow.destination = pool_;
    flow.on_ramp = kAccessTunnel;
    flow.next_hop = 2;
    PutFlow(programs(), flow);
    const auto datagram = [&](const Packet& front) {
      if (proto == odd) return front.Opaque(proto, Bytes(24, 0xd7));
      return L4(front, proto, flow.sport, flow.dport, FromText("payload"));
    };
    const Result result = Access(datagram(ip(server_, FromLink(), 64)));
    if (proto == odd && result.verdict == XDP_DROP) continue;
    EXPECT_THAT(result,
                ForwardedUnjudged(datagram(
                    ip(server_, ToPeer(tunnel_, {.port = flow.entropy}), 63))))
        << int{proto};
  }
}

// UDP options (RFC 9868) stand behind the UDP length, where the inner checksum
// does not reach: the outer one must not be made from it.
TEST_P(ChecksumTest, BytesBehindTheUdpLengthAreInTheOuterSum) {
  const Flow flow = RandomFlow(kUdp);
  PutFlow(programs(), flow);
  const auto with_options = [&](const Packet& ip, const Ip& from, const Ip& to,
                                uint16_t dport) {
    const Bytes plain =
        Packet().IpAny(from, to).Udp(flow.dport, dport).Payload("data").Build();
    const size_t at = plain.size() - 4 - 2;
    return ip
        .Udp(flow.dport, dport, {.length = 12, .checksum = Get16(plain, at)})
        .Payload("data and options");
  };
  const Packet in = with_options(FromLink().IpAny(server_, pool_), server_,
                                 pool_, *flow.to_sport);
  const Packet out =
      with_options(ToPeer(tunnel_, {.port = flow.reverse_entropy})
                       .IpAny(server_, host_, {.ttl = 63}),
                   server_, host_, flow.sport);
  EXPECT_THAT(Uplink(in), ForwardedUnjudged(out));
}

}  // namespace
}  // namespace rampart::testing

// SPDX-License-Identifier: Apache-2.0
// Packets that are too big, and the MSS that keeps them from being so.
#include <string>
#include <vector>

#include "tests/bpf/ramps.h"
#include "tests/testing/program_test.h"

namespace rampart::testing {
namespace {

class MtuTest : public ProgramTest, public ::testing::WithParamInterface<bool> {
 protected:
  void SetUp() override {
    ProgramTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    tunnel_ = TunnelOf({"", RP_PROFILE_NONE}, true);
    AddTunnel(tunnel_);
    host_ = v4() ? "10.1.0.5" : "fd00:1::5";
    server_ = v4() ? "198.51.100.10" : "2001:db8:100::10";
    pool_ = v4() ? "203.0.113.1" : "2001:db8:200::1";
    AddAddress(pool_, RP_ADDRESS_NAT);
    SetMtus(1500, 1448);
  }
  bool v4() const { return GetParam(); }
  size_t headers() const { return v4() ? 28 : 48; }
  // Towards the server, and back to the host.
  void SetMtus(uint16_t forward, uint16_t back) const {
    SetNextHop(1, LinkNextHop(kUplink, v4(), forward));
    SetNextHop(2, NextHopTo(tunnel_, v4(), back));
  }
  Flow Put(uint8_t proto) const {
    Flow flow = {.source = host_,
                 .destination = server_,
                 .sport = 1234,
                 .dport = 80,
                 .proto = proto,
                 .to_source = pool_,
                 .to_sport = 40000};
    PutFlow(programs(), flow);
    return flow;
  }
  // An answer of `size` bytes, IP header included, as it comes on.
  Packet Answer(size_t size) const {
    return Packet()
        .IpAny(server_, pool_)
        .Udp(80, 40000)
        .Payload(Bytes(size - headers(), 'a'));
  }

  Tunnel tunnel_;
  Ip host_, server_, pool_;
};

INSTANTIATE_TEST_SUITE_P(Inner, MtuTest, ::testing::Bool(),
                         [](const auto& info) {
                           return std::string(info.param ? "Ip4" : "Ip6");
                         });

TEST_P(MtuTest, APacketThatJustFitsIsForwarded) {
  const Flow flow = Put(kUdp);
  EXPECT_THAT(Uplink(FromLink().Then(Answer(1448))),
              Forwarded(ToPeer(tunnel_, {.port = flow.reverse_entropy})
                            .IpAny(server_, host_, {.ttl = 63})
                            .Udp(80, 1234)
                            .Payload(Bytes(1448 - headers(), 'a'))));
}

// RFC 2003 section 5.1, RFC 2473 section 7.1: the sender is told what fits.
TEST_P(MtuTest, OneByteMoreIsHandedToTheControllerWithWhatWouldFit) {
  Put(kUdp);
  rp_punt record = {};
  record.reason = RP_PUNT_TOO_BIG;
  record.realm = 0;
  record.tunnel = 0;
  record.slot = kUplink;
  record.mtu = 1448;
  EXPECT_THAT(Uplink(FromLink().Then(Answer(1449))),
              Punted(record, Answer(1449)));
}

TEST_P(MtuTest, TooBigFromATenantIsTheTenantsPunt) {
  Put(kUdp);
  SetMtus(1300, 1448);
  const Packet big = Packet()
                         .IpAny(host_, server_)
                         .Udp(1234, 80)
                         .Payload(Bytes(1301 - headers(), 'q'));
  rp_punt record = {};
  record.reason = RP_PUNT_TOO_BIG;
  record.realm = kVni;
  record.tunnel = tunnel_.id;
  record.slot = kUplink;
  record.mtu = 1300;
  record.tenant = kTenant;
  EXPECT_THAT(Uplink(FromPeer(tunnel_).Then(big)), Punted(record, big));
}

// RFC 4787 REQ-13 a: the controller cuts it.
TEST_P(MtuTest, WithoutDontFragmentItIsToBeCut) {
  if (!v4()) return;
  Put(kUdp);
  const Packet big = Packet()
                         .Ip4(server_, pool_, {.fragment = 0})
                         .Udp(80, 40000)
                         .Payload(Bytes(1449 - 28, 'a'));
  rp_punt record = {};
  record.reason = RP_PUNT_SPLIT;
  record.slot = kUplink;
  record.mtu = 1448;
  EXPECT_THAT(Uplink(FromLink().Then(big)), Punted(record, big));
}

TEST_P(MtuTest, WithoutDontFragmentASmallOneIsForwarded) {
  if (!v4()) return;
  const Flow flow = Put(kUdp);
  EXPECT_THAT(
      Uplink(FromLink()
                 .Ip4(server_, pool_, {.id = 77, .fragment = 0})
                 .Udp(80, 40000)
                 .Payload("small")),
      Forwarded(ToPeer(tunnel_, {.port = flow.reverse_entropy})
                    .Ip4(server_, host_, {.ttl = 63, .id = 77, .fragment = 0})
                    .Udp(80, 1234)
                    .Payload("small")));
}

TEST_P(MtuTest, WhatDoesNotLeaveIsNotCountedInTheFlow) {
  const Flow flow = Put(kUdp);
  Uplink(FromLink().Then(Answer(1449)));
  EXPECT_EQ(PacketsOf(ReadEntry(programs(), flow.Reversed())), 0u);
}

// ------------------------------------------------------------------------ MSS

Bytes Mss(uint16_t value) {
  Bytes option = {2, 4};
  Put16(option, value);
  return option;
}

Bytes Joined(std::initializer_list<Bytes> parts) {
  Bytes all;
  for (const Bytes& part : parts) Append(all, part);
  return all;
}

class MssTest : public MtuTest {
 protected:
  uint16_t Fits(uint16_t mtu) const {
    return static_cast<uint16_t>(mtu - (v4() ? 40 : 60));
  }
  Packet Syn(uint8_t flags, const Bytes& options) const {
    return Packet()
        .IpAny(host_, server_)
        .Tcp(1234, 80, {.flags = flags, .options = options});
  }
  ::testing::Matcher<const Result&> SentWith(uint8_t flags,
                                             const Bytes& options) const {
    return Forwarded(ToLink()
                         .IpAny(pool_, server_, {.ttl = 63})
                         .Tcp(40000, 80, {.flags = flags, .options = options}));
  }
};

INSTANTIATE_TEST_SUITE_P(Inner, MssTest, ::testing::Bool(),
                         [](const auto& info) {
                           return std::string(info.param ? "Ip4" : "Ip6");
                         });

TEST_P(MssTest, ASynIsClampedToTheSmallerMtuOfBothDirections) {
  const std::pair<uint16_t, uint16_t> mtus[] = {
      {1500, 1448}, {1400, 1448}, {1280, 1280}, {1500, 9000}};
  for (const auto& [forward, back] : mtus) {
    SetMtus(forward, back);
    Put(kTcp);
    const uint16_t fits = Fits(std::min(forward, back));
    EXPECT_THAT(Uplink(FromPeer(tunnel_).Then(Syn(kSyn, Mss(8960)))),
                SentWith(kSyn, Mss(fits)))
        << forward << " " << back;
  }
}

TEST_P(MssTest, ASynAckIsClampedToo) {
  const Flow flow = Put(kTcp);
  EXPECT_THAT(
      Uplink(FromLink()
                 .IpAny(server_, pool_)
                 .Tcp(80, 40000, {.flags = kSyn | kAck, .options = Mss(1460)})),
      Forwarded(ToPeer(tunnel_, {.port = flow.reverse_entropy})
                    .IpAny(server_, host_, {.ttl = 63})
                    .Tcp(80, 1234,
                         {.flags = kSyn | kAck, .options = Mss(Fits(1448))})));
}

TEST_P(MssTest, ItIsNeverRaised) {
  Put(kTcp);
  for (const uint16_t mss : {0, 1, 536, 1220, int{Fits(1448)}})
    EXPECT_THAT(Uplink(FromPeer(tunnel_).Then(Syn(kSyn, Mss(mss)))),
                SentWith(kSyn, Mss(mss)))
        << mss;
}

TEST_P(MssTest, OnlyOfSegmentsWithSyn) {
  Put(kTcp);
  for (const uint8_t flags : {int{kAck}, kAck | kPsh, kAck | kFin})
    EXPECT_THAT(Uplink(FromPeer(tunnel_).Then(Syn(flags, Mss(1460)))),
                SentWith(flags, Mss(1460)));
}

TEST_P(MssTest, WhereverTheOptionStands) {
  Put(kTcp);
  const Bytes nop = {1}, sack_ok = {4, 2}, scale = {3, 3, 7},
              stamp = {8, 10, 1, 2, 3, 4, 5, 6, 7, 8};
  const auto layouts = [&](const Bytes& mss) {
    return std::vector<Bytes>{
        Joined({mss, nop, scale, sack_ok}),
        Joined({nop, mss}),
        Joined({nop, nop, nop, mss}),
        Joined({scale, mss}),
        Joined({sack_ok, stamp, mss}),
        Joined({stamp, nop, scale, mss}),
        Joined({scale, sack_ok, stamp, nop, mss}),
        Joined({stamp, stamp, stamp, scale, nop, nop, mss}),  // the last bytes
        Joined({mss, sack_ok, stamp, nop, scale}),            // as Linux
    };
  };
  const std::vector<Bytes> sent = layouts(Mss(1460));
  const std::vector<Bytes> want = layouts(Mss(Fits(1448)));
  for (size_t i = 0; i < sent.size(); ++i)
    EXPECT_THAT(Uplink(FromPeer(tunnel_).Then(Syn(kSyn, sent[i]))),
                SentWith(kSyn, want[i]))
        << "layout " << i;
}

TEST_P(MssTest, OptionsThatAreAbsentOrBrokenAreLeftAlone) {
  Put(kTcp);
  const Bytes cases[] = {
      {},
      {1, 1, 1, 1},
      {0, 2, 4, 0x23, 0x28, 0, 0, 0},  // behind the end of the list
      {3, 0, 2, 4, 0x23, 0x28},        // length 0
      {3, 1, 2, 4, 0x23, 0x28},        // length 1
      {8, 40, 2, 4},                   // past the header
      {2, 3, 0x23, 0},                 // MSS of 3 bytes
      {2, 6, 0x23, 0x28, 1, 1, 1, 1},  // MSS of 6 bytes
      {1, 1, 1, 2}};                   // cut
  for (const Bytes& options : cases)
    EXPECT_THAT(Uplink(FromPeer(tunnel_).Then(Syn(kSyn, options))),
                ForwardedUnjudged(
                    ToLink()
                        .IpAny(pool_, server_, {.ttl = 63})
                        .Tcp(40000, 80, {.flags = kSyn, .options = options})))
        << HexDump(options);
}

TEST_P(MssTest, DataInTheSynStaysAsItIs) {  // TCP Fast Open
  Put(kTcp);
  EXPECT_THAT(
      Uplink(
          FromPeer(tunnel_).Then(Syn(kSyn, Mss(1460)).Payload("early data"))),
      Forwarded(ToLink()
                    .IpAny(pool_, server_, {.ttl = 63})
                    .Tcp(40000, 80, {.flags = kSyn, .options = Mss(Fits(1448))})
                    .Payload("early data")));
}

}  // namespace
}  // namespace rampart::testing

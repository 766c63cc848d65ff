// SPDX-License-Identifier: Apache-2.0
// What a packet leaves behind in its flow, and what the flow's state does to
// it.
#include <arpa/inet.h>
#include <time.h>

#include <string>
#include <vector>

#include "maps/realm.h"
#include "tests/bpf/ramps.h"
#include "tests/testing/program_test.h"

namespace rampart::testing {
namespace {

class StateTest : public ProgramTest,
                  public ::testing::WithParamInterface<bool> {
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
    SetNextHop(1, LinkNextHop(kUplink, v4(), 1500));
    SetNextHop(2, NextHopTo(tunnel_, v4(), 1448));
    miss_.reason = RP_PUNT_MISS;
    miss_.realm = kVni;
    miss_.tunnel = tunnel_.id;
    miss_.slot = kUplink;
    miss_.tenant = kTenant;
  }
  bool v4() const { return GetParam(); }

  Flow Make(uint8_t proto) const {
    const bool ports = proto == kUdp || proto == kTcp;
    const bool echo = proto == kIcmp || proto == kIcmp6;
    Flow flow = {.source = host_,
                 .destination = server_,
                 .proto = proto,
                 .to_source = pool_};
    flow.sport = ports || echo ? 1234 : 0;
    flow.dport = ports ? 80 : 0;
    if (ports || echo) flow.to_sport = 40000;
    return flow;
  }
  Packet Out(const Flow& f, uint8_t flags = kAck) const {
    const Packet ip = Packet().IpAny(host_, server_);
    if (f.proto == kTcp) return ip.Tcp(1234, 80, {.flags = flags});
    if (f.proto == kUdp) return ip.Udp(1234, 80).Payload("x");
    if (f.proto == kSctp) return ip.Opaque(kSctp, Bytes(16, 3));
    return ip.Echo(false, 1234);
  }
  Packet Back(const Flow& f, uint8_t flags = kAck) const {
    const Packet ip = Packet().IpAny(server_, pool_);
    if (f.proto == kTcp) return ip.Tcp(80, 40000, {.flags = flags});
    if (f.proto == kUdp) return ip.Udp(80, 40000).Payload("x");
    if (f.proto == kSctp) return ip.Opaque(kSctp, Bytes(16, 3));
    return ip.Echo(true, 40000);
  }
  bool SentOut(const Flow& f, uint8_t flags = kAck) const {
    return Went(Uplink(FromPeer(tunnel_).Then(Out(f, flags))));
  }
  bool SentBack(const Flow& f, uint8_t flags = kAck) const {
    return Went(Uplink(FromLink().Then(Back(f, flags))));
  }
  // A segment of the TCP flow that Make() makes.
  bool Sent(bool back, const TcpFields& segment) const {
    if (back)
      return Went(Uplink(FromLink().Then(
          Packet().IpAny(server_, pool_).Tcp(80, 40000, segment))));
    return Went(Uplink(FromPeer(tunnel_).Then(
        Packet().IpAny(host_, server_).Tcp(1234, 80, segment))));
  }
  static bool Went(const Result& result) {
    return result.counted.size() == 1 &&
           result.counted.begin()->first.value == RP_FORWARDED;
  }
  static uint32_t OutcomeOf(const Result& result) {
    return result.counted.begin()->first.value;
  }
  rp_flow Forward(const Flow& f) const { return ReadEntry(programs(), f); }
  rp_flow Reverse(const Flow& f) const {
    return ReadEntry(programs(), f.Reversed());
  }

  Tunnel tunnel_;
  Ip host_, server_, pool_;
  rp_punt miss_ = {};
};

INSTANTIATE_TEST_SUITE_P(Inner, StateTest, ::testing::Bool(),
                         [](const auto& info) {
                           return std::string(info.param ? "Ip4" : "Ip6");
                         });

TEST_P(StateTest, PacketsAndBytesAreCountedPerDirectionAsTheyCameOn) {
  const Flow flow = Make(kUdp);
  PutFlow(programs(), flow);
  const uint64_t size = (v4() ? 20 : 40) + 8 + 1;
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(SentOut(flow));
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(SentBack(flow));
  EXPECT_EQ(PacketsOf(Forward(flow)), 5u);
  EXPECT_EQ(BytesOf(Forward(flow)), 5 * size);
  EXPECT_EQ(PacketsOf(Reverse(flow)), 3u);
  EXPECT_EQ(BytesOf(Reverse(flow)), 3 * size);
}

TEST_P(StateTest, EthernetPaddingIsNotCounted) {
  const Flow flow = Make(kUdp);
  PutFlow(programs(), flow);
  Bytes frame = FromLink().Then(Back(flow)).Build();
  Append(frame, Bytes(17, 0));
  EXPECT_TRUE(Went(programs().RunOn(kUplink, frame)));
  EXPECT_EQ(BytesOf(Reverse(flow)), (v4() ? 20u : 40u) + 9);
}

TEST_P(StateTest, ThePacketRefreshesItsOwnDirection) {
  Flow flow = Make(kUdp);
  flow.age = flow.reverse_age = 1000;
  PutFlow(programs(), flow);
  const uint32_t before = NowInTicks();
  ASSERT_TRUE(SentOut(flow));
  EXPECT_LE(Forward(flow).last_seen - before, NowInTicks() - before);
  EXPECT_EQ(before - Reverse(flow).last_seen >= 999, true);
}

// ------------------------------------------------------------------- expiry

struct Timing {
  const char* what;
  uint8_t proto;
  uint8_t tcp;
  rp_timeout timeout;
};

constexpr uint8_t kBoth = 1 | 1 << RP_TCP_REVERSE;
constexpr uint8_t kEstablished = (RP_TCP_SYN | RP_TCP_ACK) * kBoth;

const Timing kTimings[] = {
    {"udp", kUdp, RP_TCP_ACK, RP_TIMEOUT_UDP_UNREPLIED},
    {"udp, answered", kUdp, RP_TCP_ACK* kBoth, RP_TIMEOUT_UDP},
    {"echo", kIcmp, 0, RP_TIMEOUT_ICMP},
    {"other", kSctp, 0, RP_TIMEOUT_OTHER},
    {"syn", kTcp, RP_TCP_SYN, RP_TIMEOUT_TCP_OPENING},
    {"syn-ack", kTcp, RP_TCP_SYN* kBoth, RP_TIMEOUT_TCP_OPENING},
    {"established", kTcp, kEstablished, RP_TIMEOUT_TCP_ESTABLISHED},
    {"closed", kTcp, kEstablished | RP_TCP_FIN* kBoth, RP_TIMEOUT_TCP_CLOSING},
    {"reset", kTcp, kEstablished | RP_TCP_RST, RP_TIMEOUT_TCP_CLOSING},
    {"reset by peer", kTcp, kEstablished | RP_TCP_RST << RP_TCP_REVERSE,
     RP_TIMEOUT_TCP_CLOSING}};

TEST_P(StateTest, AFlowIsGoneWhenItsTimeoutHasPassedAndNotBefore) {
  for (const Timing& timing : kTimings) {
    uint8_t proto = timing.proto;
    if (proto == kIcmp && !v4()) proto = kIcmp6;
    Flow flow = Make(proto);
    flow.tcp = timing.tcp;
    const uint32_t timeout = config().timeouts[timing.timeout];
    flow.age = flow.reverse_age = timeout - 30;
    PutFlow(programs(), flow);
    EXPECT_TRUE(SentOut(flow)) << timing.what;
    flow.age = flow.reverse_age = timeout + 30;
    PutFlow(programs(), flow);
    EXPECT_THAT(Uplink(FromPeer(tunnel_).Then(Out(flow))),
                Punted(miss_, Out(flow)))
        << timing.what;
    EXPECT_THAT(Uplink(FromLink().Then(Back(flow))),
                Dropped(RP_DROP_NAT_NO_MAPPING))
        << timing.what;
    EXPECT_EQ(PacketsOf(Forward(flow)), 0u) << timing.what;
  }
}

// RFC 4787 REQ-6: traffic out keeps the way in open; and the reverse, since a
// flow is one conversation.
TEST_P(StateTest, EitherDirectionKeepsTheFlowAlive) {
  Flow flow = Make(kUdp);
  flow.age = 0;
  flow.tcp = RP_TCP_ACK * kBoth;
  flow.reverse_age = config().timeouts[RP_TIMEOUT_UDP] + 100;
  PutFlow(programs(), flow);
  EXPECT_TRUE(SentBack(flow));
  std::swap(flow.age, flow.reverse_age);
  PutFlow(programs(), flow);
  EXPECT_TRUE(SentOut(flow));
}

TEST_P(StateTest, ARememberedRefusalDropsForItsReasonUntilItIsForgotten) {
  Flow flow = Make(kUdp);
  flow.kind = RP_FLOW_REFUSED;
  flow.to_source = {};
  flow.to_sport = {};
  flow.next_hop = 7;
  SetNextHop(7, DropNextHop(RP_DROP_POLICY_DENY));
  PutEntry(programs(), flow);
  EXPECT_THAT(Uplink(FromPeer(tunnel_).Then(Out(flow))),
              Dropped(RP_DROP_POLICY_DENY));
  flow.age = config().timeouts[RP_TIMEOUT_DENIED] + 10;
  PutEntry(programs(), flow);
  EXPECT_THAT(Uplink(FromPeer(tunnel_).Then(Out(flow))),
              Punted(miss_, Out(flow)));
}

// A refusal that is asked for again and again must be forgotten all the same,
// or a changed policy would never be seen.
TEST_P(StateTest, ARefusalIsNotRefreshedByWhatItRefuses) {
  Flow flow = Make(kUdp);
  flow.kind = RP_FLOW_REFUSED;
  flow.next_hop = 7;
  flow.age = config().timeouts[RP_TIMEOUT_DENIED] - 100;
  SetNextHop(7, DropNextHop(RP_DROP_NO_ROUTE));
  PutEntry(programs(), flow);
  const uint32_t before = Forward(flow).last_seen;
  EXPECT_THAT(Uplink(FromPeer(tunnel_).Then(Out(flow))),
              Dropped(RP_DROP_NO_ROUTE));
  EXPECT_EQ(Forward(flow).last_seen, before);
}

// ---------------------------------------------------------------------- TCP

TEST_P(StateTest, TcpFlagsAreNotedInBothEntries) {
  struct {
    uint8_t flags;
    uint8_t seen;
  } const cases[] = {{kSyn, RP_TCP_SYN},
                     {kSyn | kAck, RP_TCP_SYN},
                     {kAck, RP_TCP_ACK},
                     {kAck | kPsh, RP_TCP_ACK},
                     {kFin | kAck, RP_TCP_FIN | RP_TCP_ACK},
                     {kRst, RP_TCP_RST},
                     {kRst | kAck, RP_TCP_RST},
                     {0, 0}};
  for (const auto& [flags, seen] : cases) {
    const Flow flow = Make(kTcp);
    PutFlow(programs(), flow);
    ASSERT_TRUE(SentOut(flow, flags));
    EXPECT_EQ(Forward(flow).tcp, seen) << int{flags};
    EXPECT_EQ(Reverse(flow).tcp, seen << RP_TCP_REVERSE) << int{flags};
    PutFlow(programs(), flow);
    ASSERT_TRUE(SentBack(flow, flags));
    EXPECT_EQ(Reverse(flow).tcp, seen) << int{flags};
    EXPECT_EQ(Forward(flow).tcp, seen << RP_TCP_REVERSE) << int{flags};
  }
}

TEST_P(StateTest, AConversationAddsUp) {
  const Flow flow = Make(kTcp);
  PutFlow(programs(), flow);
  ASSERT_TRUE(SentOut(flow, kSyn));
  ASSERT_TRUE(SentBack(flow, kSyn | kAck));
  EXPECT_EQ(Forward(flow).tcp, RP_TCP_SYN * kBoth);
  ASSERT_TRUE(SentOut(flow, kAck));
  ASSERT_TRUE(SentBack(flow, kAck));
  EXPECT_EQ(Forward(flow).tcp, kEstablished);
  EXPECT_EQ(Reverse(flow).tcp, kEstablished);
  ASSERT_TRUE(SentOut(flow, kFin | kAck));
  ASSERT_TRUE(SentBack(flow, kFin | kAck));
  EXPECT_EQ(Forward(flow).tcp, kEstablished | RP_TCP_FIN * kBoth);
  ASSERT_TRUE(SentOut(flow, kAck));  // the last ACK still passes
  EXPECT_EQ(RP_OUTER_PORT | Forward(flow).marks,
            flow.entropy | RP_FLOW_FORWARD_NAT << RP_FLOW_KIND_SHIFT);
}

TEST_P(StateTest, ASynOnAFlowThatIsOverIsAnotherFlow) {
  for (const uint8_t over :
       {kEstablished | RP_TCP_FIN * kBoth, kEstablished | RP_TCP_RST,
        kEstablished | RP_TCP_RST << RP_TCP_REVERSE}) {
    Flow flow = Make(kTcp);
    flow.tcp = over;
    PutFlow(programs(), flow);
    EXPECT_THAT(Uplink(FromPeer(tunnel_).Then(Out(flow, kSyn))),
                Punted(miss_, Out(flow, kSyn)))
        << int{over};
    EXPECT_TRUE(SentOut(flow, kAck)) << int{over};
  }
}

TEST_P(StateTest, ASynOnALiveFlowIsARetransmission) {
  for (const uint8_t live : {uint8_t{0}, uint8_t{RP_TCP_SYN}, kEstablished,
                             uint8_t{kEstablished | RP_TCP_FIN}}) {
    Flow flow = Make(kTcp);
    flow.tcp = live;
    PutFlow(programs(), flow);
    EXPECT_TRUE(SentOut(flow, kSyn)) << int{live};
  }
}

// RFC 7857 section 2.2: a reset that is not the connection's, sent by somebody
// who guesses, must not shorten the time it lives. It is forwarded all the
// same.
TEST_P(StateTest, AResetCountsIfTheOtherSideExpectsItsSequenceNumber) {
  Flow flow = Make(kTcp);
  flow.tcp = kEstablished;
  PutFlow(programs(), flow);
  ASSERT_TRUE(Sent(false, {.flags = kAck, .seq = 5000, .ack = 7000}));
  for (const uint32_t guess : {0u, 1u, 6999u, 7001u, 5000u, 0x80001b58u}) {
    ASSERT_TRUE(Sent(true, {.flags = kRst, .seq = guess}));
    EXPECT_EQ(Forward(flow).tcp, kEstablished) << guess;
    EXPECT_EQ(Reverse(flow).tcp, kEstablished) << guess;
  }
  // An old acknowledgment, late on its way, changes nothing.
  ASSERT_TRUE(Sent(false, {.flags = kAck, .seq = 5000, .ack = 6000}));
  ASSERT_TRUE(Sent(true, {.flags = kRst | kAck, .seq = 7000}));
  EXPECT_EQ(Reverse(flow).tcp, kEstablished | RP_TCP_RST);
  EXPECT_EQ(Forward(flow).tcp, kEstablished | RP_TCP_RST << RP_TCP_REVERSE);
}

TEST_P(StateTest, ASegmentAfterAResetShowsThatTheConnectionGoesOn) {
  for (const bool back : {false, true}) {
    Flow flow = Make(kTcp);
    flow.tcp = kEstablished | RP_TCP_RST << RP_TCP_REVERSE;
    PutFlow(programs(), flow);
    ASSERT_TRUE(Sent(back, {.flags = kAck}));
    EXPECT_EQ(Forward(flow).tcp, kEstablished);
    EXPECT_EQ(Reverse(flow).tcp, kEstablished);
  }
}

// Both ends send a SYN (RFC 793 section 3.4): RFC 5382 REQ-2.
TEST_P(StateTest, ASimultaneousOpenBecomesAConnection) {
  const Flow flow = Make(kTcp);
  PutFlow(programs(), flow);
  ASSERT_TRUE(SentOut(flow, kSyn));
  ASSERT_TRUE(SentBack(flow, kSyn));
  ASSERT_TRUE(SentOut(flow, kSyn | kAck));
  ASSERT_TRUE(SentBack(flow, kSyn | kAck));
  EXPECT_EQ(Forward(flow).tcp, RP_TCP_SYN * kBoth);
  ASSERT_TRUE(SentOut(flow, kAck));
  ASSERT_TRUE(SentBack(flow, kAck));
  EXPECT_EQ(Forward(flow).tcp, kEstablished);
}

TEST_P(StateTest, ADatagramEachWayMakesAUdpFlowAnswered) {
  const Flow flow = Make(kUdp);
  PutFlow(programs(), flow);
  ASSERT_TRUE(SentOut(flow));
  EXPECT_EQ(Forward(flow).tcp, RP_TCP_ACK);
  EXPECT_EQ(Reverse(flow).tcp, RP_TCP_ACK << RP_TCP_REVERSE);
  ASSERT_TRUE(SentBack(flow));
  EXPECT_EQ(Forward(flow).tcp, RP_TCP_ACK * kBoth);
  EXPECT_EQ(Reverse(flow).tcp, RP_TCP_ACK * kBoth);
}

TEST_P(StateTest, CountersGoOnWhereTheirHalvesOfAWordEnd) {
  Flow flow = Make(kUdp);
  const uint64_t bytes = RP_COUNT_BYTES_CARRY - 1;
  const uint64_t packets = (uint64_t{1} << 27) - 1;
  flow.count = packets << RP_COUNT_BYTES | bytes;
  PutFlow(programs(), flow);
  const uint64_t size = (v4() ? 20 : 40) + 8 + 1;
  for (uint64_t sent = 1; sent <= 2; ++sent) {
    ASSERT_TRUE(SentOut(flow));
    EXPECT_EQ(PacketsOf(Forward(flow)), packets + sent);
    EXPECT_EQ(BytesOf(Forward(flow)), bytes + sent * size);
  }
  EXPECT_EQ(Forward(flow).carried, 1u << RP_CARRY_PACKETS | 1);
}

// ------------------------------------------------------------------ on-ramp

TEST_P(StateTest, AnotherTunnelOfTheTenantMayNotUseTheFlow) {
  const Flow flow = Make(kUdp);
  PutFlow(programs(), flow);
  Tunnel other = tunnel_;
  other.id = 12;
  other.peer = "192.0.2.12";
  AddTunnel(other);
  EXPECT_THAT(Uplink(FromPeer(other).Then(Out(flow))),
              Dropped(RP_DROP_ON_RAMP));
  EXPECT_THAT(Access(FromLink().Then(Out(flow))), Dropped(RP_DROP_ON_RAMP));
  EXPECT_EQ(PacketsOf(Forward(flow)), 0u);
}

TEST_P(StateTest, ATunnelWithoutAGrantForTheVniIsRefusedByThatName) {
  const Flow flow = Make(kUdp);
  PutFlow(programs(), flow);
  Tunnel forger = TunnelOf({"", RP_PROFILE_COOKIE}, true);
  forger.id = 13;
  forger.peer = "192.0.2.13";
  PutPeer(programs(), forger);  // and no grant
  EXPECT_THAT(Uplink(FromPeer(forger).Then(Out(flow))),
              Dropped(RP_DROP_VNI_REFUSED));
  forger.vni = 777;  // nobody's
  EXPECT_THAT(Uplink(FromPeer(forger).Then(Out(flow))),
              Dropped(RP_DROP_VNI_REFUSED));
}

TEST_P(StateTest, TwoTenantsWithTheSameAddressesDoNotMeet) {
  Flow first = Make(kUdp);
  PutFlow(programs(), first);
  Tunnel other = tunnel_;
  other.id = 12;
  other.peer = "192.0.2.12";
  other.vni = 2002;
  AddTunnel(other);
  Flow second = Make(kUdp);
  second.realm = 2002;
  second.on_ramp = 12;
  second.to_sport = 40001;
  PutFlow(programs(), second);
  EXPECT_THAT(Uplink(FromPeer(tunnel_).Then(Out(first))),
              Forwarded(ToLink()
                            .IpAny(pool_, server_, {.ttl = 63})
                            .Udp(40000, 80)
                            .Payload("x")));
  EXPECT_THAT(Uplink(FromPeer(other).Then(Out(second))),
              Forwarded(ToLink()
                            .IpAny(pool_, server_, {.ttl = 63})
                            .Udp(40001, 80)
                            .Payload("x")));
  EXPECT_EQ(PacketsOf(Forward(first)), 1u);
  EXPECT_EQ(PacketsOf(Forward(second)), 1u);
}

// ---------------------------------------------------------------- next hops

TEST_P(StateTest, NextHopsThatCannotSend) {
  Flow flow = Make(kUdp);
  PutFlow(programs(), flow);
  rp_next_hop down = LinkNextHop(kUplink, v4(), 1500);
  down.kind = RP_NEXT_HOP_DOWN;
  SetNextHop(1, down);
  const Packet packet = FromPeer(tunnel_).Then(Out(flow));
  EXPECT_THAT(Uplink(packet), Dropped(RP_DROP_NEXT_HOP_DOWN));
  SetNextHop(1, {});
  EXPECT_THAT(Uplink(packet), Dropped(RP_DROP_NEXT_HOP_INDEX));
  flow.next_hop = RP_NEXT_HOP_MAX - 1;
  PutFlow(programs(), flow);
  EXPECT_THAT(Uplink(packet), Dropped(RP_DROP_NEXT_HOP_INDEX));
}

TEST_P(StateTest, ANextHopWhoseDeviceIsNotInTheDeviceMap) {
  const Flow flow = Make(kUdp);
  PutFlow(programs(), flow);
  SetNextHop(1, LinkNextHop(kUplink2, v4(), 1500));
  programs().SetPort(kUplink2, false);
  EXPECT_THAT(Uplink(FromPeer(tunnel_).Then(Out(flow))),
              Dropped(RP_DROP_REDIRECT));
}

// 216 bytes of metadata leave no room in front of the packet.
TEST_P(StateTest, ADriverWithoutHeadroom) {
  const Flow flow = Make(kUdp);
  PutFlow(programs(), flow);
  for (const size_t payload : {1, 500}) {
    const Packet back = FromLink()
                            .IpAny(server_, pool_)
                            .Udp(80, 40000)
                            .Payload(Bytes(payload, 'x'));
    EXPECT_THAT(programs().RunOn(kUplink, back.Build(), 216),
                Dropped(RP_DROP_HEADROOM));
    // Nor is there room for the record of a punt.
    const Packet miss =
        FromLink().IpAny(host_, server_).Udp(1, 2).Payload(Bytes(payload, 'x'));
    EXPECT_THAT(programs().RunOn(kAccess, miss.Build(), 216),
                Dropped(RP_DROP_HEADROOM));
  }
}

// --------------------------------------------------------------------- punts

TEST_P(StateTest, WithoutAControllerAMissIsDropped) {
  programs().SetPuntPath(false);
  EXPECT_THAT(Uplink(FromPeer(tunnel_).Then(Out(Make(kUdp)))),
              Dropped(RP_DROP_PUNT_CLOSED));
}

TEST_P(StateTest, ATenantThatStartsFlowsTooFastIsLimited) {
  rp_config config = this->config();
  config.punts_per_tick = 2;
  SetConfig(config);
  const Packet packet = FromPeer(tunnel_).Then(Out(Make(kUdp)));
  const auto now = [] {
    timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t{1000000000} * time.tv_sec + time.tv_nsec) >>
           RP_PUNT_TICK_SHIFT;
  };
  // All three in one tick: try again if the clock moved on meanwhile.
  for (uint64_t before = 0; before != now();) {
    before = now();
    programs().Put("rp_tenants", kTenant, rp_tenant{});
    EXPECT_EQ(OutcomeOf(Uplink(packet)), uint32_t{RP_PUNTED});
    EXPECT_EQ(OutcomeOf(Uplink(packet)), uint32_t{RP_PUNTED});
    const Result third = Uplink(packet);
    const uint32_t outcome = OutcomeOf(third);
    EXPECT_TRUE(outcome == RP_DROP_PUNT_RATE || before != now());
  }
}

TEST_P(StateTest, TheLimitOfOneTenantIsNotAnothers) {
  rp_config config = this->config();
  config.punts_per_tick = 1;
  SetConfig(config);
  programs().Put("rp_tenants", kTenant, rp_tenant{0, 1000});
  Tunnel other = tunnel_;
  other.id = 12;
  other.peer = "192.0.2.12";
  other.vni = 2002;
  AddTunnel(other);
  programs().Put("rp_grants", rp_grant_key{12, 2002}, rp_grant{kTenant + 1});
  EXPECT_EQ(OutcomeOf(Uplink(FromPeer(other).Then(Out(Make(kUdp))))),
            uint32_t{RP_PUNTED});
}

}  // namespace
}  // namespace rampart::testing

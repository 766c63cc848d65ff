// SPDX-License-Identifier: Apache-2.0
// Frames that the controller writes into its TAP: packets taken on again, and
// packets of its own making.
#include <string>

#include "tests/bpf/ramps.h"
#include "tests/testing/program_test.h"

namespace rampart::testing {
namespace {

Mac Named(uint16_t prefix, uint32_t number) {
  Mac mac;
  mac[0] = static_cast<uint8_t>(prefix >> 8);
  mac[1] = static_cast<uint8_t>(prefix);
  for (int i = 0; i < 4; ++i)
    mac[static_cast<size_t>(2 + i)] =
        static_cast<uint8_t>(number >> (24 - 8 * i));
  return mac;
}

class InjectTest : public ProgramTest,
                   public ::testing::WithParamInterface<bool> {
 protected:
  void SetUp() override {
    ProgramTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    tunnel_ = TunnelOf({"", RP_PROFILE_MAC}, true);
    tunnel_.id = 0x01020304;
    AddTunnel(tunnel_);
    host_ = v4() ? "10.1.0.5" : "fd00:1::5";
    server_ = v4() ? "198.51.100.10" : "2001:db8:100::10";
    pool_ = v4() ? "203.0.113.1" : "2001:db8:200::1";
    SetNextHop(1, LinkNextHop(kUplink, v4(), 1500));
    SetNextHop(2, NextHopTo(tunnel_, v4(), 1448));
  }
  bool v4() const { return GetParam(); }
  static Packet TakeOn(uint32_t realm, uint32_t tunnel) {
    return Eth({.destination = Named(RP_INJECT_REALM, realm),
                .source = Named(RP_INJECT_SOURCE, tunnel)});
  }
  static Packet SendThrough(uint32_t next_hop) {
    return Eth({.destination = Named(RP_INJECT_NEXT_HOP, next_hop),
                .source = Named(RP_INJECT_SOURCE, 0)});
  }
  Packet Question(uint8_t ttl = 64) const {
    return Packet()
        .IpAny(host_, server_, {.ttl = ttl})
        .Udp(1234, 53)
        .Payload("x");
  }
  Result Inject(const Packet& packet) const { return RunOn(kInject, packet); }

  Tunnel tunnel_;
  Ip host_, server_, pool_;
};

INSTANTIATE_TEST_SUITE_P(Inner, InjectTest, ::testing::Bool(),
                         [](const auto& info) {
                           return std::string(info.param ? "Ip4" : "Ip6");
                         });

TEST_P(InjectTest, APacketIsTakenOnInItsRealmAsIfItCameThroughItsTunnel) {
  Flow flow = {.source = host_, .destination = server_};
  flow.to_source = pool_;
  flow.to_sport = 40000;
  flow.on_ramp = tunnel_.id;
  PutFlow(programs(), flow);
  EXPECT_THAT(Inject(TakeOn(kVni, tunnel_.id).Then(Question())),
              Forwarded(ToLink()
                            .IpAny(pool_, server_, {.ttl = 63})
                            .Udp(40000, 53)
                            .Payload("x")));
  EXPECT_EQ(PacketsOf(ReadEntry(programs(), flow)), 1u);
}

TEST_P(InjectTest, TheTunnelItNamesMustBeTheFlows) {
  Flow flow = {.source = host_, .destination = server_};
  flow.on_ramp = tunnel_.id;
  PutFlow(programs(), flow);
  Grant(9, kVni);
  EXPECT_THAT(Inject(TakeOn(kVni, 9).Then(Question())),
              Dropped(RP_DROP_ON_RAMP));
  EXPECT_THAT(Inject(TakeOn(kVni, 8).Then(Question())),
              Dropped(RP_DROP_VNI_REFUSED));
}

TEST_P(InjectTest, AMissIsHandedBackToTheController) {
  rp_punt record = {};
  record.reason = RP_PUNT_MISS;
  record.realm = kVni;
  record.tunnel = tunnel_.id;
  record.slot = kInject;
  record.tenant = kTenant;
  EXPECT_THAT(Inject(TakeOn(kVni, tunnel_.id).Then(Question())),
              Punted(record, Question()));
}

TEST_P(InjectTest, WhatTheControllerMadeLeavesAsItIs) {
  const int type = v4() ? 11 : 3;
  const Packet error = Packet()
                           .IpAny(server_, host_, {.ttl = 64})
                           .Icmp(static_cast<uint8_t>(type), 0)
                           .Payload(Question(1).Build());
  EXPECT_THAT(Inject(SendThrough(2).Then(error)),
              Forwarded(ToPeer(tunnel_, {.port = 0xc000}).Then(error)));
  EXPECT_THAT(Inject(SendThrough(1).Then(Question())),
              Forwarded(ToLink().Then(Question())));
  EXPECT_THAT(Inject(SendThrough(1).Then(Question(1))),
              Forwarded(ToLink().Then(Question(1))));
}

TEST_P(InjectTest, ThroughANextHopThatCannotSend) {
  rp_next_hop down = LinkNextHop(kUplink, v4(), 1500);
  down.kind = RP_NEXT_HOP_DOWN;
  SetNextHop(5, down);
  EXPECT_THAT(Inject(SendThrough(5).Then(Question())),
              Dropped(RP_DROP_NEXT_HOP_DOWN));
  EXPECT_THAT(Inject(SendThrough(6).Then(Question())),
              Dropped(RP_DROP_NEXT_HOP_INDEX));
  EXPECT_THAT(Inject(SendThrough(RP_NEXT_HOP_MAX).Then(Question())),
              Dropped(RP_DROP_NEXT_HOP_INDEX));
}

// What the kernel itself sends into the TAP (IPv6 router solicitations), and
// anything else that is not the controller's.
TEST_P(InjectTest, FramesThatDoNotNameTheirOnRamp) {
  const Packet cases[] = {
      FromLink(),
      Eth({.destination = Named(RP_INJECT_REALM, kVni), .source = kMacA}),
      Eth({.destination = kMacA, .source = Named(RP_INJECT_SOURCE, 10)}),
      Eth({.destination = Named(RP_INJECT_SOURCE, 10),
           .source = Named(RP_INJECT_REALM, kVni)})};
  for (const Packet& link : cases)
    EXPECT_THAT(Inject(link.Then(Question())), Dropped(RP_DROP_INJECT));
  EXPECT_THAT(Inject(TakeOn(kVni, 10).Vlan(5).Then(Question())),
              Dropped(RP_DROP_INJECT));
}

// ------------------------------------------------------- access interfaces

using AccessTest = InjectTest;

INSTANTIATE_TEST_SUITE_P(Inner, AccessTest, ::testing::Bool(),
                         [](const auto& info) {
                           return std::string(info.param ? "Ip4" : "Ip6");
                         });

TEST_P(AccessTest, PacketsLeaveForADeviceWithoutLinkHeaderBare) {
  Flow flow = {.source = host_, .destination = server_};
  flow.on_ramp = tunnel_.id;
  flow.reverse_realm = kVni;
  PutFlow(programs(), flow);
  SetNextHop(1, LinkNextHop(kAccessTun, v4(), 1400, -1));
  EXPECT_THAT(Uplink(FromPeer(tunnel_).Then(Question())),
              ForwardedBare(Question(63)));
}

TEST_P(AccessTest, PacketsFromADeviceWithoutLinkHeaderGoAllTheWay) {
  Flow flow = {.source = host_, .destination = server_};
  flow.on_ramp = kAccessTunTunnel;
  flow.next_hop = 2;
  flow.reverse_realm = kVni;
  PutFlow(programs(), flow);
  EXPECT_THAT(
      RunOn(kAccessTun, Question()),
      Forwarded(ToPeer(tunnel_, {.port = flow.entropy}).Then(Question(63))));
}

TEST_P(AccessTest, TheInterfacesOwnAddressIsTheHosts) {
  const Ip gateway = v4() ? "10.1.0.1" : "fd00:1::1";
  AddLocal(kAccess, gateway);
  const Packet to = FromLink().IpAny(host_, gateway);
  EXPECT_THAT(Access(to.Echo(false, 7)), Passed());
  EXPECT_THAT(Access(to.Tcp(5, 22, {.flags = kSyn})), Passed());
  EXPECT_THAT(
      Access(FromLink().IpAny(host_, gateway, {.ttl = 1}).Echo(false, 7)),
      Passed());
  // Only on its own interface.
  rp_punt record = {};
  record.reason = RP_PUNT_MISS;
  record.realm = kVni;
  record.tunnel = kAccessTunTunnel;
  record.slot = kAccessTun;
  record.tenant = kTenant;
  const Packet same = Packet().IpAny(host_, gateway).Echo(false, 7);
  EXPECT_THAT(RunOn(kAccessTun, same), Punted(record, same));
}

TEST_P(AccessTest, ArpNeighbourDiscoveryAndTaggedFramesAreTheHosts) {
  const Bytes arp = FromHex(
      "ffffffffffff 020000000001 0806 0001080006040001 020000000001 0a010005"
      "000000000000 0a010001");
  EXPECT_THAT(programs().RunOn(kAccess, arp), Passed());
  EXPECT_THAT(Access(FromLink()
                         .Ip6("fe80::5", "ff02::1:ff00:1", {.ttl = 255})
                         .Icmp(135, 0)
                         .Payload(Bytes(20, 1))),
              Passed());
  EXPECT_THAT(Access(FromLink()
                         .Ip6("fe80::5", "fe80::1", {.ttl = 255})
                         .Icmp(136, 0)
                         .Payload(Bytes(20, 1))),
              Passed());
  EXPECT_THAT(Access(FromLink().Ip4("0.0.0.0", "255.255.255.255").Udp(68, 67)),
              Passed());
  EXPECT_THAT(Access(FromLink(1).Then(Question())), Passed());
}

TEST_P(AccessTest, WhatLeavesThroughTheSameDeviceIsSentBackWithoutARedirect) {
  Flow flow = {.source = host_, .destination = server_};
  flow.on_ramp = kAccessTunnel;
  flow.next_hop = 3;
  flow.reverse_realm = kVni;
  PutFlow(programs(), flow);
  SetNextHop(3, LinkNextHop(kAccess, v4(), 1500));
  programs().SetPort(kAccess, false);
  EXPECT_THAT(Access(FromLink().Then(Question())),
              Forwarded(ToLink().Then(Question(63))));
}

}  // namespace
}  // namespace rampart::testing

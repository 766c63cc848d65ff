// SPDX-License-Identifier: Apache-2.0
// Authentication of profiles mac and cookie: what is bound, what is refused.
// Case 14 of the list of malformed input.
#include <arpa/inet.h>

#include <cstring>

#include "tests/bpf/ramps.h"
#include "tests/testing/program_test.h"

namespace rampart::testing {
namespace {

class AuthTest : public ProgramTest,
                 public ::testing::WithParamInterface<bool> {
 protected:
  void SetUp() override {
    ProgramTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    mac_ = TunnelOf({"Mac", RP_PROFILE_MAC}, GetParam());
    AddTunnel(mac_);
  }

  Result Send(const Tunnel& t, const GueFields& gue) const {
    return Uplink(FromLink()
                      .IpAny(t.peer, t.edge)
                      .Udp(0xc0de, kGuePort)
                      .Gue(gue)
                      .Then(Inner()));
  }
  static Packet Inner() {
    return Packet().Ip4("10.1.0.5", "10.2.0.9").Udp(1, 2).Payload("x");
  }
  static ::testing::Matcher<const Result&> Accepted(const Tunnel& t) {
    rp_punt record = {};
    record.reason = RP_PUNT_MISS;
    record.realm = t.vni;
    record.tunnel = t.id;
    record.slot = kUplink;
    record.tenant = kTenant;
    return Punted(record, Inner());
  }
  void PutPeerWith(const Tunnel& t, const rp_peer& peer) const {
    PutPeerEntry(programs(), t, peer);
  }

  Tunnel mac_;
};

INSTANTIATE_TEST_SUITE_P(Over, AuthTest, ::testing::Bool(),
                         [](const auto& info) {
                           return std::string(info.param ? "Ip4" : "Ip6");
                         });

TEST_P(AuthTest, TheEpochAndBothNeighboursAreAccepted) {
  for (const uint32_t epoch : {kEpoch - 1, kEpoch, kEpoch + 1})
    EXPECT_THAT(Send(mac_, GueOf(mac_, epoch)), Accepted(mac_)) << epoch;
}

TEST_P(AuthTest, Case14AnyOtherEpochIsRefused) {
  for (const uint32_t epoch :
       {kEpoch - 2, kEpoch + 2, 0u, 0xffffffffu, kEpoch ^ 0x80000000u})
    EXPECT_THAT(Send(mac_, GueOf(mac_, epoch)), Dropped(RP_DROP_GUE_EPOCH))
        << epoch;
}

TEST_P(AuthTest, Case14UnknownKeyId) {
  for (const uint8_t id : {0, 2, 255}) {
    GueFields gue = GueOf(mac_);
    gue.mac->key_id = id;
    EXPECT_THAT(Send(mac_, gue), Dropped(RP_DROP_GUE_KEY_ID)) << int{id};
  }
}

TEST_P(AuthTest, Case14ReservedBitsAndFormatVersions) {
  for (int bit = 0; bit < 8; ++bit) {
    if (bit == 1) continue;  // "addresses bound"
    GueFields gue = GueOf(mac_);
    gue.mac->bits = static_cast<uint8_t>(0x02 | 1 << bit);
    EXPECT_THAT(Send(mac_, gue), Dropped(RP_DROP_GUE_SEC_BITS)) << bit;
  }
}

// Keys are one per peer for both directions: only the bound addresses make a
// reflected packet fail.
TEST_P(AuthTest, Case14MacThatDoesNotBindTheAddressesIsRefused) {
  GueFields gue = GueOf(mac_);
  gue.mac->bits = 0;
  EXPECT_THAT(Send(mac_, gue), Dropped(RP_DROP_GUE_SEC_BITS));
}

TEST_P(AuthTest, Case14EveryBitOfTheMacCounts) {
  const Bytes good =
      FromPeer(mac_).Then(Inner()).Build();  // UDP checksum made anew below
  const size_t mac_at = 14 + (GetParam() ? 20 : 40) + 8 + 4 + 4 + 8;
  for (int bit = 0; bit < 64; ++bit) {
    GueFields gue = GueOf(mac_);
    const size_t byte = static_cast<size_t>(bit / 8);
    uint64_t mac = 0;
    for (size_t i = 0; i < 8; ++i) mac = mac << 8 | good[mac_at + i];
    gue.mac->mac = mac ^ uint64_t { 1 } << bit;
    EXPECT_THAT(Send(mac_, gue), Dropped(RP_DROP_GUE_MAC)) << byte;
  }
}

TEST_P(AuthTest, Case14TheMacCoversAddressesVniProtocolTagAndEpoch) {
  const GueFields good = GueOf(mac_);
  Tunnel other = mac_;
  other.peer = GetParam() ? "192.0.2.12" : "2001:db8::12";
  AddTunnel(other);
  // The bytes of a good packet of mac_, one field changed under way.
  const size_t gue_at = 14 + (GetParam() ? 20 : 40) + 8;
  Bytes frame = FromPeer(mac_).Then(Inner()).Build();
  const Bytes ext = Slice(frame, gue_at + 4, 20);
  const auto changed = [&](size_t at, uint8_t mask) {
    GueFields gue = {.extension = ext, .flags = 0xa000};
    gue.extension[at] ^= mask;
    return gue;
  };
  EXPECT_THAT(Send(mac_, changed(0, 0)), Accepted(mac_));
  EXPECT_THAT(Send(other, changed(0, 0)), Dropped(RP_DROP_GUE_MAC));
  EXPECT_THAT(Send(mac_, changed(3, 1)), Dropped(RP_DROP_GUE_MAC)) << "VNI";
  EXPECT_THAT(Send(mac_, changed(7, 1)), Dropped(RP_DROP_GUE_MAC)) << "tag";
  EXPECT_THAT(Send(mac_, changed(11, 1)), Dropped(RP_DROP_GUE_MAC)) << "epoch";
  GueFields protocol = changed(0, 0);
  protocol.protocol = kIp6InIp;
  EXPECT_THAT(Send(mac_, protocol), Dropped(RP_DROP_GUE_MAC)) << "protocol";
}

// What was found authentic is remembered, with all that made it so.
TEST_P(AuthTest, WhatWasAuthenticIsRefusedOnceItsKeyOrEpochIsGone) {
  for (int i = 0; i < 3; ++i)
    EXPECT_THAT(Send(mac_, GueOf(mac_)), Accepted(mac_));
  rp_peer peer = PeerOf(mac_);
  peer.keys[0].k1 ^= 1;
  PutPeerWith(mac_, peer);
  EXPECT_THAT(Send(mac_, GueOf(mac_)), Dropped(RP_DROP_GUE_MAC));
  PutPeerWith(mac_, PeerOf(mac_));
  EXPECT_THAT(Send(mac_, GueOf(mac_)), Accepted(mac_));
  rp_config later = config();
  later.unix_offset += uint64_t{2} * RP_MAC_EPOCH_SECONDS * 1000000000;
  SetConfig(later);
  EXPECT_THAT(Send(mac_, GueOf(mac_)), Dropped(RP_DROP_GUE_EPOCH));
}

TEST_P(AuthTest, TheTagOfTheSenderIsAccepted) {
  GueFields gue = GueOf(mac_);
  gue.mac->tag = 7;
  EXPECT_THAT(Send(mac_, gue), Accepted(mac_));
}

TEST_P(AuthTest, BothKeysCountWhileTheyRoll) {
  rp_peer peer = PeerOf(mac_);
  SipKey second = mac_.key;
  second[3] ^= 0x55;
  peer.keys[1] = {LittleEndian64(second.data()),
                  LittleEndian64(second.data() + 8),
                  9,
                  1,
                  {}};
  PutPeerWith(mac_, peer);
  GueFields gue = GueOf(mac_);
  EXPECT_THAT(Send(mac_, gue), Accepted(mac_));
  gue.mac->key = second;
  EXPECT_THAT(Send(mac_, gue), Dropped(RP_DROP_GUE_MAC));
  gue.mac->key_id = 9;
  EXPECT_THAT(Send(mac_, gue), Accepted(mac_));
  gue.mac->key = mac_.key;
  EXPECT_THAT(Send(mac_, gue), Dropped(RP_DROP_GUE_MAC));
}

TEST_P(AuthTest, AnUnusedKeySlotOpensNothing) {
  rp_peer peer = PeerOf(mac_);
  peer.keys[0] = {};
  PutPeerWith(mac_, peer);
  GueFields gue = GueOf(mac_);
  gue.mac->key = {};
  gue.mac->key_id = 0;
  EXPECT_THAT(Send(mac_, gue), Dropped(RP_DROP_GUE_KEY_ID));
  Tunnel cookie = TunnelOf({"Cookie", RP_PROFILE_COOKIE}, GetParam());
  peer = PeerOf(cookie);
  peer.keys[0] = {};
  PutPeerWith(cookie, peer);
  cookie.cookie = 0;
  EXPECT_THAT(Send(cookie, GueOf(cookie)), Dropped(RP_DROP_GUE_COOKIE));
}

TEST_P(AuthTest, Case14EveryBitOfTheCookieCounts) {
  Tunnel cookie = TunnelOf({"Cookie", RP_PROFILE_COOKIE}, GetParam());
  AddTunnel(cookie);
  EXPECT_THAT(Send(cookie, GueOf(cookie)), Accepted(cookie));
  for (int bit = 0; bit < 64; ++bit) {
    Tunnel forger = cookie;
    forger.cookie ^= uint64_t{1} << bit;
    EXPECT_THAT(Send(cookie, GueOf(forger)), Dropped(RP_DROP_GUE_COOKIE))
        << bit;
  }
}

TEST_P(AuthTest, BothCookiesCountWhileTheyRoll) {
  Tunnel cookie = TunnelOf({"Cookie", RP_PROFILE_COOKIE}, GetParam());
  AddTunnel(cookie);
  rp_peer peer = PeerOf(cookie);
  Tunnel rolled = cookie;
  rolled.cookie = 0x99aabbccddeeff00;
  peer.keys[1] = PeerOf(rolled).keys[0];
  PutPeerWith(cookie, peer);
  EXPECT_THAT(Send(cookie, GueOf(cookie)), Accepted(cookie));
  EXPECT_THAT(Send(cookie, GueOf(rolled)), Accepted(cookie));
}

// The security field of a next hop is computed once per epoch and remembered.
TEST_P(AuthTest, TheMacThatIsSentFollowsTheEpoch) {
  const Ip host = "10.1.0.5", server = "10.2.0.9";
  SetNextHop(1, NextHopTo(mac_, true, 1400));
  Flow flow = {.source = host, .destination = server, .sport = 1, .dport = 2};
  flow.on_ramp = kAccessTunnel;
  PutFlow(programs(), flow);
  const Packet out =
      Packet().Ip4(host, server, {.ttl = 63}).Udp(1, 2).Payload("x");
  for (const uint32_t epoch :
       {kEpoch, kEpoch, kEpoch + 1, kEpoch + 2, kEpoch, kEpoch + 1}) {
    rp_config config = this->config();
    config.unix_offset +=
        static_cast<uint64_t>(epoch - kEpoch) * 64 * 1000000000;
    SetConfig(config);
    EXPECT_THAT(
        Access(FromLink().Then(Inner())),
        Forwarded(
            ToPeer(mac_, {.port = flow.entropy, .epoch = epoch}).Then(out)))
        << epoch - kEpoch;
  }
}

}  // namespace
}  // namespace rampart::testing

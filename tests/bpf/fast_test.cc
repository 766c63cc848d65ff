// SPDX-License-Identifier: Apache-2.0
// The short way against the stages: whatever one bit makes of a packet, both
// do the same with it.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>

#include "maps/ramp.h"
#include "tests/testing/edge.h"
#include "tests/testing/programs.h"
#include "tests/testing/scene.h"

namespace rampart::testing {
namespace {

constexpr size_t kOuter = 14;
constexpr char kSwitch[] = "RAMPART_NO_FAST_WAY";

struct Case {
  const char* name;
  rp_profile profile = RP_PROFILE_NONE;
  uint8_t proto = kUdp;
  bool back = false;    // from the Internet
  bool other = false;   // through a tunnel that is not the flow's
  uint16_t mtu = 1500;  // of the way out
  bool v6 = false;      // the tenant's packet
  bool over6 = false;   // the tunnel
  bool csum = false;    // of the outer UDP header
};

class FastTest : public ::testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "loading BPF programs needs root";
    if (std::getenv(kSwitch) != nullptr)
      GTEST_SKIP() << "compares both in the run with the short way";
    fast_ = Programs::Load(64).value();
    setenv(kSwitch, "1", 1);
    slow_ = Programs::Load(64).value();
    unsetenv(kSwitch);
    tunnel_.profile = GetParam().profile;
    tunnel_.udp_csum = GetParam().csum;
    if (GetParam().over6) {
      tunnel_.edge = "2001:db8::1";
      tunnel_.peer = "2001:db8::10";
      tunnel_.flags = RP_PEER_ZERO_CSUM6;
    }
    if (GetParam().v6) {
      flow_.source = "fd00:1::5";
      flow_.destination = "2001:db8:100::10";
    }
    flow_.proto = GetParam().proto;
    flow_.to_source = Ip(GetParam().v6 ? "2001:db8:200::1" : "203.0.113.1");
    flow_.to_sport = 40000;
    flow_.kind = RP_FLOW_FORWARD_NAT;
    flow_.tcp =
        RP_TCP_SYN | RP_TCP_ACK | (RP_TCP_SYN | RP_TCP_ACK) << RP_TCP_REVERSE;
    if (GetParam().other) flow_.on_ramp = tunnel_.id + 1;
    MakeEdge(*fast_);
    MakeEdge(*slow_);
  }

  void MakeEdge(const Programs& programs) const {
    Reset(programs);
    AddTunnel(programs, tunnel_);
    AddAddress(programs, *flow_.to_source, RP_ADDRESS_NAT);
    programs.Put("rp_next_hops", uint32_t{1},
                 LinkNextHop(kUplink, !GetParam().v6, GetParam().mtu));
    programs.Put("rp_next_hops", uint32_t{2},
                 NextHopTo(tunnel_, !GetParam().v6, GetParam().mtu));
  }
  // The same edge every time: what a packet did is undone.
  void Prepare(const Programs& programs) const {
    PutFlow(programs, flow_);
    for (const uint32_t tenant : {0u, uint32_t{kTenant}})
      programs.Put("rp_tenants", tenant, rp_tenant{});
  }

  Bytes Frame() const {
    const Flow f = GetParam().back ? flow_.Reversed() : flow_;
    const Packet ramp = GetParam().back ? FromLink() : FromPeer(tunnel_);
    // One bit off: TTL 1; ECN that combines with the outer header's.
    Packet ip = Packet().IpAny(f.source, f.destination, {.ttl = 65, .tos = 2});
    ip = f.proto == kUdp ? ip.Udp(f.sport, f.dport) : ip.Tcp(f.sport, f.dport);
    return ramp.Then(ip.Payload("some payload")).Build();
  }

  // Whether the first IP header is IPv4's.
  bool first4() const {
    return GetParam().back ? !GetParam().v6 : !GetParam().over6;
  }
  size_t InnerOffset() const {
    if (GetParam().back) return kOuter;
    return kOuter + (first4() ? 28 : 48) +
           (GetParam().profile == RP_PROFILE_MAC ? 24 : 4);
  }
  void FixHeaders(Bytes& frame) const {
    if (first4()) FixHeader(frame, kOuter);
    if (!GetParam().v6) FixHeader(frame, InnerOffset());
  }

  void ExpectSame(const Bytes& frame, const std::string& what) const {
    Prepare(*fast_);
    Prepare(*slow_);
    const Result fast = fast_->RunOn(kUplink, frame);
    const Result slow = slow_->RunOn(kUplink, frame);
    EXPECT_EQ(fast.verdict, slow.verdict) << what;
    EXPECT_EQ(ToString(fast.counted), ToString(slow.counted)) << what;
    EXPECT_EQ(fast.output, slow.output) << what;
    const rp_flow a = ReadEntry(*fast_, flow_), b = ReadEntry(*slow_, flow_);
    EXPECT_EQ(a.count, b.count) << what;
    EXPECT_EQ(a.ack, b.ack) << what;
    EXPECT_EQ(a.tcp, b.tcp) << what;
  }

  // So that a changed header is looked at further.
  static void FixHeader(Bytes& frame, size_t offset) {
    uint32_t sum = 0;
    Set16(frame, offset + 10, 0);
    for (size_t i = 0; i < 20; i += 2) sum += Get16(frame, offset + i);
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    Set16(frame, offset + 10, static_cast<uint16_t>(~sum));
  }

  std::unique_ptr<Programs> fast_, slow_;
  Tunnel tunnel_;
  Flow flow_;
};

INSTANTIATE_TEST_SUITE_P(
    Each, FastTest,
    ::testing::Values(
        Case{"NoneUdp", RP_PROFILE_NONE, kUdp},
        Case{"NoneTcp", RP_PROFILE_NONE, kTcp},
        Case{"MacUdp", RP_PROFILE_MAC, kUdp},
        Case{"BackUdp", RP_PROFILE_NONE, kUdp, true},
        Case{"BackTcp", RP_PROFILE_MAC, kTcp, true},
        Case{"WrongTunnel", RP_PROFILE_NONE, kUdp, false, true},
        Case{"TooBig", RP_PROFILE_NONE, kUdp, false, false, 39},
        Case{.name = "NoneUdp6", .v6 = true},
        Case{.name = "MacTcp6",
             .profile = RP_PROFILE_MAC,
             .proto = kTcp,
             .v6 = true},
        Case{.name = "BackTcp6", .proto = kTcp, .back = true, .v6 = true},
        Case{.name = "NoneUdp6Over6", .v6 = true, .over6 = true},
        Case{.name = "MacUdp4Over6",
             .profile = RP_PROFILE_MAC,
             .over6 = true,
             .csum = true},
        Case{.name = "NoneTcp6Over6",
             .proto = kTcp,
             .v6 = true,
             .over6 = true,
             .csum = true}),
    [](const auto& info) { return std::string(info.param.name); });

TEST_P(FastTest, EveryBitOfThePacketMeansTheSameToBoth) {
  const Bytes good = Frame();
  ExpectSame(good, "unchanged");
  for (size_t bit = 0; bit < good.size() * 8; ++bit) {
    Bytes frame = good;
    frame[bit / 8] ^= static_cast<uint8_t>(0x80 >> bit % 8);
    ExpectSame(frame, "bit " + std::to_string(bit));
    FixHeaders(frame);
    ExpectSame(frame, "bit " + std::to_string(bit) + ", checksums right");
    if (HasFailure()) return;
  }
}

TEST_P(FastTest, EveryLengthMeansTheSameToBoth) {
  const Bytes good = Frame();
  for (size_t length = kOuter; length < good.size() + 20; ++length) {
    Bytes frame = good;
    frame.resize(length);
    ExpectSame(frame, std::to_string(length) + " bytes");
  }
  for (uint16_t total = 0; total < good.size() + 4; ++total) {
    Bytes frame = good;  // the outer headers end before or behind its end
    const size_t header = first4() ? 20 : 40;
    Set16(frame, kOuter + (first4() ? 2 : 4), first4() ? total : total - 40);
    if (!GetParam().back)
      Set16(frame, kOuter + header + 4, static_cast<uint16_t>(total - header));
    if (first4()) FixHeader(frame, kOuter);
    ExpectSame(frame, "outer length " + std::to_string(total));
  }
}

}  // namespace
}  // namespace rampart::testing

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
  rp_profile profile;
  uint8_t proto;
  bool back = false;    // from the Internet
  bool other = false;   // through a tunnel that is not the flow's
  uint16_t mtu = 1500;  // of the way out
};

class FastTest : public ::testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "loading BPF programs needs root";
    const char* before = std::getenv(kSwitch);
    unsetenv(kSwitch);
    fast_ = Programs::Load(64).value();
    setenv(kSwitch, "1", 1);
    slow_ = Programs::Load(64).value();
    if (before == nullptr) unsetenv(kSwitch);
    tunnel_.profile = GetParam().profile;
    tunnel_.udp_csum = false;
    flow_.proto = GetParam().proto;
    flow_.to_source = Ip("203.0.113.1");
    flow_.to_sport = 40000;
    flow_.kind = RP_FLOW_FORWARD_NAT;
    flow_.tcp =
        RP_TCP_SYN | RP_TCP_ACK | (RP_TCP_SYN | RP_TCP_ACK) << RP_TCP_REVERSE;
    if (GetParam().other) flow_.on_ramp = tunnel_.id + 1;
  }

  // The same edge every time: what a packet did to its flow is undone.
  void Prepare(const Programs& programs) const {
    Reset(programs);
    AddTunnel(programs, tunnel_);
    AddAddress(programs, *flow_.to_source, RP_ADDRESS_NAT);
    programs.Put("rp_next_hops", uint32_t{1},
                 LinkNextHop(kUplink, true, GetParam().mtu));
    programs.Put("rp_next_hops", uint32_t{2},
                 NextHopTo(tunnel_, true, GetParam().mtu));
    PutFlow(programs, flow_);
  }

  Bytes Frame() const {
    const Flow f = GetParam().back ? flow_.Reversed() : flow_;
    const Packet ramp = GetParam().back ? FromLink() : FromPeer(tunnel_);
    // One bit off: TTL 1; ECN that combines with the outer header's.
    Packet ip = Packet().Ip4(f.source, f.destination, {.ttl = 65, .tos = 2});
    ip = f.proto == kUdp ? ip.Udp(f.sport, f.dport) : ip.Tcp(f.sport, f.dport);
    return ramp.Then(ip.Payload("some payload")).Build();
  }

  size_t InnerOffset() const {
    if (GetParam().back) return kOuter;
    return kOuter + 28 + (GetParam().profile == RP_PROFILE_MAC ? 24 : 4);
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
    ::testing::Values(Case{"NoneUdp", RP_PROFILE_NONE, kUdp},
                      Case{"NoneTcp", RP_PROFILE_NONE, kTcp},
                      Case{"MacUdp", RP_PROFILE_MAC, kUdp},
                      Case{"BackUdp", RP_PROFILE_NONE, kUdp, true},
                      Case{"BackTcp", RP_PROFILE_MAC, kTcp, true},
                      Case{"WrongTunnel", RP_PROFILE_NONE, kUdp, false, true},
                      Case{"TooBig", RP_PROFILE_NONE, kUdp, false, false, 39}),
    [](const auto& info) { return std::string(info.param.name); });

TEST_P(FastTest, EveryBitOfThePacketMeansTheSameToBoth) {
  const Bytes good = Frame();
  ExpectSame(good, "unchanged");
  for (size_t bit = 0; bit < good.size() * 8; ++bit) {
    Bytes frame = good;
    frame[bit / 8] ^= static_cast<uint8_t>(0x80 >> bit % 8);
    ExpectSame(frame, "bit " + std::to_string(bit));
    FixHeader(frame, kOuter);
    FixHeader(frame, InnerOffset());
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
    Set16(frame, kOuter + 2, total);
    if (!GetParam().back) Set16(frame, kOuter + 24, total - 20);
    FixHeader(frame, kOuter);
    ExpectSame(frame, "outer length " + std::to_string(total));
  }
}

}  // namespace
}  // namespace rampart::testing

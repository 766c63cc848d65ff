// SPDX-License-Identifier: Apache-2.0
// Recorded tunnels: the project's example vectors, and what Linux itself emits.
#include <linux/bpf.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/bpf/ramps.h"
#include "tests/testing/pcap.h"
#include "tests/testing/program_test.h"

namespace rampart::testing {
namespace {

// The frames of a capture, sent to the edge's own MAC address.
std::vector<Bytes> Frames(const std::string& name) {
  const auto read = ReadPcap(std::string(RAMPART_TEST_DATA) + "/" + name);
  EXPECT_TRUE(read.ok()) << read.status();
  if (!read.ok()) return {};
  std::vector<Bytes> frames = *read;
  for (Bytes& frame : frames)
    std::copy(kMacEdge.begin(), kMacEdge.end(), frame.begin());
  return frames;
}

using ExampleTest = ProgramTest;

// The vectors' peer: 192.0.2.1 and 2001:db8::1 send, the edge is ...::2.
Tunnel ExamplePeer(rp_profile profile, bool v4, uint32_t vni) {
  Tunnel tunnel = TunnelOf({"", profile}, v4);
  tunnel.edge = v4 ? "192.0.2.2" : "2001:db8::2";
  tunnel.peer = v4 ? "192.0.2.1" : "2001:db8::1";
  tunnel.vni = vni;
  for (uint8_t i = 0; i < 16; ++i) tunnel.key[i] = i;
  return tunnel;
}

constexpr rp_profile kProfiles[] = {RP_PROFILE_MAC, RP_PROFILE_COOKIE,
                                    RP_PROFILE_GRE_KEY, RP_PROFILE_NONE};

// Rows: vector; columns: the peer's profile in the order above. 0: accepted.
constexpr uint32_t kWanted[6][4] = {
    {0, RP_DROP_GUE_SEC, RP_DROP_GUE_SEC, RP_DROP_GUE_SEC},
    {0, RP_DROP_GUE_SEC, RP_DROP_GUE_SEC, RP_DROP_GUE_SEC},
    {RP_DROP_GUE_SEC, 0, RP_DROP_GUE_SEC, RP_DROP_GUE_SEC},
    {RP_DROP_GUE_SEC, RP_DROP_GUE_SEC, 0, RP_DROP_GUE_PROTO},
    {RP_DROP_GUE_SEC, RP_DROP_GUE_SEC, RP_DROP_GUE_PROTO, 0},
    {RP_DROP_GUE_VARIANT1, RP_DROP_GUE_VARIANT1, RP_DROP_GUE_VARIANT1, 0}};

TEST_F(ExampleTest, EachVectorIsAcceptedByItsOwnProfileAndByNoOther) {
  const std::vector<Bytes> frames = Frames("gue-examples.pcap");
  ASSERT_EQ(frames.size(), 6u);
  for (size_t i = 0; i < frames.size(); ++i)
    for (size_t p = 0; p < 4; ++p) {
      const bool v4 = i != 1;
      const Tunnel tunnel = ExamplePeer(kProfiles[p], v4, v4 ? 300 : 301);
      AddTunnel(tunnel);
      const Result result = programs().RunOn(kUplink, frames[i]);
      if (kWanted[i][p]) {
        EXPECT_THAT(result, Dropped(kWanted[i][p]))
            << "vector " << i + 1 << " profile " << kProfiles[p];
        continue;
      }
      rp_punt record = {};
      record.reason = RP_PUNT_MISS;
      record.realm = tunnel.vni;
      record.tunnel = tunnel.id;
      record.slot = kUplink;
      record.tenant = kTenant;
      const Packet inner = v4 ? Packet()
                                    .Ip4("10.1.0.10", "10.2.0.20", {.id = 1})
                                    .Udp(40000, 4242)
                                    .Payload("tenant-a")
                              : Packet()
                                    .Ip6("fd00:a::10", "fd00:b::20")
                                    .Udp(40000, 4242)
                                    .Payload("tenant-b");
      EXPECT_THAT(result, Punted(record, inner)) << "vector " << i + 1;
    }
}

// One capture of Linux and the peer configuration that understands it.
struct Capture {
  const char* name;
  rp_profile profile;
  uint8_t flags = 0;
  bool keyed = false;    // plain GRE with key 42
  uint32_t refused = 0;  // the reason, if this peer must refuse it
};

// Key 42 is the VNI of profile gre-key.
const Capture kCaptures[] = {
    {"ipip-gue", RP_PROFILE_NONE},
    {"ipip-gue-csum", RP_PROFILE_NONE},
    {"sit-gue", RP_PROFILE_NONE},
    {"sit-gue-csum", RP_PROFILE_NONE},
    {"ip4ip6-gue", RP_PROFILE_NONE},
    {"ip6ip6-gue", RP_PROFILE_NONE},
    {"ip6ip6-gue-tel", RP_PROFILE_NONE},
    {"ip6ip6-gue-nocsum6", RP_PROFILE_NONE, RP_PEER_ZERO_CSUM6},
    {"ip6ip6-gue-nocsum6", RP_PROFILE_NONE, 0, false, RP_DROP_UDP_CSUM6_ZERO},
    {"gre-key-gue", RP_PROFILE_GRE_KEY},
    {"gre-key-gue-csum", RP_PROFILE_GRE_KEY},
    {"gre6-key-gue", RP_PROFILE_GRE_KEY},
    {"ip6gre-key-gue", RP_PROFILE_GRE_KEY},
    {"gre-gue", RP_PROFILE_GRE_KEY, 0, false, RP_DROP_GRE_FLAGS},
    {"gre-gue", RP_PROFILE_NONE, 0, false, RP_DROP_GUE_PROTO},
    {"gre", RP_PROFILE_GRE},
    {"gre", RP_PROFILE_GRE, RP_PEER_GRE_CSUM, false, RP_DROP_GRE_FLAGS},
    {"gre-csum", RP_PROFILE_GRE, RP_PEER_GRE_CSUM},
    {"gre-csum", RP_PROFILE_GRE, 0, false, RP_DROP_GRE_FLAGS},
    {"gre-key", RP_PROFILE_GRE, 0, true},
    {"gre-key", RP_PROFILE_GRE, 0, false, RP_DROP_GRE_KEY},
    {"gre-key-csum-seq", RP_PROFILE_GRE, RP_PEER_GRE_CSUM | RP_PEER_GRE_SEQ,
     true},
    {"ip6gre-key", RP_PROFILE_GRE, 0, true},
    {"ipip-gue", RP_PROFILE_MAC, 0, false, RP_DROP_GUE_SEC},
    {"ipip-gue", RP_PROFILE_COOKIE, 0, false, RP_DROP_GUE_SEC},
};

class LinuxTest : public ProgramTest,
                  public ::testing::WithParamInterface<Capture> {
 protected:
  static bool FromPeerSide(const Bytes& frame) {
    // The capture's first sender is the peer, ...1; the edge is ...2.
    return frame[12] == 0x08 ? frame[29] == 1 : frame[37] == 1;
  }
  Tunnel TunnelFor(const Capture& capture, const Bytes& frame) const {
    const bool v4 = frame[12] == 0x08;
    Tunnel tunnel = TunnelOf({"", capture.profile}, v4);
    tunnel.edge = v4 ? "10.0.0.2" : "fd00::2";
    tunnel.peer = v4 ? "10.0.0.1" : "fd00::1";
    tunnel.vni = 42;
    tunnel.flags = capture.flags;
    if (capture.keyed) tunnel.gre_key = 42;
    return tunnel;
  }
};

std::string CaptureName(const ::testing::TestParamInfo<Capture>& info) {
  std::string name = info.param.name;
  for (char& c : name)
    if (c == '-') c = '_';
  return name + std::to_string(info.index);
}

INSTANTIATE_TEST_SUITE_P(Capture, LinuxTest, ::testing::ValuesIn(kCaptures),
                         CaptureName);

// The tenant's packet at the end of a frame: found by its length, from behind.
Bytes InnerOf(const Bytes& frame) {
  const size_t start = frame[12] == 0x08 ? 14 + 20 : 14 + 40;
  for (size_t at = start; at + 20 <= frame.size(); ++at) {
    const bool four = frame[at] == 0x45 &&
                      Get16(frame, at + 2) == frame.size() - at &&
                      Checksum(Slice(frame, at, 20)) == 0;
    const bool six = frame[at] >> 4 == 6 && at + 40 <= frame.size() &&
                     Get16(frame, at + 4) == frame.size() - at - 40;
    if (!four && !six) continue;
    return Slice(frame, at, frame.size());
  }
  ADD_FAILURE() << "no inner packet found\n" << HexDump(frame);
  return {};
}

TEST_P(LinuxTest, IsUnderstoodOrRefusedAsConfigured) {
  const Capture& capture = GetParam();
  int seen = 0;
  for (const Bytes& frame :
       Frames("linux/" + std::string(capture.name) + ".pcap")) {
    if (!FromPeerSide(frame)) continue;
    ++seen;
    const Tunnel tunnel = TunnelFor(capture, frame);
    AddTunnel(tunnel);
    const Result result = programs().RunOn(kUplink, frame);
    if (capture.refused) {
      EXPECT_THAT(result, Dropped(capture.refused)) << seen;
      continue;
    }
    rp_punt record = {};
    record.reason = RP_PUNT_MISS;
    record.realm = 42;
    record.tunnel = tunnel.id;
    record.slot = kUplink;
    record.tenant = kTenant;
    // Linux copies ECN inwards-out, so combining changes nothing.
    EXPECT_THAT(result, Punted(record, Packet().Payload(InnerOf(frame))))
        << "frame " << seen;
  }
  EXPECT_GE(seen, 5);
}

using LinuxExtrasTest = LinuxTest;
INSTANTIATE_TEST_SUITE_P(Capture, LinuxExtrasTest,
                         ::testing::Values(Capture{"ipip-fou",
                                                   RP_PROFILE_NONE}),
                         CaptureName);

TEST_P(LinuxExtrasTest, FouOnAnotherPortIsTheHosts) {
  for (const Bytes& frame : Frames("linux/ipip-fou.pcap")) {
    if (!FromPeerSide(frame)) continue;
    AddTunnel(TunnelFor(GetParam(), frame));
    EXPECT_THAT(programs().RunOn(kUplink, frame), Passed());
  }
}

// Linux says so only where it left the checksum to the receiver.
TEST_P(LinuxExtrasTest, RemoteChecksumOffloadIsRefused) {
  int refused = 0;
  for (const Bytes& frame : Frames("linux/ipip-gue-remcsum.pcap")) {
    if (!FromPeerSide(frame)) continue;
    AddTunnel(TunnelFor(GetParam(), frame));
    const Result result = programs().RunOn(kUplink, frame);
    const bool private_flags = (Get16(frame, 14 + 20 + 8 + 2) & 1) != 0;
    if (private_flags) {
      EXPECT_THAT(result, Dropped(RP_DROP_GUE_PRIVATE_FLAGS));
      ++refused;
    } else {
      EXPECT_EQ(result.verdict, static_cast<uint32_t>(XDP_REDIRECT));
    }
  }
  EXPECT_GE(refused, 2);
}

}  // namespace
}  // namespace rampart::testing

// SPDX-License-Identifier: Apache-2.0
// Random and mutated frames: whatever comes in, every packet has exactly one
// outcome, nothing leaves without a flow, what leaves is well formed, and no
// tenant's packet leaves to another tenant. RAMPART_FUZZ_SEED sets the seed,
// RAMPART_FUZZ_FRAMES the number of frames.
#include <linux/bpf.h>

#include <algorithm>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "tests/bpf/ramps.h"
#include "tests/testing/oracle.h"
#include "tests/testing/program_test.h"

namespace rampart::testing {
namespace {

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 0) : otherwise;
}

// Mutations of known frames.
class Mutator {
 public:
  Mutator() : random_(FromEnvironment("RAMPART_FUZZ_SEED", 20261121)) {}

  size_t Below(size_t limit) { return random_() % limit; }

  Bytes Noise() {
    Bytes bytes(14 + Below(120));
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random_());
    return bytes;
  }

  // A frame like one of `corpus`, wrong in up to three places.
  Bytes Frame(const std::vector<Bytes>& corpus) {
    if (Below(50) == 0) return Noise();
    Bytes frame = corpus[Below(corpus.size())];
    for (size_t i = 0, edits = Below(4); i < edits; ++i) Edit(frame, corpus);
    frame.resize(std::clamp<size_t>(frame.size(), 14, 1600));
    return frame;
  }

 private:
  void Edit(Bytes& frame, const std::vector<Bytes>& corpus) {
    static constexpr uint8_t kEdges[] = {
        0, 1, 4, 6, 17, 41, 44, 47, 58, 60, 0x45, 0x60, 0x7f, 0x80, 0xff};
    const size_t at = Below(frame.size());
    switch (Below(8)) {
      case 0:
      case 1:
        frame[at] ^= static_cast<uint8_t>(1 << Below(8));
        break;
      case 2:
        frame[at] = static_cast<uint8_t>(random_());
        break;
      case 3:
        frame[at] = kEdges[Below(sizeof(kEdges))];
        break;
      case 4:
        frame.resize(std::max<size_t>(14, at));
        break;
      case 5:
        frame.resize(frame.size() + Below(64), 0xa5);
        break;
      case 6:
        frame.insert(frame.begin() + static_cast<long>(at), Below(5), 0);
        break;
      default: {
        const Bytes& other = corpus[Below(corpus.size())];
        const size_t end = std::min(frame.size(), other.size());
        for (size_t i = at; i < end; ++i) frame[i] = other[i];
      }
    }
    // A changed header of layer 3 mostly ends at its checksum: mend it often.
    if (Below(2)) MendInnerChecksum(frame);
  }

  // Finds what looks like an IPv4 header and sums it anew.
  static void MendInnerChecksum(Bytes& frame) {
    for (size_t at = frame.size(); at-- > 14;) {
      if (frame[at] >> 4 != 4 || at + 20 > frame.size()) continue;
      const size_t length = 4u * (frame[at] & 15);
      if (length < 20 || at + length > frame.size()) continue;
      Set16(frame, at + 10, 0);
      Set16(frame, at + 10, Checksum(Slice(frame, at, length)));
      return;
    }
  }

  std::mt19937_64 random_;
};

class FuzzTest : public ProgramTest {
 protected:
  // Tunnels of every form and family from one tenant's near site; flows of all
  // protocols from there to its far site.
  void AddTenant(uint32_t vni, int digit) {
    for (const bool outer_v4 : {true, false})
      for (const Form& form : kForms) AddRamp(form, outer_v4, vni, digit);
    Tunnel far = TunnelOf(kForms[5], true);
    far.peer = "192.0.2." + std::to_string(200 + digit);
    far.vni = vni;
    const uint32_t base = static_cast<uint32_t>(10 + 2 * digit);
    SetNextHop(base, NextHopTo(far, true, 1400));
    SetNextHop(base + 1, NextHopTo(far, false, 1400));
  }

  void AddRamp(const Form& form, bool outer_v4, uint32_t vni, int digit) {
    Tunnel tunnel = TunnelOf(form, outer_v4);
    const int host = 20 + 50 * digit + static_cast<int>(&form - kForms);
    tunnel.peer = (outer_v4 ? "192.0.2." : "2001:db8::") + std::to_string(host);
    tunnel.vni = vni;
    tunnel.id = static_cast<uint32_t>(100 + digit);  // peers of one tunnel
    AddTunnel(tunnel);
    for (const bool inner_v4 : {true, false})
      for (const Talk& talk : kTalks) AddTalk(tunnel, inner_v4, talk, digit);
  }

  void AddTalk(const Tunnel& tunnel, bool v4, const Talk& talk, int digit) {
    Flow flow = {.realm = tunnel.vni,
                 .source = v4 ? "10.1.0.5" : "fd00:1::5",
                 .destination = v4 ? "10.2.0.9" : "fd00:2::9",
                 .sport = 0,
                 .dport = 0,
                 .proto = talk.proto};
    flow.on_ramp = tunnel.id;
    flow.next_hop = static_cast<uint32_t>(10 + 2 * digit + (v4 ? 0 : 1));
    flow.reverse_next_hop = flow.next_hop;
    flow.reverse_realm = tunnel.vni;
    flow.reverse_on_ramp = tunnel.id;
    if (talk.proto == kIcmp && !v4) flow.proto = kIcmp6;
    if (talk.proto != kSctp) flow.sport = 1234;
    if (talk.proto == kTcp || talk.proto == kUdp) flow.dport = 80;
    flows_.push_back(flow);
    const Packet inner = InnerOf(flow);
    corpus_.push_back(FromPeer(tunnel).Then(inner).Build());
    const Packet error = Packet().IpAny(flow.source, flow.destination);
    corpus_.push_back(FromPeer(tunnel)
                          .Then(error.Icmp(v4 ? 3 : 1, 1)
                                    .Payload(InnerOf(flow.Reversed()).Build()))
                          .Build());
  }

  static Packet InnerOf(const Flow& f) {
    const Packet ip = Packet().IpAny(f.source, f.destination);
    if (f.proto == kUdp) return ip.Udp(f.sport, f.dport).Payload("question");
    if (f.proto == kTcp)
      return ip.Tcp(f.sport, f.dport,
                    {.flags = kSyn, .options = {2, 4, 5, 180, 1, 3, 3, 7}});
    if (f.proto == kSctp) return ip.Opaque(kSctp, Bytes(16, 7));
    return ip.Echo(f.sport == 0, f.sport ? f.sport : f.dport).Payload("p");
  }

  void PutFlows() const {
    for (const Flow& flow : flows_) PutFlow(programs(), flow);
  }

  uint64_t Counted(uint32_t outcome) const {
    const Counters counters = programs().ReadCounters();
    const auto it = counters.find({kUplink, outcome});
    return it == counters.end() ? 0 : it->second.first;
  }
  uint64_t CountedAll() const {
    uint64_t sum = 0;
    for (const auto& [outcome, counts] : programs().ReadCounters())
      sum += counts.first;
    return sum;
  }

  std::vector<Flow> flows_;
  std::vector<Bytes> corpus_;
  Mutator mutator_;
};

TEST_F(FuzzTest, EveryFrameHasOneOutcomeAndNothingLeavesWithoutAFlow) {
  AddTenant(kVni, 0);
  AddTenant(2002, 1);
  const uint64_t frames = FromEnvironment("RAMPART_FUZZ_FRAMES", 200000);
  const uint64_t before = CountedAll();
  const uint64_t forwarded = Counted(RP_FORWARDED);
  for (uint64_t i = 0; i < frames; ++i) {
    const Bytes frame = mutator_.Frame(corpus_);
    const Slot slot = i % 4 ? kUplink : i % 8 ? kAccess : kAccessTun;
    const Result result = programs().RunOnly(slot, frame);
    ASSERT_TRUE(result.verdict == XDP_DROP || result.verdict == XDP_PASS ||
                result.verdict == XDP_REDIRECT)
        << result.verdict << "\n"
        << HexDump(frame);
    if (result.verdict == XDP_PASS) {
      ASSERT_EQ(Diff(result.output, frame), "");
    }
  }
  EXPECT_EQ(CountedAll() - before, frames);
  EXPECT_EQ(Counted(RP_FORWARDED), forwarded);
}

TEST_F(FuzzTest, WhatLeavesIsWellFormedIfWhatCameWas) {
  AddTenant(kVni, 0);
  PutFlows();
  const uint64_t frames = FromEnvironment("RAMPART_FUZZ_FRAMES", 200000);
  const uint64_t before = CountedAll();
  const uint64_t forwarded = Counted(RP_FORWARDED);
  uint64_t left = 0, clean = 0;
  for (uint64_t i = 0; i < frames; ++i) {
    const Bytes frame = mutator_.Frame(corpus_);
    const Result result = programs().RunOnly(kUplink, frame);
    // All next hops are tunnels through the uplink itself.
    if (result.verdict != XDP_TX) continue;
    ++left;
    ASSERT_EQ(FaultsOfOutermost(result.output), "") << HexDump(frame);
    if (!FaultsOfFrame(frame).empty()) continue;
    ++clean;
    ASSERT_EQ(FaultsOfFrame(result.output), "") << HexDump(frame);
  }
  EXPECT_EQ(CountedAll() - before, frames);
  EXPECT_EQ(Counted(RP_FORWARDED) - forwarded, left);
  EXPECT_GT(clean, frames / 20);  // the fuzz reaches the end of the pipeline
  EXPECT_GT(left, clean);
}

// Tenant of the peer that an accepted frame says it comes from: 0, 1, or -1.
int TenantOfSource(const Bytes& frame) {
  size_t at = 12;
  while (Get16(frame, at) == 0x8100 || Get16(frame, at) == 0x88a8) at += 4;
  at += 2;
  const int last = frame[at] >> 4 == 4
                       ? frame[at + 15]
                       : frame[at + 23] % 16 + frame[at + 23] / 16 * 10 +
                             frame[at + 22] % 16 * 100;
  if (last >= 20 && last < 40) return 0;
  if (last >= 70 && last < 90) return 1;
  return -1;
}

TEST_F(FuzzTest, OfAMillionFramesNoneCrossesToTheOtherTenant) {
  AddTenant(kVni, 0);
  AddTenant(2002, 1);
  PutFlows();
  const uint64_t frames = FromEnvironment("RAMPART_FUZZ_FRAMES", 1000000);
  uint64_t left[2] = {};
  for (uint64_t i = 0; i < frames; ++i) {
    const Bytes frame = mutator_.Frame(corpus_);
    const Result result = programs().RunOnly(kUplink, frame);
    if (result.verdict != XDP_TX) continue;
    const int sink = result.output[14 + 19] - 200;  // 192.0.2.200, .201
    ASSERT_TRUE(sink == 0 || sink == 1) << HexDump(result.output);
    ASSERT_EQ(TenantOfSource(frame), sink) << HexDump(frame);
    ++left[sink];
  }
  EXPECT_GT(left[0], frames / 20);
  EXPECT_GT(left[1], frames / 20);
}

}  // namespace
}  // namespace rampart::testing

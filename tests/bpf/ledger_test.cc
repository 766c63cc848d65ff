// SPDX-License-Identifier: Apache-2.0
// What stays of a packet: the tenant it is counted for, and, if it was dropped,
// its bytes and the place in the source.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <cstring>
#include <string>
#include <vector>

#include "tests/bpf/translated_flow.h"

namespace rampart::testing {
namespace {

using ::testing::Pair;

template <typename V, typename K>
std::vector<V> OfAllCpus(const Programs& programs, const char* map,
                         const K& key) {
  std::vector<V> values(static_cast<size_t>(libbpf_num_possible_cpus()));
  if (bpf_map_lookup_elem(programs.map_fd(map), &key, values.data()) != 0)
    values.clear();
  return values;
}

rp_tally TallyOf(const Programs& programs, uint32_t tenant) {
  rp_tally sum = {};
  const auto add = [](rp_counter& to, const rp_counter& from) {
    to.packets += from.packets;
    to.bytes += from.bytes;
  };
  for (const rp_tally& tally :
       OfAllCpus<rp_tally>(programs, "rp_tallies", tenant)) {
    add(sum.forwarded, tally.forwarded);
    add(sum.passed, tally.passed);
    add(sum.punted, tally.punted);
    add(sum.dropped, tally.dropped);
  }
  return sum;
}

uint64_t TenantDrops(const Programs& programs, uint32_t tenant,
                     uint32_t reason) {
  uint64_t packets = 0;
  for (const rp_counter& counter : OfAllCpus<rp_counter>(
           programs, "rp_tenant_drops", rp_tenant_drop_key{tenant, reason}))
    packets += counter.packets;
  return packets;
}

// The newest sample of all CPUs; its time is 0 if there is none.
rp_drop_sample LastSample(const Programs& programs, uint32_t reason) {
  rp_drop_sample last = {};
  for (const rp_drop_ring& ring :
       OfAllCpus<rp_drop_ring>(programs, "rp_drop_samples", reason))
    for (const rp_drop_sample& sample : ring.samples)
      if (sample.time > last.time) last = sample;
  return last;
}

std::string FileOf(const rp_drop_sample& sample) {
  char name[sizeof(sample.file) + 1] = {};
  std::memcpy(name, &sample.file, sizeof(sample.file));
  return name;
}

using LedgerTest = TranslatedFlowTest;

INSTANTIATE_TEST_SUITE_P(Inner, LedgerTest, ::testing::Bool(),
                         TranslatedFlowName);

TEST_P(LedgerTest, PacketsCountForTheirTenantBothWays) {
  const rp_tally before = TallyOf(programs(), tunnel_.tenant);
  const Result in = Uplink(Forward());
  EXPECT_EQ(in.verdict, XDP_TX);
  const Flow back = flow_.Reversed();
  const Result out = Uplink(FromLink().Then(Datagram(back, back.sport)));
  EXPECT_EQ(out.verdict, XDP_TX);
  EXPECT_EQ(Uplink(Forward(/*sport=*/4321)).verdict, XDP_REDIRECT);  // a miss
  const rp_tally after = TallyOf(programs(), tunnel_.tenant);
  EXPECT_EQ(after.forwarded.packets - before.forwarded.packets, 2u);
  EXPECT_EQ(after.forwarded.bytes - before.forwarded.bytes,
            in.input.size() + out.input.size());
  EXPECT_EQ(after.punted.packets - before.punted.packets, 1u);
  EXPECT_EQ(after.dropped.packets, before.dropped.packets);
}

TEST_P(LedgerTest, WhatIsNobodysCountsForNobody) {
  const rp_tally before = TallyOf(programs(), 0);
  const rp_tally theirs = TallyOf(programs(), tunnel_.tenant);
  EXPECT_THAT(Uplink(FromLink().Then(
                  Packet()
                      .IpAny(flow_.destination,
                             v4() ? Ip("192.0.2.77") : Ip("2001:db8::77"))
                      .Udp(1, 2)
                      .Payload("x"))),
              Passed());
  EXPECT_EQ(TallyOf(programs(), 0).passed.packets, before.passed.packets + 1);
  EXPECT_EQ(TallyOf(programs(), tunnel_.tenant).passed.packets,
            theirs.passed.packets);
}

TEST_P(LedgerTest, DropsCountForTheirTenantByReason) {
  const uint64_t before =
      TenantDrops(programs(), tunnel_.tenant, RP_DROP_TTL_ZERO);
  const uint64_t all = TallyOf(programs(), tunnel_.tenant).dropped.packets;
  EXPECT_THAT(Uplink(Forward(1234, /*ttl=*/0)), Dropped(RP_DROP_TTL_ZERO));
  EXPECT_EQ(TenantDrops(programs(), tunnel_.tenant, RP_DROP_TTL_ZERO),
            before + 1);
  EXPECT_EQ(TallyOf(programs(), tunnel_.tenant).dropped.packets, all + 1);
}

// A wrong MAC is dropped by the fast way, the rest by the stages.
TEST_P(LedgerTest, ADroppedPacketIsKeptWithItsPlaceInTheSource) {
  tunnel_.profile = RP_PROFILE_MAC;
  AddTunnel(tunnel_);
  Tunnel forger = tunnel_;
  forger.key[3] ^= 1;
  // At most one is kept each jiffy, and another test's may be in this one.
  const uint64_t start = LastSample(programs(), RP_DROP_GUE_MAC).time;
  rp_drop_sample sample;
  Result run;
  do {
    run = Uplink(FromPeer(forger).Then(Datagram(flow_, 1234)));
    ASSERT_THAT(run, Dropped(RP_DROP_GUE_MAC));
    sample = LastSample(programs(), RP_DROP_GUE_MAC);
  } while (sample.time == start);
  EXPECT_EQ(FileOf(sample), "gue.h");
  EXPECT_GT(sample.line, 100u);
  EXPECT_EQ(sample.tenant, tunnel_.tenant);
  EXPECT_EQ(sample.tunnel, tunnel_.id);
  EXPECT_EQ(sample.slot, kUplink);
  EXPECT_EQ(sample.frame_len, run.input.size());
  ASSERT_EQ(sample.captured,
            std::min<size_t>(run.input.size(), RP_SAMPLE_BYTES));
  EXPECT_EQ(std::memcmp(sample.bytes, run.input.data(), sample.captured), 0);
}

TEST_P(LedgerTest, OfAFloodSomeAreKeptAndTheLastOnesStay) {
  for (int i = 0; i < 1000; ++i)
    programs().RunOnly(kUplink, Forward(1234, /*ttl=*/0).Build());
  int kept = 0;
  for (const rp_drop_ring& ring : OfAllCpus<rp_drop_ring>(
           programs(), "rp_drop_samples", uint32_t{RP_DROP_TTL_ZERO}))
    for (const rp_drop_sample& sample : ring.samples) kept += sample.time != 0;
  EXPECT_GT(kept, 0);
  EXPECT_LE(kept, RP_SAMPLES * libbpf_num_possible_cpus());
}

}  // namespace
}  // namespace rampart::testing

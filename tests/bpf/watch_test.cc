// SPDX-License-Identifier: Apache-2.0
// What the data plane tells about watched packets, and that a packet which does
// not exist leaves no trace.
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "controller/dataplane/event_ring.h"
#include "rampart.skel.h"
#include "tests/bpf/translated_flow.h"

namespace rampart::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr uint32_t kWatch = 5;  // any of them

struct Told {
  rp_event event;
  Bytes bytes;
};

class WatchTest : public TranslatedFlowTest {
 protected:
  void SetUp() override {
    TranslatedFlowTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    map_fd_.reset(
        bpf_map_create(BPF_MAP_TYPE_RINGBUF, "events", 0, 0, 1 << 20, nullptr));
    auto ring = EventRing::Of(map_fd_.get());
    ASSERT_TRUE(ring.ok()) << ring.status();
    ring_ = *std::move(ring);
    programs().Put("rp_watch_rings", kWatch, map_fd_.get());
  }
  void TearDown() override {
    if (!ring_) return;
    programs().Put("rp_watching", uint32_t{0}, rp_watching{});
    programs().Put("rp_watches", kWatch, rp_watch{});
    bpf_map_delete_elem(programs().map_fd("rp_watch_rings"), &kWatch);
  }

  // Everything, everywhere, with as many bytes as there are.
  static rp_watch All() {
    rp_watch watch = {};
    watch.until = ~0ull;
    std::memset(watch.devices, 0xff, sizeof(watch.devices));
    watch.points = (1 << RP_AT_COUNT) - 1;
    watch.snaplen = RP_EVENT_LONG;
    return watch;
  }
  rp_watch From(const Ip& source) const {
    rp_watch watch = All();
    source.CopyTo16(watch.saddr);
    std::memset(watch.smask, 0xff, sizeof(watch.smask));
    return watch;
  }
  void Arm(const rp_watch& watch) const {
    programs().Put("rp_watches", kWatch, watch);
    programs().Put("rp_watching", uint32_t{0}, rp_watching{1u << kWatch, 0});
  }
  std::vector<Told> Events() const {
    std::vector<Told> told;
    EXPECT_TRUE(
        ring_
            ->Read([&](const rp_event& event, absl::Span<const uint8_t> bytes) {
              told.push_back({event, {bytes.begin(), bytes.end()}});
            })
            .ok());
    return told;
  }
  static std::vector<int> Points(const std::vector<Told>& told) {
    std::vector<int> points;
    for (const Told& one : told) points.push_back(one.event.point);
    return points;
  }

  UniqueFd map_fd_;
  std::unique_ptr<EventRing> ring_;
};

INSTANTIATE_TEST_SUITE_P(Inner, WatchTest, ::testing::Bool(),
                         TranslatedFlowName);

TEST_P(WatchTest, AForwardedPacketTellsEveryStage) {
  Arm(From(flow_.source));
  const Result run = programs().RunOn(kUplink, Forward().Build(), 32);
  EXPECT_EQ(run.verdict, XDP_TX);
  const std::vector<Told> told = Events();
  ASSERT_THAT(Points(told),
              ElementsAre(RP_AT_RX, RP_AT_RAMP, RP_AT_INNER, RP_AT_FLOW,
                          RP_AT_NEXT_HOP, RP_AT_REWRITE, RP_AT_TX));
  EXPECT_EQ(told.front().bytes, run.input);
  EXPECT_EQ(told.back().bytes, run.output);
  const rp_event& last = told.back().event;
  EXPECT_EQ(last.tunnel, tunnel_.id);
  EXPECT_EQ(last.tenant, tunnel_.tenant);
  EXPECT_EQ(last.realm, tunnel_.vni);
  EXPECT_EQ(last.next_hop, flow_.next_hop);
  EXPECT_NE(last.flow, RP_NO_ENTRY);
  EXPECT_EQ(last.family, v4() ? 4 : 6);
  EXPECT_EQ(last.slot, kUplink);
  EXPECT_EQ(ntohs(last.sport), 1234);
  for (const Told& one : told) {
    EXPECT_EQ(one.event.packet, told.front().event.packet);
    EXPECT_EQ(one.event.watch, kWatch);
  }
}

TEST_P(WatchTest, AMissEndsAtThePuntWithItsRecordInFront) {
  Arm(From(flow_.source));
  const Result run =
      programs().RunOn(kUplink, Forward(/*sport=*/4321).Build(), 32);
  const std::vector<Told> told = Events();
  ASSERT_THAT(Points(told),
              ElementsAre(RP_AT_RX, RP_AT_RAMP, RP_AT_INNER, RP_AT_PUNT));
  EXPECT_EQ(told.back().event.flow, RP_NO_ENTRY);
  EXPECT_EQ(told.back().bytes, run.output);
}

TEST_P(WatchTest, ADropTellsReasonAndPlace) {
  Arm(All());
  SetNextHop(1, DropNextHop(RP_DROP_NEXT_HOP_DOWN));
  EXPECT_EQ(Uplink(Forward()).verdict, XDP_DROP);
  const std::vector<Told> told = Events();
  ASSERT_FALSE(told.empty());
  EXPECT_EQ(told.back().event.point, RP_AT_DROP);
  EXPECT_EQ(told.back().event.reason, RP_DROP_NEXT_HOP_DOWN);
  EXPECT_GT(told.back().event.line, 0u);
}

TEST_P(WatchTest, OnlyWhatIsWantedIsTold) {
  const Ip other = v4() ? "10.1.0.6" : "fd00:1::6";
  const std::vector<std::function<void(rp_watch&)>> elsewhere = {
      [&](rp_watch& w) { other.CopyTo16(w.saddr); },
      [](rp_watch& w) { w.proto = kTcp; },
      [](rp_watch& w) { w.sport = htons(1235); },
      [](rp_watch& w) { w.dport = htons(54); },
      [this](rp_watch& w) { w.family = v4() ? 6 : 4; },
      [](rp_watch& w) { w.devices[kUplink / 64] &= ~(1ull << kUplink); },
      [](rp_watch& w) { w.until = 1; },
      [](rp_watch& w) { w.scope = RP_WATCH_OUTER; },
  };
  for (const auto& change : elsewhere) {
    rp_watch watch = From(flow_.source);
    change(watch);
    Arm(watch);
    EXPECT_EQ(programs().RunOnly(kUplink, Forward().Build()).verdict, XDP_TX);
    EXPECT_THAT(Points(Events()), IsEmpty());
  }
  rp_watch exact = From(flow_.source);
  exact.proto = kUdp;
  exact.sport = htons(1234);
  exact.dport = htons(53);
  exact.family = v4() ? 4 : 6;
  exact.points = 1 << RP_AT_TX;
  Arm(exact);
  programs().RunOnly(kUplink, Forward().Build());
  EXPECT_THAT(Points(Events()), ElementsAre(RP_AT_TX));
}

TEST_P(WatchTest, TheOtherDirectionAndOuterHeadersCanBeWanted) {
  rp_watch back = All();
  flow_.destination.CopyTo16(back.daddr);
  std::memset(back.dmask, 0xff, sizeof(back.dmask));
  back.sport = htons(53);
  back.points = 1 << RP_AT_RX;
  Arm(back);
  programs().RunOnly(kUplink, Forward().Build());
  EXPECT_THAT(Points(Events()), IsEmpty());
  // Asked from the server's end, the packet goes the other way.
  rp_watch both = All();
  flow_.destination.CopyTo16(both.saddr);
  std::memset(both.smask, 0xff, sizeof(both.smask));
  both.sport = htons(53);
  both.both = 1;
  both.points = 1 << RP_AT_RX;
  Arm(both);
  programs().RunOnly(kUplink, Forward().Build());
  EXPECT_THAT(Points(Events()), ElementsAre(RP_AT_RX));
  rp_watch outer = From(tunnel_.peer);
  outer.scope = RP_WATCH_OUTER;
  outer.points = 1 << RP_AT_RX;
  Arm(outer);
  programs().RunOnly(kUplink, Forward().Build());
  EXPECT_THAT(Points(Events()), ElementsAre(RP_AT_RX));
}

TEST_P(WatchTest, AShortSnaplenCutsAndAFullRingIsCounted) {
  rp_watch watch = All();
  watch.snaplen = 60;
  watch.points = 1 << RP_AT_RX;
  Arm(watch);
  const Result run = programs().RunOnly(kUplink, Forward().Build());
  const std::vector<Told> told = Events();
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].bytes, Slice(run.input, 0, 60));
  EXPECT_EQ(told[0].event.frame_len, run.input.size());
  watch.snaplen = RP_EVENT_LONG;
  Arm(watch);
  int sent = 0;
  while (programs().Get<rp_watch>("rp_watches", kWatch).lost == 0 &&
         ++sent < 2000)
    programs().RunOnly(kUplink, Forward().Build());
  EXPECT_EQ(Events().size(), static_cast<size_t>(sent - 1));
}

// Every profile, with VLAN tags, from the first IP header a watch may be about.
TEST_P(WatchTest, TheTenantsPacketIsFoundBehindEveryTunnelHeader) {
  for (const Form& form : kForms) {
    for (int vlans = 0; vlans <= 2; ++vlans) {
      Tunnel tunnel = TunnelOf(form, v4());
      tunnel.vlans = vlans;
      AddTunnel(tunnel);
      rp_watch watch = From(flow_.source);
      watch.sport = htons(1234);
      watch.points = 1 << RP_AT_RX;
      Arm(watch);
      programs().RunOnly(kUplink,
                         FromPeer(tunnel).Then(Datagram(flow_, 1234)).Build());
      EXPECT_EQ(Events().size(), 1u) << form.name << ", tags: " << vlans;
      programs().Clear("rp_peers4");
      programs().Clear("rp_peers6");
    }
  }
}

// All maps of the data plane but those that Programs needs for itself.
std::map<std::string, size_t> Fingerprints(const Programs& programs) {
  std::map<std::string, size_t> prints;
  const size_t cpus = static_cast<size_t>(libbpf_num_possible_cpus());
  bpf_map* map;
  bpf_object__for_each_map(map, programs.skeleton().obj) {
    const auto type = bpf_map__type(map);
    if (type == BPF_MAP_TYPE_XSKMAP || type == BPF_MAP_TYPE_DEVMAP ||
        type == BPF_MAP_TYPE_ARRAY_OF_MAPS || type == BPF_MAP_TYPE_LPM_TRIE ||
        bpf_map__is_internal(map))
      continue;
    const bool per_cpu =
        type == BPF_MAP_TYPE_PERCPU_ARRAY || type == BPF_MAP_TYPE_PERCPU_HASH;
    std::string key(bpf_map__key_size(map), 0), last, all;
    std::string value(
        (bpf_map__value_size(map) + 7) / 8 * 8 * (per_cpu ? cpus : 1), 0);
    const int fd = bpf_map__fd(map);
    size_t print = 0;
    while (bpf_map_get_next_key(fd, last.empty() ? nullptr : last.data(),
                                key.data()) == 0) {
      if (bpf_map_lookup_elem(fd, key.data(), value.data()) == 0)
        print = print * 31 + std::hash<std::string>()(key + value);
      last = key;
    }
    prints[bpf_map__name(map)] = print;
  }
  return prints;
}

class ExplainTest : public WatchTest {};

INSTANTIATE_TEST_SUITE_P(Inner, ExplainTest, ::testing::Bool(),
                         TranslatedFlowName);

TEST_P(ExplainTest, NothingChangesInAnyMapWhateverThePacketIs) {
  std::mt19937 random(20261121);
  Tunnel mac = TunnelOf({"", RP_PROFILE_MAC}, v4());
  mac.peer = v4() ? "192.0.2.77" : "2001:db8::77";
  AddTunnel(mac);
  const Packet frames[] = {
      Forward(),
      FromPeer(mac).Then(Datagram(flow_, 1234)),
      FromPeer(tunnel_).Then(
          Packet()
              .Ip4("10.1.0.5", "198.51.100.10", {.fragment = 0})
              .Udp(1234, flow_.dport)
              .Payload("may be cut")),
      Forward(/*sport=*/4321),
      FromLink().Then(Packet()
                          .IpAny(flow_.destination, *flow_.to_source)
                          .Udp(flow_.dport, 1234)
                          .Payload("x")),
      FromLink().Then(Datagram(flow_, 1234))};
  const auto before = Fingerprints(programs());
  int actions[8] = {};
  for (int i = 0; i < 2500; ++i) {
    Bytes frame = frames[i % std::size(frames)].Build();
    for (uint32_t n = random() % 3; n > 0; --n)
      frame[random() % frame.size()] ^= static_cast<uint8_t>(1 << random() % 8);
    const Slot slot = i % 5 == 4 ? kAccess : i % 7 == 6 ? kInject : kUplink;
    ++actions[programs().RunDry(slot, frame).verdict & 7];
  }
  EXPECT_GT(actions[XDP_DROP], 100);
  EXPECT_GT(actions[XDP_TX], 100);
  EXPECT_GT(actions[XDP_PASS], 50);
  EXPECT_GT(actions[XDP_REDIRECT], 100);
  for (const auto& [name, print] : Fingerprints(programs()))
    EXPECT_EQ(print, before.at(name)) << name;
}

}  // namespace
}  // namespace rampart::testing

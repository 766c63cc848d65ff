// SPDX-License-Identifier: Apache-2.0
// Nanoseconds per packet of the whole pipeline on established flows, beside an
// empty XDP program in the same run. See README.md for what is measured.
//
//   perf_pipeline [ROUNDS [REPEATS]]
#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "perf_harness.skel.h"
#include "tests/testing/edge.h"
#include "tests/testing/programs.h"
#include "tests/testing/scene.h"

namespace rampart::testing {
namespace {

constexpr int kRounds = 7;
constexpr int kRepeats = 300000;
constexpr uint32_t kHopOut = 1;
constexpr uint32_t kHopBack = 2;
constexpr size_t kSmall = 36;    // payload bytes of small packets
constexpr size_t kLarge = 1372;  // and of large ones

[[noreturn]] void Die(const std::string& what) {
  std::fprintf(stderr, "perf: %s\n", what.c_str());
  std::exit(1);
}

// One line of the table.
struct Case {
  std::string name;
  std::optional<Slot> slot;  // nothing: the harness alone
  bool restores = true;      // false: the empty program without it
  Tunnel tunnel = {};
  size_t payload = kSmall;
  bool back = false;    // from the Internet into the tunnel
  bool access = false;  // from the access interface to the Internet
  bool many = false;    // 65536 flows in turn
  std::vector<double> nanoseconds = {};
};

// CPU time of this thread, in which a test run runs: other load on the machine
// does not count, though it shares the caches.
double CpuSeconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) +
         static_cast<double>(now.tv_nsec) * 1e-9;
}

// The frame that comes on, the one that must leave, and where the varied port
// stands in each (0: nowhere).
struct Frames {
  Bytes in, out;
  size_t vary_in = 0, vary_out = 0;
};

class Bench {
 public:
  Bench(const Programs& programs, perf_harness_bpf& harness, int repeats)
      : programs_(programs), harness_(harness), repeats_(repeats) {}

  // Runs a case once and notes its time; exits if a packet came out wrong.
  void Measure(Case& c) const {
    Reset(programs_);
    const Frames frames = SetUp(c);
    Arm(c, frames);
    const uint64_t before = Forwarded();
    std::vector<uint8_t> out(4096);
    const int fd = bpf_program__fd(c.restores ? harness_.progs.perf_restore
                                              : harness_.progs.perf_empty);
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frames.in.data(),
                .data_out = out.data(),
                .data_size_in = static_cast<uint32_t>(frames.in.size()),
                .data_size_out = static_cast<uint32_t>(out.size()),
                .repeat = repeats_);
    const double start = CpuSeconds();
    if (bpf_prog_test_run_opts(fd, &options) != 0) Die(c.name + ": test run");
    c.nanoseconds.push_back((CpuSeconds() - start) / repeats_ * 1e9);
    out.resize(options.data_size_out);
    if (c.slot) Verify(c, frames, out, before);
  }

 private:
  // Tables for one conversation, and its packet on either side.
  Frames SetUp(const Case& c) const {
    AddTunnel(programs_, c.tunnel);
    AddAddress(programs_, "203.0.113.1", RP_ADDRESS_NAT);
    programs_.Put("rp_next_hops", kHopOut, LinkNextHop(kUplink, true, 1500));
    programs_.Put("rp_next_hops", kHopBack, NextHopTo(c.tunnel, true, 1500));
    Flow flow = {.to_source = Ip("203.0.113.1"), .to_sport = 40000};
    if (c.access) flow.on_ramp = kAccessTunnel;
    PutFlow(programs_, flow);
    if (c.many) PutManyFlows(flow);
    const Bytes payload(c.payload, 'x');
    const UdpFields udp = c.many ? UdpFields{.checksum = 0} : UdpFields{};
    const auto inner = [&](const Ip& from, const Ip& to, uint8_t ttl,
                           uint16_t sport, uint16_t dport) {
      return Packet()
          .Ip4(from, to, {.ttl = ttl})
          .Udp(sport, dport, udp)
          .Payload(payload);
    };
    const Ip pool = *flow.to_source;
    const Packet ramp = c.access ? FromLink() : FromPeer(c.tunnel);
    const Packet there = ramp.Then(
        inner(flow.source, flow.destination, 64, flow.sport, flow.dport));
    const Packet translated =
        ToLink().Then(inner(pool, flow.destination, 63, 40000, flow.dport));
    const Packet answer =
        FromLink().Then(inner(flow.destination, pool, 64, flow.dport, 40000));
    const Packet delivered = ToPeer(c.tunnel, {.port = flow.reverse_entropy})
                                 .Then(inner(flow.destination, flow.source, 63,
                                             flow.dport, flow.sport));
    Frames frames = {(c.back ? answer : there).Build(),
                     (c.back ? delivered : translated).Build()};
    if (c.many) {
      frames.vary_in = frames.in.size() - c.payload - 8;
      frames.vary_out = frames.out.size() - c.payload - 8;
    }
    return frames;
  }

  // One per source port; the NAT keeps the port.
  void PutManyFlows(Flow flow) const {
    for (uint32_t port = 0; port < 65536; ++port) {
      flow.sport = static_cast<uint16_t>(port);
      flow.to_sport = flow.sport;
      PutFlow(programs_, flow);
    }
  }

  // Gives the harness its frame and its program.
  void Arm(const Case& c, const Frames& frames) const {
    struct {
      uint32_t length, vary_offset, counter;
      uint8_t bytes[2048];
    } frame = {};
    frame.length = static_cast<uint32_t>(frames.in.size());
    frame.vary_offset = static_cast<uint32_t>(frames.vary_in);
    if (frames.in.size() > sizeof(frame.bytes)) Die(c.name + ": too long");
    std::memcpy(frame.bytes, frames.in.data(), frames.in.size());
    const uint32_t zero = 0;
    const int target = c.slot ? programs_.program_fd(*c.slot)
                              : bpf_program__fd(harness_.progs.perf_empty);
    if (bpf_map_update_elem(bpf_map__fd(harness_.maps.perf_frames), &zero,
                            &frame, 0) != 0 ||
        bpf_map_update_elem(bpf_map__fd(harness_.maps.perf_targets), &zero,
                            &target, 0) != 0)
      Die(c.name + ": cannot arm the harness");
  }

  void Verify(const Case& c, Frames frames, const Bytes& out,
              uint64_t before) const {
    if (frames.vary_out && out.size() == frames.out.size())
      Set16(frames.out, frames.vary_out, Get16(out, frames.vary_out));
    if (std::string diff = Diff(out, frames.out); !diff.empty())
      Die(c.name + ": came out wrong\n" + diff);
    if (Forwarded() - before != static_cast<uint64_t>(repeats_))
      Die(c.name + ": not every packet was forwarded");
  }

  uint64_t Forwarded() const {
    uint64_t sum = 0;
    for (const auto& [outcome, counts] : programs_.ReadCounters())
      if (outcome.value == RP_FORWARDED) sum += counts.first;
    return sum;
  }

  const Programs& programs_;
  perf_harness_bpf& harness_;
  const int repeats_;
};

Tunnel Peer(rp_profile profile, bool v4, bool udp_csum) {
  Tunnel tunnel;
  tunnel.profile = profile;
  tunnel.udp_csum = udp_csum;
  if (!v4) {
    tunnel.edge = "2001:db8::1";
    tunnel.peer = "2001:db8::10";
  }
  return tunnel;
}

std::vector<Case> Cases(size_t payload) {
  const Tunnel none4 = Peer(RP_PROFILE_NONE, true, false);
  const Tunnel sum4 = Peer(RP_PROFILE_NONE, true, true);
  const Tunnel none6 = Peer(RP_PROFILE_NONE, false, true);
  const Tunnel mac4 = Peer(RP_PROFILE_MAC, true, false);
  const Tunnel mac6 = Peer(RP_PROFILE_MAC, false, true);
  const Tunnel cookie = Peer(RP_PROFILE_COOKIE, true, true);
  const Tunnel gre_key = Peer(RP_PROFILE_GRE_KEY, true, true);
  const Tunnel gre = Peer(RP_PROFILE_GRE, true, false);
  std::vector<Case> cases = {
      {"restore the packet, empty program", {}, true, none4},
      {"GUE none, IPv4, no checksum -> SNAT", kUplink, true, none4},
      {"GUE none, IPv4, checksum    -> SNAT", kUplink, true, sum4},
      {"GUE none, IPv6, checksum    -> SNAT", kUplink, true, none6},
      {"GUE mac, IPv4, no checksum  -> SNAT", kUplink, true, mac4},
      {"GUE mac, IPv6, checksum     -> SNAT", kUplink, true, mac6},
      {"GUE cookie, IPv4, checksum  -> SNAT", kUplink, true, cookie},
      {"GUE gre-key, IPv4, checksum -> SNAT", kUplink, true, gre_key},
      {"GRE, IPv4                   -> SNAT", kUplink, true, gre},
      {"access interface            -> SNAT", kAccess, true, none4},
      {"Internet -> GUE none, IPv4, no checksum", kUplink, true, none4},
      {"Internet -> GUE none, IPv4, checksum", kUplink, true, sum4},
      {"Internet -> GUE none, IPv6, checksum", kUplink, true, none6},
      {"Internet -> GUE mac, IPv4, no checksum", kUplink, true, mac4},
      {"Internet -> GUE mac, IPv6, checksum", kUplink, true, mac6},
      {"Internet -> GUE cookie, IPv4, checksum", kUplink, true, cookie},
      {"Internet -> GUE gre-key, IPv4, checksum", kUplink, true, gre_key},
      {"Internet -> GRE, IPv4", kUplink, true, gre},
  };
  for (Case& c : cases) {
    c.payload = payload;
    c.back = c.name.rfind("Internet", 0) == 0;
    c.access = c.name.rfind("access", 0) == 0;
  }
  return cases;
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void Print(const std::vector<Case>& cases, double base) {
  for (const Case& c : cases) {
    const auto [low, high] =
        std::minmax_element(c.nanoseconds.begin(), c.nanoseconds.end());
    const double median = Median(c.nanoseconds);
    std::printf("%-42s %7.1f  %6.1f-%-6.1f", c.name.c_str(), median, *low,
                *high);
    if (c.slot) std::printf(" %7.1f", median - base);
    std::printf("\n");
  }
}

void MeasureTable(const Bench& bench, std::vector<Case> cases, int rounds) {
  for (int round = 0; round < rounds; ++round)
    for (Case& c : cases) bench.Measure(c);
  double base = 0;
  for (const Case& c : cases)
    if (!c.slot && c.restores) base = Median(c.nanoseconds);
  Print(cases, base);
}

// What the kernel made of the programs.
void PrintSizes(const Programs& programs) {
  std::printf("\n%-42s %7s  %s\n", "program", "insns",
              "verified  machine code");
  for (const Slot slot : {kUplink, kAccess}) {
    bpf_prog_info info = {};
    uint32_t size = sizeof(info);
    if (bpf_obj_get_info_by_fd(programs.program_fd(slot), &info, &size) != 0)
      Die("program info");
    std::printf("%-42s %7zu  %8u  %u bytes\n", info.name,
                info.xlated_prog_len / sizeof(bpf_insn), info.verified_insns,
                info.jited_prog_len);
  }
}

int Main(int rounds, int repeats) {
  const auto programs = Programs::Load(4 * 65536);
  if (!programs.ok()) Die(programs.status().ToString());
  perf_harness_bpf* harness = perf_harness_bpf__open_and_load();
  if (harness == nullptr) Die("cannot load the harness");
  const Bench bench(**programs, *harness, repeats);
  std::printf("%d rounds of %d packets; ns/packet\n", rounds, repeats);
  const Tunnel none4 = Peer(RP_PROFILE_NONE, true, false);
  for (const size_t payload : {kSmall, kLarge}) {
    std::printf(
        "\n%-42s %7s  %-13s %7s\n",
        ("inner packets of " + std::to_string(payload + 28) + " bytes").c_str(),
        "median", "  min-max", "net");
    std::vector<Case> cases = Cases(payload);
    cases.insert(cases.begin(), Case{"empty program", {}, false, none4});
    MeasureTable(bench, cases, rounds);
  }
  std::printf("\n65536 flows in turn, small packets\n");
  MeasureTable(bench,
               {{.name = "restore the packet, empty program",
                 .tunnel = none4,
                 .many = true},
                {.name = "GUE none, IPv4, no checksum -> SNAT",
                 .slot = kUplink,
                 .tunnel = none4,
                 .many = true}},
               std::min(rounds, 5));
  PrintSizes(**programs);
  perf_harness_bpf__destroy(harness);
  return 0;
}

}  // namespace
}  // namespace rampart::testing

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : rampart::testing::kRounds;
  const int repeats =
      argc > 2 ? std::atoi(argv[2]) : rampart::testing::kRepeats;
  return rampart::testing::Main(std::max(1, rounds), std::max(1, repeats));
}

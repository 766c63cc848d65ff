// SPDX-License-Identifier: Apache-2.0
// Nanoseconds per packet of the whole pipeline and of its stages, above an
// empty XDP program in the same round. Prints one JSON object:
//
//   {"repeats": N, "programs": [{"name", "instructions", "verified", "bytes"}],
//    "lines": [{"name": "none, IPv4, in", "ns": [a value a round]}]}
//
//   perf_pipeline [--rounds N] [--repeats N] [--quick] [--list]
//
// --list prints the names of the lines only.
#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "perf/pipeline_cases.h"
#include "perf_harness.skel.h"
#include "tests/testing/scene.h"

namespace rampart::testing {
namespace {

constexpr int kTurns = 5;
constexpr double kNever = 1e12;
constexpr char kEmpty[] = "empty program";

[[noreturn]] void Die(const std::string& what) {
  std::fprintf(stderr, "perf_pipeline: %s\n", what.c_str());
  std::exit(1);
}

// CPU time of this thread, in which a test run runs: other load on the machine
// does not count, though it shares the caches.
double CpuSeconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) +
         static_cast<double>(now.tv_nsec) * 1e-9;
}

class Bench {
 public:
  Bench(const Programs& programs, perf_harness_bpf& harness, int repeats)
      : programs_(programs), harness_(harness), repeats_(repeats) {}

  // Nanoseconds per packet of the harness around an empty program; they depend
  // on the length of the frame only, and on whether a port is varied.
  double MeasureHarness(const Frames& frames) const {
    Arm("harness", frames, bpf_program__fd(harness_.progs.perf_empty));
    return Run("harness", frames).second;
  }

  // Of the case, harness included. Exits if a packet came out wrong.
  double Measure(const Case& c, const Frames& frames) const {
    Arm(c.name, frames, programs_.program_fd(c.slot));
    const uint64_t before = Counted(c.outcome());
    const auto [out, nanoseconds] = Run(c.name, frames);
    Verify(c, frames, out, Counted(c.outcome()) - before);
    return nanoseconds;
  }

  // A test run of an empty program, without the harness.
  double MeasureEmpty() const {
    double fastest = kNever;
    for (int turn = 0; turn < kTurns; ++turn)
      fastest =
          std::min(fastest, TestRun(kEmpty, Bytes(64, 0),
                                    bpf_program__fd(harness_.progs.perf_empty))
                                .second);
    return fastest;
  }

 private:
  std::pair<Bytes, double> Run(const std::string& name,
                               const Frames& frames) const {
    return TestRun(name, frames.in,
                   bpf_program__fd(harness_.progs.perf_restore));
  }

  // Returns the last packet and nanoseconds per repeat.
  std::pair<Bytes, double> TestRun(const std::string& name, const Bytes& in,
                                   int fd) const {
    Bytes out(4096);
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = in.data(),
                .data_out = out.data(),
                .data_size_in = static_cast<uint32_t>(in.size()),
                .data_size_out = static_cast<uint32_t>(out.size()),
                .repeat = repeats_);
    const double start = CpuSeconds();
    if (bpf_prog_test_run_opts(fd, &options) != 0) Die(name + ": test run");
    const double seconds = CpuSeconds() - start;
    out.resize(options.data_size_out);
    return {out, seconds / repeats_ * 1e9};
  }

  // Gives the harness its frame and its program.
  void Arm(const std::string& name, const Frames& frames, int target) const {
    struct {
      uint32_t length, vary_offset, counter;
      uint8_t bytes[2048];
    } frame = {};
    frame.length = static_cast<uint32_t>(frames.in.size());
    frame.vary_offset = static_cast<uint32_t>(frames.vary_in);
    if (frames.in.size() > sizeof(frame.bytes)) Die(name + ": too long");
    std::memcpy(frame.bytes, frames.in.data(), frames.in.size());
    const uint32_t zero = 0;
    if (bpf_map_update_elem(bpf_map__fd(harness_.maps.perf_frames), &zero,
                            &frame, 0) != 0 ||
        bpf_map_update_elem(bpf_map__fd(harness_.maps.perf_targets), &zero,
                            &target, 0) != 0)
      Die(name + ": cannot arm the harness");
  }

  void Verify(const Case& c, Frames frames, const Bytes& out,
              uint64_t counted) const {
    if (counted != static_cast<uint64_t>(repeats_))
      Die(c.name + ": " + std::to_string(counted) + " of " +
          std::to_string(repeats_) + " packets ended as " +
          OutcomeName(c.outcome()));
    if (frames.out.empty()) return;
    if (frames.vary_out && out.size() == frames.out.size())
      Set16(frames.out, frames.vary_out, Get16(out, frames.vary_out));
    if (std::string diff = Diff(out, frames.out); !diff.empty())
      Die(c.name + ": came out wrong\n" + diff);
  }

  uint64_t Counted(rp_outcome wanted) const {
    uint64_t sum = 0;
    for (const auto& [outcome, counts] : programs_.ReadCounters())
      if (outcome.value == wanted) sum += counts.first;
    return sum;
  }

  const Programs& programs_;
  perf_harness_bpf& harness_;
  const int repeats_;
};

// What the kernel made of the programs.
nlohmann::json Sizes(const Programs& programs) {
  nlohmann::json sizes = nlohmann::json::array();
  for (const Slot slot : {kUplink, kAccess}) {
    bpf_prog_info info = {};
    uint32_t size = sizeof(info);
    if (bpf_obj_get_info_by_fd(programs.program_fd(slot), &info, &size) != 0)
      Die("program info");
    sizes.push_back({{"name", info.name},
                     {"instructions", info.xlated_prog_len / sizeof(bpf_insn)},
                     {"verified", info.verified_insns},
                     {"bytes", info.jited_prog_len}});
  }
  return sizes;
}

// What each case costs above the harness in one round. All cases take several
// turns and the fastest counts: what disturbs the machine only ever adds.
std::vector<double> Round(const Bench& bench, const std::vector<Case>& cases,
                          const std::vector<Frames>& frames) {
  std::map<std::pair<size_t, bool>, double> harness;
  const auto kind = [](const Frames& f) {
    return std::pair(f.in.size(), f.vary_in != 0);
  };
  std::vector<double> net(cases.size(), kNever);
  for (int turn = 0; turn < kTurns; ++turn) {
    std::set<std::pair<size_t, bool>> done;
    for (size_t i = 0; i < cases.size(); ++i) {
      if (done.insert(kind(frames[i])).second) {
        double& fastest =
            harness.try_emplace(kind(frames[i]), kNever).first->second;
        fastest = std::min(fastest, bench.MeasureHarness(frames[i]));
      }
      net[i] = std::min(net[i], bench.Measure(cases[i], frames[i]));
    }
  }
  for (size_t i = 0; i < cases.size(); ++i) net[i] -= harness[kind(frames[i])];
  return net;
}

// A stage is what its packets cost above those that end one stage earlier.
double Stage(const std::vector<Case>& cases, size_t i,
             const std::vector<double>& net) {
  const bool stage = cases[i].name.rfind("stage of ", 0) == 0;
  return stage && cases[i].reach != Reach::kPeer ? net[i] - net[i - 1] : net[i];
}

// Names of all lines, in order.
int List(bool quick) {
  nlohmann::json names = {kEmpty};
  for (const Case& c : Cases(quick)) names.push_back(c.name);
  std::printf("%s\n", names.dump().c_str());
  return 0;
}

int Main(int rounds, int repeats, bool quick) {
  const auto programs = Programs::Load(4 * 65536);
  if (!programs.ok()) Die(programs.status().ToString());
  perf_harness_bpf* harness = perf_harness_bpf__open_and_load();
  if (harness == nullptr) Die("cannot load the harness");
  const Bench bench(**programs, *harness, repeats);
  const std::vector<Case> cases = Cases(quick);
  Reset(**programs);
  std::vector<Frames> frames;
  for (const Case& c : cases) frames.push_back(SetUp(**programs, c));
  std::vector<std::vector<double>> values(cases.size());
  std::vector<double> empty;
  for (int n = 0; n < rounds; ++n) {
    // Back to the middle of the epoch that the frames of profile mac are of.
    SetConfig(**programs, DefaultConfig());
    empty.push_back(bench.MeasureEmpty());
    const std::vector<double> net = Round(bench, cases, frames);
    for (size_t i = 0; i < cases.size(); ++i)
      values[i].push_back(Stage(cases, i, net));
  }
  nlohmann::json lines = {{{"name", kEmpty}, {"ns", empty}}};
  for (size_t i = 0; i < cases.size(); ++i)
    lines.push_back({{"name", cases[i].name}, {"ns", values[i]}});
  const nlohmann::json result = {
      {"repeats", repeats}, {"programs", Sizes(**programs)}, {"lines", lines}};
  std::printf("%s\n", result.dump().c_str());
  perf_harness_bpf__destroy(harness);
  return 0;
}

}  // namespace
}  // namespace rampart::testing

int main(int argc, char** argv) {
  std::map<std::string, int> numbers = {{"--rounds", 1}, {"--repeats", 100000}};
  bool quick = false, list = false;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const auto number = numbers.find(word);
    if (word == "--quick") {
      quick = true;
    } else if (word == "--list") {
      list = true;
    } else if (number != numbers.end() && i + 1 < argc &&
               std::atoi(argv[i + 1]) > 0) {
      number->second = std::atoi(argv[++i]);
    } else {
      std::fprintf(stderr,
                   "usage: perf_pipeline [--rounds N] [--repeats N] "
                   "[--quick] [--list]\n");
      return 2;
    }
  }
  if (list) return rampart::testing::List(quick);
  return rampart::testing::Main(numbers["--rounds"], numbers["--repeats"],
                                quick);
}

// SPDX-License-Identifier: Apache-2.0
// perf_chase: nanoseconds of one access to a cache line, the next one known
// only when this one has come: what a flow entry costs that is not in the
// cache. Like the data plane it writes to the line it has read. Memory is of
// 4 KiB pages, as the kernel's maps are, or of huge ones, which shows how much
// of it is translation of addresses.
#include <sched.h>
#include <sys/mman.h>
#include <time.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "controller/base/status.h"
#include "perf/traffic/netns.h"

namespace rampart::perf {
namespace {

struct alignas(64) Line {
  Line* next;
  uint64_t count;
};

struct Options {
  uint64_t lines = 1;   // visited
  uint64_t span = 1;    // that they are spread over
  uint64_t stride = 1;  // lines from one of these to the next
  uint64_t steps = 4000000;
  int cpu = 0;
  bool huge = false;
};

absl::StatusOr<Line*> Allocate(uint64_t lines, bool huge) {
  const size_t size = lines * sizeof(Line);
  void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return absl::ErrnoToStatus(errno, "perf_chase");
  madvise(memory, size, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
  return static_cast<Line*>(memory);
}

// One circle through `lines` lines chosen at random, in random order.
Line* Link(Line* memory, const Options& options) {
  std::vector<uint32_t> order(options.span);
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), std::mt19937(1));
  const auto at = [&](uint64_t i) {
    return &memory[order[i] * options.stride];
  };
  for (uint64_t i = 0; i < options.lines; ++i)
    at(i)->next = at((i + 1) % options.lines);
  return at(0);
}

// CPU time, so that other load on the machine costs the caches only.
double CpuSeconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) +
         static_cast<double>(now.tv_nsec) * 1e-9;
}

Line* Walk(Line* line, uint64_t steps) {
  for (uint64_t i = 0; i < steps; ++i) {
    __atomic_fetch_add(&line->count, 1, __ATOMIC_RELAXED);
    line = line->next;
  }
  return line;
}

absl::Status Measure(const Options& options) {
  RETURN_IF_ERROR(PinToCpu(options.cpu));
  ASSIGN_OR_RETURN(Line * memory,
                   Allocate(options.span * options.stride, options.huge));
  Line* line = Walk(Link(memory, options), options.lines);
  const double start = CpuSeconds();
  line = Walk(line, options.steps);
  const double ns =
      (CpuSeconds() - start) * 1e9 / static_cast<double>(options.steps);
  RP_CHECK(line != nullptr);
  const nlohmann::json result = {
      {"ns", ns}, {"lines", options.lines}, {"span", options.span}};
  std::printf("%s\n", result.dump().c_str());
  munmap(memory, options.span * options.stride * sizeof(Line));
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  Options options;
  CLI::App app("Latency of cache lines, one after the other.", "perf_chase");
  app.add_option("--lines", options.lines, "Lines visited")
      ->check(CLI::Range(uint64_t{1}, uint64_t{1} << 30));
  app.add_option("--span", options.span, "Lines that they are chosen from")
      ->check(CLI::Range(uint64_t{1}, uint64_t{1} << 30));
  app.add_option("--stride", options.stride,
                 "Lines from one of these to the next")
      ->check(CLI::Range(1, 64));
  app.add_option("--steps", options.steps);
  app.add_option("--cpu", options.cpu);
  app.add_flag("--huge", options.huge, "Huge pages");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e);
  }
  options.span = std::max(options.span, options.lines);
  const absl::Status status = Measure(options);
  if (status.ok()) return 0;
  std::fprintf(stderr, "perf_chase: %s\n",
               std::string(status.message()).c_str());
  return 1;
}

}  // namespace
}  // namespace rampart::perf

int main(int argc, char** argv) { return rampart::perf::Main(argc, argv); }

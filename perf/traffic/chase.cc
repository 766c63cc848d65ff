// SPDX-License-Identifier: Apache-2.0
// perf_chase: nanoseconds of accesses to cache lines, each of which is known
// only when the one before has come: what looking a flow up costs that is not
// in the cache. Several sets of lines take turns, as tags and entries of the
// flow table do, and compete for the caches. Memory is of 4 KiB pages, as the
// kernel's maps are, or of huge ones, which shows how much of it is
// translation of addresses.
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
  uint64_t zero;
  uint64_t count;
};

// Lines of one kind.
struct Set {
  uint64_t lines = 1;   // visited
  uint64_t span = 1;    // that they are spread over
  uint64_t stride = 1;  // lines from one of these to the next
  double share = 1;     // of the steps that visit one
  bool write = false;   // changes what it has read, as entries are counted in
};

struct Options {
  std::vector<std::string> sets;
  uint64_t steps = 4000000;
  int cpu = 0;
  bool huge = false;
};

// LINES,SPAN,STRIDE,SHARE,WRITE
absl::StatusOr<Set> ParseSet(const std::string& text) {
  Set set;
  int write = 0;
  if (std::sscanf(text.c_str(), "%lu,%lu,%lu,%lf,%d", &set.lines, &set.span,
                  &set.stride, &set.share, &write) != 5 ||
      set.lines < 1 || set.span >> 30 || set.stride < 1 || set.stride > 64)
    return absl::InvalidArgumentError("perf_chase: set " + text);
  set.span = std::max(set.span, set.lines);
  set.write = write != 0;
  return set;
}

absl::StatusOr<Line*> Allocate(uint64_t lines, bool huge) {
  const size_t size = lines * sizeof(Line);
  void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return absl::ErrnoToStatus(errno, "perf_chase");
  madvise(memory, size, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
  return static_cast<Line*>(memory);
}

// One circle through `lines` lines chosen at random, in random order.
Line* Link(Line* memory, const Set& set) {
  std::vector<uint32_t> order(set.span);
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), std::mt19937(1));
  const auto at = [&](uint64_t i) { return &memory[order[i] * set.stride]; };
  for (uint64_t i = 0; i < set.lines; ++i)
    at(i)->next = at((i + 1) % set.lines);
  return at(0);
}

// CPU time, so that other load on the machine costs the caches only.
double CpuSeconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) +
         static_cast<double>(now.tv_nsec) * 1e-9;
}

// Where each set's walk stands.
struct Walker {
  Set set;
  Line* line;
  double due = 0;
};

// `zero` of every line is 0, which only its arrival tells: so no access begins
// before the one in front of it has ended.
void Walk(std::vector<Walker>& walkers, uint64_t steps) {
  uint64_t zero = 0;
  for (uint64_t i = 0; i < steps; ++i) {
    for (Walker& walker : walkers) {
      for (walker.due += walker.set.share; walker.due >= 1; walker.due -= 1) {
        Line* line = walker.line + zero;
        zero = line->zero;
        if (walker.set.write)
          __atomic_fetch_add(&line->count, 1, __ATOMIC_RELAXED);
        walker.line = line->next;
      }
    }
  }
}

absl::Status Measure(const Options& options) {
  RETURN_IF_ERROR(PinToCpu(options.cpu));
  std::vector<Walker> walkers;
  uint64_t most = 0;
  for (const std::string& text : options.sets) {
    ASSIGN_OR_RETURN(const Set set, ParseSet(text));
    ASSIGN_OR_RETURN(Line * memory,
                     Allocate(set.span * set.stride, options.huge));
    walkers.push_back({set, Link(memory, set)});
    most = std::max(most, set.lines);
  }
  Walk(walkers, most);
  const double start = CpuSeconds();
  Walk(walkers, options.steps);
  const double ns =
      (CpuSeconds() - start) * 1e9 / static_cast<double>(options.steps);
  std::printf("%s\n", nlohmann::json{{"ns", ns}}.dump().c_str());
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  Options options;
  CLI::App app("Latency of cache lines, one after the other.", "perf_chase");
  app.add_option("--set", options.sets,
                 "LINES,SPAN,STRIDE,SHARE,WRITE: lines visited, out of how "
                 "many, how far apart, by which part of the steps, changed "
                 "(1) or only read (0)")
      ->required();
  app.add_option("--steps", options.steps);
  app.add_option("--cpu", options.cpu);
  app.add_flag("--huge", options.huge, "Huge pages");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e);
  }
  const absl::Status status = Measure(options);
  if (status.ok()) return 0;
  std::fprintf(stderr, "perf_chase: %s\n",
               std::string(status.message()).c_str());
  return 1;
}

}  // namespace
}  // namespace rampart::perf

int main(int argc, char** argv) { return rampart::perf::Main(argc, argv); }

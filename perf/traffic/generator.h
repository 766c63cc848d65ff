// SPDX-License-Identifier: Apache-2.0
// Threads that send: test runs of perf_source with live frames.
#ifndef RAMPART_PERF_TRAFFIC_GENERATOR_H_
#define RAMPART_PERF_TRAFFIC_GENERATOR_H_

#include <pthread.h>

#include <atomic>
#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "controller/base/unique_fd.h"
#include "tests/testing/bytes.h"

namespace rampart::perf {

struct GeneratorOptions {
  int program_fd = -1;
  std::string netns;
  testing::Bytes frame;
  std::vector<int> cpus;
};

class Generator {
 public:
  explicit Generator(GeneratorOptions options) : options_(std::move(options)) {}
  ~Generator() { Stop().IgnoreError(); }
  Generator(const Generator&) = delete;

  absl::Status Start();
  // Seconds of CPU time spent since Start(): the threads and, where softirqs
  // went over to it, ksoftirqd of their CPUs.
  double CpuSeconds() const;
  // Cache misses on these CPUs; nothing if nobody counts them here.
  std::optional<uint64_t> CacheMisses() const;
  // A thread has ended by itself: something went wrong.
  bool HasEnded() const;
  // What went wrong in a thread, if anything.
  absl::Status Stop();

 private:
  struct Worker {
    int cpu;
    int ksoftirqd;  // pid
    UniqueFd misses;
    clockid_t clock;
    absl::Status status;
    std::atomic<bool> done = false;
    std::thread thread;
  };
  void Run(Worker& worker) const;
  absl::Status Send() const;

  GeneratorOptions options_;
  std::atomic<bool> stop_ = false;
  std::list<Worker> workers_;
};

}  // namespace rampart::perf

#endif  // RAMPART_PERF_TRAFFIC_GENERATOR_H_

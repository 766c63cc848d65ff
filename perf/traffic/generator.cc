// SPDX-License-Identifier: Apache-2.0
#include "perf/traffic/generator.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "controller/base/status.h"
#include "perf/traffic/netns.h"

namespace rampart::perf {
namespace {

// To interrupt a test run.
constexpr int kStopSignal = SIGUSR1;
constexpr int kPacketsMax = 1 << 30;  // of one test run; it is interrupted

int PidOf(const std::string& comm) {
  DIR* proc = opendir("/proc");
  int found = 0;
  while (const dirent* entry = proc ? readdir(proc) : nullptr) {
    const int pid = std::atoi(entry->d_name);
    if (pid == 0) continue;
    std::ifstream in(absl::StrCat("/proc/", pid, "/comm"));
    std::string name;
    if (std::getline(in, name) && name == comm) {
      found = pid;
      break;
    }
  }
  if (proc) closedir(proc);
  return found;
}

// Invalid on machines without a PMU.
UniqueFd CountMisses(int cpu) {
  perf_event_attr attr = {};
  attr.type = PERF_TYPE_HARDWARE;
  attr.size = sizeof(attr);
  attr.config = PERF_COUNT_HW_CACHE_MISSES;
  return UniqueFd(static_cast<int>(
      syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC)));
}

// The first number in schedstat is time on the CPU, in ns.
double RunSeconds(int pid) {
  std::ifstream in(absl::StrCat("/proc/", pid, "/schedstat"));
  double ns = 0;
  in >> ns;
  return ns * 1e-9;
}

double ClockSeconds(clockid_t clock) {
  timespec now = {};
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) +
         static_cast<double>(now.tv_nsec) * 1e-9;
}

}  // namespace

absl::Status Generator::Start() {
  struct sigaction action = {};  // without SA_RESTART
  action.sa_handler = [](int) {};
  sigaction(kStopSignal, &action, nullptr);
  for (const int cpu : options_.cpus) {
    Worker& worker = workers_.emplace_back();
    worker.cpu = cpu;
    worker.ksoftirqd = PidOf(absl::StrCat("ksoftirqd/", cpu));
    worker.misses = CountMisses(cpu);
    worker.thread = std::thread([this, &worker] { Run(worker); });
    const int error =
        pthread_getcpuclockid(worker.thread.native_handle(), &worker.clock);
    if (error != 0) return absl::ErrnoToStatus(error, "generator: CPU clock");
  }
  return absl::OkStatus();
}

double Generator::CpuSeconds() const {
  double sum = 0;
  for (const Worker& worker : workers_)
    sum += ClockSeconds(worker.clock) + RunSeconds(worker.ksoftirqd);
  return sum;
}

std::optional<uint64_t> Generator::CacheMisses() const {
  uint64_t sum = 0;
  for (const Worker& worker : workers_) {
    uint64_t misses = 0;
    if (read(worker.misses.get(), &misses, sizeof(misses)) != sizeof(misses))
      return std::nullopt;
    sum += misses;
  }
  return sum;
}

bool Generator::HasEnded() const {
  for (const Worker& worker : workers_)
    if (worker.done) return true;
  return false;
}

// A signal that comes before the test run begins is lost, so it is repeated.
absl::Status Generator::Stop() {
  constexpr auto kAgain = std::chrono::milliseconds(2);
  stop_ = true;
  absl::Status status;
  for (Worker& worker : workers_) {
    if (!worker.thread.joinable()) continue;
    while (!worker.done) {
      pthread_kill(worker.thread.native_handle(), kStopSignal);
      std::this_thread::sleep_for(kAgain);
    }
    worker.thread.join();
    status.Update(worker.status);
  }
  return status;
}

// A test run begins and ends with a wait for RCU, 70 ms on an idle machine; so
// there is but one.
void Generator::Run(Worker& worker) const {
  worker.status = EnterNetns(options_.netns);
  worker.status.Update(PinToCpu(worker.cpu));
  while (worker.status.ok() && !stop_) worker.status = Send();
  worker.done = true;
}

absl::Status Generator::Send() const {
  LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = options_.frame.data(),
              .data_size_in = static_cast<uint32_t>(options_.frame.size()),
              .repeat = kPacketsMax, .flags = BPF_F_TEST_XDP_LIVE_FRAMES);
  if (bpf_prog_test_run_opts(options_.program_fd, &run) == 0 || errno == EINTR)
    return absl::OkStatus();
  return absl::ErrnoToStatus(errno, "generator: test run with live frames");
}

}  // namespace rampart::perf

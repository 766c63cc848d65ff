// SPDX-License-Identifier: Apache-2.0
// perf_load: one measurement of what passes a device under test. Makes frames
// on the CPUs given, counts those that arrive, checks samples of them byte by
// byte, and prints one JSON object.
#include <signal.h>
#include <time.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "controller/base/status.h"
#include "perf/traffic/generator.h"
#include "perf/traffic/load_options.h"

namespace rampart::perf {
namespace {

constexpr double kWarmUpMax = 300;  // seconds to send every flow once

std::atomic<bool> interrupted = false;

void OnSignal(int) { interrupted = true; }

double Now() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) +
         static_cast<double>(now.tv_nsec) * 1e-9;
}

// Errors: Cancelled by a signal.
absl::Status SleepUntil(double when) {
  timespec until;
  until.tv_sec = static_cast<time_t>(when);
  until.tv_nsec =
      static_cast<long>((when - static_cast<double>(until.tv_sec)) * 1e9);
  while (!interrupted && clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until,
                                         nullptr) == EINTR) {
  }
  return interrupted ? absl::CancelledError("interrupted") : absl::OkStatus();
}

struct Reading {
  double time, cpu;
  uint64_t sent;
  perf_arrivals arrived;
  std::optional<uint64_t> cache_misses;
};

Reading Read(const Rig& rig, const Generator& generator) {
  return {Now(), generator.CpuSeconds(), rig.Sent(), rig.Arrived(),
          generator.CacheMisses()};
}

// Until that many packets were sent.
absl::Status AwaitSent(const Rig& rig, const Generator& generator,
                       uint64_t packets) {
  constexpr double kLook = 0.01;
  const double begin = Now();
  while (rig.Sent() < packets && !generator.HasEnded()) {
    if (Now() - begin > kWarmUpMax)
      return absl::DeadlineExceededError("warm-up: not every flow was sent");
    RETURN_IF_ERROR(SleepUntil(Now() + kLook));
  }
  return absl::OkStatus();
}

// Begins with the first packet: other test runs on the machine delay it.
absl::Status WarmUp(const LoadOptions& options, const Rig& rig,
                    const Generator& generator) {
  RETURN_IF_ERROR(AwaitSent(rig, generator, 1));
  RETURN_IF_ERROR(SleepUntil(Now() + options.warm_up));
  return AwaitSent(rig, generator, options.all_flows ? options.rig.flows : 1);
}

nlohmann::json Results(const LoadOptions& options, const Reading& from,
                       const Reading& to) {
  const double seconds = to.time - from.time;
  const double cpu = to.cpu - from.cpu;
  const uint64_t sent = to.sent - from.sent;
  // Frames that end where they are made arrive there.
  const bool sinks = !options.rig.sink.device.empty();
  const uint64_t received =
      sinks ? to.arrived.packets - from.arrived.packets : sent;
  const auto cpus = static_cast<double>(options.rig.cpus.size());
  nlohmann::json results = {
      {"pps", static_cast<double>(received) / seconds},
      {"pps_cpu", static_cast<double>(received) / cpu * cpus},
      {"seconds", seconds},
      {"cpu_seconds", cpu},
      {"sent", sent},
      {"received", received},
      {"lost", sent > received ? sent - received : 0},
      {"others", to.arrived.others - from.arrived.others}};
  if (from.cache_misses && to.cache_misses)
    results["cache_misses"] = *to.cache_misses - *from.cache_misses;
  return results;
}

// Adds to `samples`.
absl::Status JudgeSamples(const Rig& rig, Judge& judge, int& samples) {
  ASSIGN_OR_RETURN(const int count, rig.ReadSamples([&](const Bytes& frame) {
    return judge.Check(frame);
  }));
  samples += count;
  return absl::OkStatus();
}

absl::Status NothingArrived(const Rig& rig, const Judge& judge) {
  return absl::DataLossError(absl::StrCat(
      "no packet arrived; ", rig.Sent(), " sent, ", rig.Arrived().others,
      " of another length than ", judge.frame_size(), " bytes arrived"));
}

absl::StatusOr<nlohmann::json> Measure(LoadOptions options) {
  const Scene& scene = options.scene;
  Judge judge = scene.MakeJudge();
  options.rig.frame = CompileFrame(scene.in, scene.inner);
  options.rig.frame.peers = options.peers;
  options.rig.frame_size = static_cast<uint32_t>(judge.frame_size());
  ASSIGN_OR_RETURN(const std::unique_ptr<Rig> rig, Rig::Open(options.rig));
  Generator generator({.program_fd = rig->source_fd(),
                       .netns = options.rig.source.netns,
                       .frame = BuildSent(scene.in, scene.inner, 0),
                       .cpus = options.rig.cpus});
  RETURN_IF_ERROR(generator.Start());
  RETURN_IF_ERROR(WarmUp(options, *rig, generator));
  int samples = 0;
  // Makes room for those of the window.
  RETURN_IF_ERROR(JudgeSamples(*rig, judge, samples));
  const Reading from = Read(*rig, generator);
  RETURN_IF_ERROR(SleepUntil(from.time + options.seconds));
  const Reading to = Read(*rig, generator);
  RETURN_IF_ERROR(generator.Stop());
  nlohmann::json results = Results(options, from, to);
  if (options.rig.sink.device.empty()) return results;
  RETURN_IF_ERROR(JudgeSamples(*rig, judge, samples));
  if (samples == 0) return NothingArrived(*rig, judge);
  results["samples"] = samples;
  results["flows_sampled"] = judge.flows_seen();
  return results;
}

int Main(int argc, char** argv) {
  int exit_code = 0;
  const std::optional<LoadOptions> options =
      ParseLoadOptions(argc, argv, exit_code);
  if (!options) return exit_code;
  struct sigaction action = {};
  action.sa_handler = OnSignal;
  for (const int number : {SIGINT, SIGTERM, SIGHUP})
    sigaction(number, &action, nullptr);
  const auto results = Measure(*options);
  if (!results.ok()) {
    std::fprintf(stderr, "perf_load: %s\n",
                 std::string(results.status().message()).c_str());
    return 1;
  }
  std::printf("%s\n", results->dump().c_str());
  return 0;
}

}  // namespace
}  // namespace rampart::perf

int main(int argc, char** argv) { return rampart::perf::Main(argc, argv); }

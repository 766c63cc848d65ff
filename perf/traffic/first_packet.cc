// SPDX-License-Identifier: Apache-2.0
// perf_first_packet: how long the first packet of a flow takes through a
// device under test, and how long the next one. Sends one packet at a time and
// waits for it, without sleeping, so it uses one CPU and leaves the others to
// whoever decides about the flow. Every packet that arrives is judged.
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <signal.h>
#include <sys/socket.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "controller/base/status.h"
#include "controller/base/unique_fd.h"
#include "perf/traffic/netns.h"
#include "perf/traffic/scene.h"

namespace rampart::perf {
namespace {

using Clock = std::chrono::steady_clock;

std::atomic<bool> interrupted = false;

struct Options {
  Scene scene;
  std::string source_netns, source_device, sink_netns, sink_device;
  uint32_t first = 0;
  double gap = 0.001;     // seconds between flows, so that the machine is idle
  double patience = 1.0;  // seconds until a packet counts as lost
  int cpu = 0;
};

absl::StatusOr<UniqueFd> OpenSocket(const std::string& netns,
                                    const std::string& device,
                                    uint16_t protocol) {
  UniqueFd fd;
  RETURN_IF_ERROR(InNetns(netns, [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const uint32_t index, DeviceIndex(device));
    fd.reset(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
    sockaddr_ll address = {};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(protocol);
    address.sll_ifindex = static_cast<int>(index);
    if (!fd.valid() || bind(fd.get(), reinterpret_cast<sockaddr*>(&address),
                            sizeof(address)) != 0)
      return absl::ErrnoToStatus(errno, absl::StrCat("socket on ", device));
    return absl::OkStatus();
  }));
  const int on = 1;
  setsockopt(fd.get(), SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof(on));
  setsockopt(fd.get(), SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on));
  return fd;
}

class Wire {
 public:
  Wire(const Options& options, UniqueFd source, UniqueFd sink)
      : options_(options),
        source_(std::move(source)),
        sink_(std::move(sink)),
        judge_(options.scene.MakeJudge()) {}

  // Microseconds until the packet of this flow arrived.
  absl::StatusOr<double> Send(uint32_t number) {
    const Bytes frame =
        BuildSent(options_.scene.in, options_.scene.inner, number);
    const Clock::time_point start = Clock::now();
    if (send(source_.get(), frame.data(), frame.size(), 0) < 0)
      return absl::ErrnoToStatus(errno, "send");
    ASSIGN_OR_RETURN(const Clock::time_point end, Await(number, start));
    return std::chrono::duration<double, std::micro>(end - start).count();
  }

 private:
  absl::StatusOr<Clock::time_point> Await(uint32_t number,
                                          Clock::time_point start) {
    const auto patience = std::chrono::duration<double>(options_.patience);
    uint8_t buffer[2048];
    while (Clock::now() - start < patience && !interrupted) {
      const ssize_t size =
          recv(sink_.get(), buffer, sizeof(buffer), MSG_DONTWAIT);
      if (size < 0 || static_cast<size_t>(size) != judge_.frame_size())
        continue;
      const Clock::time_point now = Clock::now();
      const Bytes frame(buffer, buffer + size);
      RETURN_IF_ERROR(judge_.Check(frame));
      if (judge_.NumberOf(frame) == number) return now;
    }
    return absl::DeadlineExceededError(
        absl::StrCat("the packet of flow ", number, " did not arrive"));
  }

  const Options& options_;
  UniqueFd source_, sink_;
  Judge judge_;
};

nlohmann::json Percentiles(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const auto at = [&](double share) {
    return values[static_cast<size_t>(share *
                                      static_cast<double>(values.size() - 1))];
  };
  return {{"p50", at(.5)}, {"p99", at(.99)}, {"p99.9", at(.999)}};
}

absl::StatusOr<nlohmann::json> Measure(const Options& options) {
  RETURN_IF_ERROR(PinToCpu(options.cpu));
  ASSIGN_OR_RETURN(UniqueFd source,
                   OpenSocket(options.source_netns, options.source_device, 0));
  ASSIGN_OR_RETURN(UniqueFd sink, OpenSocket(options.sink_netns,
                                             options.sink_device, ETH_P_ALL));
  Wire wire(options, std::move(source), std::move(sink));
  std::vector<double> first, later, added;  // microseconds, by flow
  for (uint32_t i = 0; i < options.scene.flows; ++i) {
    std::this_thread::sleep_for(std::chrono::duration<double>(options.gap));
    ASSIGN_OR_RETURN(const double new_flow, wire.Send(options.first + i));
    ASSIGN_OR_RETURN(const double known_flow, wire.Send(options.first + i));
    first.push_back(new_flow);
    later.push_back(known_flow);
    added.push_back(new_flow - known_flow);
  }
  return nlohmann::json{{"flows", options.scene.flows},
                        {"first", Percentiles(std::move(first))},
                        {"later", Percentiles(std::move(later))},
                        {"added", Percentiles(std::move(added))}};
}

int Main(int argc, char** argv) {
  Options options;
  CLI::App app("Latency of first packets of flows.", "perf_first_packet");
  app.add_option("--source-netns", options.source_netns);
  app.add_option("--source-dev", options.source_device)->required();
  app.add_option("--sink-netns", options.sink_netns);
  app.add_option("--sink-dev", options.sink_device)->required();
  app.add_option("--first", options.first, "Number of the first flow");
  app.add_option("--gap", options.gap, "Seconds between flows");
  app.add_option("--cpu", options.cpu, "To send and wait on");
  AddSceneFlags(app, options.scene);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e);
  }
  struct sigaction action = {};
  action.sa_handler = [](int) { interrupted = true; };
  for (const int number : {SIGINT, SIGTERM, SIGHUP})
    sigaction(number, &action, nullptr);
  const auto results = Measure(options);
  if (results.ok()) {
    std::printf("%s\n", results->dump().c_str());
    return 0;
  }
  std::fprintf(stderr, "perf_first_packet: %s\n",
               std::string(results.status().message()).c_str());
  return 1;
}

}  // namespace
}  // namespace rampart::perf

int main(int argc, char** argv) { return rampart::perf::Main(argc, argv); }

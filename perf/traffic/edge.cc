// SPDX-License-Identifier: Apache-2.0
// perf_edge: the real data plane as a device under test, with its tables
// filled in and no controller. Takes the flags that perf_load is given, prints
// one JSON object when it is ready, serves until stdin closes or a signal
// comes, and removes everything.
#include <net/if.h>
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>

#include "controller/base/status.h"
#include "controller/dataplane/data_plane.h"
#include "perf/traffic/netns.h"
#include "perf/traffic/tables.h"

namespace rampart::perf {
namespace {

struct Options {
  DataPlane::Options data_plane;
  Scene scene;
  std::string netns;
  std::string device_in, device_out;
  bool access_in = false, access_out = false;
};

void OnSignal(int) {}

void WaitForEnd() {
  char byte;
  while (read(STDIN_FILENO, &byte, 1) > 0) {
  }
}

absl::StatusOr<uint32_t> AttachTo(DataPlane& data_plane,
                                  const std::string& device, bool access,
                                  uint32_t tunnel, uint32_t realm,
                                  const Mac& mac) {
  ASSIGN_OR_RETURN(const uint32_t index, DeviceIndex(device));
  DeviceConfig config;
  config.name = device;
  config.role = access ? DeviceRole::kAccess : DeviceRole::kUplink;
  config.mode = XdpMode::kNative;
  rp_device entry = {};
  entry.ifindex = index;
  entry.tunnel = access ? tunnel : 0;
  entry.realm = access ? realm : 0;
  entry.link_header_len = RP_DEVICE_LEN_L2;
  std::copy(mac.begin(), mac.end(), entry.mac);
  ASSIGN_OR_RETURN(const AttachedDevice attached,
                   data_plane.Attach(config, entry));
  return attached.slot;
}

absl::Status Serve(const Options& options) {
  const Scene& scene = options.scene;
  ASSIGN_OR_RETURN(const auto data_plane, DataPlane::Open(options.data_plane));
  Ways ways = {.access_out = options.access_out};
  ASSIGN_OR_RETURN(ways.slot_in,
                   AttachTo(*data_plane, options.device_in, options.access_in,
                            kTunnelIn, scene.in.vni, scene.in.mac_to));
  ASSIGN_OR_RETURN(ways.slot_out,
                   AttachTo(*data_plane, options.device_out, options.access_out,
                            kTunnelOut, scene.in.vni, scene.out.mac_from));
  RETURN_IF_ERROR(WriteTables(data_plane->maps(), scene, ways));
  const auto start = std::chrono::steady_clock::now();
  RETURN_IF_ERROR(WriteFlows(data_plane->maps(), scene, ways));
  const std::chrono::duration<double> took =
      std::chrono::steady_clock::now() - start;
  const nlohmann::json ready = {{"ready", true},
                                {"flows", scene.flows},
                                {"capacity", options.data_plane.flow_capacity},
                                {"seconds_to_install", took.count()}};
  std::printf("%s\n", ready.dump().c_str());
  std::fflush(stdout);
  WaitForEnd();
  return absl::OkStatus();
}

absl::Status ServeAndRemove(const Options& options) {
  RETURN_IF_ERROR(EnterNetns(options.netns));
  absl::Status status = Serve(options);
  status.Update(
      DetachAll(options.data_plane.bpffs, options.data_plane.edge).status());
  return status;
}

int Main(int argc, char** argv) {
  Options options;
  CLI::App app("The real data plane with its tables filled in.", "perf_edge");
  app.add_option("--edge", options.data_plane.edge, "Name for its pins")
      ->required();
  app.add_option("--bpffs", options.data_plane.bpffs);
  app.add_option("--capacity", options.data_plane.flow_capacity,
                 "Directed entries per family");
  app.add_option("--netns", options.netns, "Namespace of the devices");
  app.add_option("--device-in", options.device_in)->required();
  app.add_option("--device-out", options.device_out)->required();
  app.add_flag("--access-in", options.access_in,
               "Packets come on from a tenant's own network");
  app.add_flag("--access-out", options.access_out, "They leave to one");
  AddSceneFlags(app, options.scene);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e);
  }
  struct sigaction action = {};  // without SA_RESTART: read() ends
  action.sa_handler = OnSignal;
  for (const int number : {SIGINT, SIGTERM, SIGHUP})
    sigaction(number, &action, nullptr);
  const absl::Status status = ServeAndRemove(options);
  if (status.ok()) return 0;
  std::fprintf(stderr, "perf_edge: %s\n",
               std::string(status.message()).c_str());
  return 1;
}

}  // namespace
}  // namespace rampart::perf

int main(int argc, char** argv) { return rampart::perf::Main(argc, argv); }

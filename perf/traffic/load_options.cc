// SPDX-License-Identifier: Apache-2.0
#include "perf/traffic/load_options.h"

#include <cstdio>
#include <map>
#include <string>

namespace rampart::perf {
namespace {

const std::map<std::string, perf_order> kOrders = {
    {"sequence", PERF_ORDER_SEQUENCE},
    {"random", PERF_ORDER_RANDOM},
    {"new", PERF_ORDER_NEW}};
const std::map<std::string, Middle> kMiddles = {{"none", Middle::kNone},
                                                {"redirect", Middle::kRedirect},
                                                {"touch", Middle::kTouch},
                                                {"reflect", Middle::kReflect}};

void AddPlaces(CLI::App& app, RigOptions& rig) {
  app.add_option("--source-netns", rig.source.netns, "Namespace to send from");
  app.add_option("--source-dev", rig.source.device,
                 "Device to send by; none: frames end where they are made");
  app.add_option("--sink-netns", rig.sink.netns, "Namespace of the sink");
  app.add_option("--sink-dev", rig.sink.device, "Device that frames end on");
  AddChoice<bool>(app, "--sink", rig.sink_tc, {{"xdp", false}, {"tc", true}},
                  "How they end");
  AddChoice(app, "--middle", rig.middle, kMiddles,
            "What perf_load attaches between source and sink");
  app.add_option("--middle-netns", rig.middle_in.netns, "Namespace of that");
  app.add_option("--middle-in", rig.middle_in.device, "Its device on the way");
  app.add_option("--middle-out", rig.middle_out, "Where it redirects to");
}

void AddTraffic(CLI::App& app, LoadOptions& options) {
  RigOptions& rig = options.rig;
  AddChoice(app, "--order", rig.order, kOrders, "Order of the flows");
  app.add_option("--first", rig.first, "Order new: number of the first flow");
  app.add_option("--cpus", rig.cpus, "CPUs to send on: 0,1")->delimiter(',');
  app.add_option("--rate", rig.rate, "Packets a second of each CPU");
  app.add_option("--warm-up", options.warm_up, "Seconds");
  app.add_flag("--all-flows", options.all_flows,
               "Warm up until each flow was sent");
  app.add_option("--seconds", options.seconds, "Window that is measured");
  app.add_option("--peers", options.peers,
                 "Peers at successive addresses that flows come from in turn; "
                 "gue-none over IPv4")
      ->check(CLI::Range(1, 64));
  app.add_option("--sample-every", rig.sample_every, "A power of two");
}

}  // namespace

std::optional<LoadOptions> ParseLoadOptions(int argc, char** argv,
                                            int& exit_code) {
  LoadOptions options;
  CLI::App app(
      "Sends packets through a device under test and counts those "
      "that arrive right.",
      "perf_load");
  AddPlaces(app, options.rig);
  AddSceneFlags(app, options.scene);
  AddTraffic(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    exit_code = app.exit(e);
    return std::nullopt;
  }
  const Leg& in = options.scene.in;
  if (options.peers > 1 && (in.wrap != Wrap::kGueNone || !in.from.is_v4())) {
    std::fprintf(stderr, "perf_load: --peers: gue-none over IPv4 only\n");
    exit_code = 2;
    return std::nullopt;
  }
  options.rig.flows = options.scene.flows;
  if (options.rig.cpus.empty()) options.rig.cpus = {0};
  return options;
}

}  // namespace rampart::perf

// SPDX-License-Identifier: Apache-2.0
#include "perf/traffic/load_options.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <map>

namespace rampart::perf {
namespace {

const std::map<std::string, Wrap> kWraps = {
    {"plain", Wrap::kPlain},      {"vxlan", Wrap::kVxlan},
    {"gue-none", Wrap::kGueNone}, {"gue-cookie", Wrap::kGueCookie},
    {"gue-mac", Wrap::kGueMac},   {"gue-gre-key", Wrap::kGueGreKey},
    {"gre", Wrap::kGre}};
const std::map<std::string, perf_order> kOrders = {
    {"sequence", PERF_ORDER_SEQUENCE},
    {"random", PERF_ORDER_RANDOM},
    {"new", PERF_ORDER_NEW}};
const std::map<std::string, Middle> kMiddles = {{"none", Middle::kNone},
                                                {"redirect", Middle::kRedirect},
                                                {"reflect", Middle::kReflect}};
const std::map<std::string, Nat::Kind> kNats = {
    {"none", Nat::Kind::kNone},
    {"numbered", Nat::Kind::kNumbered},
    {"any", Nat::Kind::kAny}};

// Text as the command line gives it; addresses and MACs are read at the end.
struct Texts {
  int family = 4, outer_family = 4;
  std::string source_mac, destination_mac, out_source_mac, out_destination_mac;
  std::string outer_source, outer_destination, out_source, out_destination;
  std::string inner_source, inner_destination, nat_first;
  bool sink_tc = false;
};

std::optional<Mac> ParseMac(const std::string& text, const Mac& otherwise) {
  if (text.empty()) return otherwise;
  unsigned b[6];
  int end = 0;
  if (std::sscanf(text.c_str(), "%2x:%2x:%2x:%2x:%2x:%2x%n", &b[0], &b[1],
                  &b[2], &b[3], &b[4], &b[5], &end) != 6 ||
      static_cast<size_t>(end) != text.size())
    return std::nullopt;
  Mac mac;
  for (size_t i = 0; i < mac.size(); ++i) mac[i] = static_cast<uint8_t>(b[i]);
  return mac;
}

Ip Address(const std::string& text, int family, const char* v4,
           const char* v6) {
  if (!text.empty()) return Ip(text);
  return Ip(family == 4 ? v4 : v6);
}

template <typename T>
void AddChoice(CLI::App& app, const std::string& flag, T& value,
               const std::map<std::string, T>& choices,
               const std::string& help) {
  app.add_option(flag, value, help)
      ->transform(CLI::CheckedTransformer(choices))
      ->option_text(CLI::detail::generate_map(choices, true));
}

void AddPlaces(CLI::App& app, RigOptions& rig, Texts& texts) {
  app.add_option("--source-netns", rig.source.netns, "Namespace to send from");
  app.add_option("--source-dev", rig.source.device,
                 "Device to send by; none: frames end where they are made");
  app.add_option("--sink-netns", rig.sink.netns, "Namespace of the sink");
  app.add_option("--sink-dev", rig.sink.device, "Device that frames end on");
  AddChoice<bool>(app, "--sink", texts.sink_tc, {{"xdp", false}, {"tc", true}},
                  "How they end");
  AddChoice(app, "--middle", rig.middle, kMiddles,
            "What perf_load attaches between source and sink");
  app.add_option("--middle-netns", rig.middle_in.netns, "Namespace of that");
  app.add_option("--middle-in", rig.middle_in.device, "Its device on the way");
  app.add_option("--middle-out", rig.middle_out, "Where it redirects to");
}

void AddFrames(CLI::App& app, LoadOptions& options, Texts& texts) {
  AddChoice(app, "--encap", options.in.wrap, kWraps, "How it is sent");
  AddChoice(app, "--out", options.out.wrap, kWraps, "How it must arrive");
  app.add_flag("--same", options.same, "It must arrive as it was sent");
  app.add_option("--family", texts.family)->check(CLI::IsMember({4, 6}));
  app.add_option("--outer-family", texts.outer_family)
      ->check(CLI::IsMember({4, 6}));
  app.add_option("--size", options.inner.size, "Bytes of the inner IP packet")
      ->check(CLI::Range(60, 1460));
  app.add_option("--vni", options.in.vni);
  app.add_option("--hops", options.hops, "How often the TTL is lowered");
  AddChoice(app, "--nat", options.nat.kind, kNats,
            "Whether sources are translated, and to what");
  app.add_option("--nat-first", texts.nat_first, "First address of the pool");
  app.add_option("--nat-addresses", options.nat.addresses, "Size of the pool");
  app.add_option("--source-mac", texts.source_mac);
  app.add_option("--destination-mac", texts.destination_mac);
  app.add_option("--out-source-mac", texts.out_source_mac);
  app.add_option("--out-destination-mac", texts.out_destination_mac);
  app.add_option("--outer-source", texts.outer_source);
  app.add_option("--outer-destination", texts.outer_destination);
  app.add_option("--out-source", texts.out_source);
  app.add_option("--out-destination", texts.out_destination);
  app.add_option("--inner-source", texts.inner_source, "Address of host 0");
  app.add_option("--inner-destination", texts.inner_destination);
  app.add_option("--destination-port", options.inner.port);
}

void AddTraffic(CLI::App& app, LoadOptions& options) {
  RigOptions& rig = options.rig;
  app.add_option("--flows", rig.flows)->check(CLI::Range(1, 1 << 24));
  AddChoice(app, "--order", rig.order, kOrders, "Order of the flows");
  app.add_option("--first", rig.first, "Order new: number of the first flow");
  app.add_option("--cpus", rig.cpus, "CPUs to send on: 0,1")->delimiter(',');
  app.add_option("--rate", rig.rate, "Packets a second of each CPU");
  app.add_option("--warm-up", options.warm_up,
                 "Seconds; goes on until every flow was sent once");
  app.add_option("--seconds", options.seconds, "Window that is measured");
  app.add_option("--sample-every", rig.sample_every, "A power of two");
}

// Fills in what texts say. False: a MAC address is none.
bool Resolve(const Texts& texts, LoadOptions& options) {
  const auto source = ParseMac(texts.source_mac, kPeerMac);
  const auto destination = ParseMac(texts.destination_mac, kDeviceMac);
  const auto out_source = ParseMac(texts.out_source_mac, kDeviceMac);
  const auto out_destination = ParseMac(texts.out_destination_mac, kPeerMac);
  if (!source || !destination || !out_source || !out_destination) return false;
  const int outer = texts.outer_family;
  Leg& in = options.in;
  in.mac_from = *source, in.mac_to = *destination;
  in.inner_mac_from = kVxlanPeerMac, in.inner_mac_to = kVxlanDeviceMac;
  in.from = Address(texts.outer_source, outer, "192.0.2.10", "2001:db8::10");
  in.to = Address(texts.outer_destination, outer, "192.0.2.1", "2001:db8::1");
  Leg& out = options.out;
  out.vni = in.vni;
  out.mac_from = *out_source, out.mac_to = *out_destination;
  out.inner_mac_from = kVxlanDeviceMac, out.inner_mac_to = kVxlanPeerMac;
  out.from = Address(texts.out_source, outer, "192.0.2.1", "2001:db8::1");
  out.to = Address(texts.out_destination, outer, "192.0.2.20", "2001:db8::20");
  const int family = texts.family;
  Inner& inner = options.inner;
  inner.source = Address(texts.inner_source, family, "10.64.0.0", "fd00:64::");
  inner.destination = Address(texts.inner_destination, family, "198.51.100.10",
                              "2001:db8:100::10");
  options.nat.first =
      Address(texts.nat_first, family, "198.18.1.0", "2001:2:0:1::");
  return true;
}

}  // namespace

Judge LoadOptions::MakeJudge() const {
  if (same) return Judge(in, inner, {});
  Inner forwarded = inner;
  forwarded.ttl = static_cast<uint8_t>(inner.ttl - hops);
  return Judge(out, forwarded, nat);
}

std::optional<LoadOptions> ParseLoadOptions(int argc, char** argv,
                                            int& exit_code) {
  LoadOptions options;
  Texts texts;
  CLI::App app(
      "Sends packets through a device under test and counts those "
      "that arrive right.",
      "perf_load");
  AddPlaces(app, options.rig, texts);
  AddFrames(app, options, texts);
  AddTraffic(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    exit_code = app.exit(e);
    return std::nullopt;
  }
  options.rig.sink_tc = texts.sink_tc;
  if (options.rig.cpus.empty()) options.rig.cpus = {0};
  if (Resolve(texts, options)) return options;
  std::fprintf(stderr,
               "perf_load: a MAC address is written 02:00:00:00:0e:01\n");
  exit_code = 2;
  return std::nullopt;
}

}  // namespace rampart::perf

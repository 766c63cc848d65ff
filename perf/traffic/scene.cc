// SPDX-License-Identifier: Apache-2.0
#include "perf/traffic/scene.h"

#include <arpa/inet.h>

#include <cstdio>

namespace rampart::perf {
namespace {

const std::map<std::string, Wrap> kWraps = {
    {"plain", Wrap::kPlain},      {"vxlan", Wrap::kVxlan},
    {"gue-none", Wrap::kGueNone}, {"gue-cookie", Wrap::kGueCookie},
    {"gue-mac", Wrap::kGueMac},   {"gue-gre-key", Wrap::kGueGreKey},
    {"gre", Wrap::kGre}};
const std::map<std::string, Nat::Kind> kNats = {
    {"none", Nat::Kind::kNone},
    {"numbered", Nat::Kind::kNumbered},
    {"any", Nat::Kind::kAny}};

// Text as the command line gives it; what it stands for depends on families.
struct Texts {
  int family = 4, outer_family = 4;
  std::string source_mac, destination_mac, out_source_mac, out_destination_mac;
  std::string outer_source, outer_destination, out_source, out_destination;
  std::string inner_source, inner_destination, nat_first;
};

bool ParseMac(const std::string& text, Mac& mac) {
  unsigned b[6];
  int end = 0;
  if (std::sscanf(text.c_str(), "%2x:%2x:%2x:%2x:%2x:%2x%n", &b[0], &b[1],
                  &b[2], &b[3], &b[4], &b[5], &end) != 6 ||
      static_cast<size_t>(end) != text.size())
    return false;
  for (size_t i = 0; i < mac.size(); ++i) mac[i] = static_cast<uint8_t>(b[i]);
  return true;
}

const CLI::Validator kMac(
    [](std::string& text) {
      Mac mac;
      return ParseMac(text, mac) ? "" : "a MAC is written 02:00:00:00:0e:01";
    },
    "MAC");
const CLI::Validator kAddress(
    [](std::string& text) {
      uint8_t bytes[16];
      return inet_pton(AF_INET, text.c_str(), bytes) == 1 ||
                     inet_pton(AF_INET6, text.c_str(), bytes) == 1
                 ? ""
                 : "neither an IPv4 nor an IPv6 address";
    },
    "ADDRESS");

Mac MacOr(const std::string& text, Mac otherwise) {
  if (!text.empty()) ParseMac(text, otherwise);
  return otherwise;
}

Ip AddressOr(const std::string& text, int family, const char* v4,
             const char* v6) {
  if (!text.empty()) return Ip(text);
  return Ip(family == 4 ? v4 : v6);
}

void AddAddresses(CLI::App& app, Texts& texts) {
  app.add_option("--source-mac", texts.source_mac)->check(kMac);
  app.add_option("--destination-mac", texts.destination_mac)->check(kMac);
  app.add_option("--out-source-mac", texts.out_source_mac)->check(kMac);
  app.add_option("--out-destination-mac", texts.out_destination_mac)
      ->check(kMac);
  app.add_option("--outer-source", texts.outer_source, "The peer")
      ->check(kAddress);
  app.add_option("--outer-destination", texts.outer_destination, "The edge")
      ->check(kAddress);
  app.add_option("--out-source", texts.out_source, "The edge, as it sends")
      ->check(kAddress);
  app.add_option("--out-destination", texts.out_destination, "The next peer")
      ->check(kAddress);
  app.add_option("--inner-source", texts.inner_source, "Address of host 0")
      ->check(kAddress);
  app.add_option("--inner-destination", texts.inner_destination)
      ->check(kAddress);
  app.add_option("--nat-first", texts.nat_first, "First address of the pool")
      ->check(kAddress);
}

void Resolve(const Texts& texts, Scene& scene) {
  const int outer = texts.outer_family;
  Leg& in = scene.in;
  in.mac_from = MacOr(texts.source_mac, kPeerMac);
  in.mac_to = MacOr(texts.destination_mac, kDeviceMac);
  in.inner_mac_from = kVxlanPeerMac;
  in.inner_mac_to = kVxlanDeviceMac;
  in.from = AddressOr(texts.outer_source, outer, "192.0.2.10", "2001:db8::10");
  in.to = AddressOr(texts.outer_destination, outer, "192.0.2.1", "2001:db8::1");
  Leg& out = scene.out;
  out.vni = in.vni;
  out.mac_from = MacOr(texts.out_source_mac, kDeviceMac);
  out.mac_to = MacOr(texts.out_destination_mac, kPeerMac);
  out.inner_mac_from = kVxlanDeviceMac;
  out.inner_mac_to = kVxlanPeerMac;
  out.from = AddressOr(texts.out_source, outer, "192.0.2.1", "2001:db8::1");
  out.to =
      AddressOr(texts.out_destination, outer, "192.0.2.20", "2001:db8::20");
  const int family = texts.family;
  scene.inner.source =
      AddressOr(texts.inner_source, family, "10.64.0.0", "fd00:64::");
  scene.inner.destination = AddressOr(texts.inner_destination, family,
                                      "198.51.100.10", "2001:db8:100::10");
  // RFC 2544 and RFC 5180: addresses for benchmarks.
  scene.nat.first =
      AddressOr(texts.nat_first, family, "198.18.1.0", "2001:2:0:1::");
}

}  // namespace

Judge Scene::MakeJudge() const {
  if (same) return Judge(in, inner, {});
  Inner forwarded = inner;
  forwarded.ttl = static_cast<uint8_t>(inner.ttl - hops);
  return Judge(out, forwarded, nat);
}

void AddSceneFlags(CLI::App& app, Scene& scene) {
  const auto texts = std::make_shared<Texts>();
  AddChoice(app, "--encap", scene.in.wrap, kWraps, "How it is sent");
  AddChoice(app, "--out", scene.out.wrap, kWraps, "How it must arrive");
  app.add_flag("--same", scene.same, "It must arrive as it was sent");
  app.add_option("--family", texts->family, "Of the inner packet")
      ->check(CLI::IsMember({4, 6}));
  app.add_option("--outer-family", texts->outer_family)
      ->check(CLI::IsMember({4, 6}));
  app.add_option("--size", scene.inner.size, "Bytes of the inner IP packet")
      ->check(CLI::Range(60, 1460));
  app.add_option("--flows", scene.flows)->check(CLI::Range(1, 1 << 24));
  app.add_option("--destination-port", scene.inner.port);
  app.add_option("--vni", scene.in.vni);
  app.add_option("--hops", scene.hops, "How often the TTL is lowered");
  AddChoice(app, "--nat", scene.nat.kind, kNats,
            "Whether sources are translated, and to what");
  app.add_option("--nat-addresses", scene.nat.addresses, "Size of the pool");
  AddAddresses(app, *texts);
  app.callback([texts, &scene] { Resolve(*texts, scene); });
}

}  // namespace rampart::perf

// SPDX-License-Identifier: Apache-2.0
// Random rules and flows of few values, so that they meet often.
#ifndef RAMPART_TESTS_CONTROLLER_POLICY_RANDOM_POLICY_H_
#define RAMPART_TESTS_CONTROLLER_POLICY_RANDOM_POLICY_H_

#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "controller/model/resources.h"
#include "tests/oracle/policy_oracle.h"

namespace rampart {

// Vnets, tunnels, identities and groups are called n0, n1, n2.
class RandomPolicy {
 public:
  // more: with groups, identities, ICMP types, times and context.
  explicit RandomPolicy(uint32_t seed, bool more = false)
      : random_(seed), more_(more) {}

  PolicyMatch Match() {
    PolicyMatch match;
    if (One(4)) match.vnet = Name();
    if (One(4)) match.tunnel = Name();
    if (One(3)) match.protocol = Protocol();
    if (One(3)) match.sources = Prefixes();
    if (One(3)) match.destinations = Prefixes();
    if (One(5)) match.source_ports = Ports();
    if (One(3)) match.destination_ports = Ports();
    if (!more_) return match;
    if (One(6)) match.source_groups = {Name()};
    if (One(6)) match.destination_groups = {Name()};
    if (One(6)) match.identities = {Name(), Name()};
    if (One(6)) match.identity_groups = {Name()};
    if (One(8)) match.icmp_types = {IcmpType(), IcmpType()};
    if (One(6)) match.times = {Window(), Window()};
    if (One(6)) match.context = Context();
    return match;
  }
  std::vector<Group> Groups() {
    std::vector<Group> groups;
    for (const char* name : {"n0", "n1", "n2"})
      groups.push_back({.name = name,
                        .prefixes = Prefixes(),
                        .identities = {Name(), Name()}});
    return groups;
  }
  oracle::PolicyFlow Flow() {
    const bool v4 = One(2);
    return {.vnet = Name(),
            .tunnel = Name(),
            .protocol = Protocol(),
            .source = Address(v4),
            .destination = Address(v4),
            .source_port = Port(),
            .destination_port = Port(),
            .identity = One(4) ? "" : Name(),
            .icmp_type = IcmpType(),
            .context = Context(),
            .day = static_cast<int>(random_() % 7),
            .minute = static_cast<int>(random_() % 8) * 180};
  }

 private:
  bool One(uint32_t in) { return random_() % in == 0; }
  std::string Name() { return absl::StrCat("n", random_() % 3); }
  uint8_t Protocol() {
    constexpr uint8_t kProtocols[] = {1, 6, 17, 47, 58};
    return kProtocols[random_() % std::size(kProtocols)];
  }
  uint16_t Port() { return random_() % 12; }
  uint8_t IcmpType() {
    constexpr uint8_t kTypes[] = {0, 8, 128, 129};
    return kTypes[random_() % std::size(kTypes)];
  }
  TimeWindow Window() {
    TimeWindow window;
    window.days = random_() % 127 + 1;
    window.from = random_() % 8 * 180;
    window.to = (window.from + (random_() % 7 + 1) * 180) % (24 * 60);
    if (window.to == 0) window.to = 24 * 60;
    return window;
  }
  Labels Context() {
    Labels labels = {{"site", Name()}};
    if (One(2)) labels.emplace_back("tag", Name());
    return labels;
  }
  IpAddress Address(bool v4) {
    uint8_t bytes[16] = {};
    for (uint8_t& byte : bytes) byte = One(2) ? 0x80 : 0;
    uint32_t word;
    std::memcpy(&word, bytes, sizeof(word));
    return v4 ? IpAddress::V4(word) : IpAddress::V6(bytes);
  }
  std::vector<Prefix> Prefixes() {
    std::vector<Prefix> prefixes;
    for (uint32_t i = random_() % 3 + 1; i > 0; --i)
      prefixes.emplace_back(Address(One(2)), random_() % 20);
    return prefixes;
  }
  std::vector<PortRange> Ports() {
    std::vector<PortRange> ports;
    for (uint32_t i = random_() % 2 + 1; i > 0; --i) {
      const uint16_t first = Port();
      ports.push_back({first, static_cast<uint16_t>(first + random_() % 4)});
    }
    return ports;
  }

  std::mt19937 random_;
  const bool more_;
};

}  // namespace rampart

#endif  // RAMPART_TESTS_CONTROLLER_POLICY_RANDOM_POLICY_H_

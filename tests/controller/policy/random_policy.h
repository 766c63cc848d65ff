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

// Vnets and tunnels are called n0, n1, n2.
class RandomPolicy {
 public:
  explicit RandomPolicy(uint32_t seed) : random_(seed) {}

  PolicyMatch Match() {
    PolicyMatch match;
    if (One(4)) match.vnet = Name();
    if (One(4)) match.tunnel = Name();
    if (One(3)) match.protocol = Protocol();
    if (One(3)) match.sources = Prefixes();
    if (One(3)) match.destinations = Prefixes();
    if (One(5)) match.source_ports = Ports();
    if (One(3)) match.destination_ports = Ports();
    return match;
  }
  oracle::PolicyFlow Flow() {
    const bool v4 = One(2);
    return {.vnet = Name(),
            .tunnel = Name(),
            .protocol = Protocol(),
            .source = Address(v4),
            .destination = Address(v4),
            .source_port = Port(),
            .destination_port = Port()};
  }

 private:
  bool One(uint32_t in) { return random_() % in == 0; }
  std::string Name() { return absl::StrCat("n", random_() % 3); }
  uint8_t Protocol() {
    constexpr uint8_t kProtocols[] = {1, 6, 17, 47, 58};
    return kProtocols[random_() % std::size(kProtocols)];
  }
  uint16_t Port() { return random_() % 12; }
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
};

}  // namespace rampart

#endif  // RAMPART_TESTS_CONTROLLER_POLICY_RANDOM_POLICY_H_

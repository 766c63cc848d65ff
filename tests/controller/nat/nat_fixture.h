// SPDX-License-Identifier: Apache-2.0
// Pools, subscribers and remotes by number, in both families.
#ifndef RAMPART_TESTS_CONTROLLER_NAT_NAT_FIXTURE_H_
#define RAMPART_TESTS_CONTROLLER_NAT_NAT_FIXTURE_H_

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "controller/base/clock.h"
#include "controller/nat/allocator.h"

namespace rampart {

inline constexpr uint8_t kTcpProtocol = 6;
inline constexpr uint8_t kUdpProtocol = 17;
inline constexpr uint8_t kIcmpProtocol = 1;
inline constexpr uint8_t kGreProtocol = 47;

inline IpAddress Ip(std::string_view text) {
  return IpAddress::Parse(text).value();
}

class FakeClock final : public Clock {
 public:
  uint32_t Tick() const override { return tick; }
  absl::Time Now() const override { return absl::UnixEpoch(); }
  void Advance(absl::Duration duration) { tick += ToTicks(duration); }
  uint32_t tick = UINT32_MAX - 100;  // about to wrap
};

// Every test runs with both families.
class NatTest : public ::testing::TestWithParam<Family> {
 protected:
  static IpAddress Address(std::string_view v4, std::string_view v6, int n) {
    return Ip(GetParam() == Family::kV4
                  ? absl::StrCat(std::string(v4), n)
                  : absl::StrCat(std::string(v6), absl::Hex(n)));
  }
  static IpAddress Inside(int n) { return Address("10.1.0.", "fd00:1::", n); }
  static IpAddress Outside(int n) {
    return Address("198.51.100.", "2001:db8:64::", n);
  }
  static IpAddress Remote(int n) {
    return Address("203.0.113.", "2001:db8:71::", n);
  }

  // Without quota and rest, so that a test sees what it is about.
  static NatPoolConfig Pool(int addresses, PortRange ports, uint16_t block) {
    NatPoolConfig pool;
    pool.name = "default";
    for (int i = 1; i <= addresses; ++i) pool.addresses.push_back(Outside(i));
    pool.ports = ports;
    pool.block_size = block;
    pool.blocks_per_subscriber = 0;
    pool.rest = absl::ZeroDuration();
    return pool;
  }
  static NatAllocator::Request Ask(int host, uint16_t port,
                                   uint8_t protocol = kTcpProtocol,
                                   uint32_t realm = 1001) {
    return {.pool = "default",
            .subscriber = {realm, Inside(host)},
            .protocol = protocol,
            .inside_port = port,
            .remote = {Remote(1), 443}};
  }

  NatAllocator Make(std::vector<NatPoolConfig> pools) {
    return NatAllocator(std::move(pools), clock_, [this](uint32_t bound) {
      return std::uniform_int_distribution<uint32_t>(0, bound - 1)(random_);
    });
  }

  FakeClock clock_;
  std::mt19937 random_{20260101};
};

#define RP_BOTH_FAMILIES(Test)                                         \
  INSTANTIATE_TEST_SUITE_P(                                            \
      BothFamilies, Test, ::testing::Values(Family::kV4, Family::kV6), \
      [](const auto& i) { return i.param == Family::kV4 ? "IPv4" : "IPv6"; })

inline int CountSessions(const NatAllocator& nat) {
  int count = 0;
  nat.ForEach([&](const NatSession&) { ++count; });
  return count;
}

}  // namespace rampart

#endif  // RAMPART_TESTS_CONTROLLER_NAT_NAT_FIXTURE_H_

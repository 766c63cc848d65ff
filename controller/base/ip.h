// SPDX-License-Identifier: Apache-2.0
// Addresses and prefixes as values. Bytes are in network order.
#ifndef RAMPART_CONTROLLER_BASE_IP_H_
#define RAMPART_CONTROLLER_BASE_IP_H_

#include <endian.h>

#include <algorithm>
#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "controller/base/status.h"

namespace rampart {

enum class Family : uint8_t { kV4 = 4, kV6 = 6 };

// An IPv4 or IPv6 address. The default is 0.0.0.0.
class IpAddress {
 public:
  IpAddress() = default;

  static IpAddress V4(uint32_t network_order) {
    IpAddress result;
    std::memcpy(result.bytes_.data(), &network_order, 4);
    return result;
  }
  static IpAddress V6(const uint8_t (&bytes)[16]) {
    IpAddress result;
    result.family_ = Family::kV6;
    std::memcpy(result.bytes_.data(), bytes, 16);
    return result;
  }
  // From 16 bytes as in maps/: IPv6, or IPv4 as ::ffff:a.b.c.d.
  static IpAddress FromMapped(const uint8_t (&bytes)[16]);
  // Errors: InvalidArgument that quotes `text`. Accepts no zone, no port, no
  // IPv4 shorthand ("10.1"), no IPv4-mapped address: 16 bytes in maps/ say IPv4
  // that way.
  static absl::StatusOr<IpAddress> Parse(std::string_view text);

  Family family() const { return family_; }
  bool is_v4() const { return family_ == Family::kV4; }
  int bits() const { return is_v4() ? 32 : 128; }
  // IPv4 only: as in a packet.
  uint32_t v4() const {
    RP_CHECK(is_v4());
    uint32_t result;
    std::memcpy(&result, bytes_.data(), 4);
    return result;
  }
  // 4 or 16 bytes.
  std::string_view bytes() const;
  // 16 bytes as in maps/.
  void ToMapped(uint8_t (&out)[16]) const;
  // IPv6 only: as in a packet.
  void ToV6(uint8_t (&out)[16]) const { std::memcpy(out, bytes_.data(), 16); }

  // Clears the bits behind `length`, 0 to bits().
  IpAddress Masked(int length) const;

  bool IsUnspecified() const;
  bool IsLoopback() const;
  bool IsMulticast() const;
  bool IsLinkLocal() const;
  // Never a valid source or destination of forwarded unicast (RFC 1122 section
  // 3.2.1.3, RFC 3927 section 2.7, RFC 4291 section 2.5): unspecified, 0/8,
  // loopback, link-local, multicast, 240/4 and limited broadcast, IPv4-mapped.
  // The data plane judges alike.
  bool IsMartian() const;

  std::string ToString() const;

  friend bool operator==(const IpAddress& a, const IpAddress& b) {
    return a.family_ == b.family_ && a.Half(0) == b.Half(0) &&
           a.Half(1) == b.Half(1);
  }
  friend auto operator<=>(const IpAddress&, const IpAddress&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const IpAddress& a) {
    return H::combine(std::move(h), a.family_, a.Half(0), a.Half(1));
  }

 private:
  uint64_t Half(int which) const {
    uint64_t half;
    std::memcpy(&half, bytes_.data() + 8 * which, sizeof(half));
    return half;
  }

  Family family_ = Family::kV4;
  std::array<uint8_t, 16> bytes_ = {};  // IPv4: the first 4, the rest zero
};

// A CIDR prefix; the bits behind `length` are zero.
class Prefix {
 public:
  Prefix() = default;
  // Clears the bits behind `length`, 0 to address.bits().
  Prefix(const IpAddress& address, int length)
      : address_(address.Masked(length)), length_(length) {}
  // "10.1.0.0/16"; a bare address is a host prefix. Errors: InvalidArgument
  // that quotes `text` and says what would be right, also when bits behind the
  // length are set ("10.1.2.3/16": 10.1.0.0/16 or 10.1.2.3/32).
  static absl::StatusOr<Prefix> Parse(std::string_view text);

  const IpAddress& address() const { return address_; }
  int length() const { return length_; }
  Family family() const { return address_.family(); }
  bool Contains(const IpAddress& address) const {
    return address.family() == family() && address.Masked(length_) == address_;
  }
  bool Contains(const Prefix& other) const;
  bool Overlaps(const Prefix& other) const;
  std::string ToString() const;

  friend bool operator==(const Prefix&, const Prefix&) = default;
  friend auto operator<=>(const Prefix&, const Prefix&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const Prefix& p) {
    return H::combine(std::move(h), p.address_, p.length_);
  }

 private:
  IpAddress address_;
  int length_ = 0;
};

inline IpAddress IpAddress::Masked(int length) const {
  RP_CHECK(length >= 0 && length <= bits());
  IpAddress result = *this;
  for (int half = 0; half < 2; ++half) {
    const int kept = std::clamp(length - 64 * half, 0, 64);
    const uint64_t mask = kept == 0 ? 0 : htobe64(~uint64_t{0} << (64 - kept));
    const uint64_t masked = Half(half) & mask;
    std::memcpy(result.bytes_.data() + 8 * half, &masked, sizeof(masked));
  }
  return result;
}

using MacAddress = std::array<uint8_t, 6>;

// "02:00:00:00:00:01".
std::string MacToString(const MacAddress& mac);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_BASE_IP_H_

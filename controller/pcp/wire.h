// SPDX-License-Identifier: Apache-2.0
// Numbers in network order, as PCP and NAT-PMP have them.
#ifndef RAMPART_CONTROLLER_PCP_WIRE_H_
#define RAMPART_CONTROLLER_PCP_WIRE_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "controller/base/ip.h"

namespace rampart {

// The caller has checked that the bytes are there.
inline uint16_t Read16(absl::Span<const uint8_t> bytes, size_t at) {
  return static_cast<uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}
inline uint32_t Read32(absl::Span<const uint8_t> bytes, size_t at) {
  return uint32_t{Read16(bytes, at)} << 16 | Read16(bytes, at + 2);
}
// 16 bytes: IPv6, or IPv4 as ::ffff:a.b.c.d.
inline IpAddress ReadAddress(absl::Span<const uint8_t> bytes, size_t at) {
  uint8_t mapped[16];
  for (size_t i = 0; i < sizeof(mapped); ++i) mapped[i] = bytes[at + i];
  return IpAddress::FromMapped(mapped);
}

inline void Add16(std::vector<uint8_t>& out, uint16_t value) {
  out.push_back(static_cast<uint8_t>(value >> 8));
  out.push_back(static_cast<uint8_t>(value));
}
inline void Add32(std::vector<uint8_t>& out, uint32_t value) {
  Add16(out, static_cast<uint16_t>(value >> 16));
  Add16(out, static_cast<uint16_t>(value));
}
inline void AddAddress(std::vector<uint8_t>& out, const IpAddress& address) {
  uint8_t mapped[16];
  address.ToMapped(mapped);
  out.insert(out.end(), mapped, mapped + sizeof(mapped));
}

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_PCP_WIRE_H_

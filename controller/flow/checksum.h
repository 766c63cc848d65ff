// SPDX-License-Identifier: Apache-2.0
// Internet checksums (RFC 1071, RFC 1624). All sums are over 16-bit words as
// they lie in memory, so nothing here cares about byte order.
#ifndef RAMPART_CONTROLLER_FLOW_CHECKSUM_H_
#define RAMPART_CONTROLLER_FLOW_CHECKSUM_H_

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "absl/types/span.h"

namespace rampart {

// Ones' complement sum in 16 bits.
inline uint16_t FoldSum(uint64_t sum) {
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(sum);
}

// Sum of `bytes`, an odd last byte padded with zero.
inline uint64_t SumBytes(absl::Span<const uint8_t> bytes) {
  uint64_t sum = 0;
  for (size_t i = 0; i < bytes.size(); i += 2) {
    uint16_t word = 0;
    std::memcpy(&word, bytes.data() + i, i + 1 < bytes.size() ? 2 : 1);
    sum += word;
  }
  return sum;
}

// RFC 1624 section 3: what to add to ~checksum when bytes of even length
// change from `from` to `to`. Both of the same size.
inline uint64_t SumChange(absl::Span<const uint8_t> from,
                          absl::Span<const uint8_t> to) {
  return SumBytes(to) + (from.size() / 2) * uint64_t{0xffff} - SumBytes(from);
}

// Folds a change to 16 bits. Zero has two forms in ones' complement; 0 is
// returned for both, because adding 0xffff would turn a checksum of 0xffff
// into 0, which means "none" in UDP.
inline uint16_t FoldChange(uint64_t change) {
  const uint16_t folded = FoldSum(change);
  return folded == 0xffff ? 0 : folded;
}

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_FLOW_CHECKSUM_H_

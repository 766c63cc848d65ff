// SPDX-License-Identifier: Apache-2.0
// SipHash-2-4, byte by byte as the paper describes it (Aumasson and Bernstein,
// INDOCRYPT 2012, section 2). Slow and obvious.
#ifndef RAMPART_TESTS_TESTING_SIPHASH_H_
#define RAMPART_TESTS_TESTING_SIPHASH_H_

#include <array>
#include <cstdint>

#include "tests/testing/bytes.h"

namespace rampart::testing {

using SipKey = std::array<uint8_t, 16>;

// The result as a number; its bytes go on the wire least significant first.
uint64_t SipHash24(const SipKey& key, const Bytes& message);

// Eight bytes read as the paper reads words: least significant first.
uint64_t LittleEndian64(const uint8_t* bytes);

}  // namespace rampart::testing

#endif  // RAMPART_TESTS_TESTING_SIPHASH_H_

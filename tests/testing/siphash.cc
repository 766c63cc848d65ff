// SPDX-License-Identifier: Apache-2.0
// SipHash-2-4, byte by byte as the paper describes it.
#include "tests/testing/siphash.h"

#include <bit>

namespace rampart::testing {
namespace {

struct State {
  uint64_t v0, v1, v2, v3;

  void Round() {
    v0 += v1;
    v2 += v3;
    v1 = std::rotl(v1, 13) ^ v0;
    v3 = std::rotl(v3, 16) ^ v2;
    v0 = std::rotl(v0, 32);
    v2 += v1;
    v0 += v3;
    v1 = std::rotl(v1, 17) ^ v2;
    v3 = std::rotl(v3, 21) ^ v0;
    v2 = std::rotl(v2, 32);
  }

  void Compress(uint64_t word) {
    v3 ^= word;
    Round();
    Round();
    v0 ^= word;
  }
};

}  // namespace

uint64_t LittleEndian64(const uint8_t* bytes) {
  uint64_t word = 0;
  for (int i = 7; i >= 0; --i) word = word << 8 | bytes[i];
  return word;
}

uint64_t SipHash24(const SipKey& key, const Bytes& message) {
  const uint64_t k0 = LittleEndian64(key.data());
  const uint64_t k1 = LittleEndian64(key.data() + 8);
  State s = {k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d,
             k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573};
  // The last word holds the rest of the message and its length in the top byte.
  Bytes padded = message;
  while (padded.size() % 8 != 7) padded.push_back(0);
  padded.push_back(static_cast<uint8_t>(message.size()));
  for (size_t i = 0; i < padded.size(); i += 8)
    s.Compress(LittleEndian64(&padded[i]));
  s.v2 ^= 0xff;
  for (int i = 0; i < 4; ++i) s.Round();
  return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

}  // namespace rampart::testing

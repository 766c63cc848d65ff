// SPDX-License-Identifier: Apache-2.0
// An address as tests write it.
#include "tests/testing/ip.h"

#include <arpa/inet.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace rampart::testing {

Ip::Ip(const char* text) : bytes_(16) {
  if (inet_pton(AF_INET6, text, bytes_.data()) == 1) return;
  bytes_.resize(4);
  if (inet_pton(AF_INET, text, bytes_.data()) == 1) return;
  std::fprintf(stderr, "not an address: %s\n", text);
  std::abort();
}

uint32_t Ip::v4() const {
  uint32_t value;
  std::memcpy(&value, bytes_.data(), sizeof(value));
  return value;
}

void Ip::CopyTo16(uint8_t (&out)[16]) const {
  std::memset(out, 0, 16);
  if (is_v4()) out[10] = out[11] = 0xff;
  std::memcpy(out + 16 - bytes_.size(), bytes_.data(), bytes_.size());
}

std::string Ip::ToString() const {
  char text[INET6_ADDRSTRLEN];
  return inet_ntop(is_v4() ? AF_INET : AF_INET6, bytes_.data(), text,
                   sizeof(text));
}

}  // namespace rampart::testing

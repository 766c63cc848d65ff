// SPDX-License-Identifier: Apache-2.0
// Prefix match bit by bit.
#ifndef RAMPART_TESTS_ORACLE_PREFIX_ORACLE_H_
#define RAMPART_TESTS_ORACLE_PREFIX_ORACLE_H_

#include <string>

#include "controller/base/ip.h"

namespace rampart::oracle {

inline std::string Bits(const IpAddress& address) {
  std::string bits;
  for (const char byte : address.bytes())
    for (int bit = 7; bit >= 0; --bit)
      bits += (byte >> bit & 1) != 0 ? '1' : '0';
  return bits;
}

inline bool Contains(const Prefix& prefix, const IpAddress& address) {
  const auto length = static_cast<size_t>(prefix.length());
  return prefix.family() == address.family() &&
         Bits(prefix.address()).substr(0, length) ==
             Bits(address).substr(0, length);
}

}  // namespace rampart::oracle

#endif  // RAMPART_TESTS_ORACLE_PREFIX_ORACLE_H_

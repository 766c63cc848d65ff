// SPDX-License-Identifier: Apache-2.0
// An address as tests write it: Ip("10.1.0.5"), Ip("fd00::5").
#ifndef RAMPART_TESTS_TESTING_IP_H_
#define RAMPART_TESTS_TESTING_IP_H_

#include <cstdint>
#include <string>

#include "tests/testing/bytes.h"

namespace rampart::testing {

class Ip {
 public:
  Ip() : Ip("0.0.0.0") {}
  // Aborts on bad text: tests write literals.
  Ip(const char* text);  // NOLINT: literals stand for addresses
  Ip(const std::string& text) : Ip(text.c_str()) {}  // NOLINT

  bool is_v4() const { return bytes_.size() == 4; }
  const Bytes& bytes() const { return bytes_; }  // 4 or 16
  uint32_t v4() const;                           // as in a packet
  void CopyTo16(uint8_t (&out)[16]) const;       // IPv4 as ::ffff:a.b.c.d
  std::string ToString() const;

  friend bool operator==(const Ip&, const Ip&) = default;

 private:
  Bytes bytes_;
};

}  // namespace rampart::testing

#endif  // RAMPART_TESTS_TESTING_IP_H_

// SPDX-License-Identifier: Apache-2.0
#include "controller/daemon/random.h"

#include <sys/random.h>

#include <array>
#include <limits>
#include <random>

#include "controller/base/status.h"

namespace rampart {
namespace {

// getrandom() with a buffer: one system call for 64 numbers.
class KernelGenerator {
 public:
  using result_type = uint32_t;
  static constexpr result_type min() { return 0; }
  static constexpr result_type max() {
    return std::numeric_limits<result_type>::max();
  }
  result_type operator()() {
    if (used_ == numbers_.size()) {
      // Up to 256 bytes are never cut short (getrandom(2)).
      RP_CHECK(getrandom(numbers_.data(), sizeof(numbers_), 0) ==
               sizeof(numbers_));
      used_ = 0;
    }
    return numbers_[used_++];
  }

 private:
  std::array<uint32_t, 64> numbers_;
  size_t used_ = numbers_.size();
};

}  // namespace

uint32_t KernelRandom(uint32_t bound) {
  static KernelGenerator generator;
  return std::uniform_int_distribution<uint32_t>(0, bound - 1)(generator);
}

}  // namespace rampart

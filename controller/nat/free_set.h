// SPDX-License-Identifier: Apache-2.0
// Which numbers of a range are still free.
#ifndef RAMPART_CONTROLLER_NAT_FREE_SET_H_
#define RAMPART_CONTROLLER_NAT_FREE_SET_H_

#include <bit>
#include <cstdint>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "controller/base/status.h"

namespace rampart {

// A subset of 0 .. size - 1, a bit each; all are in it at first. Members are
// also counted by group, so that finding the nth is quick in large sets. A set
// of one group has all it is made of in itself.
class FreeSet {
 public:
  explicit FreeSet(uint32_t size)
      : size_(size), count_(size), words_((size + 63) / 64, ~uint64_t{0}) {
    if (size % 64 != 0) words_.back() = (uint64_t{1} << size % 64) - 1;
    if (size <= kGroup) return;
    counts_.assign((size + kGroup - 1) / kGroup, kGroup);
    if (size % kGroup != 0) counts_.back() = size % kGroup;
  }

  // Masks for parts of a set, repeated every 64 numbers.
  static constexpr uint64_t kAll = ~uint64_t{0};
  static constexpr uint64_t kEven = kAll / 3;  // numbers 0, 2, 4, ...
  static constexpr uint64_t kOdd = ~kEven;

  uint32_t count() const { return count_; }
  // Cost but for kAll: size / 64.
  uint32_t count(uint64_t mask) const {
    if (mask == kAll) return count_;
    uint32_t sum = 0;
    for (const uint64_t word : words_) sum += std::popcount(word & mask);
    return sum;
  }
  bool complete() const { return count_ == size_; }

  bool Contains(uint32_t number) const {
    return (words_[number / 64] >> number % 64 & 1) != 0;
  }

  // Takes the nth smallest member within `mask` out, nth < count(mask). With a
  // uniform nth the choice is uniform at any fill, without retries. Cost: size
  // / 512, or size / 64 if not all are meant.
  uint32_t TakeNth(uint32_t nth, uint64_t mask = kAll) {
    RP_CHECK(nth < count(mask));
    uint32_t group = 0;
    if (mask == kAll && !counts_.empty())
      for (; nth >= counts_[group]; ++group) nth -= counts_[group];
    uint32_t at = group * (kGroup / 64);
    for (uint32_t here; nth >= (here = std::popcount(words_[at] & mask)); ++at)
      nth -= here;
    uint64_t word = words_[at] & mask;
    for (; nth > 0; --nth) word &= word - 1;
    const uint32_t number = at * 64 + std::countr_zero(word);
    Take(number);
    return number;
  }

  // False if `number` is not in the set.
  bool Take(uint32_t number) {
    RP_CHECK(number < size_);
    const uint64_t bit = uint64_t{1} << number % 64;
    if ((words_[number / 64] & bit) == 0) return false;
    words_[number / 64] ^= bit;
    if (!counts_.empty()) --counts_[number / kGroup];
    --count_;
    return true;
  }

  // `number` is not in the set.
  void Return(uint32_t number) {
    RP_CHECK(number < size_);
    const uint64_t bit = uint64_t{1} << number % 64;
    RP_CHECK((words_[number / 64] & bit) == 0);
    words_[number / 64] ^= bit;
    if (!counts_.empty()) ++counts_[number / kGroup];
    ++count_;
  }

 private:
  static constexpr uint32_t kGroup = 512;  // numbers: a cache line of bits

  uint32_t size_;
  uint32_t count_;
  absl::InlinedVector<uint64_t, kGroup / 64> words_;
  std::vector<uint16_t> counts_;  // by group; empty if there is only one
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_NAT_FREE_SET_H_

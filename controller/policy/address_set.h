// SPDX-License-Identifier: Apache-2.0
// Addresses and prefixes as ranges of numbers.
#ifndef RAMPART_CONTROLLER_POLICY_ADDRESS_SET_H_
#define RAMPART_CONTROLLER_POLICY_ADDRESS_SET_H_

#include <vector>

#include "absl/types/span.h"
#include "controller/base/ip.h"

namespace rampart {

__extension__ using Coordinate = unsigned __int128;

struct Interval {
  Coordinate first = 0;
  Coordinate last = ~Coordinate{0};  // part of it
  bool Contains(Coordinate number) const {
    return first <= number && number <= last;
  }
  friend bool operator==(const Interval&, const Interval&) = default;
};

// IPv4 as ::ffff:a.b.c.d.
Coordinate NumberOf(const IpAddress& address);
Interval RangeOf(const Prefix& prefix);

// In order, without overlaps; those that touch become one.
std::vector<Interval> Joined(std::vector<Interval> ranges);
// Joined ranges that cover these, at most `count` of them (at least 1): the
// smallest gaps are closed. ranges: as Joined() returns them.
std::vector<Interval> Coarser(std::vector<Interval> ranges, size_t count);

// A union of prefixes. A look-up costs a binary search.
class AddressSet {
 public:
  AddressSet() = default;
  explicit AddressSet(absl::Span<const Prefix> prefixes);
  bool Contains(const IpAddress& address) const;
  // At most this many ranges that cover it, of both families.
  static constexpr size_t kCoarse = 64;
  const std::vector<Interval>& coarse() const { return coarse_; }

 private:
  std::vector<Interval> v4_;  // in order, apart from each other
  std::vector<Interval> v6_;
  std::vector<Interval> coarse_;
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_POLICY_ADDRESS_SET_H_

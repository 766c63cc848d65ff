// SPDX-License-Identifier: Apache-2.0
#include "controller/policy/address_set.h"

#include <algorithm>
#include <functional>
#include <utility>

namespace rampart {

Coordinate NumberOf(const IpAddress& address) {
  Coordinate number = address.is_v4() ? 0xffff : 0;
  for (const char byte : address.bytes())
    number = number << 8 | static_cast<uint8_t>(byte);
  return number;
}

Interval RangeOf(const Prefix& prefix) {
  const Coordinate first = NumberOf(prefix.address());
  const int rest = prefix.address().bits() - prefix.length();
  const Coordinate hosts =
      rest == 128 ? ~Coordinate{0} : (Coordinate{1} << rest) - 1;
  return {first, first | hosts};
}

std::vector<Interval> Joined(std::vector<Interval> ranges) {
  std::sort(
      ranges.begin(), ranges.end(),
      [](const Interval& a, const Interval& b) { return a.first < b.first; });
  std::vector<Interval> joined;
  for (const Interval& range : ranges) {
    const bool touches =
        !joined.empty() && (joined.back().last == ~Coordinate{0} ||
                            range.first <= joined.back().last + 1);
    if (touches)
      joined.back().last = std::max(joined.back().last, range.last);
    else
      joined.push_back(range);
  }
  return joined;
}

std::vector<Interval> Coarser(std::vector<Interval> ranges, size_t count) {
  if (ranges.size() <= count) return ranges;
  std::vector<std::pair<Coordinate, size_t>> gaps;  // and the range behind it
  for (size_t i = 1; i < ranges.size(); ++i)
    gaps.emplace_back(ranges[i].first - ranges[i - 1].last, i);
  std::sort(gaps.begin(), gaps.end(), std::greater<>());
  std::vector<bool> begins(ranges.size());
  for (size_t i = 0; i + 1 < count; ++i) begins[gaps[i].second] = true;
  std::vector<Interval> coarser = {ranges[0]};
  for (size_t i = 1; i < ranges.size(); ++i) {
    if (begins[i])
      coarser.push_back(ranges[i]);
    else
      coarser.back().last = ranges[i].last;
  }
  return coarser;
}

AddressSet::AddressSet(absl::Span<const Prefix> prefixes) {
  for (const Prefix& prefix : prefixes)
    (prefix.address().is_v4() ? v4_ : v6_).push_back(RangeOf(prefix));
  v4_ = Joined(std::move(v4_));
  v6_ = Joined(std::move(v6_));
  coarse_ = v4_;
  coarse_.insert(coarse_.end(), v6_.begin(), v6_.end());
  coarse_ = Coarser(Joined(std::move(coarse_)), kCoarse);
}

bool AddressSet::Contains(const IpAddress& address) const {
  const std::vector<Interval>& ranges = address.is_v4() ? v4_ : v6_;
  const Coordinate number = NumberOf(address);
  const auto next = std::upper_bound(
      ranges.begin(), ranges.end(), number,
      [](Coordinate n, const Interval& r) { return n < r.first; });
  return next != ranges.begin() && number <= std::prev(next)->last;
}

}  // namespace rampart

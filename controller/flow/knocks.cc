// SPDX-License-Identifier: Apache-2.0
#include "controller/flow/knocks.h"

#include <iterator>

namespace rampart {

bool Knocks::Add(const Door& door, const Flows::NatHold& hold, uint32_t now) {
  if (const auto known = doors_.find(door); known != doors_.end()) {
    known->second->since = now;
    by_age_.splice(by_age_.end(), by_age_, known->second);
    return false;
  }
  size_t& count = of_subscriber_[hold.request.subscriber];
  if (count >= kPerSubscriber || doors_.size() >= kTotal) {
    if (count == 0) of_subscriber_.erase(hold.request.subscriber);
    return false;
  }
  ++count;
  by_age_.push_back({door, hold, now});
  doors_.emplace(door, std::prev(by_age_.end()));
  return true;
}

std::optional<Flows::NatHold> Knocks::Take(const Door& door) {
  const auto found = doors_.find(door);
  if (found == doors_.end()) return std::nullopt;
  return Remove(found->second);
}

void Knocks::Expire(uint32_t now, uint32_t ticks,
                    absl::FunctionRef<void(const Flows::NatHold&)> release) {
  while (!by_age_.empty() && now - by_age_.front().since > ticks)
    release(Remove(by_age_.begin()));
}

Flows::NatHold Knocks::Remove(Age::iterator knock) {
  const Flows::NatHold hold = knock->hold;
  const auto count = of_subscriber_.find(hold.request.subscriber);
  if (--count->second == 0) of_subscriber_.erase(count);
  doors_.erase(knock->door);
  by_age_.erase(knock);
  return hold;
}

}  // namespace rampart

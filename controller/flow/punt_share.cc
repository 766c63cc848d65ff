// SPDX-License-Identifier: Apache-2.0
#include "controller/flow/punt_share.h"

#include <algorithm>

#include "controller/base/clock.h"

namespace rampart {
namespace {

// The rest is for the API, timers, and tenants that have just begun.
constexpr double kPartForPunts = 0.75;
// Too few to learn from: they pay for cold caches and for waking up.
constexpr uint32_t kManyPunts = 256;

}  // namespace

uint32_t FairLimit(std::vector<uint32_t> demands, uint32_t limit_before,
                   uint32_t capacity) {
  std::sort(demands.begin(), demands.end());
  uint32_t left = capacity;
  for (size_t i = 0; i < demands.size(); ++i) {
    const auto share = static_cast<uint32_t>(left / (demands.size() - i));
    if (demands[i] > share || demands[i] >= limit_before) return share;
    left -= demands[i];
  }
  return capacity;
}

uint32_t PuntShare::Next(uint32_t ticks) {
  std::vector<uint32_t> demands;
  uint32_t total = 0;
  for (const auto& [tenant, punts] : punts_) {
    demands.push_back(punts / ticks);
    total += punts;
  }
  if (total >= kManyPunts) cost_ += (busy_ / total - cost_) / 4;
  punts_.clear();
  busy_ = {};
  const double capacity =
      kPartForPunts * absl::FDivDuration(FromTicks(1), cost_);
  limit_ = std::max(kLimitMin, FairLimit(std::move(demands), limit_,
                                         static_cast<uint32_t>(capacity)));
  return limit_;
}

}  // namespace rampart

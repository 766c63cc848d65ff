// SPDX-License-Identifier: Apache-2.0
#include "controller/policy/limiter.h"

#include <algorithm>

namespace rampart {
namespace {

// Ticks wrap.
bool Before(uint32_t tick, const std::optional<uint32_t>& since) {
  return !since || static_cast<int32_t>(tick - *since) < 0;
}

}  // namespace

Limiter::Verdict Limiter::Check(Count& count, uint32_t rate,
                                uint32_t concurrent, absl::Time now,
                                bool again) {
  // A clock that was set back earns nothing.
  const double seconds =
      std::clamp(absl::ToDoubleSeconds(now - count.asked), 0.0, 1.0);
  count.tokens = std::min(count.tokens + seconds * rate, double(rate));
  if (now != count.asked) count.granted = 0;
  count.asked = now;
  if (concurrent != 0 && count.flows + count.granted >= concurrent)
    return Verdict::kConcurrent;
  if (rate != 0 && !again && count.tokens < 1) return Verdict::kRate;
  return Verdict::kGranted;
}

void Limiter::Take(Count& count, uint32_t rate, bool again) {
  ++count.granted;
  if (rate != 0 && !again) count.tokens -= 1;
}

Limiter::Verdict Limiter::Ask(const IpAddress& source, absl::Time now,
                              bool again) {
  Verdict verdict = Check(all_, limits_.rate, limits_.concurrent, now, again);
  if (verdict != Verdict::kGranted) return verdict;
  if (by_source()) {
    if (sources_.size() >= prune_at_) Prune(now);
    Count& count = sources_[source];
    verdict = Check(count, limits_.source_rate, limits_.source_concurrent, now,
                    again);
    if (verdict != Verdict::kGranted) return verdict;
    Take(count, limits_.source_rate, again);
  }
  Take(all_, limits_.rate, again);
  return Verdict::kGranted;
}

void Limiter::Begin(const IpAddress& source, uint32_t tick) {
  if (!counted_) counted_ = tick;
  ++all_.flows;
  all_.granted -= std::min(all_.granted, 1u);
  if (!by_source()) {
    sources_counted_.reset();
    sources_.clear();
    return;
  }
  if (!sources_counted_) sources_counted_ = tick;
  Count& count = sources_[source];
  ++count.flows;
  count.granted -= std::min(count.granted, 1u);
}

void Limiter::End(const IpAddress& source, uint32_t tick) {
  if (Before(tick, counted_) || all_.flows == 0) return;
  --all_.flows;
  const auto it = sources_.find(source);
  if (it != sources_.end() && it->second.flows != 0 &&
      !Before(tick, sources_counted_))
    --it->second.flows;
}

// A second after its last flow ended, a source has all its tokens again.
void Limiter::Prune(absl::Time now) {
  absl::erase_if(sources_, [&](const auto& entry) {
    const Count& count = entry.second;
    return count.flows == 0 && now - count.asked > absl::Seconds(1);
  });
  prune_at_ = std::max<size_t>(1024, 2 * sources_.size());
}

}  // namespace rampart

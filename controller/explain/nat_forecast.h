// SPDX-License-Identifier: Apache-2.0
// Whether a pool could translate one more flow.
#ifndef RAMPART_CONTROLLER_EXPLAIN_NAT_FORECAST_H_
#define RAMPART_CONTROLLER_EXPLAIN_NAT_FORECAST_H_

#include <optional>
#include <string>

#include "controller/compile/snapshot.h"
#include "controller/nat/allocator.h"
#include "maps/outcomes.h"

namespace rampart {

struct NatForecast {
  rp_outcome outcome = RP_FORWARDED;  // or why it could not
  std::string text;
  // What the source would become, if that is known; protocols without ports: 0.
  std::optional<Endpoint> outside = std::nullopt;
};

// What Acquire() would answer, as far as counters tell: rates and what waits
// for the log of blocks are not asked for. Cost: one pass over the subscribers.
NatForecast ForecastMapping(const Snapshot& snapshot, const NatAllocator& nat,
                            const NatAllocator::Request& request);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_EXPLAIN_NAT_FORECAST_H_

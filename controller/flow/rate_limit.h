// SPDX-License-Identifier: Apache-2.0
// Token buckets, one per realm: what the edge itself sends into a vnet is
// limited (RFC 1812 section 4.3.2.8, RFC 4443 section 2.4 f).
#ifndef RAMPART_CONTROLLER_FLOW_RATE_LIMIT_H_
#define RAMPART_CONTROLLER_FLOW_RATE_LIMIT_H_

#include <algorithm>
#include <cstdint>

#include "absl/container/flat_hash_map.h"
#include "maps/realm.h"

namespace rampart {

class RateLimit {
 public:
  // rate: tokens a second. burst: tokens in a full bucket.
  RateLimit(double rate, double burst)
      : per_tick_(rate * (uint64_t{1} << RP_TICK_SHIFT) / 1e9), burst_(burst) {}

  // Takes a token of `realm`; false if there is none.
  bool Take(uint32_t realm, uint32_t now) {
    auto [it, added] = buckets_.try_emplace(realm, Bucket{burst_, now});
    Bucket& bucket = it->second;
    const double earned = per_tick_ * (now - bucket.filled);
    bucket = {std::min(burst_, bucket.tokens + earned), now};
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }

 private:
  struct Bucket {
    double tokens;
    uint32_t filled;  // tick
  };
  double per_tick_;
  double burst_;
  absl::flat_hash_map<uint32_t, Bucket> buckets_;
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_FLOW_RATE_LIMIT_H_

// SPDX-License-Identifier: Apache-2.0
// For flow tables that no program reads while a test writes to them.
#ifndef RAMPART_TESTS_TESTING_NO_GRACE_PERIOD_H_
#define RAMPART_TESTS_TESTING_NO_GRACE_PERIOD_H_

#include "controller/dataplane/flow_table.h"
#include "controller/dataplane/grace_period.h"
#include "maps/flow.h"

namespace rampart {

class NoGracePeriod final : public GracePeriod {
 public:
  uint64_t Start() override { return 0; }
  bool IsOver(uint64_t) const override { return true; }
  absl::Status Wait() override { return absl::OkStatus(); }
};

// The same secret every time: tests are to be repeatable.
inline rp_flow_hash TestFlowHash(uint32_t buckets) {
  rp_flow_hash hash = FlowLevels(buckets);
  uint64_t state = 1;
  for (auto& secret : hash.secret)
    secret = state = state * 6364136223846793005u + 1442695040888963407u;
  return hash;
}

}  // namespace rampart

#endif  // RAMPART_TESTS_TESTING_NO_GRACE_PERIOD_H_

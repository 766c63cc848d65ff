// SPDX-License-Identifier: Apache-2.0
// All that an edge counts, read at one time: for metrics, `top` and the
// status. Costs well below a millisecond however many flows there are.
#ifndef RAMPART_CONTROLLER_API_COUNTERS_H_
#define RAMPART_CONTROLLER_API_COUNTERS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "controller/api/backend.h"
#include "controller/api/names.h"
#include "controller/metrics/ledger.h"

namespace rampart {

// In place of a device: packets that the controller was handed.
inline constexpr std::string_view kSlowPath = "slow-path";

struct Counters {
  struct Drop {
    DropReason reason;
    std::string device;  // or kSlowPath
    rp_counter counter = {};
  };
  struct Tenant {
    std::string name;
    FlowCount flows;
    rp_tally tally = {};
  };
  std::vector<DeviceLedger> devices;
  std::vector<Drop> drops;  // that happened at least once
  PuntLedger punts;
  Engine::Statistics engine;
  std::vector<Tenant> tenants;  // of the configuration
  std::vector<PoolUse> pools;
  std::vector<Engine::MapUse> maps;
};

absl::StatusOr<Counters> ReadCounters(const Backend& backend);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_API_COUNTERS_H_

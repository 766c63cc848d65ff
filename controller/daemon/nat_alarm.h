// SPDX-License-Identifier: Apache-2.0
// Tells the log when NAT pools refuse (RFC 6888 REQ-11 c).
#ifndef RAMPART_CONTROLLER_DAEMON_NAT_ALARM_H_
#define RAMPART_CONTROLLER_DAEMON_NAT_ALARM_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "controller/nat/types.h"

namespace rampart {

inline constexpr absl::Duration kNatAlarmInterval = absl::Seconds(10);

class NatAlarm {
 public:
  // A line for each pool that has refused mappings since the last call, with
  // the reasons and how many: "nat: pool default: 12 mappings refused: quota
  // 10, no free block 2".
  std::vector<std::string> Check(const std::vector<PoolUse>& pools);

 private:
  using Verdicts = std::array<uint64_t, kNatVerdicts>;
  absl::flat_hash_map<std::string, Verdicts> told_;  // by pool
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_DAEMON_NAT_ALARM_H_

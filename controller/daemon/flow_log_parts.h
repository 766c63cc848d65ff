// SPDX-License-Identifier: Apache-2.0
// The flow log with the sinks that the configuration names.
#ifndef RAMPART_CONTROLLER_DAEMON_FLOW_LOG_PARTS_H_
#define RAMPART_CONTROLLER_DAEMON_FLOW_LOG_PARTS_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "controller/base/clock.h"
#include "controller/config/edge_config.h"
#include "controller/flow_log/flow_log.h"

namespace rampart {

// Null if there is to be none. The history and what must be remembered between
// runs lie beside the state store. clock outlives it. Errors: those of the
// files.
absl::StatusOr<std::unique_ptr<FlowLog>> OpenFlowLog(const EdgeConfig& config,
                                                     const Clock& clock);

// Tells of sinks that fail, and that work again.
class SinkAlarm {
 public:
  // Lines for the log: what has changed since the last call.
  std::vector<std::string> Check(
      const std::vector<SinkThread::Statistics>& sinks);

 private:
  absl::flat_hash_map<std::string, bool> failing_;  // by name
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_DAEMON_FLOW_LOG_PARTS_H_

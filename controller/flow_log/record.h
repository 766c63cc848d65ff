// SPDX-License-Identifier: Apache-2.0
// What the flow log holds: records as the controller's thread hands them over.
#ifndef RAMPART_CONTROLLER_FLOW_LOG_RECORD_H_
#define RAMPART_CONTROLLER_FLOW_LOG_RECORD_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "controller/flow/hooks.h"
#include "controller/flow_log/names.h"

namespace rampart {

enum class FlowEvent : uint8_t { kStart, kUpdate, kEnd, kDeny };

struct FlowRecord {
  uint64_t sequence = 0;  // 1, 2, 3, ... over all runs of an edge
  absl::Time time;
  FlowState flow;  // its rule lives as long as the log
  FlowEvent event = FlowEvent::kStart;
  FlowEndReason end = FlowEndReason::kIdle;  // kEnd
  uint16_t denied = 0;                       // kDeny: enum rp_outcome
  bool adopted = false;  // it began before this run of the controller
};

// Records that a sink did not get, because it was too slow or nobody was there
// to write them.
struct FlowGap {
  uint64_t first = 0;
  uint64_t last = 0;
  absl::Time time;
  uint64_t count() const { return last - first + 1; }
};

// Records in a row; all are named by the same configuration.
struct FlowChunk {
  std::vector<FlowRecord> records;
  std::shared_ptr<const FlowNames> names;
};

// What a sink is handed, in the order of sequence numbers.
using FlowItem = std::variant<std::shared_ptr<const FlowChunk>, FlowGap>;

// "START", "UPDATE", "END", "DENY".
std::string_view EventName(FlowEvent event);
// "idle", "fin", "reset", "policy", "removed", "replaced"; of a refusal the id
// of the drop reason, "RP-POL-002"; "" of what goes on.
std::string_view ReasonName(const FlowRecord& record);

// The same for all records of a flow, also after a restart; other flows have
// another one, but for chance (64 bits). Source: splitmix64's finalizer
// (Steele, Lea, Flood, OOPSLA 2014) over realm, addresses, ports and start.
uint64_t FlowId(const FlowTuple& tuple, uint32_t start);
// "f-" and 16 hexadecimal digits.
std::string FlowIdText(uint64_t id);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_FLOW_LOG_RECORD_H_

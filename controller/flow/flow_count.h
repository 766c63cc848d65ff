// SPDX-License-Identifier: Apache-2.0
#ifndef RAMPART_CONTROLLER_FLOW_FLOW_COUNT_H_
#define RAMPART_CONTROLLER_FLOW_FLOW_COUNT_H_

#include <cstdint>

namespace rampart {

// Flows of a realm: kept as they come and go, because counting a million of
// them takes tens of milliseconds.
struct FlowCount {
  uint64_t flows = 0;  // now
  uint64_t started = 0;
  uint64_t ended = 0;
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_FLOW_FLOW_COUNT_H_

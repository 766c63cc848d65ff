// SPDX-License-Identifier: Apache-2.0
#ifndef RAMPART_CONTROLLER_FLOW_PAST_H_
#define RAMPART_CONTROLLER_FLOW_PAST_H_

#include <cstdint>
#include <functional>
#include <memory>

#include "controller/compile/snapshot.h"

namespace rampart {

// The configuration of an earlier epoch; null if nobody knows it any more. now:
// the one in force, with which it shares what it can.
using PastSnapshots = std::function<std::shared_ptr<const Snapshot>(
    uint32_t epoch, const Snapshot& now)>;

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_FLOW_PAST_H_

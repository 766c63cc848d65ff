// SPDX-License-Identifier: Apache-2.0
// The allocator's blocks and the log of them.
#ifndef RAMPART_CONTROLLER_FLOW_NAT_LOG_H_
#define RAMPART_CONTROLLER_FLOW_NAT_LOG_H_

#include <cstdint>
#include <functional>

#include "absl/status/status.h"
#include "controller/base/clock.h"
#include "controller/compile/snapshot.h"
#include "controller/nat/allocator.h"
#include "controller/nat/block_log.h"

namespace rampart {

// Gives `nat` the blocks of an earlier run, and lets it write its own to
// `log`. All must outlive `nat`. vnet_of: the names that go into the log.
// Errors: those of BlockLog::OpenBlocks().
absl::Status ConnectLog(
    NatAllocator& nat, BlockLog& log, const Clock& clock,
    std::function<Snapshot::VnetRef(uint32_t realm)> vnet_of);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_FLOW_NAT_LOG_H_

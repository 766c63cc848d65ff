// SPDX-License-Identifier: Apache-2.0
// Double entry: what the devices have forwarded against what flows have
// counted.
#ifndef RAMPART_CONTROLLER_API_FLOW_ACCOUNTS_H_
#define RAMPART_CONTROLLER_API_FLOW_ACCOUNTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "controller/api/backend.h"

namespace rampart {

struct PacketCount {
  int64_t packets = 0;
  int64_t bytes = 0;
};

// A flow counts a packet when nothing but its device can still refuse it. So
//   forwarded by devices, those that are gone too + refused after that
//     = by flows that live + by those that ended + made by the edge itself
//       + before the log began + ICMP errors about flows, which belong to none
// holds for packets, exactly. Bytes of devices are frames with all headers as
// they came on, those of flows IP packets: their difference is headers.
struct FlowAccounts {
  struct Device {
    std::string name;
    PacketCount forwarded;
    int64_t refused = 0;  // packets, after their flow had counted them
  };
  std::vector<Device> by_device;
  PacketCount devices;        // with the refused
  int64_t while_reading = 0;  // packets that came meanwhile
  int64_t live_flows = 0;
  PacketCount live;
  int64_t ended_flows = 0;
  PacketCount ended;
  int64_t gone = 0;    // packets of devices whose counters are gone
  int64_t made = 0;    // packets
  int64_t before = 0;  // packets
  // What flows have not counted; below zero: what they have counted too much.
  // Devices are read first, so packets that come meanwhile make it smaller, by
  // `while_reading` at most.
  int64_t difference() const {
    return devices.packets + gone - live.packets - ended.packets - made -
           before;
  }
  bool equal() const {
    return difference() <= 0 && difference() + while_reading >= 0;
  }
};

// Packets that devices had forwarded whose counters began anew, or are not
// there any more. Both: what ReadCounters() says, one after the other.
uint64_t PacketsGone(const std::vector<DeviceCounters>& before,
                     const std::vector<DeviceCounters>& after);

// Cost: 1 us a flow. The edge writes a flow log. Errors: those of the maps.
absl::StatusOr<FlowAccounts> ReadFlowAccounts(const Backend& backend);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_API_FLOW_ACCOUNTS_H_

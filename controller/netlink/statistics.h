// SPDX-License-Identifier: Apache-2.0
// What the kernel has counted for a device.
#ifndef RAMPART_CONTROLLER_NETLINK_STATISTICS_H_
#define RAMPART_CONTROLLER_NETLINK_STATISTICS_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "controller/netlink/mnl.h"

namespace rampart {

// Packets since the device was made; struct rtnl_link_stats64 tells what each
// driver is to count where.
struct LinkStatistics {
  uint64_t rx_packets = 0;
  uint64_t rx_errors = 0;
  uint64_t rx_dropped = 0;
  uint64_t rx_missed = 0;  // no room in the receive ring
  uint64_t tx_dropped = 0;
};

// One round trip, some 5 us. Errors: NotFound or NoDevice as the kernel says.
absl::StatusOr<LinkStatistics> ReadStatistics(NetlinkSocket& socket,
                                              uint32_t ifindex);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_NETLINK_STATISTICS_H_

// SPDX-License-Identifier: Apache-2.0
// What drivers count beside the kernel's own statistics (ethtool -S).
#ifndef RAMPART_CONTROLLER_DATAPLANE_ETHTOOL_H_
#define RAMPART_CONTROLLER_DATAPLANE_ETHTOOL_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/types/span.h"

namespace rampart {

using EthtoolCounters = std::vector<std::pair<std::string, uint64_t>>;

// Of a device in the calling thread's network namespace. Empty if its driver
// has none.
struct EthtoolStatistics {
  std::string driver;
  EthtoolCounters counters;
};
// Reads the counters only of drivers that XdpCounts() knows: others may take
// milliseconds to ask their hardware.
EthtoolStatistics ReadEthtool(const std::string& device);

struct XdpCounts {
  // Received and consumed by XDP, where the driver leaves these out of
  // rx_packets.
  uint64_t unseen_rx = 0;
  // Redirected to the device, and no room in its transmit ring.
  uint64_t xmit_full = 0;
};
// What the counters of this driver mean; zeros for drivers that are not known.
XdpCounts XdpCountsOf(const EthtoolStatistics& statistics);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_DATAPLANE_ETHTOOL_H_

// SPDX-License-Identifier: Apache-2.0
#include "controller/netlink/statistics.h"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "absl/strings/str_cat.h"
#include "controller/base/status.h"

namespace rampart {

absl::StatusOr<LinkStatistics> ReadStatistics(NetlinkSocket& socket,
                                              uint32_t ifindex) {
  if_stats_msg header = {};
  header.ifindex = ifindex;
  header.filter_mask = IFLA_STATS_FILTER_BIT(IFLA_STATS_LINK_64);
  std::optional<LinkStatistics> result;
  RETURN_IF_ERROR(socket.Ask(
      NetlinkRequest(RTM_GETSTATS, 0, header),
      [&](const NetlinkMessage& message) {
        if (!message.Header<if_stats_msg>()) return;
        const absl::Span<const uint8_t> bytes =
            message.Attributes<if_stats_msg>().Bytes(IFLA_STATS_LINK_64);
        rtnl_link_stats64 stats = {};  // older kernels send less
        std::copy_n(bytes.begin(), std::min(bytes.size(), sizeof(stats)),
                    reinterpret_cast<uint8_t*>(&stats));
        result = {.rx_packets = stats.rx_packets,
                  .rx_errors = stats.rx_errors,
                  .rx_dropped = stats.rx_dropped,
                  .rx_missed = stats.rx_missed_errors,
                  .tx_dropped = stats.tx_dropped};
      }));
  if (!result)
    return absl::InternalError(
        absl::StrCat("netlink: no statistics of ifindex ", ifindex));
  return *result;
}

}  // namespace rampart

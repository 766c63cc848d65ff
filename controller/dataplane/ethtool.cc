// SPDX-License-Identifier: Apache-2.0
#include "controller/dataplane/ethtool.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "controller/base/unique_fd.h"

namespace rampart {
namespace {

// Counters whose names end like this; "" is none.
struct Driver {
  std::string_view name;
  std::vector<std::string_view> unseen_rx;
  std::string_view xmit_full;
};

// veth and virtio_net count a line per queue. mlx5 has sums beside them, whose
// names have no number, and counts in rx_packets only what it passes on.
const std::vector<Driver>& Drivers() {
  static const auto* const drivers = new std::vector<Driver>{
      {"veth", {}, "_xdp_xmit_errors"},
      {"virtio_net", {}, "_xdp_tx_drops"},
      {"mlx5_core",
       {"rx_xdp_drop", "rx_xdp_redirect", "rx_xdp_tx_xmit", "rx_xdp_tx_full"},
       "tx_xdp_full"}};
  return *drivers;
}

const Driver* Find(std::string_view name) {
  for (const Driver& driver : Drivers())
    if (driver.name == name) return &driver;
  return nullptr;
}

bool Ask(int control, const std::string& device, void* request) {
  ifreq interface = {};
  std::strncpy(interface.ifr_name, device.c_str(), IFNAMSIZ - 1);
  interface.ifr_data = static_cast<char*>(request);
  return ioctl(control, SIOCETHTOOL, &interface) == 0;
}

// The kernel writes as many elements behind the head of a request as there are
// by then: twice the room, in case that queues have come since.
template <typename Head>
std::vector<uint8_t> Request(uint32_t command, uint32_t count, size_t size) {
  std::vector<uint8_t> bytes(sizeof(Head) + 2 * count * size);
  std::memcpy(bytes.data(), &command, sizeof(command));
  return bytes;
}

uint64_t SumOf(const EthtoolCounters& counters, std::string_view ending) {
  uint64_t sum = 0;
  for (const auto& [name, value] : counters)
    if (name.ends_with(ending)) sum += value;
  return sum;
}

}  // namespace

EthtoolStatistics ReadEthtool(const std::string& device) {
  const UniqueFd control(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ethtool_drvinfo info = {};
  info.cmd = ETHTOOL_GDRVINFO;
  if (!control.valid() || !Ask(control.get(), device, &info)) return {};
  EthtoolStatistics result = {info.driver, {}};
  const uint32_t count = info.n_stats;
  if (Find(result.driver) == nullptr || count == 0) return result;

  auto names =
      Request<ethtool_gstrings>(ETHTOOL_GSTRINGS, count, ETH_GSTRING_LEN);
  const uint32_t set = ETH_SS_STATS;
  std::memcpy(&names[offsetof(ethtool_gstrings, string_set)], &set,
              sizeof(set));
  auto values = Request<ethtool_stats>(ETHTOOL_GSTATS, count, sizeof(uint64_t));
  if (!Ask(control.get(), device, names.data()) ||
      !Ask(control.get(), device, values.data()))
    return result;
  for (uint32_t i = 0; i < count; ++i) {
    const char* name = reinterpret_cast<const char*>(
        &names[sizeof(ethtool_gstrings) + i * ETH_GSTRING_LEN]);
    uint64_t value;
    std::memcpy(&value, &values[sizeof(ethtool_stats) + i * sizeof(value)],
                sizeof(value));
    result.counters.emplace_back(
        std::string(name, strnlen(name, ETH_GSTRING_LEN)), value);
  }
  return result;
}

XdpCounts XdpCountsOf(const EthtoolStatistics& statistics) {
  const Driver* driver = Find(statistics.driver);
  if (driver == nullptr) return {};
  XdpCounts counts = {0, SumOf(statistics.counters, driver->xmit_full)};
  for (const std::string_view name : driver->unseen_rx)
    counts.unseen_rx += SumOf(statistics.counters, name);
  return counts;
}

}  // namespace rampart

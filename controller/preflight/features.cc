// SPDX-License-Identifier: Apache-2.0
#include "controller/preflight/features.h"

#include <linux/ethtool.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "controller/base/status.h"
#include "controller/base/unique_fd.h"
#include "controller/netlink/mnl.h"

namespace rampart {
namespace {

// Of the generic netlink family "netdev" (Linux 6.3); the headers of Debian 12
// are older.
constexpr char kNetdev[] = "netdev";
constexpr uint8_t kNetdevDevGet = 1;
constexpr uint16_t kNetdevIfindex = 1;
constexpr uint16_t kNetdevXdpFeatures = 3;

class Ethtool {
 public:
  explicit Ethtool(const std::string& device)
      : control_(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    std::strncpy(request_.ifr_name, device.c_str(), IFNAMSIZ - 1);
  }
  // command: a struct that begins with an ETHTOOL_ number.
  bool Ask(void* command) {
    request_.ifr_data = static_cast<char*>(command);
    return ioctl(control_.get(), SIOCETHTOOL, &request_) == 0;
  }

 private:
  UniqueFd control_;
  ifreq request_ = {};
};

// A struct with `size` bytes behind it, which ethtool fills.
template <typename Head>
class WithTail {
 public:
  explicit WithTail(size_t size) : words_((sizeof(Head) + size) / 4 + 1) {}
  Head* operator->() { return reinterpret_cast<Head*>(words_.data()); }
  void* get() { return words_.data(); }

 private:
  std::vector<uint32_t> words_;
};

// Number of names in ETH_SS_FEATURES; 0 if the driver has none.
uint32_t CountFeatures(Ethtool& ethtool) {
  WithTail<ethtool_sset_info> info(sizeof(uint32_t));
  info->cmd = ETHTOOL_GSSET_INFO;
  info->sset_mask = 1ULL << ETH_SS_FEATURES;
  return ethtool.Ask(info.get()) && info->sset_mask != 0 ? info->data[0] : 0;
}

void AddFeatures(Ethtool& ethtool, DeviceFacts& device) {
  const uint32_t count = CountFeatures(ethtool);
  if (count == 0) return;
  WithTail<ethtool_gstrings> names(count * ETH_GSTRING_LEN);
  names->cmd = ETHTOOL_GSTRINGS;
  names->string_set = ETH_SS_FEATURES;
  names->len = count;
  const uint32_t blocks = (count + 31) / 32;
  WithTail<ethtool_gfeatures> values(blocks *
                                     sizeof(ethtool_get_features_block));
  values->cmd = ETHTOOL_GFEATURES;
  values->size = blocks;
  if (!ethtool.Ask(names.get()) || !ethtool.Ask(values.get())) return;
  for (uint32_t i = 0; i < count; ++i) {
    const auto* name =
        reinterpret_cast<const char*>(names->data) + i * ETH_GSTRING_LEN;
    const ethtool_get_features_block& block = values->features[i / 32];
    const uint32_t bit = 1u << i % 32;
    device.features[std::string(name, strnlen(name, ETH_GSTRING_LEN))] = {
        .on = (block.active & bit) != 0,
        .fixed =
            (block.available & bit) == 0 || (block.never_changed & bit) != 0};
  }
}

}  // namespace

void AddEthtool(DeviceFacts& device) {
  Ethtool ethtool(device.name);
  ethtool_drvinfo info = {};
  info.cmd = ETHTOOL_GDRVINFO;
  if (ethtool.Ask(&info)) device.driver = info.driver;
  ethtool_channels channels = {};
  channels.cmd = ETHTOOL_GCHANNELS;
  if (ethtool.Ask(&channels)) {
    device.queues = channels.combined_count + channels.rx_count;
    device.queues_most = std::max(channels.max_combined, channels.max_rx);
  }
  AddFeatures(ethtool, device);
}

void AddXdpFeatures(DeviceFacts& device) {
  absl::StatusOr<NetlinkSocket> socket = NetlinkSocket::Open(NETLINK_GENERIC);
  if (!socket.ok()) return;
  genlmsghdr header = {.cmd = CTRL_CMD_GETFAMILY, .version = 1, .reserved = 0};
  NetlinkRequest find(GENL_ID_CTRL, 0, header);
  find.Put(CTRL_ATTR_FAMILY_NAME, kNetdev, sizeof(kNetdev));
  uint16_t family = 0;
  const absl::Status found =
      socket->Ask(find, [&](const NetlinkMessage& message) {
        family = message.Attributes<genlmsghdr>()
                     .Number<uint16_t>(CTRL_ATTR_FAMILY_ID)
                     .value_or(0);
      });
  if (!found.ok() || family == 0) return;
  header.cmd = kNetdevDevGet;
  NetlinkRequest get(family, 0, header);
  get.Put(kNetdevIfindex, &device.ifindex, sizeof(device.ifindex));
  const absl::Status told =
      socket->Ask(get, [&](const NetlinkMessage& message) {
        device.xdp_features = message.Attributes<genlmsghdr>().Number<uint64_t>(
            kNetdevXdpFeatures);
      });
  if (!told.ok()) device.xdp_features.reset();
}

}  // namespace rampart

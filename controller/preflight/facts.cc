// SPDX-License-Identifier: Apache-2.0
#include "controller/preflight/facts.h"

#include <linux/if_arp.h>
#include <linux/magic.h>
#include <linux/rtnetlink.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "controller/base/status.h"
#include "controller/base/unique_fd.h"
#include "controller/netlink/mnl.h"
#include "controller/preflight/features.h"

namespace rampart {
namespace {

std::string FirstLine(const std::string& path) {
  std::string line;
  std::getline(std::ifstream(path), line);
  return line;
}

// IFLA_LINK of a device, unless that is in another network namespace.
uint32_t LinkOf(const NetlinkAttributes& attributes) {
  if (attributes.Number<uint32_t>(IFLA_LINK_NETNSID)) return 0;
  return attributes.Number<uint32_t>(IFLA_LINK).value_or(0);
}

absl::Status AskLink(NetlinkSocket& socket, uint32_t ifindex,
                     const std::string& name, NetlinkHandler handle) {
  ifinfomsg header = {};
  header.ifi_index = static_cast<int>(ifindex);
  NetlinkRequest request(RTM_GETLINK, 0, header);
  if (!name.empty()) request.Put(IFLA_IFNAME, name.c_str(), name.size() + 1);
  return socket.Ask(request, handle);
}

absl::Status AddLink(DeviceFacts& device) {
  ASSIGN_OR_RETURN(NetlinkSocket socket, NetlinkSocket::Open());
  uint32_t peer = 0;
  const absl::Status told =
      AskLink(socket, 0, device.name, [&](const NetlinkMessage& message) {
        const auto header = message.Header<ifinfomsg>();
        if (!header) return;
        const NetlinkAttributes attributes = message.Attributes<ifinfomsg>();
        device.ifindex = header->ifi_index;
        device.up = header->ifi_flags & IFF_UP;
        device.ethernet = header->ifi_type == ARPHRD_ETHER;
        device.mtu = attributes.Number<uint32_t>(IFLA_MTU).value_or(0);
        device.kind = attributes.Nested(IFLA_LINKINFO).Text(IFLA_INFO_KIND);
        device.queues =
            attributes.Number<uint32_t>(IFLA_NUM_RX_QUEUES).value_or(0);
        if (device.kind == "veth") peer = LinkOf(attributes);
      });
  if (!told.ok() || device.ifindex == 0)
    return absl::NotFoundError(
        absl::StrCat("device ", device.name,
                     ": there is none in this network namespace; "
                     "`ip link` shows what there is"));
  device.queues_most = device.queues;
  if (peer == 0) return absl::OkStatus();
  return AskLink(socket, peer, "", [&](const NetlinkMessage& message) {
    device.peer = message.Attributes<ifinfomsg>().Text(IFLA_IFNAME);
  });
}

// Opening a socket tells whether the kernel has the family.
std::optional<bool> HasAfXdp() {
  const UniqueFd fd(socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0));
  if (fd.valid()) return true;
  if (errno == EAFNOSUPPORT) return false;
  return std::nullopt;
}

}  // namespace

absl::StatusOr<DeviceFacts> ReadDevice(const std::string& name) {
  DeviceFacts device = {.name = name};
  if (name.empty() || name.size() >= IFNAMSIZ)
    return absl::NotFoundError(absl::StrCat(
        "device ", name, ": names have 1 to ", IFNAMSIZ - 1, " characters"));
  RETURN_IF_ERROR(AddLink(device));
  AddEthtool(device);
  AddXdpFeatures(device);
  absl::StatusOr<std::vector<XdpProgram>> programs =
      XdpProgramsOf(device.ifindex);
  if (programs.ok()) device.programs = *std::move(programs);
  const std::string sysctl = "/proc/sys/net/ipv4/";
  device.ip_forward = FirstLine(sysctl + "ip_forward");
  device.rp_filter =
      FirstLine(absl::StrCat(sysctl, "conf/", name, "/rp_filter"));
  return device;
}

KernelFacts ReadKernel(const std::string& bpffs) {
  KernelFacts kernel;
  utsname names = {};
  uname(&names);
  kernel.release = names.release;
  int major = 0, minor = 0;
  if (std::sscanf(names.release, "%d.%d", &major, &minor) == 2)
    kernel.version = major * 1000 + minor;
  kernel.btf = access("/sys/kernel/btf/vmlinux", R_OK) == 0;
  kernel.af_xdp = HasAfXdp();
  struct statfs file_system = {};
  kernel.bpffs = statfs(bpffs.c_str(), &file_system) == 0 &&
                 file_system.f_type == BPF_FS_MAGIC;
  rlimit limit = {};
  getrlimit(RLIMIT_MEMLOCK, &limit);
  kernel.memlock = limit.rlim_cur;
  kernel.may_lock = geteuid() == 0;
  kernel.cpus = static_cast<uint32_t>(sysconf(_SC_NPROCESSORS_ONLN));
  return kernel;
}

}  // namespace rampart

// SPDX-License-Identifier: Apache-2.0
// /dev/net/tun and the ioctls that bring an interface up.
#include "controller/dataplane/tap.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "controller/base/status.h"

namespace rampart {
namespace {

absl::Status TapError(const std::string& name, const char* what) {
  return absl::ErrnoToStatus(errno, absl::StrCat("tap ", name, ": ", what));
}

ifreq RequestFor(const std::string& name) {
  ifreq request = {};
  std::strncpy(request.ifr_name, name.c_str(), IFNAMSIZ - 1);
  return request;
}

// Without this the kernel sends router solicitations into the TAP. A kernel
// without IPv6 has no such file.
void DisableIpv6(const std::string& name) {
  const std::string path =
      absl::StrCat("/proc/sys/net/ipv6/conf/", name, "/disable_ipv6");
  const UniqueFd fd(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (fd.valid()) (void)!write(fd.get(), "1", 1);
}

}  // namespace

absl::StatusOr<Tap> Tap::Open(std::string_view name) {
  if (name.empty() || name.size() >= IFNAMSIZ) {
    return absl::InvalidArgumentError(absl::StrCat("tap \"", std::string(name),
                                                   "\": 1 to ", IFNAMSIZ - 1,
                                                   " characters make a name"));
  }
  Tap tap;
  tap.name_ = std::string(name);
  // The kernel runs native XDP only for descriptors that do not block.
  tap.fd_.reset(open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (!tap.fd_.valid()) return TapError(tap.name_, "open /dev/net/tun");
  ifreq request = RequestFor(tap.name_);
  // TUN_EXCL: never take over an interface that somebody else made.
  request.ifr_flags = static_cast<int16_t>(IFF_TAP | IFF_NO_PI | IFF_TUN_EXCL);
  if (ioctl(tap.fd_.get(), TUNSETIFF, &request) != 0) {
    return TapError(tap.name_, "make it (TUNSETIFF)");
  }
  tap.ifindex_ = if_nametoindex(tap.name_.c_str());
  if (tap.ifindex_ == 0) return TapError(tap.name_, "find its index");
  RETURN_IF_ERROR(tap.BringUp());
  return tap;
}

absl::Status Tap::BringUp() const {
  DisableIpv6(name_);
  const UniqueFd control(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!control.valid()) return TapError(name_, "open a socket");
  ifreq request = RequestFor(name_);
  request.ifr_flags = IFF_UP | IFF_NOARP;
  if (ioctl(control.get(), SIOCSIFFLAGS, &request) != 0) {
    return TapError(name_, "bring it up");
  }
  return absl::OkStatus();
}

absl::Status Tap::Write(rp_inject header, const rp_inject_fragment* fragment,
                        absl::Span<const uint8_t> packet) const {
  const int version = packet.empty() ? 0 : packet[0] >> 4;
  if (version != 4 && version != 6) {
    return absl::InvalidArgumentError(
        absl::StrCat("tap ", name_, ": packet of ", packet.size(),
                     " bytes is neither IPv4 nor IPv6"));
  }
  header.ethertype = htons(version == 4 ? ETH_P_IP : ETH_P_IPV6);
  const iovec parts[] = {
      {&header, sizeof(header)},
      {const_cast<rp_inject_fragment*>(fragment),
       fragment == nullptr ? 0 : sizeof(*fragment)},
      {const_cast<uint8_t*>(packet.data()), packet.size()},
  };
  if (writev(fd_.get(), parts, 3) >= 0) return absl::OkStatus();
  if (errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM) {
    return absl::ResourceExhaustedError(
        absl::StrCat("tap ", name_, ": ", std::strerror(errno)));
  }
  return TapError(name_, "write");
}

}  // namespace rampart

// SPDX-License-Identifier: Apache-2.0
// Attach, update, adopt, replace.
#include "controller/dataplane/xdp_link.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "controller/base/status.h"
#include "controller/dataplane/bpf_log.h"

namespace rampart {
namespace {

// What a device runs now.
struct OnDevice {
  uint32_t program_id = 0;  // 0: nothing
  XdpMode mode = XdpMode::kNative;
};

const char* NameOf(XdpMode mode) {
  return mode == XdpMode::kGeneric ? "generic" : "native";
}

std::string Who(const std::string& device) {
  return absl::StrCat("device ", device, ": ");
}

absl::StatusOr<OnDevice> Query(const std::string& device, uint32_t ifindex) {
  const BpfLog log;
  LIBBPF_OPTS(bpf_xdp_query_opts, options);
  if (const int error = bpf_xdp_query(static_cast<int>(ifindex), 0, &options);
      error != 0) {
    return log.Error(error, Who(device) + "ask for its XDP program");
  }
  OnDevice result;
  result.program_id = options.prog_id;
  if (options.attach_mode == XDP_ATTACHED_SKB) result.mode = XdpMode::kGeneric;
  return result;
}

struct PinnedLink {
  UniqueFd fd;
  uint32_t ifindex = 0;  // 0: its device is gone
  uint32_t program_id = 0;
};

PinnedLink OpenLink(const std::string& pin) {
  PinnedLink link;
  link.fd.reset(bpf_obj_get(pin.c_str()));
  bpf_link_info info = {};
  uint32_t length = sizeof(info);
  if (!link.fd.valid() ||
      bpf_obj_get_info_by_fd(link.fd.get(), &info, &length) != 0) {
    return link;
  }
  link.ifindex = info.xdp.ifindex;
  link.program_id = info.prog_id;
  return link;
}

// An ifindex may be of another network namespace, so the program decides.
bool Holds(const PinnedLink& link, uint32_t ifindex, const OnDevice& now) {
  return link.fd.valid() && link.ifindex == ifindex && now.program_id != 0 &&
         link.program_id == now.program_id;
}

absl::Status ForeignProgram(const std::string& device, uint32_t id) {
  bpf_prog_info info = {};
  uint32_t length = sizeof(info);
  const UniqueFd fd(bpf_prog_get_fd_by_id(id));
  if (fd.valid()) bpf_obj_get_info_by_fd(fd.get(), &info, &length);
  return absl::AlreadyExistsError(absl::StrCat(
      Who(device), "runs another XDP program already: id ", id, ", name \"",
      info.name, "\"; stop what attached it, or `ip link set dev ", device,
      " xdp off`"));
}

// bpf_link says only errno. The older way through netlink fails alike, but
// passes on the driver's own words.
std::string DriversWords(int program, uint32_t ifindex) {
  constexpr char kMarker[] = "Kernel error message: ";
  const BpfLog log;
  const int index = static_cast<int>(ifindex);
  const uint32_t flags = XDP_FLAGS_DRV_MODE | XDP_FLAGS_UPDATE_IF_NOEXIST;
  if (bpf_xdp_attach(index, program, flags, nullptr) == 0) {
    bpf_xdp_detach(index, flags, nullptr);
    return "";
  }
  const size_t start = log.text().find(kMarker);
  if (start == std::string::npos) return "";
  const size_t begin = start + std::strlen(kMarker);
  return log.text().substr(begin, log.text().find('\n', begin) - begin);
}

// The usual causes, as drivers signal them.
std::string Hint(int error) {
  switch (error) {
    case EOPNOTSUPP:
      return "the driver has no native XDP";
    case ERANGE:
    case EFBIG:
      return "its MTU (on veth: its peer's) is larger than a page holds: some "
             "3500 bytes at most";
    case EINVAL:
      return "often LRO, hardware GRO or an MTU above 3500: `ethtool -K DEVICE "
             "lro off rx-gro-hw off`";
    case ENOSPC:
    case ENOMEM:
      return "too few transmit queues or descriptors for XDP";
    default:
      return "";
  }
}

std::string Refusal(int error, int program, uint32_t ifindex) {
  std::string words = DriversWords(program, ifindex);
  if (words.empty()) words = Hint(error);
  return absl::StrCat(std::strerror(error), words.empty() ? "" : ": ", words);
}

absl::StatusOr<UniqueFd> CreateLink(int program, const std::string& device,
                                    uint32_t ifindex, XdpMode mode) {
  LIBBPF_OPTS(bpf_link_create_opts, options);
  options.flags =
      mode == XdpMode::kGeneric ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE;
  UniqueFd fd(
      bpf_link_create(program, static_cast<int>(ifindex), BPF_XDP, &options));
  if (fd.valid()) return fd;
  const int error = errno;
  return absl::Status(
      absl::ErrnoToStatusCode(error),
      absl::StrCat(Who(device), NameOf(mode), " XDP refused: ",
                   mode == XdpMode::kNative ? Refusal(error, program, ifindex)
                                            : std::strerror(error)));
}

// Native first; generic if the driver refuses and the mode leaves the choice.
absl::StatusOr<XdpLink> AttachNew(int program, const std::string& device,
                                  uint32_t ifindex, XdpMode mode) {
  XdpLink link;
  link.mode = mode == XdpMode::kAuto ? XdpMode::kNative : mode;
  absl::StatusOr<UniqueFd> fd = CreateLink(program, device, ifindex, link.mode);
  if (!fd.ok() && mode == XdpMode::kAuto) {
    const absl::string_view message = fd.status().message();
    link.why = std::string(absl::StripPrefix(message, Who(device)));
    link.mode = XdpMode::kGeneric;
    fd = CreateLink(program, device, ifindex, link.mode);
  }
  if (!fd.ok()) return fd.status();
  link.fd = *std::move(fd);
  return link;
}

absl::StatusOr<XdpLink> UpdateLink(PinnedLink pinned, int program,
                                   const std::string& device, XdpMode mode) {
  if (bpf_link_update(pinned.fd.get(), program, nullptr) != 0) {
    return absl::ErrnoToStatus(
        errno, Who(device) + "update the program of its pinned link");
  }
  XdpLink link;
  link.fd = std::move(pinned.fd);
  link.mode = mode;
  link.adopted = true;
  if (mode == XdpMode::kGeneric) link.why = "attached so by an earlier run";
  return link;
}

}  // namespace

absl::StatusOr<XdpLink> AttachXdp(int program, const std::string& device,
                                  uint32_t ifindex, XdpMode mode,
                                  const std::string& pin) {
  ASSIGN_OR_RETURN(OnDevice now, Query(device, ifindex));
  PinnedLink pinned = OpenLink(pin);
  const bool ours = Holds(pinned, ifindex, now);
  if (ours && (mode == XdpMode::kAuto || mode == now.mode)) {
    return UpdateLink(std::move(pinned), program, device, now.mode);
  }
  const XdpMode before = now.mode;
  pinned.fd.reset();
  RETURN_IF_ERROR(RemoveLink(pin));
  if (ours) {
    ASSIGN_OR_RETURN(now, Query(device, ifindex));
  }
  if (now.program_id != 0) return ForeignProgram(device, now.program_id);
  ASSIGN_OR_RETURN(XdpLink link, AttachNew(program, device, ifindex, mode));
  if (ours) {
    link.why = absl::StrCat("mode changed: was ", NameOf(before), " before");
  }
  if (!pin.empty() && bpf_obj_pin(link.fd.get(), pin.c_str()) != 0) {
    return absl::ErrnoToStatus(errno, Who(device) + "pin its link");
  }
  return link;
}

uint32_t LinkedDevice(const std::string& pin) {
  const PinnedLink link = OpenLink(pin);
  if (!link.fd.valid() || link.ifindex == 0) return 0;
  const absl::StatusOr<OnDevice> now = Query(pin, link.ifindex);
  return now.ok() && Holds(link, link.ifindex, *now) ? link.ifindex : 0;
}

absl::Status RemoveLink(const std::string& pin) {
  const UniqueFd fd(bpf_obj_get(pin.c_str()));
  // An error here is a device that is gone: nothing is attached then.
  if (fd.valid()) bpf_link_detach(fd.get());
  if (unlink(pin.c_str()) != 0 && errno != ENOENT) {
    return absl::ErrnoToStatus(errno, absl::StrCat("pins: remove ", pin));
  }
  return absl::OkStatus();
}

}  // namespace rampart

// SPDX-License-Identifier: Apache-2.0
#include "controller/preflight/findings.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace rampart {
namespace {

// Where the kernel has features of XDP that Rampart cannot do without.
constexpr int kOldestKernel = 6001;
// Linux promises programs so much room in front of a packet.
constexpr uint32_t kHeadroom = 256;
// A frame, that room and struct skb_shared_info (320 bytes) share a page of
// 4096 bytes: what all drivers take, with some room for theirs.
constexpr uint32_t kMostNativeMtu = 3498;
// RFC 8200 section 5.
constexpr uint32_t kLeastIpv6Mtu = 1280;
constexpr uint32_t kUsualMtu = 1500;

// Native XDP is refused: generic is taken instead, unless native is wanted.
CheckState WithoutNative(const PreflightInput& input) {
  return input.mode == XdpMode::kNative    ? CheckState::kFail
         : input.mode == XdpMode::kGeneric ? CheckState::kOk
                                           : CheckState::kWarn;
}

std::string GenericInstead(const PreflightInput& input) {
  return input.mode == XdpMode::kNative
             ? "attach would fail"
             : "generic XDP is used, which is slower";
}

Finding Driver(const PreflightInput& input) {
  const DeviceFacts& device = input.device;
  const std::string driver =
      device.driver.empty() ? "driver" : absl::StrCat("driver ", device.driver);
  Finding finding = {.check = "driver XDP"};
  if (!device.xdp_features) {
    finding.state = CheckState::kUnknown;
    finding.detail = absl::StrCat(
        driver, ": this kernel does not tell what it can (Linux 6.3 does)");
    return finding;
  }
  constexpr uint64_t kNative = kXdpBasic | kXdpRedirect;
  if ((*device.xdp_features & kNative) != kNative) {
    finding.state = WithoutNative(input);
    finding.detail =
        absl::StrCat(driver, " has no native XDP: ", GenericInstead(input));
    return finding;
  }
  finding.detail = absl::StrCat(driver, ": native, redirect");
  return finding;
}

// Packets are sent by redirecting them to the device.
Finding Transmit(const PreflightInput& input) {
  const DeviceFacts& device = input.device;
  const bool veth = device.kind == "veth";
  Finding finding = {.check = "redirect to it", .detail = "possible"};
  if (device.xdp_features && (*device.xdp_features & kXdpTransmit))
    return finding;
  const std::string peer = device.peer.empty() ? "the other end" : device.peer;
  if (veth) {
    finding.state =
        device.xdp_features ? CheckState::kFail : CheckState::kUnknown;
    finding.detail = absl::StrCat(
        "a veth takes redirected packets only if its peer has GRO or an XDP "
        "program; else they vanish",
        device.peer.empty() ? " (run it in the peer's network namespace)" : "");
    finding.command = absl::StrCat(
        "ethtool -K ", device.peer.empty() ? "PEER" : peer, " gro on");
    return finding;
  }
  if (!device.xdp_features) {
    finding.state = CheckState::kUnknown;
    finding.detail = "this kernel does not tell";
    return finding;
  }
  finding.state = WithoutNative(input);
  finding.detail = absl::StrCat("not with native XDP: ", GenericInstead(input));
  return finding;
}

// Who attached a program, and with what it can be taken off.
std::string Owner(const XdpProgram& program) {
  if (program.holders.empty())
    return program.link_id != 0 ? "pinned, no process holds it"
                                : "no process holds it";
  std::vector<std::string> names;
  names.reserve(program.holders.size());
  for (const XdpProgram::Holder& holder : program.holders)
    names.push_back(
        absl::StrCat("pid ", holder.pid, " (", holder.command, ")"));
  return absl::StrCat("by ", absl::StrJoin(names, ", "));
}

Finding Foreign(const DeviceFacts& device, const XdpProgram& program) {
  Finding finding = {
      .check = "existing XDP",
      .state = CheckState::kFail,
      .detail = absl::StrCat(
          "id ", program.id, program.name.empty() ? "" : " \"", program.name,
          program.name.empty() ? "" : "\"", program.tag.empty() ? "" : " tag ",
          program.tag, " ", program.mode, ", ", Owner(program),
          ": attach would fail"),
      .command =
          absl::StrCat("ip link set dev ", device.name, " xdp",
                       program.mode == "generic" ? "generic" : "", " off")};
  if (program.link_id != 0)
    finding.command = absl::StrCat("bpftool link detach id ", program.link_id);
  if (program.dispatcher) {
    absl::StrAppend(&finding.detail,
                    "; it is libxdp's dispatcher, which runs other programs");
    finding.command = absl::StrCat("xdp-loader unload ", device.name, " --all");
  }
  return finding;
}

void AddPrograms(const DeviceFacts& device, std::vector<Finding>& findings) {
  if (!device.programs) {
    findings.push_back({.check = "existing XDP",
                        .state = CheckState::kUnknown,
                        .detail = "the kernel tells only root"});
    return;
  }
  if (device.programs->empty())
    findings.push_back({.check = "existing XDP", .detail = "none"});
  for (const XdpProgram& program : *device.programs) {
    if (!program.ours) {
      findings.push_back(Foreign(device, program));
      continue;
    }
    findings.push_back(
        {.check = "existing XDP",
         .detail =
             absl::StrCat("Rampart's own: id ", program.id, " \"", program.name,
                          "\" ", program.mode, ", ", Owner(program))});
  }
}

// Packets merged by the device do not fit into XDP's one page.
Finding Merging(const PreflightInput& input) {
  std::vector<std::string> on, off;
  for (const auto& [name, option] : {std::pair("rx-lro", "lro off"),
                                     std::pair("rx-gro-hw", "rx-gro-hw off")}) {
    const auto found = input.device.features.find(name);
    if (found == input.device.features.end() || !found->second.on) continue;
    on.push_back(name);
    if (!found->second.fixed) off.push_back(option);
  }
  if (on.empty()) return {.check = "LRO / GRO-HW", .detail = "off"};
  Finding finding = {.check = "LRO / GRO-HW",
                     .state = WithoutNative(input),
                     .detail = absl::StrCat(absl::StrJoin(on, ", "),
                                            " on: drivers refuse native XDP; ",
                                            GenericInstead(input))};
  if (!off.empty())
    finding.command = absl::StrCat("ethtool -K ", input.device.name, " ",
                                   absl::StrJoin(off, " "));
  return finding;
}

Finding Queues(const PreflightInput& input) {
  const DeviceFacts& device = input.device;
  const uint32_t cpus = input.kernel.cpus;
  Finding finding = {.check = "queues / CPUs",
                     .detail = absl::StrCat(device.queues, "/", cpus)};
  if (device.queues == 0) {
    finding.state = CheckState::kUnknown;
    finding.detail = "the driver does not tell its queues";
    return finding;
  }
  if (device.queues >= cpus) return finding;
  absl::StrAppend(&finding.detail, ": ", device.queues, " of ", cpus,
                  " CPUs move its packets");
  if (device.queues_most <= device.queues) {
    absl::StrAppend(&finding.detail, "; it has no more queues");
    return finding;
  }
  finding.state = CheckState::kWarn;
  finding.command = absl::StrCat("ethtool -L ", device.name,
                                 device.kind == "veth" ? " rx " : " combined ",
                                 std::min(cpus, device.queues_most));
  return finding;
}

Finding Mtu(const PreflightInput& input) {
  const DeviceFacts& device = input.device;
  Finding finding = {
      .check = "MTU",
      .detail = absl::StrCat(device.mtu, ": frame and ", kHeadroom,
                             " bytes of headroom fit into a page")};
  if (device.mtu <= kMostNativeMtu) return finding;
  finding.state = WithoutNative(input);
  finding.detail = absl::StrCat(device.mtu, " > ", kMostNativeMtu,
                                ": frame and headroom do not fit into a page; ",
                                GenericInstead(input));
  finding.command =
      absl::StrCat("ip link set dev ", device.name, " mtu ", kUsualMtu);
  return finding;
}

Finding Encapsulation(const PreflightInput& input) {
  Finding finding = {.check = "MTU vs encapsulation"};
  if (!input.tunnels) {
    finding.state = CheckState::kUnknown;
    finding.detail =
        "the tunnels cannot be read: neither a controller nor a state file";
    return finding;
  }
  const auto most = std::max_element(
      input.tunnels->begin(), input.tunnels->end(),
      [](const auto& a, const auto& b) { return a.bytes < b.bytes; });
  if (most == input.tunnels->end()) {
    finding.detail = "no tunnels yet";
    return finding;
  }
  const uint32_t mtu = input.device.mtu;
  const uint32_t inner = mtu - std::min(mtu, most->bytes);
  finding.detail = absl::StrCat(mtu, " - ", most->bytes, " (", most->tunnel,
                                ") = ", inner, " inner");
  if (inner >= kUsualMtu) return finding;
  finding.state = CheckState::kWarn;
  absl::StrAppend(&finding.detail,
                  inner < kLeastIpv6Mtu
                      ? "; IPv6 wants 1280, so IPv6 does not work inside"
                      : "; path MTU discovery and MSS clamp will be active");
  finding.command = absl::StrCat("ip link set dev ", input.device.name, " mtu ",
                                 kUsualMtu + most->bytes);
  return finding;
}

Finding LinkState(const DeviceFacts& device) {
  if (device.up)
    return {
        .check = "link",
        .detail = device.ethernet ? "up, Ethernet" : "up, without Ethernet"};
  return {.check = "link",
          .state = CheckState::kWarn,
          .detail = "down",
          .command = absl::StrCat("ip link set dev ", device.name, " up")};
}

void AddKernel(const KernelFacts& kernel, std::vector<Finding>& findings) {
  findings.push_back({.check = "kernel", .detail = kernel.release});
  if (kernel.version < kOldestKernel) {
    findings.back().state = CheckState::kFail;
    findings.back().detail += ": Rampart needs Linux 6.1";
    findings.back().command = "apt install linux-image-amd64";
  }
  findings.push_back(
      {.check = "BTF",
       .detail = kernel.btf ? "there" : "not there; Rampart does not need it"});
  findings.push_back({.check = "AF_XDP", .detail = "there"});
  if (!kernel.af_xdp) {
    findings.back().state = CheckState::kUnknown;
    findings.back().detail = "only root can try";
  } else if (!*kernel.af_xdp) {
    findings.back().state = CheckState::kFail;
    findings.back().detail =
        "not in this kernel (CONFIG_XDP_SOCKETS): new flows cannot be decided";
    findings.back().command = "apt install linux-image-amd64";
  }
  findings.push_back({.check = "bpffs", .detail = "mounted"});
  if (!kernel.bpffs) {
    findings.back().state = CheckState::kWarn;
    findings.back().detail = "not mounted; rampartd does it if it may";
    findings.back().command = "mount -t bpf bpf /sys/fs/bpf";
  }
  findings.push_back({.check = "memlock",
                      .detail = kernel.may_lock
                                    ? "no limit for root"
                                    : absl::StrCat(kernel.memlock, " bytes")});
  constexpr uint64_t kSocketMemory = uint64_t{64} << 20;
  if (!kernel.may_lock && kernel.memlock < kSocketMemory) {
    findings.back().state = CheckState::kWarn;
    findings.back().detail += ": AF_XDP sockets lock up to 64 MB";
    findings.back().command = "ulimit -l unlimited";
  }
}

Finding Sysctls(const DeviceFacts& device) {
  return {
      .check = "sysctls",
      .state = CheckState::kNote,
      .detail = absl::StrCat(
          "ip_forward ", device.ip_forward, ", rp_filter ", device.rp_filter,
          ": neither matters, XDP forwards before the kernel asks them")};
}

Finding Changes(const DeviceFacts& device) {
  const bool ours =
      device.programs &&
      std::any_of(device.programs->begin(), device.programs->end(),
                  [](const auto& p) { return p.ours; });
  return {.check = "would change",
          .state = CheckState::kNote,
          .detail = absl::StrCat(
              ours ? "the program of its XDP link, without a lost packet"
                   : "1 XDP link, pinned",
              "; 0 sysctls, 0 routes, 0 nft rules, 0 ethtool settings")};
}

}  // namespace

std::vector<Finding> Judge(const PreflightInput& input) {
  std::vector<Finding> findings = {LinkState(input.device), Driver(input),
                                   Transmit(input)};
  AddPrograms(input.device, findings);
  findings.push_back(Merging(input));
  findings.push_back(Queues(input));
  findings.push_back(Mtu(input));
  findings.push_back(Encapsulation(input));
  AddKernel(input.kernel, findings);
  findings.push_back(Sysctls(input.device));
  findings.push_back(Changes(input.device));
  return findings;
}

}  // namespace rampart

// SPDX-License-Identifier: Apache-2.0
// What is true of a device and of this machine, as far as XDP cares. Reading
// it changes nothing.
#ifndef RAMPART_CONTROLLER_PREFLIGHT_FACTS_H_
#define RAMPART_CONTROLLER_PREFLIGHT_FACTS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "controller/dataplane/xdp_programs.h"

namespace rampart {

// Bits of DeviceFacts::xdp_features (enum netdev_xdp_act of Linux 6.3).
enum : uint64_t {
  kXdpBasic = 1 << 0,
  kXdpRedirect = 1 << 1,
  kXdpTransmit = 1 << 2,  // others may redirect to it (NDO_XMIT)
};

// A feature as ethtool -k shows it.
struct EthtoolFeature {
  bool on = false;
  bool fixed = false;
};

struct DeviceFacts {
  std::string name;
  uint32_t ifindex = 0;
  std::string driver;  // "" if it does not say
  std::string kind;    // of a virtual device: veth, tun
  std::string peer;    // of a veth, if it is in this network namespace
  uint32_t mtu = 0;    // bytes
  bool up = false;
  bool ethernet = true;
  // Nothing: the kernel does not tell (before Linux 6.3).
  std::optional<uint64_t> xdp_features;
  std::map<std::string, EthtoolFeature> features;  // "rx-lro"
  uint32_t queues = 0;  // receive queues in use; 0: unknown
  uint32_t queues_most = 0;
  // Nothing: not allowed to ask.
  std::optional<std::vector<XdpProgram>> programs;
  std::string ip_forward;  // as in /proc/sys; "" if it is not there
  std::string rp_filter;
};

struct KernelFacts {
  std::string release;
  int version = 0;  // major * 1000 + minor
  bool btf = false;
  std::optional<bool> af_xdp;  // nothing: not allowed to try
  bool bpffs = false;
  uint64_t memlock = 0;   // bytes, RLIMIT_MEMLOCK
  bool may_lock = false;  // root: the limit does not count
  uint32_t cpus = 0;
};

// Errors: NotFound if there is no such device in this network namespace.
absl::StatusOr<DeviceFacts> ReadDevice(const std::string& name);
// bpffs: where it should be mounted.
KernelFacts ReadKernel(const std::string& bpffs);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_PREFLIGHT_FACTS_H_

// SPDX-License-Identifier: Apache-2.0
// What capture is asked to look at: a device, or the peers of a tunnel.
#ifndef RAMPART_TOOLS_XDPCTL_CAPTURE_TARGET_H_
#define RAMPART_TOOLS_XDPCTL_CAPTURE_TARGET_H_

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "controller/base/ip.h"
#include "controller/dataplane/offline.h"
#include "controller/explain/steps.h"

namespace rampart::xdpctl {

class Session;

struct Target {
  std::optional<uint32_t> slot;    // a device
  std::vector<IpAddress> remotes;  // a tunnel's peers
  uint32_t tunnel = 0;             // id of a tunnel
};

// By the name of a device, of a tunnel, or the id of a tunnel. Errors:
// NotFound, InvalidArgument if several tenants have such a tunnel.
absl::StatusOr<Target> FindTarget(Session& session, const MapReader& maps,
                                  const EventNames& names,
                                  const std::string& name);

// Next hops through a tunnel. Errors: NotFound if there is none.
absl::StatusOr<std::set<uint32_t>> NextHopsOf(const MapReader& maps,
                                              uint32_t tunnel);
// Next hops of a device; never empty: one index in it is nobody's.
absl::StatusOr<std::set<uint32_t>> NextHopsThrough(const MapReader& maps,
                                                   uint32_t slot);

}  // namespace rampart::xdpctl

#endif  // RAMPART_TOOLS_XDPCTL_CAPTURE_TARGET_H_

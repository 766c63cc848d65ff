// SPDX-License-Identifier: Apache-2.0
// What the facts mean for attaching Rampart to a device. Pure functions.
#ifndef RAMPART_CONTROLLER_PREFLIGHT_FINDINGS_H_
#define RAMPART_CONTROLLER_PREFLIGHT_FINDINGS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "controller/config/edge_config.h"
#include "controller/preflight/facts.h"

namespace rampart {

enum class CheckState { kOk, kWarn, kFail, kUnknown, kNote };

struct Finding {
  std::string check;
  CheckState state = CheckState::kOk;
  std::string detail;
  std::string command = {};  // that mends it; "" if nothing is to be mended
};

// Headers that a tunnel puts around packets.
struct TunnelHeaders {
  std::string tunnel;  // "acme/fra"
  uint32_t bytes = 0;
};

struct PreflightInput {
  DeviceFacts device;
  KernelFacts kernel;
  XdpMode mode = XdpMode::kAuto;  // as rampartd.yaml would say
  // Nothing: the tunnels could not be read.
  std::optional<std::vector<TunnelHeaders>> tunnels;
};

// In the order in which they are shown.
std::vector<Finding> Judge(const PreflightInput& input);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_PREFLIGHT_FINDINGS_H_

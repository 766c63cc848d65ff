// SPDX-License-Identifier: Apache-2.0
// A program on a device: attached by a bpf_link that is pinned, so that it
// outlives the controller.
#ifndef RAMPART_CONTROLLER_DATAPLANE_XDP_LINK_H_
#define RAMPART_CONTROLLER_DATAPLANE_XDP_LINK_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "controller/base/unique_fd.h"
#include "controller/config/edge_config.h"

namespace rampart {

struct XdpLink {
  UniqueFd fd;
  XdpMode mode = XdpMode::kNative;  // never kAuto
  std::string why;       // what a person should know about how it came to that
  bool adopted = false;  // pinned by an earlier run and updated
};

// Puts `program` on the device. A live link pinned at `pin` is updated
// atomically, unless its mode is not `mode`; one of a device that is gone is
// replaced. `pin` empty: the link is not pinned and ends with its descriptor.
// Errors name device and mode; AlreadyExists if another program is there.
absl::StatusOr<XdpLink> AttachXdp(int program, const std::string& device,
                                  uint32_t ifindex, XdpMode mode,
                                  const std::string& pin);

// ifindex of the device that the link pinned at `pin` holds in this network
// namespace; 0 if there is no such link or its device is gone.
uint32_t LinkedDevice(const std::string& pin);

// Detaches the program at once, even if another process holds the link too,
// and removes the pin. Fine if there is none.
absl::Status RemoveLink(const std::string& pin);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_DATAPLANE_XDP_LINK_H_

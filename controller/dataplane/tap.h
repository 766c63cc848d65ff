// SPDX-License-Identifier: Apache-2.0
// The TAP that the controller's own packets enter the data plane through: its
// program runs inside write(), so order is kept and nothing is lost.
#ifndef RAMPART_CONTROLLER_DATAPLANE_TAP_H_
#define RAMPART_CONTROLLER_DATAPLANE_TAP_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "controller/base/unique_fd.h"
#include "maps/punt.h"

namespace rampart {

class Tap {
 public:
  // Makes and brings up the interface in this network namespace. It goes with
  // the descriptor, so a controller that is killed leaves none.
  static absl::StatusOr<Tap> Open(std::string_view name);

  const std::string& name() const { return name_; }
  uint32_t ifindex() const { return ifindex_; }

  // Writes one frame: header, what stands beside a fragment if it is one, and
  // the IP packet. Fills header.ethertype. Errors: InvalidArgument if it is not
  // an IP packet, ResourceExhausted if the kernel takes no more now.
  absl::Status Write(rp_inject header, const rp_inject_fragment* fragment,
                     absl::Span<const uint8_t> packet) const;

 private:
  Tap() = default;
  absl::Status BringUp() const;

  UniqueFd fd_;
  std::string name_;
  uint32_t ifindex_ = 0;
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_DATAPLANE_TAP_H_

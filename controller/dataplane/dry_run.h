// SPDX-License-Identifier: Apache-2.0
// Packets that do not exist, run by the programs that devices run, on the maps
// in force, without changing anything.
#ifndef RAMPART_CONTROLLER_DATAPLANE_DRY_RUN_H_
#define RAMPART_CONTROLLER_DATAPLANE_DRY_RUN_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "maps/watch.h"

namespace rampart {

struct DryEvent {
  rp_event event;
  std::vector<uint8_t> bytes;
};

struct DryResult {
  uint32_t action = 0;  // enum xdp_action
  std::vector<DryEvent> events;
  std::vector<uint8_t> output;  // the frame as it would leave
  uint32_t program_id = 0;
  std::string program;  // name
  std::string tag;      // of the program, 16 hex digits
};

class DryRunner {
 public:
  // Takes one of the watches until its end. Errors: as Watch::Arm().
  static absl::StatusOr<std::unique_ptr<DryRunner>> Open(std::string_view bpffs,
                                                         std::string_view edge);
  virtual ~DryRunner() = default;

  // frame: from the Ethernet header on, 14 to some 3500 bytes; on the TAP of
  // the controller, struct rp_inject in its place. Errors: NotFound if the slot
  // has no device here or that runs no program; InvalidArgument for a frame of
  // another length. Cost: some 20 us.
  virtual absl::StatusOr<DryResult> Run(uint32_t slot,
                                        absl::Span<const uint8_t> frame) = 0;
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_DATAPLANE_DRY_RUN_H_

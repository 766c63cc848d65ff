// SPDX-License-Identifier: Apache-2.0
// Packets of a running edge, told by its data plane: see maps/watch.h. Works on
// the pins, with or without a controller.
#ifndef RAMPART_CONTROLLER_DATAPLANE_WATCH_H_
#define RAMPART_CONTROLLER_DATAPLANE_WATCH_H_

#include <cstdint>
#include <memory>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "maps/watch.h"

namespace rampart {

// Some watches and the ring that their events come through.
class Watch {
 public:
  // A watch that is not renewed for so long is over, so that one whose owner
  // was killed costs nothing after it.
  static constexpr uint64_t kLease = 3'000'000'000;  // ns
  using Visit =
      absl::FunctionRef<void(const rp_event&, absl::Span<const uint8_t> bytes)>;

  // `until` and `lost` are filled in. Errors: InvalidArgument for no or too
  // many watches, ResourceExhausted if others have them, NotFound if `edge` has
  // no pins, PermissionDenied without root. Cost: some RCU grace periods.
  static absl::StatusOr<std::unique_ptr<Watch>> Arm(
      std::string_view bpffs, std::string_view edge,
      absl::Span<const rp_watch> watches);
  virtual ~Watch() = default;  // disarms

  // Puts other watches in the place of these; events that wait stay. Errors: as
  // Arm().
  virtual absl::Status Replace(absl::Span<const rp_watch> watches) = 0;
  // To be called more often than kLease.
  virtual void Renew() = 0;
  // Readable when events wait.
  virtual int fd() const = 0;
  // Visits the events that wait. Returns their number.
  virtual absl::StatusOr<int> Read(Visit visit) = 0;
  // Events that found the ring full, since Arm().
  virtual uint64_t lost() const = 0;
};

// Ends watches whose owners are gone. Cheap if there are none in force.
absl::Status EndLeftWatches(std::string_view bpffs, std::string_view edge);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_DATAPLANE_WATCH_H_

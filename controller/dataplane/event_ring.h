// SPDX-License-Identifier: Apache-2.0
// The reader's end of a ring that the data plane writes struct rp_event to.
#ifndef RAMPART_CONTROLLER_DATAPLANE_EVENT_RING_H_
#define RAMPART_CONTROLLER_DATAPLANE_EVENT_RING_H_

#include <cstdint>
#include <memory>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "maps/watch.h"

namespace rampart {

class EventRing {
 public:
  using Visit =
      absl::FunctionRef<void(const rp_event&, absl::Span<const uint8_t> bytes)>;

  // map_fd: of a ring buffer, which must outlive this.
  static absl::StatusOr<std::unique_ptr<EventRing>> Of(int map_fd);
  virtual ~EventRing() = default;

  virtual int fd() const = 0;  // readable when events wait
  // Visits the events that wait. Returns their number.
  virtual absl::StatusOr<int> Read(Visit visit) = 0;
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_DATAPLANE_EVENT_RING_H_

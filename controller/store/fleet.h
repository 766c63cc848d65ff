// SPDX-License-Identifier: Apache-2.0
// What a state store that several edges share has beyond StateStore.
#ifndef RAMPART_CONTROLLER_STORE_FLEET_H_
#define RAMPART_CONTROLLER_STORE_FLEET_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "controller/store/store.h"

namespace rampart {

// An edge that is there now.
struct FleetEdge {
  std::string name;
  std::string api;  // "192.0.2.1:9443"; "": none but its socket
  std::string version;
  uint32_t epoch = 0;  // in force there
  absl::Time started;
};

struct FleetHealth {
  absl::Status reached;  // why the store does not answer, or is not believed
  absl::Time as_of;      // when this edge last knew the epoch of the fleet
  absl::Status copy;     // of the local copy: why it is behind
  friend bool operator==(const FleetHealth&, const FleetHealth&) = default;
};

// Other edges write to it, too: what they have put in force comes by Take().
// While the store is lost, Load(), Preview() and probation() go on answering
// with the last epoch that was known; what changes something or looks back
// fails with Unavailable.
class FleetStore : public StateStore {
 public:
  // Readable when Take() or health() has something new.
  virtual int fd() const = 0;
  // The newest epoch, if others have put one in force that this edge has not
  // seen: always whole. Epochs between are passed over; on_change is the
  // strictest of them. Quiets fd().
  virtual std::optional<StoredResources> Take() = 0;
  virtual FleetHealth health() const = 0;
  // Tells the others which epoch this edge forwards by. Cost: none.
  virtual void InForce(uint32_t epoch) = 0;
  // Sorted by name. Errors: Unavailable.
  virtual absl::StatusOr<std::vector<FleetEdge>> Edges() = 0;
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_STORE_FLEET_H_

// SPDX-License-Identifier: Apache-2.0
// Device slots: the small numbers that programs, next hops and counters know
// devices by.
#ifndef RAMPART_CONTROLLER_DATAPLANE_SLOTS_H_
#define RAMPART_CONTROLLER_DATAPLANE_SLOTS_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controller/dataplane/data_plane.h"
#include "controller/dataplane/map.h"
#include "maps/ramp.h"

namespace rampart {

// A view of rp_devices, rp_ports and rp_outcomes, which must outlive it.
// rp_devices says which slots are taken.
class Slots {
 public:
  Slots(const Map<uint32_t, rp_device>& devices, int ports, int outcomes)
      : devices_(devices), ports_(ports), outcomes_(outcomes) {}

  // Frees the slots whose device is not `alive`; a controller that was killed
  // may have left some, and its TAP is always gone.
  absl::Status Sweep(std::function<bool(const rp_device&)> alive) const;
  // The taken slot of a device, or the lowest free one with its counters
  // zeroed. Errors: ResourceExhausted.
  absl::StatusOr<uint32_t> Choose(uint32_t ifindex) const;
  // Makes the device known: redirects to it work, packets from it count.
  absl::Status Fill(uint32_t slot, const rp_device& entry) const;
  absl::Status Free(uint32_t slot) const;
  // Of slots in use.
  absl::StatusOr<std::vector<DeviceCounters>> ReadCounters() const;

 private:
  absl::Status ZeroCounters(uint32_t slot) const;
  absl::StatusOr<DeviceCounters> ReadSlot(uint32_t slot) const;

  const Map<uint32_t, rp_device>& devices_;
  int ports_;
  int outcomes_;
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_DATAPLANE_SLOTS_H_

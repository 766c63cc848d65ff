// SPDX-License-Identifier: Apache-2.0
// The compiled data plane (the skeleton of bpf/rampart.bpf.c) as kernel
// objects: its maps, pinned, and one copy of a program per device.
#ifndef RAMPART_CONTROLLER_DATAPLANE_OBJECTS_H_
#define RAMPART_CONTROLLER_DATAPLANE_OBJECTS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "controller/base/unique_fd.h"
#include "controller/dataplane/pins.h"
#include "maps/ramp.h"

namespace rampart {

// Every map of the object by its name.
using MapFds = std::map<std::string, UniqueFd, std::less<>>;

struct PinnedMaps {
  MapFds fds;
  bool adopted = false;  // an earlier run made them
};

// Adopts the pinned maps or makes and pins new ones. Maps that the pins lack,
// because an older version made them, are added. Errors: FailedPrecondition if
// they are not this program's: another type, size, capacity, layout or store.
absl::StatusOr<PinnedMaps> OpenMaps(const Pins& pins, uint32_t flow_capacity,
                                    uint64_t store_id);

// Loads the program of `role` for one device slot, on those maps. Errors carry
// the end of the verifier's log.
absl::StatusOr<UniqueFd> LoadProgram(const MapFds& maps, rp_role role,
                                     uint32_t slot);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_DATAPLANE_OBJECTS_H_

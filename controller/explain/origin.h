// SPDX-License-Identifier: Apache-2.0
// Where a described packet comes on: names become a device slot and a frame.
#ifndef RAMPART_CONTROLLER_EXPLAIN_ORIGIN_H_
#define RAMPART_CONTROLLER_EXPLAIN_ORIGIN_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "controller/compile/snapshot.h"
#include "controller/dataplane/offline.h"
#include "controller/explain/describe.h"

namespace rampart {

struct Origin {
  uint32_t slot = 0;   // of the device whose program sees the frame
  std::string device;  // its name, or "the controller's" for a tunnel
  // Without headers of a tunnel: given to the program as the controller gives
  // back a punted packet.
  bool inject = false;
  uint32_t realm = 0;   // inject
  uint32_t tunnel = 0;  // inject
  std::vector<uint8_t> frame;
};

// snapshot: null if there is no controller; then tunnels are named by id and
// vnets by VNI. A packet without origin comes through the tunnel that its
// source is behind, in the vnet that is named, or the only tenant's default
// one. Errors: InvalidArgument, NotFound that name the word.
absl::StatusOr<Origin> FindOrigin(const DescribedPacket& described,
                                  const Snapshot* snapshot,
                                  const MapReader& maps);

// A frame as it was captured, on a device.
absl::StatusOr<Origin> FindDevice(const std::string& name,
                                  std::vector<uint8_t> frame,
                                  const MapReader& maps);

// Null members if there is none of this name, "fra" or "acme/fra". Errors:
// InvalidArgument if several tenants have one.
absl::StatusOr<Snapshot::TunnelRef> FindTunnelByName(const Snapshot& snapshot,
                                                     const std::string& name);
absl::StatusOr<Snapshot::VnetRef> FindVnetByName(const Snapshot& snapshot,
                                                 const std::string& name);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_EXPLAIN_ORIGIN_H_

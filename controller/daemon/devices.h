// SPDX-License-Identifier: Apache-2.0
// Keeps the data plane on the devices that configuration and resources want,
// while devices come, change and go.
#ifndef RAMPART_CONTROLLER_DAEMON_DEVICES_H_
#define RAMPART_CONTROLLER_DAEMON_DEVICES_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controller/config/edge_config.h"
#include "controller/dataplane/data_plane.h"
#include "controller/dataplane/offline.h"
#include "controller/netlink/underlay.h"

namespace rampart {

// A device to attach to. Access devices without a tunnel are not wanted: what
// comes on there would have no vnet to go to.
struct WantedDevice {
  DeviceConfig config;
  uint32_t tunnel = 0;  // access: id of its interface tunnel
  uint32_t realm = 0;   // access: VNI of that tunnel's vnet
  uint32_t tenant = 0;  // access: whose tunnel that is
};
std::vector<WantedDevice> WantedDevices(const EdgeConfig& edge,
                                        const Resources& resources);

class Devices {
 public:
  // All must outlive it.
  Devices(DataPlane& data_plane, Underlay& underlay, const MapReader& maps)
      : data_plane_(data_plane), underlay_(underlay), maps_(maps) {}

  // Attaches what is wanted and not attached like that yet. A missing uplink
  // is an error, and so is a missing access device if `strict`; otherwise it
  // is attached when it comes. Errors: NotFound; what Attach() says.
  absl::Status Attach(const std::vector<WantedDevice>& wanted, bool strict);
  // Detaches what is not wanted any more, also what an earlier run left.
  absl::Status DetachOthers(const std::vector<WantedDevice>& wanted);
  // After a change of links: attaches again what came back or has another MAC
  // address, forgets what went.
  void Follow(const std::vector<WantedDevice>& wanted);

  // Attached to devices that are there.
  std::vector<AttachedDevice> attached() const;

 private:
  absl::Status AttachOne(const WantedDevice& wanted, const Link& link);
  absl::Status DetachLeftovers() const;

  DataPlane& data_plane_;
  Underlay& underlay_;
  const MapReader& maps_;
  std::map<std::string, rp_device> entries_;  // as attached, by name
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_DAEMON_DEVICES_H_

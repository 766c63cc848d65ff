// SPDX-License-Identifier: Apache-2.0
// From a destination on the underlay to the frame that gets there: the
// kernel's route, the neighbour's MAC, VLAN tags and the device slot.
#ifndef RAMPART_CONTROLLER_FLOW_PATHS_H_
#define RAMPART_CONTROLLER_FLOW_PATHS_H_

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "controller/base/ip.h"
#include "controller/compile/next_hop.h"
#include "controller/dataplane/data_plane.h"
#include "controller/netlink/underlay.h"

namespace rampart {

// The next station of packets: destinations with the same one share a next hop.
struct Via {
  uint32_t ifindex = 0;
  uint32_t mtu = 0;     // of link or route
  IpAddress neighbour;  // gateway, or the on-link destination itself;
                        // unspecified behind a device without link header
  friend bool operator==(const Via&, const Via&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const Via& v) {
    return H::combine(std::move(h), v.ifindex, v.mtu, v.neighbour);
  }
};

class Paths {
 public:
  // Both outlive this.
  Paths(Underlay& underlay, const DataPlane& data_plane)
      : underlay_(underlay), data_plane_(data_plane) {}

  // Forgets what the kernel said: something has changed.
  void Refresh();

  // As the kernel routes, but never through an access interface: that belongs
  // to one tenant, and the underlay to all. Cost: 20 us for a destination not
  // asked for since Refresh(), then a hash look-up. Errors: NotFound.
  absl::StatusOr<Via> Towards(const IpAddress& destination);
  // Through that device whatever the kernel's other routes say: by the
  // kernel's gateway if its route is through the device, else on-link. Errors:
  // NotFound if there is no such device.
  absl::StatusOr<Via> Through(std::string_view device,
                              const IpAddress& destination);
  // A neighbour on that device. Errors: NotFound.
  absl::StatusOr<Via> Beside(std::string_view device,
                             const IpAddress& neighbour);

  // Has the kernel keep the neighbour fresh from now on. Errors: Unavailable
  // while the neighbour is unknown or the link down, NotFound if no program is
  // attached to the device.
  absl::StatusOr<LinkPath> Resolve(const Via& via);
  // Has the kernel look for the neighbour now: packets wait for it.
  void Probe(const Via& via);
  // Between the two, Resolve() is called for all that is in use; the other
  // neighbours are then no longer kept fresh.
  void BeginUse() { ++generation_; }
  void EndUse();

 private:
  const absl::StatusOr<UnderlayRoute>& Route(const IpAddress& destination);
  // The attached device that packets for `link` leave through, and the tags
  // they need there. Null if there is none.
  const AttachedDevice* FindDevice(Link link,
                                   std::vector<LinkPath::Vlan>* vlans) const;

  Underlay& underlay_;
  const DataPlane& data_plane_;
  absl::flat_hash_map<IpAddress, absl::StatusOr<UnderlayRoute>> routes_;
  absl::flat_hash_map<uint32_t, AttachedDevice> devices_;  // by ifindex
  // Neighbours kept fresh, by device; the value says when it was last used.
  absl::flat_hash_map<std::pair<uint32_t, IpAddress>, uint32_t> managed_;
  uint32_t generation_ = 0;
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_FLOW_PATHS_H_

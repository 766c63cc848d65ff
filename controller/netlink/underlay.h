// SPDX-License-Identifier: Apache-2.0
// The server's own network as the kernel tells it: links, addresses, routes
// and neighbours. The only view of it that the rest of the controller has.
#ifndef RAMPART_CONTROLLER_NETLINK_UNDERLAY_H_
#define RAMPART_CONTROLLER_NETLINK_UNDERLAY_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controller/base/ip.h"

namespace rampart {

struct Link {
  uint32_t ifindex = 0;
  std::string name;
  MacAddress mac = {};
  uint32_t mtu = 0;
  bool up = false;          // IFF_UP and carrier
  bool ethernet = true;     // false: no link header (tun, WireGuard)
  uint32_t parent = 0;      // VLAN devices: ifindex of the device they ride on
  uint16_t vlan_id = 0;     // VLAN devices
  uint16_t vlan_proto = 0;  // VLAN devices: 0x8100 or 0x88a8, host order

  friend bool operator==(const Link&, const Link&) = default;
};

// How the kernel would send to a destination.
struct UnderlayRoute {
  uint32_t ifindex = 0;
  std::optional<IpAddress> gateway;  // none: on-link. May be of another family
                                     // than the destination (RFC 8950)
  IpAddress source;                  // preferred source address
  uint32_t mtu = 0;                  // of the route, else of the link
};

class Underlay {
 public:
  virtual ~Underlay() = default;

  virtual std::optional<Link> FindLink(std::string_view name) const = 0;
  virtual std::optional<Link> FindLink(uint32_t ifindex) const = 0;
  // Addresses of a device, primary ones first.
  virtual std::vector<IpAddress> Addresses(uint32_t ifindex) const = 0;

  // Asks the kernel (one netlink round trip, some 20 us). Errors: NotFound if
  // there is no route or it is not unicast.
  virtual absl::StatusOr<UnderlayRoute> Route(const IpAddress& destination) = 0;

  // MAC of a usable neighbour, from the followed table; nothing while unknown.
  virtual std::optional<MacAddress> Neighbour(
      uint32_t ifindex, const IpAddress& address) const = 0;
  // Starts resolution and has the kernel keep the entry fresh (NTF_EXT_MANAGED,
  // Linux 5.16). Idempotent.
  virtual absl::Status Manage(uint32_t ifindex, const IpAddress& address) = 0;
  // Undoes Manage(): the entry becomes an ordinary one.
  virtual absl::Status Unmanage(uint32_t ifindex, const IpAddress& address) = 0;

  // What changed since the last call; several changes may be told as one.
  struct Listener {
    std::function<void(uint32_t ifindex)> on_link;  // also when it goes
    std::function<void(uint32_t ifindex)> on_address;
    std::function<void()> on_route;
    std::function<void(uint32_t ifindex, const IpAddress&)> on_neighbour;
  };
  virtual void SetListener(Listener listener) = 0;

  // Readable when there is something for Process(), which reads it all and
  // calls the listener. Reloads everything after ENOBUFS.
  virtual int fd() const = 0;
  virtual absl::Status Process() = 0;
};

// Opens netlink sockets in the calling thread's network namespace.
absl::StatusOr<std::unique_ptr<Underlay>> OpenUnderlay();

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_NETLINK_UNDERLAY_H_

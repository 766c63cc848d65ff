// SPDX-License-Identifier: Apache-2.0
// Next hops as bytes: the headers that the data plane puts in front.
#ifndef RAMPART_CONTROLLER_COMPILE_NEXT_HOP_H_
#define RAMPART_CONTROLLER_COMPILE_NEXT_HOP_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "controller/base/ip.h"
#include "controller/model/resources.h"
#include "maps/next_hop.h"
#include "maps/outcomes.h"

namespace rampart {

// How a next hop is reached on the wire.
struct LinkPath {
  uint32_t slot = 0;     // device slot
  bool ethernet = true;  // false: no link header
  MacAddress source = {};
  MacAddress destination = {};
  struct Vlan {
    uint16_t protocol;  // 0x8100 or 0x88a8, host order
    uint16_t id;
  };
  std::vector<Vlan> vlans = {};  // outermost first, at most two
  uint32_t mtu = 1500;  // of link or route: largest IP packet on the wire
};

// To peer `peer_index` of a gue or gre tunnel. local: our tunnel address of the
// family of the peer's. gue_port: EdgeConfig::gue_port, host order; gre does
// not use it. The identity fields (use, tunnel, realm, peer, family) are
// filled in. mtu = path.mtu - outer headers.
rp_next_hop CompileTunnelNextHop(const Tunnel& tunnel, uint32_t peer_index,
                                 uint32_t realm, Family inner,
                                 const IpAddress& local, uint16_t gue_port,
                                 const LinkPath& path);

// Straight onto a link: Internet or interface. `use`, `address` and `tunnel`
// identify it.
rp_next_hop CompileLinkNextHop(rp_next_hop_use use, Family inner,
                               const IpAddress& address, uint32_t tunnel,
                               uint32_t realm, const LinkPath& path);

// Drops for `reason`.
rp_next_hop CompileDropNextHop(rp_outcome reason);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_COMPILE_NEXT_HOP_H_

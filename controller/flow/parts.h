// SPDX-License-Identifier: Apache-2.0
// Puts datagrams back that are in parts: fragments that have become complete,
// and packets that were too big.
#ifndef RAMPART_CONTROLLER_FLOW_PARTS_H_
#define RAMPART_CONTROLLER_FLOW_PARTS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "controller/dataplane/data_plane.h"
#include "controller/flow/hooks.h"

namespace rampart {

class Parts {
 public:
  // data_plane outlives this. seed: random.
  Parts(DataPlane& data_plane, uint32_t seed)
      : data_plane_(data_plane), last_id6_(seed) {}

  // Takes the packets on in `tuple.realm` as if they had come through `tunnel`,
  // each with the ports of `tuple` beside it and all with one identification
  // that no other datagram of this edge has (RFC 6864 section 5.3.1): those of
  // several hosts meet behind the address they share. IPv4 packets are cut to
  // `mtu`. Errors: InvalidArgument if one cannot be, or is no fragment; those
  // of DataPlane::InjectFragment().
  absl::Status Inject(const FlowTuple& tuple, uint32_t tunnel, size_t mtu,
                      absl::Span<const std::vector<uint8_t>> packets);

 private:
  absl::Status InjectV4(const FlowTuple& tuple, uint32_t tunnel, size_t mtu,
                        absl::Span<const uint8_t> packet, uint16_t id);
  absl::Status InjectV6(const FlowTuple& tuple, uint32_t tunnel,
                        std::vector<uint8_t> packet, uint32_t id);

  DataPlane& data_plane_;
  uint32_t last_id6_;
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_FLOW_PARTS_H_

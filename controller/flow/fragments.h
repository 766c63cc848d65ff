// SPDX-License-Identifier: Apache-2.0
// Cuts IPv4 packets that are too big and may be fragmented. Pure functions.
#ifndef RAMPART_CONTROLLER_FLOW_FRAGMENTS_H_
#define RAMPART_CONTROLLER_FLOW_FRAGMENTS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"

namespace rampart {

// The fragments of an IPv4 packet, itself a fragment or not, in order, each of
// at most `mtu` bytes and with its header checksum (RFC 791 section 3.2).
// Options without the copy flag are in the first one only (section 3.1).
//
// packet: cut to its own length, as ParsePacket() does. identification: of all
// fragments; unlike that of any other datagram on its way between these hosts
// (RFC 6864 section 5.3.1). Empty if the packet must not be fragmented or the
// headers and 8 bytes do not fit into `mtu`.
std::vector<std::vector<uint8_t>> SplitV4(absl::Span<const uint8_t> packet,
                                          size_t mtu, uint16_t identification);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_FLOW_FRAGMENTS_H_

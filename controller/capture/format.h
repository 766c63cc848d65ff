// SPDX-License-Identifier: Apache-2.0
// Packets as a line of text, as tcpdump shows them but with the headers of
// tunnels.
#ifndef RAMPART_CONTROLLER_CAPTURE_FORMAT_H_
#define RAMPART_CONTROLLER_CAPTURE_FORMAT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "controller/capture/pcapng.h"

namespace rampart {

// One IP packet of a frame: a tunnel's outer one, or the last, the tenant's.
struct PacketLine {
  // "10.1.0.5:40000 > 10.2.0.9:22 tcp S seq 0 win 65535 len 40 ttl 64"
  // "192.0.2.10 > 192.0.2.1 gue vni 1001 len 92 ttl 64"
  std::string text;
  size_t offset = 0;  // of its IP header in the frame
};

// Outermost first; what is no IP is one line with its ethertype. Stops where
// the bytes end, and says "cut". gue_port: UDP destination port of GUE.
std::vector<PacketLine> FormatPacket(LinkType link,
                                     absl::Span<const uint8_t> bytes,
                                     uint16_t gue_port);

// The lines with " | " between them.
std::string FormatOneLine(LinkType link, absl::Span<const uint8_t> bytes,
                          uint16_t gue_port);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_CAPTURE_FORMAT_H_

// SPDX-License-Identifier: Apache-2.0
// Writes capture files that tell why: pcapng
// (draft-ietf-opsawg-pcapng), little-endian, a comment beside each packet.
#ifndef RAMPART_CONTROLLER_CAPTURE_PCAPNG_H_
#define RAMPART_CONTROLLER_CAPTURE_PCAPNG_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/types/span.h"

namespace rampart {

// What a captured packet begins with (draft-ietf-opsawg-pcaplinktype).
enum class LinkType : uint16_t {
  kEthernet = 1,
  kIp = 101,  // IPv4 or IPv6, as its first four bits say
};

struct PcapngInterface {
  std::string_view name;
  LinkType link = LinkType::kEthernet;
  uint32_t snaplen = 0;  // bytes kept of a packet; 0: all
};

struct PcapngPacket {
  uint32_t interface = 0;  // position among the section's interfaces
  uint64_t time = 0;       // ns since 1970
  absl::Span<const uint8_t> bytes;
  uint32_t length = 0;  // of the packet before it was cut; 0: it was not
  std::string_view comment;
};

// Each appends one block to `out`. A file is a section, its interfaces, then
// packets and statistics. Comments and names are cut at 65535 bytes.
void AppendSection(std::string_view application, std::string& out);
void AppendInterface(const PcapngInterface& interface, std::string& out);
void AppendPacket(const PcapngPacket& packet, std::string& out);
// received: packets that were meant; lost: those of them that are not in the
// file. time: ns since 1970.
void AppendStatistics(uint32_t interface, uint64_t time, uint64_t received,
                      uint64_t lost, std::string& out);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_CAPTURE_PCAPNG_H_

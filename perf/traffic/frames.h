// SPDX-License-Identifier: Apache-2.0
// Frames by the number of their flow: what perf_load sends, what must arrive.
#ifndef RAMPART_PERF_TRAFFIC_FRAMES_H_
#define RAMPART_PERF_TRAFFIC_FRAMES_H_

#include <cstdint>
#include <string>

#include "perf/traffic/load_abi.h"
#include "tests/testing/packet.h"

namespace rampart::perf {

using testing::Bytes;
using testing::Ip;
using testing::Mac;

// What is around the tenant's packet.
enum class Wrap {
  kPlain,
  kVxlan,
  kGueNone,
  kGueCookie,
  kGueMac,
  kGueGreKey,
  kGre,
};

inline constexpr uint16_t kGuePort = 6080;
inline constexpr uint16_t kVxlanPort = 4789;
inline constexpr testing::SipKey kMacKey = {0, 1, 2,  3,  4,  5,  6,  7,
                                            8, 9, 10, 11, 12, 13, 14, 15};
inline constexpr uint64_t kCookie = 0x1122334455667788;
inline constexpr Mac kDeviceMac = {0x02, 0, 0, 0, 0xed, 0x9e};  // under test
inline constexpr Mac kPeerMac = {0x02, 0, 0, 0, 0x0e, 0x01};    // around it
// The same inside VXLAN.
inline constexpr Mac kVxlanDeviceMac = {0x02, 0, 0, 0, 0xed, 0xe1};
inline constexpr Mac kVxlanPeerMac = {0x02, 0, 0, 0, 0x0e, 0xe2};

// One side of the device under test.
struct Leg {
  Wrap wrap = Wrap::kPlain;
  Mac mac_from, mac_to;              // link header
  Mac inner_mac_from, inner_mac_to;  // VXLAN
  Ip from, to;                       // outer addresses
  uint32_t vni = 1001;
};

// The tenant's packet: UDP with the number of its flow and a pattern.
struct Inner {
  Ip source;  // of host 0
  Ip destination;
  uint16_t port = 53;  // destination
  uint8_t ttl = 64;
  size_t size = 64;  // bytes, IP header included
};

// What the outside may choose freely; taken from the frame that is judged.
struct Freedom {
  uint16_t outer_port = 0;
  uint16_t ip_id = 0;
  uint16_t ip_fragment = 0x4000;
  uint32_t epoch = 0;
};

uint32_t UnixEpoch();
Ip AddressPlus(const Ip& first, uint32_t hosts);
size_t PayloadSize(const Inner& inner);

// The frame of flow `number`; its source is `source`:`port`.
Bytes BuildFrame(const Leg& leg, const Inner& inner, uint32_t number,
                 const Ip& source, uint16_t port, const Freedom& freedom);
// As sent.
Bytes BuildSent(const Leg& leg, const Inner& inner, uint32_t number);

// Where things are in frames of this kind.
struct Layout {
  size_t outer_ip = 14, outer_port = 0, outer_check = 0;
  size_t epoch = 0;  // GUE mac
  size_t inner = 14;
  size_t source = 0;  // whole address of the inner packet
  size_t source_size = 4;
  size_t udp = 0;
  size_t payload = 0;
};
Layout LayoutOf(const Leg& leg, const Inner& inner);

// What the BPF program needs to make these frames.
perf_frame CompileFrame(const Leg& leg, const Inner& inner);

}  // namespace rampart::perf

#endif  // RAMPART_PERF_TRAFFIC_FRAMES_H_

// SPDX-License-Identifier: Apache-2.0
// Packet builder. A packet is a chain of layers, outermost first:
//
//   Eth().Vlan(100).Ip4(a, b, {.ttl = 3}).Udp(4000, 53).Payload("x").Build()
//
// Lengths, checksums and "next" fields come out right unless a field gives
// another value, so a malformed packet differs in what its test names only.
#ifndef RAMPART_TESTS_TESTING_PACKET_H_
#define RAMPART_TESTS_TESTING_PACKET_H_

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "tests/testing/bytes.h"
#include "tests/testing/ip.h"
#include "tests/testing/siphash.h"

namespace rampart::testing {

using Mac = std::array<uint8_t, 6>;
inline constexpr Mac kMacA = {0x02, 0, 0, 0, 0, 0x01};
inline constexpr Mac kMacB = {0x02, 0, 0, 0, 0, 0x02};

struct EthFields {
  Mac destination = kMacB;
  Mac source = kMacA;
  std::optional<uint16_t> type = {};
};

// For both families; the rest of Ip4Fields and Ip6Fields is the default.
struct IpFields {
  uint8_t ttl = 64;
  uint8_t tos = 0;  // or traffic class
};

struct Ip4Fields {
  uint8_t ttl = 64;
  uint8_t tos = 0;
  uint16_t id = 0;
  uint16_t fragment = 0x4000;  // flags and offset; default DF
  Bytes options = {};          // a multiple of 4 bytes
  uint8_t version = 4;
  std::optional<uint8_t> ihl = {};
  std::optional<uint16_t> total_length = {};
  std::optional<uint8_t> protocol = {};
  std::optional<uint16_t> checksum = {};
};

struct Ip6Fields {
  uint8_t ttl = 64;  // hop limit
  uint8_t tos = 0;   // traffic class
  uint32_t flow_label = 0;
  uint8_t version = 6;
  std::optional<uint16_t> payload_length = {};
  std::optional<uint8_t> next_header = {};
};

struct UdpFields {
  std::optional<uint16_t> length = {};
  std::optional<uint16_t> checksum = {};
};

enum TcpFlags : uint8_t {
  kFin = 0x01,
  kSyn = 0x02,
  kRst = 0x04,
  kPsh = 0x08,
  kAck = 0x10,
};

struct TcpFields {
  uint8_t flags = kAck;
  uint32_t seq = 1000;
  uint32_t ack = 2000;
  uint16_t window = 65535;
  Bytes options = {};                       // padded with zeros to 4 bytes
  std::optional<uint8_t> data_offset = {};  // 32-bit words
  std::optional<uint16_t> checksum = {};
};

struct IcmpFields {
  uint32_t rest = 0;  // bytes 4-7
  std::optional<uint16_t> checksum = {};
};

// The 16-byte security field.
struct GueMac {
  SipKey key = {};
  uint8_t key_id = 1;
  uint8_t bits = 0x02;  // addresses bound
  uint16_t tag = 0;
  uint32_t epoch = 0;
  std::optional<uint64_t> mac = {};  // as 8 bytes of the packet, big-endian
};

struct GueFields {
  std::optional<uint32_t> group = {};
  std::optional<GueMac> mac = {};
  std::optional<uint64_t> cookie = {};
  Bytes extension = {};  // more bytes behind the fields above
  uint8_t variant = 0;
  bool control = false;
  uint16_t more_flags = 0;             // set beside those of the fields above
  std::optional<uint16_t> flags = {};  // instead of them
  std::optional<uint8_t> hlen = {};
  std::optional<uint8_t> protocol = {};
};

struct GreFields {
  std::optional<uint32_t> key = {};
  std::optional<uint32_t> sequence = {};
  bool checksum = false;
  std::optional<uint16_t> checksum_value = {};
  uint16_t more_flags = 0;  // routing, recursion, version ...
  std::optional<uint16_t> flags = {};
  std::optional<uint16_t> type = {};
};

inline constexpr uint16_t kTypeIp4 = 0x0800;
inline constexpr uint16_t kTypeIp6 = 0x86dd;

enum IpProtocol : uint8_t {
  kHopByHop = 0,
  kIcmp = 1,
  kIp4InIp = 4,
  kTcp = 6,
  kUdp = 17,
  kIp6InIp = 41,
  kRouting = 43,
  kFragment = 44,
  kGre = 47,
  kIcmp6 = 58,
  kNoNext = 59,
  kDestinationOptions = 60,
  kSctp = 132,
};

class Packet {
 public:
  Packet Eth(const EthFields& fields = {}) const;
  Packet Vlan(uint16_t id, uint16_t tpid = 0x8100) const;
  Packet Ip4(const Ip& source, const Ip& destination,
             const Ip4Fields& fields = {}) const;
  Packet Ip6(const Ip& source, const Ip& destination,
             const Ip6Fields& fields = {}) const;
  // Of the family of `source`.
  Packet IpAny(const Ip& source, const Ip& destination,
               const IpFields& fields = {}) const;
  // IPv6 extension header `number`; `body` is what follows its first 2 bytes,
  // 6 + 8n bytes.
  Packet Extension(uint8_t number, const Bytes& body) const;
  // IPv6 fragment header; `offset` in bytes.
  Packet Fragment6(uint16_t offset, bool more, uint32_t id = 7) const;
  Packet Udp(uint16_t source, uint16_t destination,
             const UdpFields& fields = {}) const;
  Packet Tcp(uint16_t source, uint16_t destination,
             const TcpFields& fields = {}) const;
  // ICMP or ICMPv6 by the family of the IP header in front.
  Packet Icmp(uint8_t type, uint8_t code, const IcmpFields& fields = {}) const;
  // Echo with identifier and sequence number.
  Packet Echo(bool reply, uint16_t id, uint16_t sequence = 1) const;
  Packet Gue(const GueFields& fields = {}) const;
  Packet Gre(const GreFields& fields = {}) const;
  Packet Payload(std::string_view text) const;
  Packet Payload(const Bytes& bytes) const;
  // `protocol`, `ether_type`: what the header in front calls this payload.
  Packet Opaque(uint8_t protocol, const Bytes& bytes,
                uint16_t ether_type = 0) const;
  // `inner` behind this packet's layers.
  Packet Then(const Packet& inner) const;

  Bytes Build() const;

 private:
  struct Layer {
    uint16_t ether_type;  // what Ethernet, VLAN and GRE call it; 0: nothing
    uint8_t protocol;     // what IP and GUE call it
    // Addresses of the nearest IP header in front, source before destination.
    std::function<Bytes(const Layer* next, const Bytes& addresses,
                        const Bytes& payload)>
        emit;
    Bytes addresses;  // of an IP header
  };

  // What IP calls the payload that begins with `next`.
  static uint8_t Protocol(const Layer* next);
  Packet With(Layer layer) const;

  std::vector<Layer> layers_;
};

inline Packet Eth(const EthFields& fields = {}) { return Packet().Eth(fields); }

// Checksum of an L4 protocol over pseudo header and segment, whose checksum
// field is zero (RFC 768, RFC 8200 section 8.1).
uint16_t L4Checksum(const Bytes& addresses, uint8_t protocol,
                    const Bytes& segment);

}  // namespace rampart::testing

#endif  // RAMPART_TESTS_TESTING_PACKET_H_

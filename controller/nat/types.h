// SPDX-License-Identifier: Apache-2.0
// The words of NAT: who asks, what is answered, what can be told about it.
#ifndef RAMPART_CONTROLLER_NAT_TYPES_H_
#define RAMPART_CONTROLLER_NAT_TYPES_H_

#include <netinet/in.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "controller/base/endpoint.h"
#include "controller/base/ip.h"

namespace rampart {

// The unit of pairing and of port blocks: an address inside one realm (RFC
// 6888 REQ-2: internal addresses of different tenants may be equal).
struct Subscriber {
  uint32_t realm = 0;
  IpAddress address;
  friend bool operator==(const Subscriber&, const Subscriber&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const Subscriber& s) {
    return H::combine(std::move(h), s.realm, s.address);
  }
};

// The number spaces that one block covers. kIcmp: echo identifiers.
enum PortSpace : uint8_t { kTcp, kUdp, kIcmp };
inline constexpr int kPortSpaces = 3;

// Nothing for protocols that are translated by address only.
inline std::optional<PortSpace> SpaceOf(uint8_t protocol) {
  switch (protocol) {
    case IPPROTO_TCP:
      return kTcp;
    case IPPROTO_UDP:
      return kUdp;
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
      return kIcmp;
    default:
      return std::nullopt;
  }
}

enum class NatVerdict : uint8_t {
  kGranted,
  kNoPool,       // there is no pool of this name
  kNoFamily,     // it has no address for this subscriber
  kQuota,        // the subscriber has all blocks it may have, all full
  kRate,         // it makes mappings faster than it may
  kNoBlock,      // no free block on its address
  kRemoteTaken,  // without ports: another of its address has that remote
  kLogging,      // a block is granted whose record is not durable yet
  kNoLog         // no further record can be taken
};
inline constexpr int kNatVerdicts = 9;

struct NatGrant {
  NatVerdict verdict = NatVerdict::kGranted;
  Endpoint outside;  // if granted
  bool ok() const { return verdict == NatVerdict::kGranted; }
};

struct NatSession {
  std::string pool;
  Subscriber subscriber;
  uint8_t protocol = 0;
  uint16_t inside_port = 0;
  Endpoint outside;
  Endpoint remote;       // where it is part of the mapping: address-and-port-
                         // dependent pools, and protocols without ports
  uint32_t flows = 0;    // that hold the mapping
  bool is_open = false;  // by Open(): for all remotes
};

// Who is behind an external endpoint.
struct NatInside {
  std::string_view pool;
  Subscriber subscriber;
  uint16_t port = 0;
  bool admits = false;  // the pool's filtering lets the remote in
};

// A block is granted, or released after its rest. The ports of a static
// mapping are a block of one port.
struct BlockEvent {
  bool granted = false;
  std::string pool;
  Subscriber subscriber;
  IpAddress outside;
  uint16_t first = 0;
  uint16_t last = 0;
  friend bool operator==(const BlockEvent&, const BlockEvent&) = default;
};

// Where its tenant and vnet are known: parts of NatPoolConfig.
struct NatStatic {
  std::string pool;
  Subscriber subscriber;
  uint8_t protocol = 0;
  uint16_t inside_port = 0;
  Endpoint outside;
  friend bool operator==(const NatStatic&, const NatStatic&) = default;
};
struct NatPrefix {
  std::string pool;
  uint32_t realm = 0;
  Prefix inside;
  Prefix outside;
};

struct AddressUse {
  IpAddress address;
  uint32_t blocks = 0;   // in all, but for those with static mappings
  uint32_t used = 0;     // that hold a port in use
  uint32_t resting = 0;  // with no port in use, and not yet for everybody
  std::array<uint32_t, kPortSpaces> mappings = {};
};
struct PoolUse {
  std::string name;
  std::vector<AddressUse> addresses;
  uint32_t subscribers = 0;
  // Answers about mappings that did not exist, by NatVerdict.
  std::array<uint64_t, kNatVerdicts> verdicts = {};
  // Granted less released, of the last minutes; time to full is what is left
  // by this.
  double blocks_per_second = 0;
};
struct SubscriberUse {
  std::string_view pool;
  Subscriber subscriber;
  IpAddress outside;
  uint32_t blocks = 0;
  std::array<uint32_t, kPortSpaces> mappings = {};
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_NAT_TYPES_H_

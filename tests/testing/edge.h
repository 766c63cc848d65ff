// SPDX-License-Identifier: Apache-2.0
// Tunnels, next hops and flows as tests describe them, with the map entries and
// the packets on the wire that follow from them by maps/ and the RFCs.
#ifndef RAMPART_TESTS_TESTING_EDGE_H_
#define RAMPART_TESTS_TESTING_EDGE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "maps/flow.h"
#include "maps/next_hop.h"
#include "maps/ramp.h"
#include "tests/testing/packet.h"
#include "tests/testing/programs.h"

namespace rampart::testing {

inline constexpr uint16_t kGuePort = 6080;
inline constexpr uint32_t kEpoch = 0x1f3a4;  // Unix seconds / 64 in all tests
inline constexpr Mac kMacEdge = {0x02, 0, 0, 0, 0xed, 0x9e};
inline constexpr Mac kMacNext = {0x02, 0, 0, 0, 0x0e, 0x01};

// One peer of a tunnel.
struct Tunnel {
  uint32_t id = 10;
  rp_profile profile = RP_PROFILE_NONE;
  bool variant1 = false;  // profile none: direct IP
  Ip edge = "192.0.2.1";
  Ip peer = "192.0.2.10";
  uint32_t vni = 1001;
  uint16_t tenant = 3;
  uint32_t index = 0;                    // position of the peer
  std::optional<uint32_t> gre_key = {};  // plain GRE
  uint8_t flags = 0;                     // enum rp_peer_flags
  bool udp_csum = true;                  // both ways
  int vlans = 0;
  uint32_t slot = kUplink;
  SipKey key = {7, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  uint64_t cookie = 0x1122334455667788;
};

// What may differ from packet to packet on the outside.
struct Outer {
  uint8_t ecn = 0;
  uint8_t ttl = 64;
  uint16_t port = 0xc0de;  // UDP source: entropy
  uint32_t sequence = 1;   // GRE
  uint32_t epoch = kEpoch;
};

Packet Link(const Mac& source, const Mac& destination, int vlans);
GueFields GueOf(const Tunnel& tunnel, uint32_t epoch = kEpoch);
GreFields GreOf(const Tunnel& tunnel, uint32_t sequence = 1);

// All headers in front of the tenant's packet: as the peer sends it ...
Packet FromPeer(const Tunnel& tunnel, const Outer& outer = {});
// ... and as the edge does.
Packet ToPeer(const Tunnel& tunnel, const Outer& outer = {});
// A frame of a link without tunnel, to and from the edge.
Packet FromLink(int vlans = 0);
Packet ToLink(int vlans = 0);

rp_next_hop NextHopTo(const Tunnel& tunnel, bool inner_v4, uint16_t mtu);
// Straight onto a link. vlans -1: a device without link header.
rp_next_hop LinkNextHop(uint32_t slot, bool inner_v4, uint16_t mtu,
                        int vlans = 0);
rp_next_hop DropNextHop(uint16_t reason);

rp_peer PeerOf(const Tunnel& tunnel);
void PutPeer(const Programs& programs, const Tunnel& tunnel);
// `peer` under the key of `tunnel`.
void PutPeerEntry(const Programs& programs, const Tunnel& tunnel,
                  const rp_peer& peer);

// The forward direction; the reverse one follows.
struct Flow {
  uint32_t realm = 1001;
  Ip source = "10.1.0.5";
  Ip destination = "198.51.100.10";
  uint16_t sport = 1234;
  uint16_t dport = 53;
  uint8_t proto = kUdp;
  // After the rewrite; as before by default.
  std::optional<Ip> to_source = {};
  std::optional<Ip> to_destination = {};
  std::optional<uint16_t> to_sport = {};
  std::optional<uint16_t> to_dport = {};
  uint32_t on_ramp = 10;
  uint32_t next_hop = 1;
  uint16_t entropy = 0xc123;
  uint32_t reverse_realm = 0;
  uint32_t reverse_on_ramp = 0;
  uint32_t reverse_next_hop = 2;
  uint16_t reverse_entropy = 0xc321;
  rp_flow_kind kind = RP_FLOW_FORWARD;
  uint8_t tcp = 0;     // as the forward entry has it
  uint64_t count = 0;  // likewise
  uint32_t age = 0;    // ticks since the forward entry was used
  uint32_t reverse_age = 0;

  // The same flow as its answers see it.
  Flow Reversed() const;
};

// Installs the entry of the forward direction only.
void PutEntry(const Programs& programs, const Flow& flow);
// Both.
void PutFlow(const Programs& programs, const Flow& flow);
// The forward entry as it is now.
rp_flow ReadEntry(const Programs& programs, const Flow& flow);

inline uint64_t PacketsOf(const rp_flow& flow) {
  return rp_flow_packets(&flow);
}
inline uint64_t BytesOf(const rp_flow& flow) { return rp_flow_bytes(&flow); }

// Of the clock the programs read.
uint32_t NowInTicks();
uint64_t NowInNanoseconds();

}  // namespace rampart::testing

#endif  // RAMPART_TESTS_TESTING_EDGE_H_

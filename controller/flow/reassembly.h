// SPDX-License-Identifier: Apache-2.0
// Holds fragments until their datagram is complete, because only the first one
// has ports. Nothing is glued together: a complete datagram comes out as its
// fragments, in order, each a packet of its own.
#ifndef RAMPART_CONTROLLER_FLOW_REASSEMBLY_H_
#define RAMPART_CONTROLLER_FLOW_REASSEMBLY_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "controller/base/clock.h"
#include "controller/base/ip.h"
#include "controller/flow/packet.h"
#include "maps/outcomes.h"
#include "maps/punt.h"

namespace rampart {

// RFC 791 section 3.2, RFC 8200 section 4.5. Single-threaded.
//
// Memory is charged to an account: a tenant's, or for packets from the underlay
// that of the address they are sent to. An account that is full gives up its
// own oldest datagram: of a flood, whose datagrams never become complete, that
// hurts the flood. Packets from the underlay have a share of the memory that is
// not the tenants'.
class Reassembly {
 public:
  struct Limits {
    size_t bytes_per_account = 256 << 10;
    size_t bytes_of_tenants = 16 << 20;  // all together
    size_t bytes_of_underlay = 16 << 20;
    size_t fragments = 64;  // of a datagram
    // From the first that arrives. At least 2 s (RFC 6146 section 3.4), at most
    // 60 s (RFC 8200 section 4.5); short, because at high speed an IPv4
    // identification comes round again in seconds (RFC 4963).
    absl::Duration time = absl::Seconds(30);
  };
  // What a fragment, and a datagram, cost beside their bytes.
  static constexpr size_t kFragmentCost = 64;
  static constexpr size_t kDatagramCost = 512;

  struct Datagram {
    rp_punt punt = {};                            // of the first fragment
    std::vector<std::vector<uint8_t>> fragments;  // IP packets, by offset
  };
  struct Result {
    rp_outcome reason = RP_FORWARDED;  // held or complete; else why not
    std::optional<Datagram> complete;
  };
  // Told of each fragment that was held and is given up, with the record of its
  // datagram's first one.
  using Drop = std::function<void(rp_outcome reason, const rp_punt& punt,
                                  absl::Span<const uint8_t> fragment)>;

  // clock: outlives this.
  Reassembly(const Limits& limits, const Clock& clock, Drop drop);

  // packet: as ParsePacket() reads it, so a first fragment has its whole chain
  // of headers (RFC 7112) and its whole TCP, UDP or ICMP header (RFC 1858). An
  // exact duplicate changes nothing. A datagram with fragments that overlap in
  // any other way is refused, and with it all that still comes of it (RFC
  // 5722). Reasons: RP_DROP_FRAG_OVERLAP, RP_DROP_FRAG_MALFORMED,
  // RP_DROP_FRAG_MEMORY. Cost: O(fragments of the datagram).
  Result Add(const rp_punt& punt, const Packet& packet);

  // Gives up what is over its time. Add() does the same.
  void Expire();

  size_t bytes() const { return shares_[0].bytes + shares_[1].bytes; }
  size_t datagrams() const { return index_.size(); }

 private:
  struct Key {
    uint32_t realm = 0;
    uint32_t tunnel = 0;
    IpAddress source;
    IpAddress destination;
    uint32_t identification = 0;
    // IPv4 only: of IPv6 fragments only the first one's tells the truth.
    uint8_t protocol = 0;

    friend bool operator==(const Key&, const Key&) = default;
    template <typename H>
    friend H AbslHashValue(H h, const Key& k) {
      return H::combine(std::move(h), k.realm, k.tunnel, k.source,
                        k.destination, k.identification, k.protocol);
    }
  };
  struct Place;  // of a fragment in its datagram
  struct Fragment {
    uint32_t begin = 0;  // of its data in the datagram's
    uint32_t end = 0;
    bool more = false;
    std::vector<uint8_t> packet;
  };
  struct Held;
  using Age = std::list<Held>;               // oldest first
  using Account = std::list<Age::iterator>;  // the same
  using Owner = std::pair<uint32_t, IpAddress>;
  struct Held {
    Key key;
    Owner owner;
    uint32_t since = 0;  // tick
    rp_punt punt = {};   // of the first fragment, or of any until it is there
    size_t cost = kDatagramCost;
    uint32_t data = 0;  // bytes of it that are there
    rp_outcome refused = RP_FORWARDED;
    std::vector<Fragment> fragments;  // by offset
    Account::iterator in_account;
  };
  struct Share {  // of the memory
    size_t limit = 0;
    size_t bytes = 0;
    Age by_age;
  };
  struct Use {
    size_t bytes = 0;
    Account datagrams;
  };

  static std::optional<Place> PlaceOf(const Packet& packet);
  Share& ShareOf(const Owner& owner) { return shares_[owner.first == 0]; }
  rp_outcome Check(const Held& held, const Place& place) const;
  static bool IsDuplicate(const Held& held, const Place& place,
                          const Packet& packet);
  bool MakeRoom(const Owner& owner, size_t cost);
  Held& FindOrMake(const Key& key, const Owner& owner);
  void Charge(Held& held, size_t cost);
  Result Insert(Held& held, const Place& place, const rp_punt& punt,
                const Packet& packet);
  void Refuse(Held& held, rp_outcome reason);
  void DropAll(const Held& held, rp_outcome reason);
  void Forget(Age::iterator held);

  Limits limits_;
  const Clock& clock_;
  Drop drop_;
  Share shares_[2];  // the tenants', the underlay's
  absl::flat_hash_map<Owner, Use> accounts_;
  absl::flat_hash_map<Key, Age::iterator> index_;
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_FLOW_REASSEMBLY_H_

// SPDX-License-Identifier: Apache-2.0
// Who behind NAT has sent to whom behind NAT, and was not let in.
#ifndef RAMPART_CONTROLLER_FLOW_KNOCKS_H_
#define RAMPART_CONTROLLER_FLOW_KNOCKS_H_

#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "controller/flow/flows.h"

namespace rampart {

// Filtering lets those in that the inside has sent to (RFC 4787 section 5).
// Towards the Internet a flow says whom that is; between two hosts behind NAT
// the first packet is itself filtered and leaves no flow, so it is remembered
// here, with its mapping: the answer is let in then.
class Knocks {
 public:
  static constexpr size_t kPerSubscriber = 64;
  static constexpr size_t kTotal = 65536;

  // External endpoints.
  struct Door {
    uint8_t protocol = 0;
    Endpoint from;
    Endpoint to;
    friend bool operator==(const Door&, const Door&) = default;
    template <typename H>
    friend H AbslHashValue(H h, const Door& d) {
      return H::combine(std::move(h), d.protocol, d.from, d.to);
    }
  };

  // Keeps `hold`, the mapping of door.from. False, and it stays the caller's,
  // if that is known already, which makes it new again, or there is no room.
  bool Add(const Door& door, const Flows::NatHold& hold, uint32_t now);
  bool Knows(const Door& door) const { return doors_.contains(door); }
  // Gives the hold back to who lets the answer in; nothing if nobody knocked.
  std::optional<Flows::NatHold> Take(const Door& door);
  // Those that are older than `ticks`.
  void Expire(uint32_t now, uint32_t ticks,
              absl::FunctionRef<void(const Flows::NatHold&)> release);

  size_t size() const { return doors_.size(); }

 private:
  struct Knock {
    Door door;
    Flows::NatHold hold;
    uint32_t since = 0;  // tick
  };
  using Age = std::list<Knock>;  // oldest first
  Flows::NatHold Remove(Age::iterator knock);

  Age by_age_;
  absl::flat_hash_map<Door, Age::iterator> doors_;
  absl::flat_hash_map<Subscriber, size_t> of_subscriber_;
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_FLOW_KNOCKS_H_

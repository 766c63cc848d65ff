// SPDX-License-Identifier: Apache-2.0
// A block of ports of one external address, granted to one subscriber.
#ifndef RAMPART_CONTROLLER_NAT_PORT_BLOCK_H_
#define RAMPART_CONTROLLER_NAT_PORT_BLOCK_H_

#include <algorithm>
#include <array>
#include <cstdint>

#include "controller/nat/free_set.h"

namespace rampart {

// The number spaces that one grant covers. kIcmp: echo identifiers.
enum PortSpace { kTcp, kUdp, kIcmp };

// The ports first .. first + size - 1, once per PortSpace.
class PortBlock {
 public:
  PortBlock(uint16_t first, uint32_t size)
      : first_(first), free_{FreeSet(size), FreeSet(size), FreeSet(size)} {}

  uint16_t first() const { return first_; }
  uint32_t free(PortSpace space) const { return free_[space].count(); }
  bool unused() const {
    return std::all_of(free_.begin(), free_.end(),
                       [](const FreeSet& free) { return free.complete(); });
  }

  // Uniform if `nth` is, nth < free(space).
  uint16_t TakeNth(PortSpace space, uint32_t nth) {
    return first_ + free_[space].TakeNth(nth);
  }
  // `port` is in the block. False if it is taken.
  bool Take(PortSpace space, uint16_t port) {
    return free_[space].Take(port - first_);
  }
  void Return(PortSpace space, uint16_t port) {
    free_[space].Return(port - first_);
  }

 private:
  uint16_t first_;
  std::array<FreeSet, 3> free_;
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_NAT_PORT_BLOCK_H_

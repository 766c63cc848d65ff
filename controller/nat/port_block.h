// SPDX-License-Identifier: Apache-2.0
// A block of ports of one external address, granted to one subscriber.
#ifndef RAMPART_CONTROLLER_NAT_PORT_BLOCK_H_
#define RAMPART_CONTROLLER_NAT_PORT_BLOCK_H_

#include <array>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "controller/nat/free_set.h"
#include "controller/nat/types.h"

namespace rampart {

// Whose port is meant.
struct PortUser {
  PortSpace space = kTcp;
  Endpoint remote;  // where ports are shared, else empty
  uint16_t inside_port = 0;
};

// The ports first .. first + size - 1, once per PortSpace; if they are shared,
// once per PortSpace and remote endpoint.
class PortBlock {
 public:
  PortBlock(uint16_t first, uint32_t size, bool shared)
      : first_(first),
        size_(size),
        shared_(shared),
        free_{FreeSet(shared ? 0 : size), FreeSet(shared ? 0 : size),
              FreeSet(shared ? 0 : size)} {}

  uint16_t first() const { return first_; }
  uint16_t last() const { return static_cast<uint16_t>(first_ + size_ - 1); }
  // Ports in use; one that is shared counts once per use.
  uint32_t in_use() const {
    return in_use_[kTcp] + in_use_[kUdp] + in_use_[kIcmp];
  }
  uint32_t in_use(PortSpace space) const { return in_use_[space]; }

  // mask: of FreeSet, for the distance from the first port.
  uint32_t free(const PortUser& user, uint64_t mask) const {
    if (const FreeSet* set = Find(user)) return set->count(mask);
    return mask == FreeSet::kAll ? size_ : FreeSet(size_).count(mask);
  }
  // Uniform if `nth` is, nth < free(user, mask).
  uint16_t TakeNth(const PortUser& user, uint32_t nth, uint64_t mask) {
    const uint32_t number = Make(user).TakeNth(nth, mask);
    Note(user, number);
    return static_cast<uint16_t>(first_ + number);
  }
  // `port` is in the block. False if it is taken.
  bool Take(const PortUser& user, uint16_t port) {
    if (!Make(user).Take(port - first_)) return false;
    Note(user, port - first_);
    return true;
  }
  void Return(const PortUser& user, uint16_t port) {
    FreeSet& set = Make(user);
    set.Return(port - first_);
    --in_use_[user.space];
    if (shared_ && set.complete()) by_remote_.erase({user.space, user.remote});
  }

  // The inside port of a port in use; nothing where ports are shared.
  std::optional<uint16_t> InsideOf(PortSpace space, uint16_t port) const {
    if (shared_ || free_[space].Contains(port - first_)) return std::nullopt;
    return inside_[space][port - first_];
  }

 private:
  const FreeSet* Find(const PortUser& user) const {
    if (!shared_) return &free_[user.space];
    const auto it = by_remote_.find({user.space, user.remote});
    return it == by_remote_.end() ? nullptr : &it->second;
  }
  FreeSet& Make(const PortUser& user) {
    if (!shared_) return free_[user.space];
    return by_remote_.try_emplace({user.space, user.remote}, size_)
        .first->second;
  }
  void Note(const PortUser& user, uint32_t number) {
    ++in_use_[user.space];
    if (shared_) return;
    std::vector<uint16_t>& inside = inside_[user.space];
    if (inside.empty()) inside.resize(size_);
    inside[number] = user.inside_port;
  }

  uint16_t first_;
  uint32_t size_;
  bool shared_;
  std::array<uint32_t, kPortSpaces> in_use_ = {};
  std::array<FreeSet, kPortSpaces> free_;  // by PortSpace; unless shared
  // By PortSpace and distance from the first; empty until one is in use.
  std::array<std::vector<uint16_t>, kPortSpaces> inside_;
  // Complete sets are left out.
  absl::flat_hash_map<std::pair<PortSpace, Endpoint>, FreeSet> by_remote_;
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_NAT_PORT_BLOCK_H_

// SPDX-License-Identifier: Apache-2.0
// A block of ports of one external address, granted to one subscriber.
#ifndef RAMPART_CONTROLLER_NAT_PORT_BLOCK_H_
#define RAMPART_CONTROLLER_NAT_PORT_BLOCK_H_

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
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
        last_(static_cast<uint16_t>(first + size - 1)),
        shared_(shared) {}

  uint16_t first() const { return first_; }
  uint16_t last() const { return last_; }
  // Ports in use; one that is shared counts once per use.
  uint32_t in_use() const {
    return in_use_[kTcp] + in_use_[kUdp] + in_use_[kIcmp];
  }
  uint32_t in_use(PortSpace space) const { return in_use_[space]; }

  // mask: of FreeSet, for the distance from the first port. Cost: nothing for
  // kAll, unless ports are shared.
  uint32_t free(const PortUser& user, uint64_t mask) const {
    if (!shared_ && mask == FreeSet::kAll) return size() - in_use_[user.space];
    if (const FreeSet* set = Find(user)) return set->count(mask);
    return mask == FreeSet::kAll ? size() : FreeSet(size()).count(mask);
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
    if (shared_ && set.complete())
      spaces_[user.space]->by_remote.erase(user.remote);
  }

  // The inside port of a port in use; nothing where ports are shared.
  std::optional<uint16_t> InsideOf(PortSpace space, uint16_t port) const {
    const Space* ports = spaces_[space].get();
    if (shared_ || ports == nullptr || ports->free.Contains(port - first_))
      return std::nullopt;
    return ports->inside[port - first_];
  }

  // Has memory ready for TakeNth() of this space.
  void Prefetch(PortSpace space) const {
    const auto* ports = reinterpret_cast<const char*>(spaces_[space].get());
    __builtin_prefetch(ports, 1);
    __builtin_prefetch(ports + 64, 1);
  }

 private:
  // What a block costs beyond its own cache line, once it has a port in use.
  struct Space {
    Space(uint32_t size, bool shared)
        : free(shared ? 0 : size), inside(shared ? 0 : size) {}
    FreeSet free;
    std::vector<uint16_t> inside;  // by distance from the first port
    // Where ports are shared, instead of both; complete sets are left out.
    absl::flat_hash_map<Endpoint, FreeSet> by_remote;
  };

  uint32_t size() const { return last_ - first_ + 1; }
  const FreeSet* Find(const PortUser& user) const {
    const Space* ports = spaces_[user.space].get();
    if (ports == nullptr) return nullptr;
    if (!shared_) return &ports->free;
    const auto it = ports->by_remote.find(user.remote);
    return it == ports->by_remote.end() ? nullptr : &it->second;
  }
  FreeSet& Make(const PortUser& user) {
    std::unique_ptr<Space>& ports = spaces_[user.space];
    if (ports == nullptr) ports = std::make_unique<Space>(size(), shared_);
    if (!shared_) return ports->free;
    return ports->by_remote.try_emplace(user.remote, size()).first->second;
  }
  void Note(const PortUser& user, uint32_t number) {
    ++in_use_[user.space];
    if (!shared_) spaces_[user.space]->inside[number] = user.inside_port;
  }

  uint16_t first_;
  uint16_t last_;
  std::array<uint32_t, kPortSpaces> in_use_ = {};
  std::array<std::unique_ptr<Space>, kPortSpaces> spaces_;  // null: all free
  bool shared_;
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_NAT_PORT_BLOCK_H_

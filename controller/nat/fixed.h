// SPDX-License-Identifier: Apache-2.0
// Translations that the configuration fixes: static mappings and prefixes.
#ifndef RAMPART_CONTROLLER_NAT_FIXED_H_
#define RAMPART_CONTROLLER_NAT_FIXED_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "controller/base/endpoint.h"
#include "controller/nat/types.h"

namespace rampart {

// The address in `to` of a host that has `address` in `from`; both prefixes
// have the same length. IPv4: the host's bits stay. IPv6: checksum-neutral
// (RFC 6296 sections 3.1 to 3.7), so at most /64. Nothing for the few that
// cannot be translated. The same with from and to exchanged is the way back.
std::optional<IpAddress> TranslatePrefix(const IpAddress& address,
                                         const Prefix& from, const Prefix& to);

// Prefixes that do not overlap, found by an address in one of them.
template <typename T>
class DisjointPrefixes {
 public:
  void Add(const Prefix& prefix, T value) {
    entries_.insert_or_assign(prefix.address(),
                              std::pair(prefix, std::move(value)));
  }
  // Null: it is in none.
  const T* Find(const IpAddress& address) const {
    auto it = entries_.upper_bound(address);
    if (it == entries_.begin()) return nullptr;
    --it;
    return it->second.first.Contains(address) ? &it->second.second : nullptr;
  }

 private:
  std::map<IpAddress, std::pair<Prefix, T>> entries_;  // by first address
};

class FixedMappings {
 public:
  // Inside endpoints are unique in a pool, and outside ones.
  void UseStatic(std::vector<NatStatic> mappings);
  // Outside prefixes do not overlap.
  void UsePrefixes(const std::vector<NatPrefix>& prefixes);
  const std::vector<NatStatic>& statics() const { return statics_; }
  bool empty() const { return statics_.empty() && prefixes_.empty(); }

  // Null: there is none.
  const NatStatic* FindStatic(std::string_view pool,
                              const Subscriber& subscriber, uint8_t protocol,
                              uint16_t inside_port) const;
  const NatStatic* FindStatic(uint8_t protocol, const Endpoint& outside) const;
  // Any of a subscriber's.
  const NatStatic* FindStatic(std::string_view pool,
                              const Subscriber& subscriber) const;
  const NatPrefix* FindPrefix(std::string_view pool,
                              const Subscriber& subscriber) const;
  const NatPrefix* FindPrefix(const IpAddress& outside) const {
    return by_outside_prefix_.Find(outside);
  }

 private:
  std::vector<NatStatic> statics_;
  // Indices of statics_.
  absl::flat_hash_map<Subscriber, std::vector<size_t>> by_subscriber_;
  absl::flat_hash_map<std::pair<uint8_t, Endpoint>, size_t> by_outside_;
  absl::flat_hash_map<uint32_t, std::vector<NatPrefix>> prefixes_;  // by realm
  DisjointPrefixes<NatPrefix> by_outside_prefix_;
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_NAT_FIXED_H_

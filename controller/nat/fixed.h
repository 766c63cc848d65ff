// SPDX-License-Identifier: Apache-2.0
// Translations that the configuration fixes: static mappings and prefixes.
#ifndef RAMPART_CONTROLLER_NAT_FIXED_H_
#define RAMPART_CONTROLLER_NAT_FIXED_H_

#include <cstdint>
#include <optional>
#include <string_view>
#include <tuple>
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

class FixedMappings {
 public:
  // Inside endpoints are unique, and outside ones.
  void UseStatic(std::vector<NatStatic> mappings);
  void UsePrefixes(std::vector<NatPrefix> prefixes) {
    prefixes_ = std::move(prefixes);
  }
  const std::vector<NatStatic>& statics() const { return statics_; }
  bool empty() const { return statics_.empty() && prefixes_.empty(); }

  // Null: there is none.
  const NatStatic* FindStatic(std::string_view pool,
                              const Subscriber& subscriber, uint8_t protocol,
                              uint16_t inside_port) const;
  const NatStatic* FindStatic(uint8_t protocol, const Endpoint& outside) const;
  // The external address of a subscriber's static mapping.
  const NatStatic* FindStatic(std::string_view pool,
                              const Subscriber& subscriber) const;
  const NatPrefix* FindPrefix(std::string_view pool,
                              const Subscriber& subscriber) const;
  const NatPrefix* FindPrefix(const IpAddress& outside) const;

 private:
  using InsideKey = std::tuple<Subscriber, uint8_t, uint16_t>;
  using OutsideKey = std::pair<uint8_t, Endpoint>;
  std::vector<NatStatic> statics_;
  absl::flat_hash_map<InsideKey, std::vector<size_t>> by_inside_;
  absl::flat_hash_map<OutsideKey, size_t> by_outside_;
  std::vector<NatPrefix> prefixes_;
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_NAT_FIXED_H_

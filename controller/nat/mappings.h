// SPDX-License-Identifier: Apache-2.0
// The state of NatAllocator: all mappings, by what they are looked up with.
#ifndef RAMPART_CONTROLLER_NAT_MAPPINGS_H_
#define RAMPART_CONTROLLER_NAT_MAPPINGS_H_

#include <netinet/in.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "controller/nat/allocator.h"
#include "controller/nat/fixed.h"
#include "controller/nat/pool.h"

namespace rampart {

inline bool IsTcpOrUdp(uint8_t protocol) {
  return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP;
}

// The key of a mapping for all remotes.
inline PortKey OpenKey(const NatAllocator::Request& request) {
  return {{}, request.inside_port, request.protocol};
}

// Without ports, only the remote address tells who a packet is for.
struct AddressKey {
  const Pool::External* external;
  IpAddress remote;
  uint8_t protocol;
  friend bool operator==(const AddressKey&, const AddressKey&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const AddressKey& k) {
    return H::combine(std::move(h), k.external, k.remote, k.protocol);
  }
};
struct AddressMapping {
  const Pool::Holder* holder = nullptr;
  uint32_t flows = 0;
};

struct NatAllocator::Impl {
  using External = Pool::External;
  using Holder = Pool::Holder;

  Impl(NatAllocator& allocator, const Clock& clock,
       std::function<uint32_t(uint32_t bound)> random)
      : shared{clock, std::move(random), allocator.log},
        on_open(allocator.on_open) {}

  NatShared shared;
  const std::function<void(uint8_t, const Endpoint&, bool)>& on_open;
  std::vector<std::unique_ptr<Pool>> pools;
  DisjointPrefixes<const Pool*> by_prefix;  // outside ones
  FixedMappings fixed;
  absl::flat_hash_map<AddressKey, AddressMapping> address_mappings;
  // Mappings by Open() or once by it, in pools with dependent mappings.
  uint32_t opened = 0;

  Pool* FindPool(std::string_view name) const;
  // What the configuration fixes for it; nothing: it is mapped dynamically.
  std::optional<NatGrant> Fixed(const Request& request) const;
  // Where a further flow of it belongs.
  PortMapping* FindMapping(Holder& holder, const Request& request) const;
  Pool::Pairing Pair(Pool& pool, const Request& request,
                     const std::optional<Endpoint>& wanted);
  NatGrant NewPort(Holder& holder, PortSpace space, const Request& request,
                   bool open, const std::optional<Endpoint>& wanted);
  NatGrant NewAddress(Holder& holder, const Request& request);
  // holder: the subscriber's, null if it has none yet.
  NatGrant New(Pool& pool, Holder* holder, const Request& request, bool open,
               const std::optional<Endpoint>& wanted);
  // "nat: pool default: 10.1.0.5: `what`"
  static std::string Describe(const Request& request, absl::string_view what);
  absl::Status AdoptPort(Holder& holder, PortSpace space,
                         const Request& request, uint16_t port);
  // Notes that a flow holds a mapping, or does no longer. Only pools with
  // address-dependent filtering want to know: by remote address, as port 0.
  static void Contact(Holder& holder, const Request& request, int change);
  static bool IsReachable(const Holder& holder, const PortMapping& mapping);
  static bool Admits(Holder& holder, const PortKey& open_key,
                     uint16_t outside_port, const IpAddress& remote);
  void Tell(uint8_t protocol, const Endpoint& outside, bool open) const;
  void SetOpen(Holder& holder, const PortKey& key, PortMapping& mapping,
               bool open) const;
  void RemoveMapping(Holder& holder, PortSpace space, const PortKey& key);
  void ReleasePort(Holder& holder, PortSpace space, const Request& request,
                   uint16_t port);
  void ReleaseAddress(Holder& holder, const Request& request);
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_NAT_MAPPINGS_H_

// SPDX-License-Identifier: Apache-2.0
#include "controller/nat/allocator.h"

#include <netinet/in.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/node_hash_map.h"
#include "absl/strings/str_cat.h"
#include "controller/base/status.h"
#include "controller/nat/free_set.h"
#include "controller/nat/port_block.h"

namespace rampart {
namespace {

// Nothing for protocols that are translated by address only.
std::optional<PortSpace> SpaceOf(uint8_t protocol) {
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

// An address of a pool.
struct External {
  IpAddress address;
  FreeSet blocks;  // by position in the pool's port range
};

struct Pool {
  explicit Pool(NatPoolConfig pool_config) : config(std::move(pool_config)) {
    RP_CHECK(config.block_size > 0 && config.ports.first <= config.ports.last);
    const uint32_t blocks =
        (config.ports.last - config.ports.first) / config.block_size + 1;
    for (const IpAddress& address : config.addresses)
      externals.push_back({address, FreeSet(blocks)});
  }

  uint32_t BlockOf(uint16_t port) const {
    return (port - config.ports.first) / config.block_size;
  }
  uint32_t FirstOf(uint32_t block) const {
    return config.ports.first + block * config.block_size;
  }
  // The last block is what the range leaves for it.
  PortBlock MakeBlock(uint32_t index) const {
    const uint32_t first = FirstOf(index);
    return PortBlock(first, std::min<uint32_t>(config.block_size,
                                               config.ports.last - first + 1));
  }

  NatPoolConfig config;
  std::vector<External> externals;
};

// What a subscriber holds of one pool; it exists while it holds something.
struct Holding {
  External* external;
  std::vector<PortBlock> blocks = {};  // by first port
  uint32_t mappings = 0;
};
using Holdings = absl::node_hash_map<std::pair<Pool*, Subscriber>, Holding>;
using Holder = Holdings::value_type;

struct PortKey {
  const Holder* holder;
  Endpoint remote;  // address-and-port-dependent mapping, else empty
  uint16_t inside_port;
  uint8_t protocol;
  friend bool operator==(const PortKey&, const PortKey&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const PortKey& k) {
    return H::combine(std::move(h), k.holder, k.remote, k.inside_port,
                      k.protocol);
  }
};
struct PortMapping {
  uint32_t flows = 0;
  uint16_t outside_port = 0;
};

// Without ports, only the remote address tells who a packet is for.
struct AddressKey {
  const External* external;
  IpAddress remote;
  uint8_t protocol;
  friend bool operator==(const AddressKey&, const AddressKey&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const AddressKey& k) {
    return H::combine(std::move(h), k.external, k.remote, k.protocol);
  }
};
struct AddressMapping {
  const Holder* holder = nullptr;
  uint32_t flows = 0;
};

constexpr absl::string_view kRemoteTaken =
    "another subscriber of this address uses the protocol with that remote";

PortKey KeyOf(const Holder& holder, const NatAllocator::Request& request) {
  const bool dependent = holder.first.first->config.mapping ==
                         NatMapping::kAddressAndPortDependent;
  return {&holder, dependent ? request.remote : Endpoint(), request.inside_port,
          request.protocol};
}

// "nat: pool default: 10.1.0.5: `what`"
std::string Describe(const NatAllocator::Request& request,
                     absl::string_view what) {
  return absl::StrCat("nat: pool ", std::string(request.pool), ": ",
                      request.subscriber.address.ToString(), ": ", what);
}

// The block of `port`, which may not be there.
std::vector<PortBlock>::iterator FindBlock(const Pool& pool, Holding& holding,
                                           uint16_t port) {
  const uint32_t first = pool.FirstOf(pool.BlockOf(port));
  return std::lower_bound(
      holding.blocks.begin(), holding.blocks.end(), first,
      [](const PortBlock& block, uint32_t p) { return block.first() < p; });
}

}  // namespace

struct NatAllocator::Impl {
  std::vector<Pool> pools;
  std::function<uint32_t(uint32_t bound)> random;
  Holdings holdings;
  absl::flat_hash_map<PortKey, PortMapping> port_mappings;
  absl::flat_hash_map<AddressKey, AddressMapping> address_mappings;

  absl::StatusOr<Pool*> FindPool(const Request& request);
  Holder* FindHolder(Pool& pool, const Request& request);
  Holder& MakeHolder(Pool& pool, const Request& request, External& external);
  void DropIfIdle(Holder& holder);
  absl::StatusOr<Holder*> FindOrMakeHolder(Pool& pool, const Request& request);
  bool Free(const External& external, const Request& request) const;

  PortBlock& AddBlock(Holder& holder, uint32_t index);
  absl::StatusOr<uint16_t> TakePort(Holder& holder, PortSpace space,
                                    const Request& request);
  absl::StatusOr<Endpoint> AcquirePort(Holder& holder, PortSpace space,
                                       const Request& request);
  // False if another subscriber has the remote address for this protocol.
  bool HoldAddress(Holder& holder, const Request& request);
  absl::Status AdoptPort(Holder& holder, PortSpace space,
                         const Request& request, uint16_t port);
  void ReleasePort(Holder& holder, PortSpace space, const Request& request);
  void ReleaseAddress(Holder& holder, const Request& request);
};

absl::StatusOr<Pool*> NatAllocator::Impl::FindPool(const Request& request) {
  for (Pool& pool : pools)
    if (pool.config.name == request.pool) return &pool;
  return absl::NotFoundError(Describe(request, "there is no such pool"));
}

Holder* NatAllocator::Impl::FindHolder(Pool& pool, const Request& request) {
  const auto it = holdings.find({&pool, request.subscriber});
  return it == holdings.end() ? nullptr : &*it;
}

Holder& NatAllocator::Impl::MakeHolder(Pool& pool, const Request& request,
                                       External& external) {
  return *holdings.try_emplace({&pool, request.subscriber}, Holding{&external})
              .first;
}

void NatAllocator::Impl::DropIfIdle(Holder& holder) {
  if (holder.second.mappings > 0) return;
  RP_CHECK(holder.second.blocks.empty());
  holdings.erase(holdings.find(holder.first));
}

// Whether a new subscriber may be paired with `external`: there is a block
// for it, so that it can have ports, and nobody has its remote address where
// there are no ports.
bool NatAllocator::Impl::Free(const External& external,
                              const Request& request) const {
  return external.address.family() == request.subscriber.address.family() &&
         external.blocks.count() > 0 &&
         (SpaceOf(request.protocol) ||
          !address_mappings.contains(
              {&external, request.remote.address, request.protocol}));
}

absl::StatusOr<Holder*> NatAllocator::Impl::FindOrMakeHolder(
    Pool& pool, const Request& request) {
  if (Holder* holder = FindHolder(pool, request)) return holder;
  bool family_found = false;
  uint32_t candidates = 0;
  for (const External& external : pool.externals) {
    family_found |=
        external.address.family() == request.subscriber.address.family();
    candidates += Free(external, request);
  }
  if (!family_found) {
    return absl::FailedPreconditionError(
        Describe(request, "the pool has no address of this family"));
  }
  if (candidates == 0) {
    return absl::ResourceExhaustedError(
        Describe(request, "no address with a free block"));
  }
  uint32_t nth = random(candidates);
  for (External& external : pool.externals)
    if (Free(external, request) && nth-- == 0)
      return &MakeHolder(pool, request, external);
  RP_CHECK(false);
}

// Adds block `index`, which has been taken from the external address.
PortBlock& NatAllocator::Impl::AddBlock(Holder& holder, uint32_t index) {
  const Pool& pool = *holder.first.first;
  PortBlock block = pool.MakeBlock(index);
  const auto at = FindBlock(pool, holder.second, block.first());
  return *holder.second.blocks.insert(at, std::move(block));
}

// Uniform over all free ports of the subscriber's blocks (RFC 6056).
absl::StatusOr<uint16_t> NatAllocator::Impl::TakePort(Holder& holder,
                                                      PortSpace space,
                                                      const Request& request) {
  Holding& holding = holder.second;
  uint32_t free = 0;
  for (const PortBlock& block : holding.blocks) free += block.free(space);
  if (free == 0) {
    FreeSet& blocks = holding.external->blocks;
    if (blocks.count() == 0) {
      return absl::ResourceExhaustedError(Describe(
          request, absl::StrCat("no free port and no free block on ",
                                holding.external->address.ToString())));
    }
    PortBlock& block = AddBlock(holder, blocks.TakeNth(random(blocks.count())));
    return block.TakeNth(space, random(block.free(space)));
  }
  uint32_t nth = random(free);
  for (PortBlock& block : holding.blocks) {
    if (nth < block.free(space)) return block.TakeNth(space, nth);
    nth -= block.free(space);
  }
  RP_CHECK(false);
}

absl::StatusOr<Endpoint> NatAllocator::Impl::AcquirePort(
    Holder& holder, PortSpace space, const Request& request) {
  const auto [it, made] = port_mappings.try_emplace(KeyOf(holder, request));
  if (made) {
    const absl::StatusOr<uint16_t> port = TakePort(holder, space, request);
    if (!port.ok()) {
      port_mappings.erase(it);
      return port.status();
    }
    it->second.outside_port = *port;
    ++holder.second.mappings;
  }
  ++it->second.flows;
  return Endpoint{holder.second.external->address, it->second.outside_port};
}

bool NatAllocator::Impl::HoldAddress(Holder& holder, const Request& request) {
  const AddressKey key = {holder.second.external, request.remote.address,
                          request.protocol};
  const auto [it, made] =
      address_mappings.try_emplace(key, AddressMapping{&holder, 0});
  if (it->second.holder != &holder) return false;
  holder.second.mappings += made;
  ++it->second.flows;
  return true;
}

absl::Status NatAllocator::Impl::AdoptPort(Holder& holder, PortSpace space,
                                           const Request& request,
                                           uint16_t port) {
  const auto taken = [&](absl::string_view what) {
    return absl::AlreadyExistsError(Describe(
        request, absl::StrCat(what, " ", port, " of ",
                              holder.second.external->address.ToString())));
  };
  const PortKey key = KeyOf(holder, request);
  const auto it = port_mappings.find(key);
  if (it != port_mappings.end()) {
    if (it->second.outside_port != port)
      return taken("is mapped to another port than");
    ++it->second.flows;
    return absl::OkStatus();
  }
  const Pool& pool = *holder.first.first;
  const uint32_t index = pool.BlockOf(port);
  auto block = FindBlock(pool, holder.second, port);
  if (block == holder.second.blocks.end() ||
      pool.BlockOf(block->first()) != index) {
    if (!holder.second.external->blocks.Take(index))
      return taken("another subscriber has the block of port");
    AddBlock(holder, index);
    block = FindBlock(pool, holder.second, port);
  }
  if (!block->Take(space, port)) return taken("another mapping has port");
  port_mappings.try_emplace(key, PortMapping{1, port});
  ++holder.second.mappings;
  return absl::OkStatus();
}

void NatAllocator::Impl::ReleasePort(Holder& holder, PortSpace space,
                                     const Request& request) {
  const auto it = port_mappings.find(KeyOf(holder, request));
  RP_CHECK(it != port_mappings.end());
  if (--it->second.flows > 0) return;
  const Pool& pool = *holder.first.first;
  const uint16_t port = it->second.outside_port;
  const auto block = FindBlock(pool, holder.second, port);
  block->Return(space, port);
  if (block->unused()) {
    holder.second.external->blocks.Return(pool.BlockOf(port));
    holder.second.blocks.erase(block);
  }
  port_mappings.erase(it);
  --holder.second.mappings;
}

void NatAllocator::Impl::ReleaseAddress(Holder& holder,
                                        const Request& request) {
  const auto it = address_mappings.find(
      {holder.second.external, request.remote.address, request.protocol});
  RP_CHECK(it != address_mappings.end() && it->second.holder == &holder);
  if (--it->second.flows > 0) return;
  address_mappings.erase(it);
  --holder.second.mappings;
}

NatAllocator::NatAllocator(std::vector<NatPoolConfig> pools,
                           std::function<uint32_t(uint32_t bound)> random)
    : impl_(std::make_unique<Impl>()) {
  impl_->random = std::move(random);
  impl_->pools.reserve(pools.size());
  for (NatPoolConfig& pool : pools) impl_->pools.emplace_back(std::move(pool));
}

NatAllocator::~NatAllocator() = default;

absl::StatusOr<Endpoint> NatAllocator::Acquire(const Request& request) {
  ASSIGN_OR_RETURN(Pool * pool, impl_->FindPool(request));
  ASSIGN_OR_RETURN(Holder * holder, impl_->FindOrMakeHolder(*pool, request));
  // A new holder's address has a free block and no conflict, so only the
  // request of one that holds something already can fail from here on.
  const std::optional<PortSpace> space = SpaceOf(request.protocol);
  if (space) return impl_->AcquirePort(*holder, *space, request);
  if (!impl_->HoldAddress(*holder, request))
    return absl::ResourceExhaustedError(Describe(request, kRemoteTaken));
  return Endpoint{holder->second.external->address, 0};
}

absl::Status NatAllocator::Adopt(const Request& request,
                                 const Endpoint& outside) {
  ASSIGN_OR_RETURN(Pool * pool, impl_->FindPool(request));
  const auto external =
      std::find_if(pool->externals.begin(), pool->externals.end(),
                   [&](const External& candidate) {
                     return candidate.address == outside.address;
                   });
  const std::optional<PortSpace> space = SpaceOf(request.protocol);
  const PortRange& ports = pool->config.ports;
  if (external == pool->externals.end() ||
      (space && (outside.port < ports.first || outside.port > ports.last))) {
    return absl::NotFoundError(Describe(
        request,
        absl::StrCat("the pool no longer has ", outside.address.ToString(),
                     " port ", outside.port)));
  }
  Holder* holder = impl_->FindHolder(*pool, request);
  if (holder == nullptr) holder = &impl_->MakeHolder(*pool, request, *external);
  if (holder->second.external != &*external) {
    return absl::AlreadyExistsError(Describe(
        request, absl::StrCat("is paired with ",
                              holder->second.external->address.ToString(),
                              ", not ", outside.address.ToString())));
  }
  absl::Status status;
  if (space)
    status = impl_->AdoptPort(*holder, *space, request, outside.port);
  else if (!impl_->HoldAddress(*holder, request))
    status = absl::AlreadyExistsError(Describe(request, kRemoteTaken));
  impl_->DropIfIdle(*holder);
  return status;
}

void NatAllocator::Release(const Request& request, const Endpoint& outside) {
  const absl::StatusOr<Pool*> pool = impl_->FindPool(request);
  RP_CHECK(pool.ok());
  Holder* holder = impl_->FindHolder(**pool, request);
  RP_CHECK(holder != nullptr &&
           holder->second.external->address == outside.address);
  const std::optional<PortSpace> space = SpaceOf(request.protocol);
  if (space)
    impl_->ReleasePort(*holder, *space, request);
  else
    impl_->ReleaseAddress(*holder, request);
  impl_->DropIfIdle(*holder);
}

void NatAllocator::ForEach(
    absl::FunctionRef<void(const NatSession&)> visit) const {
  const auto session = [](const Holder& holder) {
    NatSession result;
    result.pool = holder.first.first->config.name;
    result.subscriber = holder.first.second;
    result.outside.address = holder.second.external->address;
    return result;
  };
  for (const auto& [key, mapping] : impl_->port_mappings) {
    NatSession result = session(*key.holder);
    result.protocol = key.protocol;
    result.inside_port = key.inside_port;
    result.outside.port = mapping.outside_port;
    result.remote = key.remote;
    result.flows = mapping.flows;
    visit(result);
  }
  for (const auto& [key, mapping] : impl_->address_mappings) {
    NatSession result = session(*mapping.holder);
    result.protocol = key.protocol;
    result.remote.address = key.remote;
    result.flows = mapping.flows;
    visit(result);
  }
}

}  // namespace rampart

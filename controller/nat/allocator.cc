// SPDX-License-Identifier: Apache-2.0
#include "controller/nat/allocator.h"

#include <netinet/in.h>

#include <algorithm>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "controller/base/status.h"
#include "controller/base/text.h"
#include "controller/nat/fixed.h"
#include "controller/nat/pool.h"

namespace rampart {
namespace {

using External = Pool::External;
using Holder = Pool::Holder;

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

bool IsTcpOrUdp(uint8_t protocol) {
  return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP;
}

struct PortKey {
  const Holder* holder;
  Endpoint remote;  // of a mapping for one remote endpoint, else empty
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
  bool open = false;  // by Open()
};
using PortMappings = absl::flat_hash_map<PortKey, PortMapping>;

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

bool IsDependent(const Holder& holder) {
  return holder.second.pool->config().mapping ==
         NatMapping::kAddressAndPortDependent;
}

// The key of a mapping for all remotes.
PortKey OpenKey(const Holder& holder, const NatAllocator::Request& request) {
  return {&holder, {}, request.inside_port, request.protocol};
}
PortKey KeyOf(const Holder& holder, const NatAllocator::Request& request) {
  return {&holder, IsDependent(holder) ? request.remote : Endpoint(),
          request.inside_port, request.protocol};
}
PortUser UserOf(const Holder& holder, const PortKey& key, PortSpace space) {
  return {space,
          holder.second.pool->config().overload ? key.remote : Endpoint(),
          key.inside_port};
}

// "nat: pool default: 10.1.0.5: `what`"
std::string Describe(const NatAllocator::Request& request,
                     absl::string_view what) {
  return absl::StrCat("nat: pool ", Abseil(request.pool), ": ",
                      request.subscriber.address.ToString(), ": ", what);
}

}  // namespace

struct NatAllocator::Impl {
  Impl(NatAllocator& allocator, const Clock& clock,
       std::function<uint32_t(uint32_t bound)> random)
      : shared{clock, std::move(random), allocator.log},
        on_open(allocator.on_open) {}

  NatShared shared;
  const std::function<void(uint8_t, const Endpoint&, bool)>& on_open;
  std::vector<std::unique_ptr<Pool>> pools;
  FixedMappings fixed;
  PortMappings port_mappings;
  absl::flat_hash_map<AddressKey, AddressMapping> address_mappings;
  // In pools with address-dependent filtering: flows by remote address, as
  // port 0.
  absl::flat_hash_map<PortKey, uint32_t> contacts;
  // Mappings by Open() or once by it, in pools with dependent mappings.
  uint32_t opened = 0;

  Pool* FindPool(std::string_view name) const;
  // What the configuration fixes for it; nothing: it is mapped dynamically.
  std::optional<NatGrant> Fixed(const Request& request) const;
  // Where a further flow of it belongs.
  PortMapping* FindMapping(const Holder& holder, const Request& request);
  Pool::Pairing FindOrPair(Pool& pool, const Request& request,
                           const std::optional<Endpoint>& wanted);
  NatGrant NewPort(Holder& holder, PortSpace space, const Request& request,
                   bool open, const std::optional<Endpoint>& wanted);
  NatGrant NewAddress(Holder& holder, const Request& request);
  NatGrant New(Pool& pool, const Request& request, bool open,
               const std::optional<Endpoint>& wanted);
  absl::Status AdoptPort(Holder& holder, PortSpace space,
                         const Request& request, uint16_t port);
  // Notes that a flow holds a mapping, or does no longer.
  void Contact(const Holder& holder, const Request& request, int change);
  bool IsReachable(const Holder& holder, const PortMapping& mapping) const;
  bool Admits(const PortKey& open_key, uint16_t outside_port,
              const IpAddress& remote) const;
  void Tell(uint8_t protocol, const Endpoint& outside, bool open) const;
  void SetOpen(Holder& holder, const PortKey& key, PortMapping& mapping,
               bool open) const;
  void RemoveMapping(Holder& holder, PortSpace space,
                     PortMappings::iterator it);
  void ReleasePort(Holder& holder, PortSpace space, const Request& request,
                   uint16_t port);
  void ReleaseAddress(Holder& holder, const Request& request);
};

Pool* NatAllocator::Impl::FindPool(std::string_view name) const {
  for (const std::unique_ptr<Pool>& pool : pools)
    if (pool->config().name == name) return pool.get();
  return nullptr;
}

std::optional<NatGrant> NatAllocator::Impl::Fixed(
    const Request& request) const {
  if (fixed.empty()) return std::nullopt;
  const Subscriber& subscriber = request.subscriber;
  if (const NatStatic* mapping = fixed.FindStatic(
          request.pool, subscriber, request.protocol, request.inside_port))
    return NatGrant{NatVerdict::kGranted, mapping->outside};
  const NatPrefix* prefix = fixed.FindPrefix(request.pool, subscriber);
  if (prefix == nullptr) return std::nullopt;
  const std::optional<IpAddress> outside =
      TranslatePrefix(subscriber.address, prefix->inside, prefix->outside);
  if (!outside) return NatGrant{NatVerdict::kNoFamily};
  const bool ports = SpaceOf(request.protocol).has_value();
  return NatGrant{NatVerdict::kGranted,
                  {*outside, ports ? request.inside_port : uint16_t{0}}};
}

PortMapping* NatAllocator::Impl::FindMapping(const Holder& holder,
                                             const Request& request) {
  if (opened > 0 && IsDependent(holder)) {
    const auto it = port_mappings.find(OpenKey(holder, request));
    if (it != port_mappings.end() && it->second.open) return &it->second;
  }
  const auto it = port_mappings.find(KeyOf(holder, request));
  return it == port_mappings.end() ? nullptr : &it->second;
}

// A new subscriber is paired with the address of its static mapping, else with
// the wanted one.
Pool::Pairing NatAllocator::Impl::FindOrPair(
    Pool& pool, const Request& request, const std::optional<Endpoint>& wanted) {
  const Subscriber& subscriber = request.subscriber;
  if (Holder* holder = pool.Find(subscriber))
    return {NatVerdict::kGranted, holder};
  const NatStatic* kept = fixed.FindStatic(request.pool, subscriber);
  if (kept != nullptr || wanted) {
    External* external =
        pool.FindExternal(kept ? kept->outside.address : wanted->address);
    if (external != nullptr && external->blocks.count() > 0 &&
        external->address.family() == subscriber.address.family())
      return {NatVerdict::kGranted, &pool.PairWith(subscriber, *external)};
    if (kept != nullptr) return {NatVerdict::kNoBlock};
  }
  if (SpaceOf(request.protocol)) return pool.Pair(subscriber);
  return pool.PairWhere(subscriber, [&](const External& external) {
    return !address_mappings.contains(
        {&external, request.remote.address, request.protocol});
  });
}

NatGrant NatAllocator::Impl::NewPort(Holder& holder, PortSpace space,
                                     const Request& request, bool open,
                                     const std::optional<Endpoint>& wanted) {
  const PortKey key = open ? OpenKey(holder, request) : KeyOf(holder, request);
  const IpAddress& address = holder.second.external->address;
  std::optional<uint16_t> port;
  if (wanted && wanted->address == address) port = wanted->port;
  const Pool::PortGrant grant =
      holder.second.pool->TakePort(holder, UserOf(holder, key, space), port);
  if (grant.verdict != NatVerdict::kGranted) return {grant.verdict};
  PortMapping& mapping = port_mappings[key];
  mapping.outside_port = grant.port;
  if (open) {
    opened += IsDependent(holder);
    SetOpen(holder, key, mapping, true);
  } else {
    mapping.flows = 1;
    Contact(holder, request, 1);
    if (IsReachable(holder, mapping))
      Tell(key.protocol, {address, grant.port}, true);
  }
  return {NatVerdict::kGranted, {address, grant.port}};
}

NatGrant NatAllocator::Impl::NewAddress(Holder& holder,
                                        const Request& request) {
  const AddressKey key = {holder.second.external, request.remote.address,
                          request.protocol};
  const auto [it, made] =
      address_mappings.try_emplace(key, AddressMapping{&holder, 0});
  if (it->second.holder != &holder) return {NatVerdict::kRemoteTaken};
  holder.second.addresses += made;
  ++it->second.flows;
  return {NatVerdict::kGranted, {holder.second.external->address, 0}};
}

NatGrant NatAllocator::Impl::New(Pool& pool, const Request& request, bool open,
                                 const std::optional<Endpoint>& wanted) {
  pool.ReleaseRested();
  const Pool::Pairing pairing = FindOrPair(pool, request, wanted);
  NatGrant grant = {pairing.verdict, {}};
  if (grant.ok()) {
    const std::optional<PortSpace> space = SpaceOf(request.protocol);
    grant = space ? NewPort(*pairing.holder, *space, request, open, wanted)
                  : NewAddress(*pairing.holder, request);
    pool.DropIfIdle(*pairing.holder);
  }
  pool.Count(grant.verdict);
  return grant;
}

void NatAllocator::Impl::Contact(const Holder& holder, const Request& request,
                                 int change) {
  if (holder.second.pool->config().filtering != NatFiltering::kAddressDependent)
    return;
  PortKey key = OpenKey(holder, request);
  key.remote.address = request.remote.address;
  const auto it = contacts.try_emplace(key).first;
  it->second += change;
  if (it->second == 0) contacts.erase(it);
}

bool NatAllocator::Impl::IsReachable(const Holder& holder,
                                     const PortMapping& mapping) const {
  return mapping.open || holder.second.pool->config().filtering !=
                             NatFiltering::kAddressAndPortDependent;
}

bool NatAllocator::Impl::Admits(const PortKey& open_key, uint16_t outside_port,
                                const IpAddress& remote) const {
  const auto it = port_mappings.find(open_key);
  if (it == port_mappings.end() || it->second.outside_port != outside_port)
    return false;
  if (it->second.open) return true;
  switch (open_key.holder->second.pool->config().filtering) {
    case NatFiltering::kEndpointIndependent:
      return true;
    case NatFiltering::kAddressDependent: {
      PortKey key = open_key;
      key.remote.address = remote;
      return contacts.contains(key);
    }
    case NatFiltering::kAddressAndPortDependent:
      break;
  }
  return false;
}

void NatAllocator::Impl::Tell(uint8_t protocol, const Endpoint& outside,
                              bool open) const {
  if (on_open && IsTcpOrUdp(protocol)) on_open(protocol, outside, open);
}

void NatAllocator::Impl::SetOpen(Holder& holder, const PortKey& key,
                                 PortMapping& mapping, bool open) const {
  const bool before = mapping.flows > 0 && IsReachable(holder, mapping);
  const bool was_open = mapping.open;
  mapping.open = open;
  const bool after =
      open || (mapping.flows > 0 && IsReachable(holder, mapping));
  if ((before || was_open) != after)
    Tell(key.protocol, {holder.second.external->address, mapping.outside_port},
         after);
}

void NatAllocator::Impl::RemoveMapping(Holder& holder, PortSpace space,
                                       PortMappings::iterator it) {
  const PortKey key = it->first;
  const uint16_t port = it->second.outside_port;
  port_mappings.erase(it);
  opened -= IsDependent(holder) && key.remote == Endpoint();
  holder.second.pool->ReturnPort(holder, UserOf(holder, key, space), port);
}

absl::Status NatAllocator::Impl::AdoptPort(Holder& holder, PortSpace space,
                                           const Request& request,
                                           uint16_t port) {
  const IpAddress& address = holder.second.external->address;
  const auto taken = [&](std::string_view what) {
    return absl::AlreadyExistsError(Describe(
        request,
        absl::StrCat(Abseil(what), " ", port, " of ", address.ToString())));
  };
  PortKey key = OpenKey(holder, request);
  auto it = port_mappings.find(key);
  if (it == port_mappings.end() || it->second.outside_port != port) {
    key = KeyOf(holder, request);
    it = port_mappings.find(key);
  }
  if (it == port_mappings.end()) {
    const std::string_view why =
        holder.second.pool->AdoptPort(holder, UserOf(holder, key, space), port);
    if (!why.empty()) return taken(why);
    it = port_mappings.try_emplace(key, PortMapping{0, port}).first;
    if (IsReachable(holder, it->second))
      Tell(key.protocol, {address, port}, true);
  } else if (it->second.outside_port != port) {
    return taken("is mapped to another port than");
  }
  ++it->second.flows;
  Contact(holder, request, 1);
  return absl::OkStatus();
}

void NatAllocator::Impl::ReleasePort(Holder& holder, PortSpace space,
                                     const Request& request, uint16_t port) {
  auto it = port_mappings.find(OpenKey(holder, request));
  if (it == port_mappings.end() || it->second.outside_port != port)
    it = port_mappings.find(KeyOf(holder, request));
  RP_CHECK(it != port_mappings.end());
  PortMapping& mapping = it->second;
  if (request.remote == Endpoint()) {
    SetOpen(holder, it->first, mapping, false);
  } else {
    Contact(holder, request, -1);
    if (--mapping.flows == 0 && !mapping.open && IsReachable(holder, mapping))
      Tell(it->first.protocol, {holder.second.external->address, port}, false);
  }
  if (mapping.flows == 0 && !mapping.open) RemoveMapping(holder, space, it);
}

void NatAllocator::Impl::ReleaseAddress(Holder& holder,
                                        const Request& request) {
  const auto it = address_mappings.find(
      {holder.second.external, request.remote.address, request.protocol});
  RP_CHECK(it != address_mappings.end() && it->second.holder == &holder);
  if (--it->second.flows > 0) return;
  address_mappings.erase(it);
  --holder.second.addresses;
  holder.second.pool->DropIfIdle(holder);
}

NatAllocator::NatAllocator(std::vector<NatPoolConfig> pools, const Clock& clock,
                           std::function<uint32_t(uint32_t bound)> random)
    : impl_(std::make_unique<Impl>(*this, clock, std::move(random))) {
  for (NatPoolConfig& pool : pools)
    impl_->pools.push_back(
        std::make_unique<Pool>(std::move(pool), impl_->shared));
}

NatAllocator::~NatAllocator() = default;

NatGrant NatAllocator::Acquire(const Request& request) {
  Pool* pool = impl_->FindPool(request.pool);
  if (pool == nullptr) return {NatVerdict::kNoPool};
  if (const std::optional<NatGrant> fixed = impl_->Fixed(request))
    return *fixed;
  Holder* holder = pool->Find(request.subscriber);
  if (holder != nullptr && SpaceOf(request.protocol)) {
    if (PortMapping* mapping = impl_->FindMapping(*holder, request)) {
      ++mapping->flows;
      impl_->Contact(*holder, request, 1);
      return {NatVerdict::kGranted,
              {holder->second.external->address, mapping->outside_port}};
    }
  }
  return impl_->New(*pool, request, false, std::nullopt);
}

NatGrant NatAllocator::Open(const Request& request,
                            const std::optional<Endpoint>& wanted) {
  Pool* pool = impl_->FindPool(request.pool);
  if (pool == nullptr) return {NatVerdict::kNoPool};
  if (!IsTcpOrUdp(request.protocol) || pool->config().overload)
    return {NatVerdict::kNoBlock};
  if (const std::optional<NatGrant> fixed = impl_->Fixed(request))
    return *fixed;
  Holder* holder = pool->Find(request.subscriber);
  if (holder != nullptr) {
    const PortKey key = OpenKey(*holder, request);
    const auto it = impl_->port_mappings.find(key);
    if (it != impl_->port_mappings.end()) {
      impl_->SetOpen(*holder, key, it->second, true);
      return {NatVerdict::kGranted,
              {holder->second.external->address, it->second.outside_port}};
    }
  }
  return impl_->New(*pool, request, true, wanted);
}

absl::Status NatAllocator::Adopt(const Request& request,
                                 const Endpoint& outside) {
  Pool* pool = impl_->FindPool(request.pool);
  if (pool == nullptr)
    return absl::NotFoundError(Describe(request, "there is no such pool"));
  const std::optional<NatGrant> fixed = impl_->Fixed(request);
  if (fixed && fixed->ok() && fixed->outside == outside)
    return absl::OkStatus();
  External* external = pool->FindExternal(outside.address);
  const std::optional<PortSpace> space = SpaceOf(request.protocol);
  if (external == nullptr || (space && !pool->InRange(outside.port)) ||
      pool->IsKept(outside)) {
    return absl::NotFoundError(Describe(
        request,
        absl::StrCat("the pool no longer has ", outside.address.ToString(),
                     " port ", outside.port)));
  }
  Holder* holder = pool->Find(request.subscriber);
  if (holder == nullptr)
    holder = &pool->PairWith(request.subscriber, *external);
  if (holder->second.external != external) {
    return absl::AlreadyExistsError(Describe(
        request, absl::StrCat("is paired with ",
                              holder->second.external->address.ToString(),
                              ", not ", outside.address.ToString())));
  }
  absl::Status status;
  if (space)
    status = impl_->AdoptPort(*holder, *space, request, outside.port);
  else if (!impl_->NewAddress(*holder, request).ok())
    status = absl::AlreadyExistsError(Describe(request, kRemoteTaken));
  pool->DropIfIdle(*holder);
  return status;
}

void NatAllocator::Release(const Request& request, const Endpoint& outside) {
  Pool* pool = impl_->FindPool(request.pool);
  RP_CHECK(pool != nullptr);
  if (pool->IsKept(outside)) return;
  Holder* holder = pool->Find(request.subscriber);
  RP_CHECK(holder != nullptr &&
           holder->second.external->address == outside.address);
  if (const std::optional<PortSpace> space = SpaceOf(request.protocol))
    impl_->ReleasePort(*holder, *space, request, outside.port);
  else
    impl_->ReleaseAddress(*holder, request);
}

std::optional<NatInside> NatAllocator::FindInside(
    uint8_t protocol, const Endpoint& outside, const Endpoint& remote) const {
  if (const NatStatic* found = impl_->fixed.FindStatic(protocol, outside))
    return NatInside{found->pool, found->subscriber, found->inside_port, true};
  if (const NatPrefix* prefix = impl_->fixed.FindPrefix(outside.address)) {
    const Pool* pool = impl_->FindPool(prefix->pool);
    const std::optional<IpAddress> inside =
        TranslatePrefix(outside.address, prefix->outside, prefix->inside);
    if (pool == nullptr || !inside) return std::nullopt;
    return NatInside{
        prefix->pool,
        {prefix->realm, *inside},
        outside.port,
        pool->config().filtering == NatFiltering::kEndpointIndependent};
  }
  const std::optional<PortSpace> space = SpaceOf(protocol);
  if (!space) return std::nullopt;
  for (const std::unique_ptr<Pool>& pool : impl_->pools) {
    const auto [holder, port] = pool->FindInside(*space, outside);
    if (holder == nullptr || !port) continue;
    return NatInside{pool->config().name, holder->first, *port,
                     impl_->Admits({holder, {}, *port, protocol}, outside.port,
                                   remote.address)};
  }
  return std::nullopt;
}

bool NatAllocator::Excluded(std::string_view pool,
                            const IpAddress& destination) const {
  const Pool* found = impl_->FindPool(pool);
  if (found == nullptr) return false;
  const std::vector<Prefix>& exclude = found->config().exclude;
  return std::any_of(exclude.begin(), exclude.end(), [&](const Prefix& prefix) {
    return prefix.Contains(destination);
  });
}

const NatPoolConfig* NatAllocator::PoolOf(const IpAddress& outside) const {
  for (const std::unique_ptr<Pool>& pool : impl_->pools) {
    const Pool& found = *pool;
    if (found.FindExternal(outside) != nullptr) return &found.config();
    for (const NatPrefixConfig& prefix : found.config().prefixes)
      if (prefix.outside.Contains(outside)) return &found.config();
  }
  return nullptr;
}

void NatAllocator::UseStatic(std::vector<NatStatic> mappings) {
  const std::vector<NatStatic> before = impl_->fixed.statics();
  impl_->fixed.UseStatic(std::move(mappings));
  const std::vector<NatStatic>& after = impl_->fixed.statics();
  const auto lacks = [](const std::vector<NatStatic>& all, const NatStatic& m) {
    return std::find(all.begin(), all.end(), m) == all.end();
  };
  for (const NatStatic& mapping : before)
    if (lacks(after, mapping))
      impl_->Tell(mapping.protocol, mapping.outside, false);
  for (const NatStatic& mapping : after)
    if (lacks(before, mapping))
      impl_->Tell(mapping.protocol, mapping.outside, true);
}

void NatAllocator::UsePrefixes(std::vector<NatPrefix> prefixes) {
  impl_->fixed.UsePrefixes(std::move(prefixes));
}

void NatAllocator::Logged(uint64_t up_to) { impl_->shared.durable = up_to; }

void NatAllocator::Restore(absl::Span<const BlockEvent> open) {
  std::vector<BlockEvent> misfits;
  for (const BlockEvent& event : open) {
    Pool* pool = impl_->FindPool(event.pool);
    if (pool == nullptr || !pool->Restore(event)) misfits.push_back(event);
  }
  for (BlockEvent& event : misfits) {
    event.granted = false;
    if (log) log(event);
    for (const std::unique_ptr<Pool>& pool : impl_->pools)
      pool->RestUnowned(event);
  }
}

void NatAllocator::ReleaseRested() {
  for (const std::unique_ptr<Pool>& pool : impl_->pools) pool->ReleaseRested();
}

void NatAllocator::ForEach(
    absl::FunctionRef<void(const NatSession&)> visit) const {
  const auto session = [](const Holder& holder) {
    NatSession result;
    result.pool = holder.second.pool->config().name;
    result.subscriber = holder.first;
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
    result.is_open = mapping.open;
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

void NatAllocator::ForEachSubscriber(
    absl::FunctionRef<void(const SubscriberUse&)> visit) const {
  for (const std::unique_ptr<Pool>& pool : impl_->pools)
    pool->ForEachSubscriber(visit);
}

std::vector<PoolUse> NatAllocator::Use() const {
  std::vector<PoolUse> result;
  for (const std::unique_ptr<Pool>& pool : impl_->pools)
    result.push_back(pool->Use());
  return result;
}

}  // namespace rampart

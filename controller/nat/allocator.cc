// SPDX-License-Identifier: Apache-2.0
#include "controller/nat/allocator.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "controller/base/status.h"
#include "controller/base/text.h"
#include "controller/nat/mappings.h"

namespace rampart {
namespace {

using Holder = Pool::Holder;

constexpr absl::string_view kRemoteTaken =
    "another subscriber of this address uses the protocol with that remote";

template <typename T>
std::vector<T> Without(const std::vector<T>& all, const std::vector<T>& known) {
  std::vector<T> result;
  for (const T& item : all)
    if (std::find(known.begin(), known.end(), item) == known.end())
      result.push_back(item);
  return result;
}

// A port is one record for both protocols.
std::vector<BlockEvent> PortsOf(const std::vector<NatStatic>& mappings) {
  std::vector<BlockEvent> result;
  for (const NatStatic& mapping : mappings) {
    const BlockEvent event = {true,
                              mapping.pool,
                              mapping.subscriber,
                              mapping.outside.address,
                              mapping.outside.port,
                              mapping.outside.port};
    if (std::find(result.begin(), result.end(), event) == result.end())
      result.push_back(event);
  }
  return result;
}

}  // namespace

NatAllocator::NatAllocator(std::vector<NatPoolConfig> pools, const Clock& clock,
                           std::function<uint32_t(uint32_t bound)> random)
    : impl_(std::make_unique<Impl>(*this, clock, std::move(random))) {
  for (NatPoolConfig& config : pools) {
    const std::unique_ptr<Pool>& pool = impl_->pools.emplace_back(
        std::make_unique<Pool>(std::move(config), impl_->shared));
    for (const NatPrefixConfig& prefix : pool->config().prefixes)
      impl_->by_prefix.Add(prefix.outside, pool.get());
  }
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
  return impl_->New(*pool, holder, request, false, std::nullopt);
}

void NatAllocator::PrefetchSubscriber(const Request& request) const {
  if (const Pool* pool = impl_->FindPool(request.pool))
    pool->Prefetch(request.subscriber);
}

void NatAllocator::PrefetchMapping(const Request& request) const {
  Pool* pool = impl_->FindPool(request.pool);
  if (pool == nullptr) return;
  const Holder* holder = pool->Find(request.subscriber);
  if (holder == nullptr) return;
  holder->second.mappings.Prefetch(OpenKey(request));
  Pool::PrefetchBlocks(*holder);
}

std::optional<Endpoint> NatAllocator::Find(const Request& request) const {
  Pool* pool = impl_->FindPool(request.pool);
  if (pool == nullptr) return std::nullopt;
  if (const std::optional<NatGrant> fixed = impl_->Fixed(request))
    return fixed->ok() ? std::optional(fixed->outside) : std::nullopt;
  Holder* holder = pool->Find(request.subscriber);
  if (holder == nullptr) return std::nullopt;
  const PortMapping* mapping = impl_->FindMapping(*holder, request);
  if (mapping == nullptr) return std::nullopt;
  return Endpoint{holder->second.external->address, mapping->outside_port};
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
    const PortKey key = OpenKey(request);
    if (PortMapping* mapping = holder->second.mappings.Find(key)) {
      impl_->SetOpen(*holder, key, *mapping, true);
      return {NatVerdict::kGranted,
              {holder->second.external->address, mapping->outside_port}};
    }
  }
  return impl_->New(*pool, holder, request, true, wanted);
}

absl::Status NatAllocator::Adopt(const Request& request,
                                 const Endpoint& outside) {
  Pool* pool = impl_->FindPool(request.pool);
  if (pool == nullptr)
    return absl::NotFoundError(
        Impl::Describe(request, "there is no such pool"));
  const std::optional<NatGrant> fixed = impl_->Fixed(request);
  if (fixed && fixed->ok() && fixed->outside == outside)
    return absl::OkStatus();
  Pool::External* external = pool->FindExternal(outside.address);
  const std::optional<PortSpace> space = SpaceOf(request.protocol);
  if (external == nullptr || (space && !pool->InRange(outside.port)) ||
      pool->IsKept(outside)) {
    return absl::NotFoundError(Impl::Describe(
        request,
        absl::StrCat("the pool no longer has ", outside.address.ToString(),
                     " port ", outside.port)));
  }
  pool->ReleaseRested();
  Holder* holder = pool->Find(request.subscriber);
  if (holder == nullptr)
    holder = &pool->PairWith(request.subscriber, *external);
  if (holder->second.external != external) {
    return absl::AlreadyExistsError(Impl::Describe(
        request, absl::StrCat("is paired with ",
                              holder->second.external->address.ToString(),
                              ", not ", outside.address.ToString())));
  }
  absl::Status status;
  if (space)
    status = impl_->AdoptPort(*holder, *space, request, outside.port);
  else if (!impl_->NewAddress(*holder, request).ok())
    status = absl::AlreadyExistsError(Impl::Describe(request, kRemoteTaken));
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
                     Impl::Admits(*holder, {{}, *port, protocol}, outside.port,
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
  for (const std::unique_ptr<Pool>& pool : impl_->pools)
    if (pool->FindExternal(outside) != nullptr) return &pool->config();
  const Pool* const* pool = impl_->by_prefix.Find(outside);
  return pool == nullptr ? nullptr : &(*pool)->config();
}

void NatAllocator::UseStatic(std::vector<NatStatic> mappings) {
  const std::vector<NatStatic> before = impl_->fixed.statics();
  impl_->fixed.UseStatic(std::move(mappings));
  const std::vector<NatStatic>& after = impl_->fixed.statics();
  for (const NatStatic& mapping : Without(before, after))
    impl_->Tell(mapping.protocol, mapping.outside, false);
  for (const NatStatic& mapping : Without(after, before))
    impl_->Tell(mapping.protocol, mapping.outside, true);
  if (!log) return;
  const std::vector<BlockEvent> ports[] = {PortsOf(before), PortsOf(after)};
  for (BlockEvent event : Without(ports[0], ports[1])) {
    event.granted = false;
    log(event);
  }
  for (const BlockEvent& event : Without(ports[1], ports[0])) log(event);
}

void NatAllocator::UsePrefixes(const std::vector<NatPrefix>& prefixes) {
  impl_->fixed.UsePrefixes(prefixes);
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
  const auto visit_ports = [&](const Holder& holder) {
    NatSession result = session(holder);
    holder.second.mappings.ForEach(
        [&](const PortKey& key, const PortMapping& mapping) {
          result.protocol = key.protocol;
          result.inside_port = key.inside_port;
          result.outside.port = mapping.outside_port;
          result.remote = key.remote;
          result.flows = mapping.flows;
          result.is_open = mapping.open;
          visit(result);
        });
  };
  for (const std::unique_ptr<Pool>& pool : impl_->pools)
    pool->ForEachHolder(visit_ports);
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

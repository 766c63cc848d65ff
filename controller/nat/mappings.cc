// SPDX-License-Identifier: Apache-2.0
#include "controller/nat/mappings.h"

#include "absl/strings/str_cat.h"
#include "controller/base/status.h"
#include "controller/base/text.h"

namespace rampart {
namespace {

using Holder = Pool::Holder;

bool IsDependent(const Holder& holder) {
  return holder.second.pool->config().mapping ==
         NatMapping::kAddressAndPortDependent;
}

PortKey KeyOf(const Holder& holder, const NatAllocator::Request& request) {
  return {IsDependent(holder) ? request.remote : Endpoint(),
          request.inside_port, request.protocol};
}
PortUser UserOf(const Holder& holder, const PortKey& key, PortSpace space) {
  return {space,
          holder.second.pool->config().overload ? key.remote : Endpoint(),
          key.inside_port};
}

}  // namespace

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

PortMapping* NatAllocator::Impl::FindMapping(Holder& holder,
                                             const Request& request) const {
  PortMappings& mappings = holder.second.mappings;
  if (opened > 0 && IsDependent(holder)) {
    PortMapping* mapping = mappings.Find(OpenKey(request));
    if (mapping != nullptr && mapping->open) return mapping;
  }
  return mappings.Find(KeyOf(holder, request));
}

// A new subscriber is paired with the address of its static mapping, else with
// the wanted one.
Pool::Pairing NatAllocator::Impl::Pair(Pool& pool, const Request& request,
                                       const std::optional<Endpoint>& wanted) {
  const Subscriber& subscriber = request.subscriber;
  const NatStatic* kept = fixed.FindStatic(request.pool, subscriber);
  const IpAddress* preferred = nullptr;
  if (kept != nullptr)
    preferred = &kept->outside.address;
  else if (wanted)
    preferred = &wanted->address;
  if (preferred != nullptr) {
    External* external = pool.FindExternal(*preferred);
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
  const PortKey key = open ? OpenKey(request) : KeyOf(holder, request);
  const IpAddress& address = holder.second.external->address;
  std::optional<uint16_t> port;
  if (wanted && (wanted->address == address || wanted->address.IsUnspecified()))
    port = wanted->port;
  const Pool::PortGrant grant =
      holder.second.pool->TakePort(holder, UserOf(holder, key, space), port);
  if (grant.verdict != NatVerdict::kGranted) return {grant.verdict};
  PortMapping& mapping = holder.second.mappings.Make(key, grant.port);
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

NatGrant NatAllocator::Impl::New(Pool& pool, Holder* holder,
                                 const Request& request, bool open,
                                 const std::optional<Endpoint>& wanted) {
  if (pool.ReleaseRested()) holder = pool.Find(request.subscriber);
  const Pool::Pairing pairing =
      holder != nullptr ? Pool::Pairing{NatVerdict::kGranted, holder}
                        : Pair(pool, request, wanted);
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

void NatAllocator::Impl::Contact(Holder& holder, const Request& request,
                                 int change) {
  if (holder.second.pool->config().filtering != NatFiltering::kAddressDependent)
    return;
  PortKey key = OpenKey(request);
  key.remote.address = request.remote.address;
  holder.second.mappings.Contact(key, change);
}

bool NatAllocator::Impl::IsReachable(const Holder& holder,
                                     const PortMapping& mapping) {
  return mapping.open || holder.second.pool->config().filtering !=
                             NatFiltering::kAddressAndPortDependent;
}

bool NatAllocator::Impl::Admits(Holder& holder, const PortKey& open_key,
                                uint16_t outside_port,
                                const IpAddress& remote) {
  PortMappings& mappings = holder.second.mappings;
  const PortMapping* mapping = mappings.Find(open_key);
  if (mapping == nullptr || mapping->outside_port != outside_port) return false;
  if (mapping->open) return true;
  switch (holder.second.pool->config().filtering) {
    case NatFiltering::kEndpointIndependent:
      return true;
    case NatFiltering::kAddressDependent: {
      PortKey key = open_key;
      key.remote.address = remote;
      return mappings.HasContact(key);
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
                                       const PortKey& key) {
  PortMappings& mappings = holder.second.mappings;
  const uint16_t port = mappings.Find(key)->outside_port;
  mappings.Erase(key);
  opened -= IsDependent(holder) && key.remote == Endpoint();
  holder.second.pool->ReturnPort(holder, UserOf(holder, key, space), port);
}

std::string NatAllocator::Impl::Describe(const Request& request,
                                         absl::string_view what) {
  return absl::StrCat("nat: pool ", Abseil(request.pool), ": ",
                      request.subscriber.address.ToString(), ": ", what);
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
  PortMappings& mappings = holder.second.mappings;
  PortKey key = OpenKey(request);
  PortMapping* mapping = mappings.Find(key);
  if (mapping == nullptr || mapping->outside_port != port) {
    key = KeyOf(holder, request);
    mapping = mappings.Find(key);
  }
  if (mapping == nullptr) {
    const std::string_view why =
        holder.second.pool->AdoptPort(holder, UserOf(holder, key, space), port);
    if (!why.empty()) return taken(why);
    mapping = &mappings.Make(key, port);
    if (IsReachable(holder, *mapping))
      Tell(key.protocol, {address, port}, true);
  } else if (mapping->outside_port != port) {
    return taken("is mapped to another port than");
  }
  ++mapping->flows;
  Contact(holder, request, 1);
  return absl::OkStatus();
}

void NatAllocator::Impl::ReleasePort(Holder& holder, PortSpace space,
                                     const Request& request, uint16_t port) {
  PortMappings& mappings = holder.second.mappings;
  PortKey key = OpenKey(request);
  PortMapping* mapping = mappings.Find(key);
  if (mapping == nullptr || mapping->outside_port != port) {
    key = KeyOf(holder, request);
    mapping = mappings.Find(key);
  }
  RP_CHECK(mapping != nullptr);
  if (request.remote == Endpoint()) {
    SetOpen(holder, key, *mapping, false);
  } else {
    Contact(holder, request, -1);
    if (--mapping->flows == 0 && !mapping->open &&
        IsReachable(holder, *mapping))
      Tell(key.protocol, {holder.second.external->address, port}, false);
  }
  if (mapping->flows == 0 && !mapping->open) RemoveMapping(holder, space, key);
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

}  // namespace rampart

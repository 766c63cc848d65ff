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
  return {&holder, IsDependent(holder) ? request.remote : Endpoint(),
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
  const PortKey key = open ? OpenKey(holder, request) : KeyOf(holder, request);
  const IpAddress& address = holder.second.external->address;
  std::optional<uint16_t> port;
  if (wanted && (wanted->address == address || wanted->address.IsUnspecified()))
    port = wanted->port;
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

}  // namespace rampart

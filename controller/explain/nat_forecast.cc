// SPDX-License-Identifier: Apache-2.0
#include "controller/explain/nat_forecast.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "controller/base/text.h"

namespace rampart {
namespace {

std::optional<SubscriberUse> FindSubscriber(
    const NatAllocator& nat, const NatAllocator::Request& request) {
  std::optional<SubscriberUse> found;
  nat.ForEachSubscriber([&](const SubscriberUse& use) {
    if (use.pool == request.pool && use.subscriber == request.subscriber)
      found = use;
  });
  return found;
}

// Blocks that nobody has: on `address`, or on any of the family if it is null.
uint64_t FreeBlocks(const NatAllocator& nat,
                    const NatAllocator::Request& request,
                    const IpAddress* address) {
  uint64_t free = 0;
  for (const PoolUse& pool : nat.Use()) {
    if (pool.name != request.pool) continue;
    for (const AddressUse& use : pool.addresses) {
      const bool meant =
          address != nullptr
              ? use.address == *address
              : use.address.family() == request.subscriber.address.family();
      if (meant)
        free += use.blocks - std::min(use.blocks, use.used + use.resting);
    }
  }
  return free;
}

std::vector<IpAddress> AddressesOf(const NatPoolConfig& pool, Family family) {
  std::vector<IpAddress> addresses;
  for (const IpAddress& address : pool.addresses)
    if (address.family() == family) addresses.push_back(address);
  return addresses;
}

// Protocols without ports have an address, which they share with nobody who
// talks to the same remote.
NatForecast ForecastAddress(const NatAllocator& nat,
                            const NatAllocator::Request& request,
                            std::vector<IpAddress> addresses) {
  const std::string pool = absl::StrCat("pool ", Abseil(request.pool), ": ");
  if (const auto use = FindSubscriber(nat, request)) addresses = {use->outside};
  nat.ForEach([&](const NatSession& session) {
    if (session.protocol == request.protocol &&
        session.remote.address == request.remote.address &&
        !(session.subscriber == request.subscriber))
      std::erase(addresses, session.outside.address);
  });
  if (addresses.empty())
    return {RP_DROP_NAT_EXHAUSTED,
            absl::StrCat(pool, "without ports, and others talk to ",
                         request.remote.address.ToString(), " already")};
  NatForecast forecast = {RP_FORWARDED,
                          absl::StrCat(pool, "an address, without ports")};
  if (addresses.size() == 1) forecast.outside = Endpoint{addresses[0], 0};
  return forecast;
}

// Of a subscriber that has blocks already.
NatForecast ForecastKnown(const NatAllocator& nat, const NatPoolConfig& pool,
                          const NatAllocator::Request& request, PortSpace space,
                          const SubscriberUse& use) {
  const uint64_t ports = uint64_t{use.blocks} * pool.block_size;
  const std::string has = absl::StrCat(
      "pool ", pool.name, ": ", request.subscriber.address.ToString(), " has ",
      use.mappings[space], " of ", ports, " ports on ", use.outside.ToString());
  if (use.mappings[space] < ports) return {RP_FORWARDED, has};
  if (pool.blocks_per_subscriber != 0 &&
      use.blocks >= pool.blocks_per_subscriber)
    return {RP_DROP_NAT_QUOTA, absl::StrCat(has, ", and may have no more")};
  const uint64_t free = FreeBlocks(nat, request, &use.outside);
  if (free == 0)
    return {RP_DROP_NAT_EXHAUSTED,
            absl::StrCat(has, ", and that address has no free block")};
  return {RP_FORWARDED,
          absl::StrCat(has, "; ", free, " blocks are free there")};
}

}  // namespace

NatForecast ForecastMapping(const Snapshot& snapshot, const NatAllocator& nat,
                            const NatAllocator::Request& request) {
  const NatPoolConfig* pool = snapshot.FindPool(request.pool);
  if (pool == nullptr)
    return {RP_DROP_NAT_NO_ADDRESS,
            absl::StrCat("there is no pool ", Abseil(request.pool))};
  const std::optional<PortSpace> space = SpaceOf(request.protocol);
  if (const auto outside = space ? nat.Find(request) : std::nullopt)
    return {RP_FORWARDED,
            absl::StrCat("pool ", pool->name, ": it is ",
                         outside->address.ToString(), " port ", outside->port,
                         " already"),
            outside};
  const Family family = request.subscriber.address.family();
  const std::vector<IpAddress> addresses = AddressesOf(*pool, family);
  if (addresses.empty())
    return {RP_DROP_NAT_NO_ADDRESS,
            absl::StrCat("pool ", pool->name, " has no IPv",
                         static_cast<int>(family), " address")};
  if (!space) return ForecastAddress(nat, request, addresses);
  if (const auto use = FindSubscriber(nat, request))
    return ForecastKnown(nat, *pool, request, *space, *use);
  const uint64_t free = FreeBlocks(nat, request, nullptr);
  return {free > 0 ? RP_FORWARDED : RP_DROP_NAT_EXHAUSTED,
          absl::StrCat("pool ", pool->name, ": a new subscriber; ", free,
                       " blocks of ", pool->block_size, " ports are free")};
}

}  // namespace rampart

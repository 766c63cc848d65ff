// SPDX-License-Identifier: Apache-2.0
#include "controller/pcp/mappings.h"

#include <netinet/in.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "maps/realm.h"

namespace rampart {
namespace {

using Outcome = PcpMappings::Outcome;

// RFC 6887 section 11.3: for what is there without an end.
constexpr uint32_t kForEver = std::numeric_limits<uint32_t>::max();

Outcome Failed(PcpResult result) {
  return {.result = result, .lifetime = PcpErrorLifetime(result)};
}

PcpResult ResultOf(NatVerdict verdict) {
  switch (verdict) {
    case NatVerdict::kGranted:
      return PcpResult::kSuccess;
    case NatVerdict::kNoPool:
      return PcpResult::kNotAuthorized;
    case NatVerdict::kNoFamily:
      return PcpResult::kNetworkFailure;
    case NatVerdict::kQuota:
    case NatVerdict::kRate:
      return PcpResult::kUserExQuota;
    default:
      return PcpResult::kNoResources;
  }
}

// RFC 6887 section 11.3: PCP's own ports, which nobody gets.
bool IsReserved(uint8_t protocol, uint16_t port) {
  return protocol == IPPROTO_UDP && (port == 5350 || port == 5351);
}

// Whether `outside` is what was suggested, as far as something was.
bool Agrees(const Endpoint& outside, const Endpoint& suggested) {
  return (suggested.port == 0 || suggested.port == outside.port) &&
         (suggested.address.IsUnspecified() ||
          suggested.address == outside.address);
}

// Whether the configuration maps it, static or by prefix: for ever.
bool IsFixed(const NatAllocator& nat, uint8_t protocol,
             const Endpoint& outside) {
  const NatPoolConfig* pool = nat.PoolOf(outside.address);
  if (pool == nullptr) return false;
  return std::any_of(pool->static_mappings.begin(), pool->static_mappings.end(),
                     [&](const NatStaticConfig& mapping) {
                       return mapping.protocol == protocol &&
                              mapping.outside == outside;
                     }) ||
         std::any_of(pool->prefixes.begin(), pool->prefixes.end(),
                     [&](const NatPrefixConfig& prefix) {
                       return prefix.outside.Contains(outside.address);
                     });
}

// Whether mappings of it admit only whom they have a flow with.
bool FiltersByPort(const NatAllocator& nat, const Endpoint& outside) {
  const NatPoolConfig* pool = nat.PoolOf(outside.address);
  return pool != nullptr &&
         pool->filtering == NatFiltering::kAddressAndPortDependent;
}

uint32_t ToSeconds(uint64_t ticks) {
  return static_cast<uint32_t>((ticks << RP_TICK_SHIFT) / 1000000000);
}

}  // namespace

PcpMappings::PcpMappings(NatAllocator& nat, const Clock& clock, Keep keep,
                         PcpLimits limits)
    : nat_(nat),
      clock_(clock),
      keep_(std::move(keep)),
      limits_(limits),
      now_(clock.Tick()),
      began_(now_) {}

uint64_t PcpMappings::Now() {
  now_ += static_cast<uint32_t>(clock_.Tick() - static_cast<uint32_t>(now_));
  return now_;
}

uint32_t PcpMappings::Epoch() {
  return epoch_before_ + ToSeconds(Now() - began_);
}

uint32_t PcpMappings::Remaining(const Mapping& mapping) {
  const uint64_t now = Now();
  return mapping.expires > now ? ToSeconds(mapping.expires - now) : 0;
}

NatAllocator::Request PcpMappings::RequestOf(std::string_view pool,
                                             const Subscriber& subscriber,
                                             const Key& key) {
  return {.pool = pool,
          .subscriber = subscriber,
          .protocol = key.protocol,
          .inside_port = key.inside_port,
          .remote = key.remote};
}

ExplicitMapping PcpMappings::Describe(const Subscriber& subscriber,
                                      const Key& key, const Mapping& mapping) {
  return {.pool = mapping.pool,
          .subscriber = subscriber,
          .protocol = key.protocol,
          .inside_port = key.inside_port,
          .remote = key.remote,
          .outside = mapping.outside,
          .nonce = mapping.nonce,
          .expires = clock_.Now() + absl::Seconds(Remaining(mapping))};
}

PcpMappings::Mapping* PcpMappings::Find(const Subscriber& subscriber,
                                        const Key& key) {
  const auto all = mappings_.find(subscriber);
  if (all == mappings_.end()) return nullptr;
  const auto it = all->second.find(key);
  return it == all->second.end() ? nullptr : &it->second;
}

uint64_t PcpMappings::Add(const Subscriber& subscriber, const Key& key,
                          Mapping mapping) {
  const uint64_t record = keep_(Describe(subscriber, key, mapping), true);
  if (record == 0) return 0;
  Put(subscriber, key, std::move(mapping));
  return record;
}

void PcpMappings::Put(const Subscriber& subscriber, const Key& key,
                      Mapping mapping) {
  Mapping& place = mappings_[subscriber][key];
  expiries_.erase(ExpiryOf(subscriber, key, place));
  place = std::move(mapping);
  expiries_.insert(ExpiryOf(subscriber, key, place));
}

uint64_t PcpMappings::End(const Subscriber& subscriber, const Key& key) {
  const auto all = mappings_.find(subscriber);
  const Mapping mapping = std::move(all->second.extract(key).mapped());
  if (all->second.empty()) mappings_.erase(all);
  expiries_.erase(ExpiryOf(subscriber, key, mapping));
  nat_.Release(RequestOf(mapping.pool, subscriber, key), mapping.outside);
  return keep_(Describe(subscriber, key, mapping), false);
}

Outcome PcpMappings::Do(std::string_view pool, const Subscriber& subscriber,
                        const Ask& ask) {
  if (pool.empty()) return Failed(PcpResult::kNotAuthorized);
  Expire();
  Mapping* mapping = Find(subscriber, ask.key);
  if (mapping != nullptr && mapping->nonce != ask.nonce)
    return {.result = PcpResult::kNotAuthorized,
            .lifetime = Remaining(*mapping)};
  if (ask.lifetime == 0) return Delete(pool, subscriber, ask, mapping);
  if (mapping != nullptr) return Renew(subscriber, ask, *mapping);
  return Create(pool, subscriber, ask);
}

// RFC 6887 section 15.1. Flows go on, and hold what they use.
Outcome PcpMappings::Delete(std::string_view pool, const Subscriber& subscriber,
                            const Ask& ask, const Mapping* mapping) {
  if (mapping != nullptr)
    return {.outside = ask.suggested, .record = End(subscriber, ask.key)};
  if (ask.key.remote == Endpoint() &&
      nat_.Find(RequestOf(pool, subscriber, ask.key)))
    return Failed(PcpResult::kNotAuthorized);
  return {.outside = ask.suggested};
}

Outcome PcpMappings::Renew(const Subscriber& subscriber, const Ask& ask,
                           Mapping mapping) {
  if (ask.prefer_failure && !Agrees(mapping.outside, ask.suggested))
    return Failed(PcpResult::kCannotProvideExternal);
  const uint32_t lifetime = LifetimeOf(ask, mapping.outside);
  mapping.expires = Now() + ToTicks(absl::Seconds(lifetime));
  const Endpoint outside = mapping.outside;
  const uint64_t record = Add(subscriber, ask.key, std::move(mapping));
  if (record == 0) return Failed(PcpResult::kNoResources);
  return {.outside = outside, .lifetime = lifetime, .record = record};
}

Outcome PcpMappings::Create(std::string_view pool, const Subscriber& subscriber,
                            const Ask& ask) {
  const auto all = mappings_.find(subscriber);
  if (all != mappings_.end() &&
      all->second.size() >= limits_.mappings_per_subscriber)
    return Failed(PcpResult::kUserExQuota);
  const NatAllocator::Request request = RequestOf(pool, subscriber, ask.key);
  Outcome outcome = Obtain(request, ask);
  if (outcome.result != PcpResult::kSuccess || outcome.wait ||
      outcome.lifetime == kForEver)
    return outcome;
  outcome.lifetime = LifetimeOf(ask, outcome.outside);
  outcome.record =
      Add(subscriber, ask.key,
          {.pool = std::string(pool),
           .outside = outcome.outside,
           .nonce = ask.nonce,
           .expires = Now() + ToTicks(absl::Seconds(outcome.lifetime))});
  if (outcome.record != 0) return outcome;
  nat_.Release(request, outcome.outside);
  return Failed(PcpResult::kNoResources);
}

// A mapping of the allocator, held unless it is for ever.
Outcome PcpMappings::Obtain(const NatAllocator::Request& request,
                            const Ask& ask) {
  const bool peer = ask.key.remote != Endpoint();
  // Section 12.3: a suggestion matters to PEER if there is no mapping yet.
  const bool exact = ask.prefer_failure || (peer && !nat_.Find(request));
  const NatGrant grant = peer ? nat_.Acquire(request) : Open(request, ask);
  if (grant.verdict == NatVerdict::kLogging) return {.wait = true};
  if (!grant.ok()) return Failed(ResultOf(grant.verdict));
  PcpResult result = PcpResult::kSuccess;
  if (exact && !Agrees(grant.outside, ask.suggested))
    result = PcpResult::kCannotProvideExternal;
  else if (IsFixed(nat_, request.protocol, grant.outside))
    return {.outside = grant.outside, .lifetime = kForEver};
  else if (IsReserved(request.protocol, grant.outside.port))
    result = PcpResult::kNoResources;
  if (result == PcpResult::kSuccess) return {.outside = grant.outside};
  nat_.Release(request, grant.outside);
  return Failed(result);
}

NatGrant PcpMappings::Open(const NatAllocator::Request& request,
                           const Ask& ask) {
  std::optional<Endpoint> wanted;
  if (ask.suggested.port != 0 &&
      !IsReserved(request.protocol, ask.suggested.port))
    wanted = ask.suggested;
  NatGrant grant = nat_.Open(request, wanted);
  // Ports are random, so another try gives another one.
  for (int i = 0;
       i < 8 && grant.ok() && IsReserved(request.protocol, grant.outside.port);
       ++i) {
    nat_.Release(request, grant.outside);
    grant = nat_.Open(request, std::nullopt);
  }
  return grant;
}

uint32_t PcpMappings::LifetimeOf(const Ask& ask,
                                 const Endpoint& outside) const {
  uint32_t longest = limits_.max_lifetime;
  if (ask.key.remote != Endpoint() && FiltersByPort(nat_, outside))
    longest = std::min(longest, limits_.max_filtered);
  return std::clamp(ask.lifetime, std::min(limits_.min_lifetime, longest),
                    longest);
}

Outcome PcpMappings::DeleteAll(const Subscriber& subscriber, uint8_t protocol,
                               const PcpNonce& nonce) {
  Outcome outcome;
  const auto all = mappings_.find(subscriber);
  if (all == mappings_.end()) return outcome;
  std::vector<Key> keys;
  for (const auto& [key, mapping] : all->second)
    if (key.protocol == protocol && mapping.nonce == nonce) keys.push_back(key);
  for (const Key& key : keys) outcome.record = End(subscriber, key);
  return outcome;
}

void PcpMappings::Expire() {
  const uint64_t now = Now();
  while (!expiries_.empty() && std::get<uint64_t>(*expiries_.begin()) <= now) {
    const auto [time, realm, address, key] = *expiries_.begin();
    End({realm, address}, key);
  }
}

void PcpMappings::Remove(absl::FunctionRef<bool(const Subscriber&)> gone) {
  std::vector<std::pair<Subscriber, Key>> ends;
  for (const auto& [subscriber, all] : mappings_)
    if (gone(subscriber))
      for (const auto& [key, mapping] : all) ends.emplace_back(subscriber, key);
  for (const auto& [subscriber, key] : ends) End(subscriber, key);
}

void PcpMappings::ForEach(
    absl::FunctionRef<void(const ExplicitMapping&)> visit) {
  for (const auto& [subscriber, all] : mappings_)
    for (const auto& [key, mapping] : all)
      visit(Describe(subscriber, key, mapping));
}

bool PcpMappings::Restore(absl::Span<const ExplicitMapping> mappings,
                          absl::Duration epoch) {
  bool complete = true;
  for (const ExplicitMapping& mapping : mappings) {
    const absl::Duration left = mapping.expires - clock_.Now();
    if (left > absl::ZeroDuration() && RestoreOne(mapping, left)) continue;
    complete &= left <= absl::ZeroDuration();
    keep_(mapping, false);
  }
  if (complete) epoch_before_ = absl::ToInt64Seconds(epoch);
  return complete;
}

bool PcpMappings::RestoreOne(const ExplicitMapping& kept, absl::Duration left) {
  const Key key = {kept.protocol, kept.inside_port, kept.remote};
  const NatAllocator::Request request =
      RequestOf(kept.pool, kept.subscriber, key);
  if (IsFixed(nat_, kept.protocol, kept.outside)) return false;
  if (key.remote != Endpoint()) {
    if (!nat_.Adopt(request, kept.outside).ok()) return false;
  } else {
    const NatGrant grant = nat_.Open(request, kept.outside);
    if (!grant.ok()) return false;
    if (grant.outside != kept.outside) {
      nat_.Release(request, grant.outside);
      return false;
    }
  }
  Put(kept.subscriber, key,
      {.pool = kept.pool,
       .outside = kept.outside,
       .nonce = kept.nonce,
       .expires = Now() + ToTicks(std::min(
                              left, absl::Seconds(limits_.max_lifetime)))});
  return true;
}

}  // namespace rampart

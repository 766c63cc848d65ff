// SPDX-License-Identifier: Apache-2.0
#include "controller/flow/reassembly.h"

#include <netinet/in.h>

#include <algorithm>
#include <iterator>

#include "absl/types/span.h"

namespace rampart {
namespace {

constexpr uint32_t kDatagramMax = 65535;  // as its length field can say
constexpr size_t kHeader6 = 40;
constexpr size_t kFragmentHeader6 = 8;

uint32_t Load16(absl::Span<const uint8_t> bytes, size_t offset) {
  return uint32_t{bytes[offset]} << 8 | bytes[offset + 1];
}

// Where the only fragment header of an IPv6 packet is. Nothing if there are
// several: a fragment of a fragment hides its headers.
std::optional<size_t> FindFragmentHeader(const Packet& packet) {
  std::optional<size_t> found;
  uint8_t next = packet.bytes[6];
  for (size_t at = kHeader6; at < packet.l4;) {
    const bool fragment = next == IPPROTO_FRAGMENT;
    if (fragment && found) return std::nullopt;
    if (fragment) found = at;
    next = packet.bytes[at];
    at += fragment ? kFragmentHeader6 : (packet.bytes[at + 1] + size_t{1}) * 8;
  }
  return found;
}

}  // namespace

struct Reassembly::Place {
  uint32_t identification = 0;
  size_t data = 0;     // where it begins in the packet
  size_t headers = 0;  // what the datagram's length counts beside its data
  uint32_t begin = 0;
  uint32_t end = 0;
  bool more = false;
};

std::optional<Reassembly::Place> Reassembly::PlaceOf(const Packet& packet) {
  Place place;
  if (packet.is_v4()) {
    const uint32_t word = Load16(packet.bytes, 6);
    place.identification = Load16(packet.bytes, 4);
    place.begin = (word & 0x1fff) * 8;
    place.more = (word & 0x2000) != 0;
    place.data = (packet.bytes[0] & 0xf) * size_t{4};
    place.headers = place.data;
  } else {
    const std::optional<size_t> at = FindFragmentHeader(packet);
    if (!at) return std::nullopt;
    const uint32_t word = Load16(packet.bytes, *at + 2);
    place.identification =
        Load16(packet.bytes, *at + 4) << 16 | Load16(packet.bytes, *at + 6);
    place.begin = word & 0xfff8;
    place.more = (word & 1) != 0;
    place.data = *at + kFragmentHeader6;
    place.headers = *at - kHeader6;
  }
  const size_t size = packet.bytes.size() - place.data;
  place.end = place.begin + size;
  if (size == 0 || (place.more && size % 8 != 0)) return std::nullopt;
  if (place.headers + place.end > kDatagramMax) return std::nullopt;
  return place;
}

Reassembly::Reassembly(const Limits& limits, const Clock& clock, Drop drop)
    : limits_(limits), clock_(clock), drop_(std::move(drop)) {
  shares_[0].limit = limits.bytes_of_tenants;
  shares_[1].limit = limits.bytes_of_underlay;
}

Reassembly::Result Reassembly::Add(const rp_punt& punt, const Packet& packet) {
  Expire();
  const std::optional<Place> place = PlaceOf(packet);
  if (!place) return {.reason = RP_DROP_FRAG_MALFORMED};
  const FlowTuple& tuple = packet.tuple;
  const Key key = {punt.realm,
                   punt.tunnel,
                   tuple.source.address,
                   tuple.destination.address,
                   place->identification,
                   packet.is_v4() ? tuple.protocol : uint8_t{0}};
  const auto known = index_.find(key);
  const bool begun = known != index_.end();
  if (begun) {
    Held& held = *known->second;
    if (held.refused != RP_FORWARDED) return {.reason = held.refused};
    if (IsDuplicate(held, *place, packet))
      return {.reason = RP_DROP_FRAG_DUPLICATE};
    if (const rp_outcome reason = Check(held, *place)) {
      Refuse(held, reason);
      return {.reason = reason};
    }
  }
  const Owner owner = punt.realm == 0 ? Owner(0, tuple.destination.address)
                                      : Owner(punt.tenant, IpAddress());
  const size_t cost = kFragmentCost + packet.bytes.size();
  // Making room may have cost this very datagram what it had.
  if (!MakeRoom(owner, begun ? cost : cost + kDatagramCost) ||
      (begun && !index_.contains(key)))
    return {.reason = RP_DROP_FRAG_MEMORY};
  Held& held = FindOrMake(key, owner);
  Charge(held, cost);
  return Insert(held, *place, punt, packet);
}

bool Reassembly::IsDuplicate(const Held& held, const Place& place,
                             const Packet& packet) {
  return std::any_of(
      held.fragments.begin(), held.fragments.end(), [&](const Fragment& f) {
        return f.begin == place.begin && f.end == place.end &&
               f.more == place.more &&
               std::equal(f.packet.end() - (f.end - f.begin), f.packet.end(),
                          packet.bytes.begin() + place.data,
                          packet.bytes.end());
      });
}

// RP_FORWARDED if it fits to what is there.
rp_outcome Reassembly::Check(const Held& held, const Place& place) const {
  if (held.fragments.size() >= limits_.fragments) return RP_DROP_FRAG_MALFORMED;
  for (const Fragment& f : held.fragments) {
    if (place.begin < f.end && f.begin < place.end) return RP_DROP_FRAG_OVERLAP;
    // Behind the last one, or a last one in front of others.
    if (place.begin >= f.end ? !f.more : !place.more)
      return RP_DROP_FRAG_MALFORMED;
  }
  return RP_FORWARDED;
}

Reassembly::Result Reassembly::Insert(Held& held, const Place& place,
                                      const rp_punt& punt,
                                      const Packet& packet) {
  if (place.begin == 0 || held.fragments.empty()) held.punt = punt;
  held.data += place.end - place.begin;
  const auto behind =
      std::find_if(held.fragments.begin(), held.fragments.end(),
                   [&](const Fragment& f) { return f.begin > place.begin; });
  held.fragments.insert(behind, {place.begin,
                                 place.end,
                                 place.more,
                                 {packet.bytes.begin(), packet.bytes.end()}});
  const Fragment& last = held.fragments.back();
  if (last.more || held.data != last.end) return {};
  Datagram datagram = {held.punt, {}};
  for (Fragment& fragment : held.fragments)
    datagram.fragments.push_back(std::move(fragment.packet));
  Forget(index_.find(held.key)->second);
  return {.complete = std::move(datagram)};
}

// False if it cannot be had. Gives up the account's own datagrams first.
bool Reassembly::MakeRoom(const Owner& owner, size_t cost) {
  Share& share = ShareOf(owner);
  if (cost > std::min(limits_.bytes_per_account, share.limit)) return false;
  const auto give_up = [this](Age::iterator held) {
    DropAll(*held, RP_DROP_FRAG_MEMORY);
    Forget(held);
  };
  for (auto use = accounts_.find(owner);
       use != accounts_.end() &&
       use->second.bytes + cost > limits_.bytes_per_account;
       use = accounts_.find(owner))
    give_up(use->second.datagrams.front());
  while (share.bytes + cost > share.limit) give_up(share.by_age.begin());
  return true;
}

Reassembly::Held& Reassembly::FindOrMake(const Key& key, const Owner& owner) {
  const auto known = index_.find(key);
  if (known != index_.end()) return *known->second;
  Age& by_age = ShareOf(owner).by_age;
  by_age.push_back({.key = key, .owner = owner, .since = clock_.Tick()});
  const auto held = std::prev(by_age.end());
  Account& account = accounts_[owner].datagrams;
  held->in_account = account.insert(account.end(), held);
  held->cost = 0;
  Charge(*held, kDatagramCost);
  index_.emplace(key, held);
  return *held;
}

void Reassembly::Charge(Held& held, size_t cost) {
  held.cost += cost;
  accounts_[held.owner].bytes += cost;
  ShareOf(held.owner).bytes += cost;
}

// Keeps the name of the datagram, so that what still comes of it is known.
void Reassembly::Refuse(Held& held, rp_outcome reason) {
  DropAll(held, reason);
  held.refused = reason;
  held.fragments = {};
  const size_t given_back = held.cost - kDatagramCost;
  held.cost = kDatagramCost;
  accounts_[held.owner].bytes -= given_back;
  ShareOf(held.owner).bytes -= given_back;
}

void Reassembly::DropAll(const Held& held, rp_outcome reason) {
  for (const Fragment& fragment : held.fragments)
    drop_(reason, held.punt, fragment.packet);
}

void Reassembly::Forget(Age::iterator held) {
  const auto use = accounts_.find(held->owner);
  use->second.bytes -= held->cost;
  use->second.datagrams.erase(held->in_account);
  if (use->second.datagrams.empty()) accounts_.erase(use);
  Share& share = ShareOf(held->owner);
  share.bytes -= held->cost;
  index_.erase(held->key);
  share.by_age.erase(held);
}

void Reassembly::Expire() {
  const uint32_t now = clock_.Tick();
  const uint32_t time = ToTicks(limits_.time);
  for (Share& share : shares_) {
    while (!share.by_age.empty() && now - share.by_age.front().since > time) {
      DropAll(share.by_age.front(), RP_DROP_FRAG_TIME);
      Forget(share.by_age.begin());
    }
  }
}

}  // namespace rampart

// SPDX-License-Identifier: Apache-2.0
#include "controller/nat/fixed.h"

#include <algorithm>
#include <cstring>

namespace rampart {
namespace {

constexpr uint16_t kOnes = 0xffff;

// One's complement (RFC 1071); kOnes and 0 are the same number.
uint16_t Add(uint16_t a, uint16_t b) {
  const uint32_t sum = uint32_t{a} + b;
  return static_cast<uint16_t>(sum + (sum >> 16));
}

// The 16-bit words of an IPv6 address.
uint16_t WordAt(const IpAddress& address, int at) {
  const std::string_view bytes = address.bytes();
  return static_cast<uint16_t>(static_cast<uint8_t>(bytes[2 * at]) << 8 |
                               static_cast<uint8_t>(bytes[2 * at + 1]));
}

uint16_t Sum(const IpAddress& address) {
  uint16_t sum = 0;
  for (int at = 0; at < 8; ++at) sum = Add(sum, WordAt(address, at));
  return sum;
}

// The first `length` bits of `to` before the rest of `address`.
void Splice(const IpAddress& address, const Prefix& to, uint8_t* out) {
  const std::string_view prefix = to.address().bytes();
  const std::string_view host = address.bytes();
  for (int i = 0; i < static_cast<int>(host.size()); ++i) {
    const int kept = std::clamp(to.length() - 8 * i, 0, 8);
    const auto mask = static_cast<uint8_t>(0xff00 >> kept);
    out[i] = static_cast<uint8_t>((prefix[i] & mask) | (host[i] & ~mask));
  }
}

bool HasZeroIdentifier(const IpAddress& address) {
  for (int at = 4; at < 8; ++at)
    if (WordAt(address, at) != 0) return false;
  return true;
}

}  // namespace

std::optional<IpAddress> TranslatePrefix(const IpAddress& address,
                                         const Prefix& from, const Prefix& to) {
  uint8_t bytes[16];
  Splice(address, to, bytes);
  if (address.is_v4()) {
    uint32_t v4;
    std::memcpy(&v4, bytes, sizeof(v4));
    return IpAddress::V4(v4);
  }
  // The subnet takes the difference, or, where the prefix covers it, the
  // first word of the interface identifier that is not all ones.
  const bool in_identifier = to.length() > 48;
  int at = 3;
  if (in_identifier)
    for (at = 4; at < 8 && WordAt(address, at) == kOnes; ++at) continue;
  if (at == 8 || WordAt(address, at) == kOnes) return std::nullopt;
  const uint16_t difference =
      Add(Sum(from.address()), static_cast<uint16_t>(~Sum(to.address())));
  uint16_t word = Add(WordAt(address, at), difference);
  if (word == kOnes) word = 0;
  bytes[2 * at] = static_cast<uint8_t>(word >> 8);
  bytes[2 * at + 1] = static_cast<uint8_t>(word & 0xff);
  const IpAddress result = IpAddress::V6(bytes);
  // All routers' anycast address, on either side (RFC 6296 section 3.5).
  if (in_identifier &&
      (HasZeroIdentifier(address) || HasZeroIdentifier(result)))
    return std::nullopt;
  return result;
}

void FixedMappings::UseStatic(std::vector<NatStatic> mappings) {
  statics_ = std::move(mappings);
  by_subscriber_.clear();
  by_outside_.clear();
  for (size_t i = 0; i < statics_.size(); ++i) {
    by_subscriber_[statics_[i].subscriber].push_back(i);
    by_outside_[{statics_[i].protocol, statics_[i].outside}] = i;
  }
}

void FixedMappings::UsePrefixes(const std::vector<NatPrefix>& prefixes) {
  prefixes_.clear();
  by_outside_prefix_ = {};
  for (const NatPrefix& prefix : prefixes) {
    prefixes_[prefix.realm].push_back(prefix);
    by_outside_prefix_.Add(prefix.outside, prefix);
  }
}

const NatStatic* FixedMappings::FindStatic(std::string_view pool,
                                           const Subscriber& subscriber,
                                           uint8_t protocol,
                                           uint16_t inside_port) const {
  const auto it = by_subscriber_.find(subscriber);
  if (it == by_subscriber_.end()) return nullptr;
  for (const size_t i : it->second)
    if (statics_[i].protocol == protocol &&
        statics_[i].inside_port == inside_port && statics_[i].pool == pool)
      return &statics_[i];
  return nullptr;
}

const NatStatic* FixedMappings::FindStatic(uint8_t protocol,
                                           const Endpoint& outside) const {
  const auto it = by_outside_.find({protocol, outside});
  return it == by_outside_.end() ? nullptr : &statics_[it->second];
}

const NatStatic* FixedMappings::FindStatic(std::string_view pool,
                                           const Subscriber& subscriber) const {
  const auto it = by_subscriber_.find(subscriber);
  if (it == by_subscriber_.end()) return nullptr;
  for (const size_t i : it->second)
    if (statics_[i].pool == pool) return &statics_[i];
  return nullptr;
}

const NatPrefix* FixedMappings::FindPrefix(std::string_view pool,
                                           const Subscriber& subscriber) const {
  const auto it = prefixes_.find(subscriber.realm);
  if (it == prefixes_.end()) return nullptr;
  for (const NatPrefix& prefix : it->second)
    if (prefix.inside.Contains(subscriber.address) && prefix.pool == pool)
      return &prefix;
  return nullptr;
}

}  // namespace rampart

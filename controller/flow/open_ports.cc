// SPDX-License-Identifier: Apache-2.0
#include "controller/flow/open_ports.h"

#include <algorithm>
#include <iterator>
#include <vector>

namespace rampart {
namespace {

bool IsEmpty(const rp_nat_open& open) {
  return std::all_of(std::begin(open.ports), std::end(open.ports),
                     [](uint64_t word) { return word == 0; });
}

}  // namespace

void OpenPorts::Set(uint8_t protocol, const Endpoint& outside, bool open) {
  rp_nat_open_key key = {};
  outside.address.ToMapped(key.addr);
  key.block = outside.port / RP_OPEN_PORTS;
  key.proto = protocol;
  rp_nat_open& entry = entries_[key];
  __u64& word = entry.ports[outside.port % RP_OPEN_PORTS / 64];
  const uint64_t bit = uint64_t{1} << outside.port % 64;
  word = open ? word | bit : word & ~bit;
  const bool empty = IsEmpty(entry);
  if (synced_) error_.Update(empty ? map_.Delete(key) : map_.Put(key, entry));
  if (empty) entries_.erase(key);
}

absl::Status OpenPorts::Sync() {
  synced_ = true;
  return SyncMap(map_, std::vector<std::pair<rp_nat_open_key, rp_nat_open>>(
                           entries_.begin(), entries_.end()));
}

}  // namespace rampart

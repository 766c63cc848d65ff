// SPDX-License-Identifier: Apache-2.0
#include "controller/health/peer_choice.h"

#include <algorithm>
#include <cstddef>

namespace rampart {
namespace {

using Peers = absl::InlinedVector<uint32_t, 8>;

// Where `point`, a part of 2^32, falls on the line of all weights.
uint32_t PickOf(const Tunnel& tunnel, const Peers& peers, uint32_t point) {
  uint64_t total = 0;
  for (const uint32_t peer : peers) total += tunnel.peers[peer].weight;
  if (total == 0) return peers[uint64_t{point} * peers.size() >> 32];
  // Below 2^64: a tunnel's peers and their weights are few and small.
  uint64_t at = point * total >> 32;
  for (const uint32_t peer : peers) {
    if (at < tunnel.peers[peer].weight) return peer;
    at -= tunnel.peers[peer].weight;
  }
  return peers.back();
}

// All peers from `first` on, those that are up before those that are down.
// living: how many are up.
Peers LivingFirst(const Tunnel& tunnel, uint32_t first, IsUp is_up,
                  size_t& living) {
  Peers peers, down;
  const auto count = static_cast<uint32_t>(tunnel.peers.size());
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t peer = (first + i) % count;
    (is_up(peer) ? peers : down).push_back(peer);
  }
  living = peers.size();
  peers.insert(peers.end(), down.begin(), down.end());
  return peers;
}

}  // namespace

uint32_t PickPeer(const Tunnel& tunnel, uint32_t point, IsUp is_up) {
  if (tunnel.peers.size() == 1) return 0;
  size_t living;
  Peers peers = LivingFirst(tunnel, 0, is_up, living);
  if (living != 0) peers.resize(living);
  return PickOf(tunnel, peers, point);
}

uint32_t SpreadOf(const Tunnel& tunnel, uint32_t hash) {
  return tunnel.peers.size() > 2 ? hash % kSpreads : 0;
}

absl::InlinedVector<uint32_t, 8> PeerOrder(const Tunnel& tunnel, uint32_t first,
                                           uint32_t spread, IsUp is_up) {
  size_t living;
  Peers order = LivingFirst(tunnel, first, is_up, living);
  const auto down = order.begin() + static_cast<std::ptrdiff_t>(living);
  const bool first_up = living != 0 && order.front() == first;
  const auto others = order.begin() + (first_up ? 1 : 0);
  if (down - others < 2) return order;
  const uint32_t heir = PickOf(tunnel, Peers(others, down),
                               (2 * spread + 1) * (UINT32_MAX / kSpreads / 2));
  std::rotate(others, std::find(others, down, heir), down);
  return order;
}

}  // namespace rampart

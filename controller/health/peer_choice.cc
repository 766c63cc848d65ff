// SPDX-License-Identifier: Apache-2.0
#include "controller/health/peer_choice.h"

#include <algorithm>
#include <optional>

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

Peers All(const Tunnel& tunnel) {
  Peers peers(tunnel.peers.size());
  for (uint32_t i = 0; i < peers.size(); ++i) peers[i] = i;
  return peers;
}

}  // namespace

uint32_t PickPeer(const Tunnel& tunnel, uint32_t point, IsUp is_up) {
  Peers peers = All(tunnel);
  if (peers.size() == 1) return 0;
  const auto down = std::stable_partition(peers.begin(), peers.end(), is_up);
  if (down != peers.begin()) peers.erase(down, peers.end());
  return PickOf(tunnel, peers, point);
}

uint32_t SpreadOf(const Tunnel& tunnel, uint32_t hash) {
  return tunnel.peers.size() > 2 ? hash % kSpreads : 0;
}

absl::InlinedVector<uint32_t, 8> PeerOrder(const Tunnel& tunnel, uint32_t first,
                                           uint32_t spread, IsUp is_up) {
  Peers order = All(tunnel);
  std::rotate(order.begin(), order.begin() + first, order.end());
  const auto down = std::stable_partition(order.begin(), order.end(), is_up);
  const bool first_up = down != order.begin() && order.front() == first;
  const auto others = order.begin() + (first_up ? 1 : 0);
  if (down - others < 2) return order;
  const uint32_t heir = PickOf(tunnel, Peers(others, down),
                               (2 * spread + 1) * (UINT32_MAX / kSpreads / 2));
  std::rotate(others, std::find(others, down, heir), down);
  return order;
}

}  // namespace rampart

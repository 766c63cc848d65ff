// SPDX-License-Identifier: Apache-2.0
#include "controller/health/peer_health.h"

#include <algorithm>

namespace rampart {
namespace {

// Half a tick of the engine: a round that is due by then is due now.
constexpr uint32_t kEarly = 3;

}  // namespace

void PeerHealth::Use(const Snapshot* snapshot) {
  const absl::flat_hash_map<uint32_t, Probed> before =
      std::exchange(tunnels_, {});
  for (const Tenant& tenant : snapshot->resources().tenants) {
    for (const Tunnel& tunnel : tenant.tunnels) {
      if (tunnel.probe.targets.empty() || tunnel.peers.empty()) continue;
      const auto it = before.find(tunnel.id);
      Add(snapshot->FindTunnel(tunnel.id),
          it == before.end() ? nullptr : &it->second);
    }
  }
  suspects_.clear();
}

void PeerHealth::Add(const Snapshot::TunnelRef& ref, const Probed* before) {
  const Tunnel& tunnel = *ref.tunnel;
  Probed& probed = tunnels_[tunnel.id];
  probed.ref = ref;
  // Tunnels take turns, so that their rounds are not one burst.
  const uint32_t interval = ToTicks(tunnel.probe.interval);
  probed.round = before != nullptr ? before->round
                                   : clock_.Tick() - tunnel.id * 7 % interval;
  for (uint32_t i = 0; i < tunnel.peers.size(); ++i) {
    Peer peer;
    peer.remote = tunnel.peers[i].remote;
    peer.gre_key = tunnel.peers[i].gre_key;
    peer.view.state = suspects_.contains({tunnel.id, i}) ? PeerState::kDown
                                                         : PeerState::kWaiting;
    if (before != nullptr) {
      const auto known = std::find_if(
          before->peers.begin(), before->peers.end(), [&](const Peer& other) {
            return other.remote == peer.remote && other.gre_key == peer.gre_key;
          });
      if (known != before->peers.end()) peer = *known;
    }
    probed.peers.push_back(peer);
  }
}

void PeerHealth::OnTick(Send send) {
  const uint32_t now = clock_.Tick();
  for (auto& [id, probed] : tunnels_) {
    const uint32_t interval = ToTicks(probed.ref.tunnel->probe.interval);
    const uint32_t passed = now - probed.round;
    if (passed + kEarly < interval) continue;
    // The controller itself was late: answers wait in its sockets.
    const bool late = passed > 2 * interval + kEarly;
    probed.round = now;
    for (uint32_t i = 0; i < probed.peers.size(); ++i) {
      Peer& peer = probed.peers[i];
      if (!late && peer.view.probes != 0) Judge(probed, i, peer);
      peer.fresh = false;
      ++peer.view.probes;
      ++peer.sent;
      if (uint16_t(peer.sent - peer.answered) > kRounds) ++peer.answered;
      peer.times[peer.sent % kRounds] = clock_.Now();
      send(probed.ref, i, peer.sent);
    }
  }
}

void PeerHealth::Judge(const Probed& probed, uint32_t peer, Peer& of) {
  if (of.fresh) return;
  of.successes = 0;
  if (++of.failures >= probed.ref.tunnel->probe.failures)
    Change(probed.ref.tunnel->id, peer, of, PeerState::kDown);
}

bool PeerHealth::OnAnswer(uint32_t tunnel, uint32_t peer, uint16_t sequence) {
  const auto it = tunnels_.find(tunnel);
  if (it == tunnels_.end() || peer >= it->second.peers.size()) return false;
  Peer& of = it->second.peers[peer];
  const uint16_t open = of.sent - of.answered;
  const uint16_t age = of.sent - sequence;
  if (age >= open) return false;
  of.answered = sequence;
  ++of.view.answers;
  of.view.rtt = std::max(clock_.Now() - of.times[sequence % kRounds],
                         absl::ZeroDuration());
  of.failures = 0;
  if (!std::exchange(of.fresh, true)) ++of.successes;
  if (of.view.state == PeerState::kWaiting ||
      of.successes >= it->second.ref.tunnel->probe.successes)
    Change(tunnel, peer, of, PeerState::kUp);
  return true;
}

void PeerHealth::Change(uint32_t tunnel, uint32_t peer, Peer& of,
                        PeerState state) {
  if (of.view.state == state) return;
  of.view.state = state;
  of.view.since = clock_.Now();
  changes_.push_back({tunnel, peer, of.view});
}

}  // namespace rampart

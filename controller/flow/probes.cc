// SPDX-License-Identifier: Apache-2.0
#include "controller/flow/probes.h"

#include <algorithm>
#include <cstring>

#include "absl/container/flat_hash_set.h"
#include "controller/base/status.h"
#include "controller/flow/icmp.h"
#include "maps/realm.h"

namespace rampart {
namespace {

constexpr size_t kIcmpHeader = 8;
// For the log; who does not take them shall not pay for it.
constexpr size_t kChangesMax = 1000;

// Behind the ICMP header of a probe. Only this edge reads it.
struct Token {
  uint64_t nonce;
  uint32_t tunnel;
  uint32_t peer;
};

}  // namespace

void Probes::Send(const Snapshot::TunnelRef& ref, uint32_t peer,
                  uint16_t sequence) {
  const Token token = {deps_.nonce, ref.tunnel->id, peer};
  uint8_t payload[sizeof(token)];
  std::memcpy(payload, &token, sizeof(token));
  for (const IpAddress& target : ref.tunnel->probe.targets) {
    const absl::StatusOr<uint32_t> next_hop =
        deps_.next_hops.ToPeer(*ref.tunnel, ref.realm, target.family(), peer);
    // What cannot be sent is lost, as if the peer had not answered.
    if (!next_hop.ok() || !deps_.next_hops.Usable(*next_hop)) continue;
    const IpAddress source =
        snapshot_->RouterAddress(ref.realm, target.family());
    if (deps_.data_plane
            .Send(*next_hop,
                  BuildEchoRequest(source, target, id(), sequence, payload))
            .ok())
      deps_.hooks.OnPacketMade();
  }
}

// Its source needs no route into the tunnel: the token says enough, and may be
// an address that only the other end itself has.
bool Probes::OnPacket(const rp_punt& punt, const Packet& packet) {
  const FlowTuple& tuple = packet.tuple;
  Token token;
  if (!packet.IsEcho() || packet.IsEchoRequest() || packet.fragment ||
      tuple.destination.port != id() ||
      packet.bytes.size() < packet.l4 + kIcmpHeader + sizeof(token))
    return false;
  const uint8_t* icmp = packet.bytes.data() + packet.l4;
  std::memcpy(&token, icmp + kIcmpHeader, sizeof(token));
  if (token.nonce != deps_.nonce || token.tunnel != punt.tunnel) return false;
  const Snapshot::TunnelRef ref = snapshot_->FindTunnel(punt.tunnel);
  if (ref.tunnel == nullptr || ref.realm != punt.realm) return false;
  const std::vector<IpAddress>& targets = ref.tunnel->probe.targets;
  if (std::find(targets.begin(), targets.end(), tuple.source.address) ==
      targets.end())
    return false;
  deps_.health.OnAnswer(token.tunnel, token.peer,
                        static_cast<uint16_t>(icmp[6] << 8 | icmp[7]));
  return true;
}

absl::Status Probes::OnTick() {
  deps_.health.OnTick(
      [this](const Snapshot::TunnelRef& tunnel, uint32_t peer,
             uint16_t sequence) { Send(tunnel, peer, sequence); });
  const std::vector<PeerChange> changes = deps_.health.TakeChanges();
  if (changes.empty()) return absl::OkStatus();
  absl::flat_hash_set<uint32_t> tunnels;
  for (const PeerChange& change : changes) tunnels.insert(change.tunnel);
  if (changes_.size() < kChangesMax)
    changes_.insert(changes_.end(), changes.begin(), changes.end());
  return deps_.next_hops.ResolveTunnels(tunnels);
}

}  // namespace rampart

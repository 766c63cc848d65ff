// SPDX-License-Identifier: Apache-2.0
#include "controller/api/peer_rows.h"

#include <algorithm>
#include <string>

#include "absl/time/time.h"

namespace rampart {

std::string_view StateName(PeerState state) {
  switch (state) {
    case PeerState::kUnprobed:
      return "unprobed";
    case PeerState::kWaiting:
      return "waiting";
    case PeerState::kUp:
      return "up";
    case PeerState::kDown:
      break;
  }
  return "down";
}

std::string_view TunnelState(const Tunnel& tunnel, const Engine& engine) {
  if (tunnel.peers.empty()) return "down";
  size_t down = 0;
  PeerState worst = PeerState::kUp;
  for (uint32_t i = 0; i < tunnel.peers.size(); ++i) {
    const PeerState state = engine.peer(tunnel.id, i).state;
    down += state == PeerState::kDown;
    if (state != PeerState::kDown) worst = std::min(worst, state);
  }
  if (down == tunnel.peers.size()) return "down";
  return down > 0 ? "degraded" : StateName(worst);
}

Json PeerHealthRow(const PeerView& view) {
  Json row = {{"state", StateName(view.state)},
              {"rtt_ms", nullptr},
              {"since", nullptr}};
  if (view.rtt) row["rtt_ms"] = absl::ToDoubleMilliseconds(*view.rtt);
  if (view.since)
    row["since"] = std::string(absl::FormatTime(
        "%Y-%m-%dT%H:%M:%E3SZ", *view.since, absl::UTCTimeZone()));
  return row;
}

void AddHealth(const Resources& resources, const Engine& engine,
               Json& tunnel_rows) {
  auto row = tunnel_rows.begin();
  for (const Tenant& tenant : resources.tenants) {
    for (const Tunnel& tunnel : tenant.tunnels) {
      Json& peers = (*row)["peers"];
      for (uint32_t i = 0; i < tunnel.peers.size(); ++i)
        peers[i].update(PeerHealthRow(engine.peer(tunnel.id, i)));
      if (tunnel.type == TunnelType::kInterface)
        (*row)["state"] = nullptr;
      else
        (*row)["state"] = TunnelState(tunnel, engine);
      ++row;
    }
  }
}

}  // namespace rampart

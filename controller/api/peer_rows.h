// SPDX-License-Identifier: Apache-2.0
// The health of tunnels, as documents show it.
#ifndef RAMPART_CONTROLLER_API_PEER_ROWS_H_
#define RAMPART_CONTROLLER_API_PEER_ROWS_H_

#include <string_view>

#include "controller/api/json.h"
#include "controller/flow/engine.h"
#include "controller/model/resources.h"

namespace rampart {

// "up", "down", "waiting" for the first answers, or "unprobed".
std::string_view StateName(PeerState state);

// Of a gue or gre tunnel as a whole: "degraded" if some of its peers are down,
// "down" if all are, or if it has none; else as its peers.
std::string_view TunnelState(const Tunnel& tunnel, const Engine& engine);

// {"state", "rtt_ms": of the last answer, "since": when it became up or down},
// the last two null if there is none.
Json PeerHealthRow(const PeerView& view);

// Adds these to the peers in TunnelRows(), and to each tunnel its state; null
// of interfaces.
void AddHealth(const Resources& resources, const Engine& engine,
               Json& tunnel_rows);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_API_PEER_ROWS_H_

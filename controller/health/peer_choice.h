// SPDX-License-Identifier: Apache-2.0
// Which peer of a tunnel carries a flow, and who does while that one is down.
// Pure functions.
#ifndef RAMPART_CONTROLLER_HEALTH_PEER_CHOICE_H_
#define RAMPART_CONTROLLER_HEALTH_PEER_CHOICE_H_

#include <cstdint>

#include "absl/container/inlined_vector.h"
#include "absl/functional/function_ref.h"
#include "controller/model/resources.h"

namespace rampart {

using IsUp = absl::FunctionRef<bool(uint32_t peer)>;

// The peer of a new flow: the share of each that is up is its weight. Weights
// of 0 count when there is nobody else, and those that are down when all are:
// then probes rather than peers are at fault, or nothing is lost by trying.
// tunnel: with peers. point: of the flow, uniform over all of uint32_t.
uint32_t PickPeer(const Tunnel& tunnel, uint32_t point, IsUp is_up);

// The flows of one peer are divided into this many parts, each with its own
// heir, so that those of a dead peer do not all land on one other. A tunnel
// with two peers needs one.
inline constexpr uint32_t kSpreads = 8;
uint32_t SpreadOf(const Tunnel& tunnel, uint32_t hash);

// All peers in the order in which they are tried for flows of `first`: that one
// if it is up, the heir of this spread by weight, the others that are up, then
// those that are down. first: below the number of peers.
absl::InlinedVector<uint32_t, 8> PeerOrder(const Tunnel& tunnel, uint32_t first,
                                           uint32_t spread, IsUp is_up);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_HEALTH_PEER_CHOICE_H_

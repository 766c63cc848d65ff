// SPDX-License-Identifier: Apache-2.0
// A peer's secrets as the data plane reads them.
#ifndef RAMPART_CONTROLLER_COMPILE_PEER_KEY_H_
#define RAMPART_CONTROLLER_COMPILE_PEER_KEY_H_

#include "controller/model/resources.h"
#include "maps/ramp.h"

namespace rampart {

// auth: what the secret is for. A secret of the wrong length (its file went
// missing on this edge) gives an unused slot: the peer is refused, nothing
// else is.
rp_peer_key CompilePeerKey(Auth auth, const PeerKey& key);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_COMPILE_PEER_KEY_H_

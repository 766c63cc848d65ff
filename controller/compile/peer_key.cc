// SPDX-License-Identifier: Apache-2.0
#include "controller/compile/peer_key.h"

#include <endian.h>

#include <cstring>

namespace rampart {

rp_peer_key CompilePeerKey(Auth auth, const PeerKey& key) {
  rp_peer_key result = {};
  if (auth == Auth::kMac && key.secret.size() == 16) {
    uint64_t halves[2];
    std::memcpy(halves, key.secret.data(), sizeof(halves));
    result.k0 = le64toh(halves[0]);
    result.k1 = le64toh(halves[1]);
    result.id = key.key_id;
    result.used = 1;
  } else if (auth == Auth::kCookie && key.secret.size() == 8) {
    std::memcpy(&result.k0, key.secret.data(), sizeof(result.k0));
    result.used = 1;
  }
  return result;
}

}  // namespace rampart

// SPDX-License-Identifier: Apache-2.0
// Tunnels whose vnet was changed while they had flows.
#ifndef RAMPART_CONTROLLER_FLOW_FORMER_REALMS_H_
#define RAMPART_CONTROLLER_FLOW_FORMER_REALMS_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "controller/compile/snapshot.h"
#include "controller/dataplane/map.h"
#include "controller/model/on_change.h"
#include "maps/ramp.h"

namespace rampart {

// Packets of a tunnel that do not name their vnet enter the one it has now.
// Flows that began in the one before stay there until they end: on a miss the
// data plane looks there too, as long as rp_grants says so. Only the last
// change is followed; who changes a tunnel twice ends the flows of the first.
class FormerRealms {
 public:
  // What an earlier run left in rp_grants. Call once, before all else.
  absl::Status Adopt(const Map<rp_grant_key, rp_grant>& grants);
  // kCut: no flow stays in a vnet that its tunnel has left.
  void Use(const Snapshot& snapshot, OnChange on_change);

  // Notes them in what is to be in rp_grants.
  void AddTo(std::vector<std::pair<rp_grant_key, rp_grant>>& grants) const;
  // Packets of this tunnel may belong to flows of this realm, which it has
  // left.
  bool Has(uint32_t tunnel, uint32_t realm) const {
    const auto it = realms_.find(tunnel);
    return it != realms_.end() && realm != 0 && it->second.former == realm;
  }

  // During a pass over all flows.
  void BeginPass();
  void MarkUsed(uint32_t tunnel, uint32_t realm) {
    if (left_ == 0) return;
    const auto it = realms_.find(tunnel);
    if (it != realms_.end() && it->second.former == realm)
      it->second.used = true;
  }
  // Forgets those that no flow is in any more.
  void EndPass();
  // Whether some were forgotten since the last call: rp_grants says so still.
  bool TakeForgotten() { return std::exchange(forgotten_, false); }

 private:
  struct Realms {
    uint32_t now = 0;
    uint32_t former = 0;  // 0: none
    bool used = false;
  };
  absl::flat_hash_map<uint32_t, Realms> realms_;  // by tunnel
  size_t left_ = 0;                               // with a former one
  bool forgotten_ = false;
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_FLOW_FORMER_REALMS_H_

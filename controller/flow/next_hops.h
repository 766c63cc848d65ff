// SPDX-License-Identifier: Apache-2.0
// rp_next_hops: which index stands for which way out, and what it holds now.
#ifndef RAMPART_CONTROLLER_FLOW_NEXT_HOPS_H_
#define RAMPART_CONTROLLER_FLOW_NEXT_HOPS_H_

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/container/inlined_vector.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controller/base/ip.h"
#include "controller/compile/snapshot.h"
#include "controller/dataplane/data_plane.h"
#include "controller/flow/paths.h"
#include "controller/health/peer_health.h"
#include "maps/next_hop.h"

namespace rampart {

// An index keeps its meaning for as long as a flow uses it; only the bytes
// behind it change. Index 0 is never given out.
class NextHops {
 public:
  // All outlive this.
  NextHops(Underlay& underlay, const DataPlane& data_plane,
           const PeerHealth& health)
      : map_(data_plane.maps().next_hops),
        paths_(underlay, data_plane),
        health_(health) {}

  // Takes back the indices of an earlier run. Call once, before all else.
  // suspect: gets the peers that others were standing in for.
  absl::Status Adopt(
      absl::FunctionRef<void(uint32_t tunnel, uint32_t peer)> suspect);
  // The tunnels from now on; outlives this or the next call.
  void Use(const Snapshot* snapshot) { snapshot_ = snapshot; }
  // Asks the kernel anew about every next hop and rewrites what has changed.
  absl::Status ResolveAll();
  // Tries again what is down, with the routes known already.
  absl::Status ResolveDown();
  // Rewrites what leads into these tunnels: the health of their peers has
  // changed.
  absl::Status ResolveTunnels(const absl::flat_hash_set<uint32_t>& tunnels);

  // Packets wait for this one: has the kernel look for its neighbour now.
  void Probe(uint32_t index) { paths_.Probe(hops_[index].via); }

  // The index for a purpose, made if there is none. A new one may be down at
  // first. Errors: NotFound without a route or device, ResourceExhausted
  // when all indices are in use, or too many neighbours are unknown.
  //
  // Into a tunnel. destination: of the inner packet. hash: of the flow, by
  // which it gets one of the peers that are up. from: the position of the peer
  // that the flow came through, which then gets its answers. Another peer is
  // taken while the flow's own is down.
  absl::StatusOr<uint32_t> ToTunnel(
      const Tunnel& tunnel, uint32_t realm, const IpAddress& destination,
      uint32_t hash, std::optional<uint32_t> from = std::nullopt);
  // Through this peer of a gue or gre tunnel, whatever its health. Stays while
  // the tunnel has probes.
  absl::StatusOr<uint32_t> ToPeer(const Tunnel& tunnel, uint32_t realm,
                                  Family family, uint32_t peer);
  // Onto the underlay, as the kernel routes.
  absl::StatusOr<uint32_t> ToUnderlay(const IpAddress& destination);
  // Into the ledger.
  absl::StatusOr<uint32_t> ToDrop(rp_outcome reason);

  // A free one if the index is out of range.
  const rp_next_hop& At(uint32_t index) const {
    return hops_[index < hops_.size() ? index : 0].written;
  }
  bool Usable(uint32_t index) const {
    return At(index).kind != RP_NEXT_HOP_DOWN;
  }
  // Whether both lead to the same neighbour.
  bool SameWay(uint32_t a, uint32_t b) const {
    return hops_[a].via == hops_[b].via;
  }

  // An index is given back when no flow was seen to use it for two passes of
  // the sweep. Out of range is ignored.
  void MarkUsed(uint32_t index) {
    if (index < hops_.size()) hops_[index].used_in = pass_;
  }
  absl::Status EndPass();

  // In use; index 0 is nobody's.
  size_t size() const { return hops_.size() - 1 - free_.size(); }
  // Not made since the start, because all were in use.
  uint64_t refused() const { return refused_; }

 private:
  struct Identity {
    uint8_t use = RP_USE_NONE;
    uint8_t family = 0;
    uint32_t tunnel = 0;
    uint32_t realm = 0;
    uint32_t peer = 0;  // RP_USE_REASON: the reason
    uint8_t spread = 0;
    bool exact = false;
    IpAddress address = {};
    friend bool operator==(const Identity&, const Identity&) = default;
    template <typename H>
    friend H AbslHashValue(H h, const Identity& i) {
      return H::combine(std::move(h), i.use, i.family, i.tunnel, i.realm,
                        i.peer, i.spread, i.exact, i.address);
    }
  };
  struct Hop {
    Identity identity;
    rp_next_hop written = {};
    Via via = {};          // that was resolved last
    uint32_t used_in = 0;  // pass
  };

  static Identity IdentityOf(const rp_next_hop& hop);
  absl::StatusOr<uint32_t> FindOrMake(const Identity& identity);
  absl::StatusOr<uint32_t> Make(const Identity& identity);
  absl::StatusOr<uint32_t> NewIndex();
  // What a next hop should hold now; kind DOWN if it cannot be reached.
  rp_next_hop Compile(Hop& hop);
  absl::StatusOr<rp_next_hop> CompileTunnel(Hop& hop);
  absl::InlinedVector<uint32_t, 8> PeersFor(const Identity& identity,
                                            const Tunnel& tunnel) const;
  absl::StatusOr<rp_next_hop> CompilePeer(Hop& hop, const Tunnel& tunnel,
                                          uint32_t peer);
  absl::StatusOr<rp_next_hop> CompileInterface(Hop& hop);
  absl::StatusOr<rp_next_hop> CompileUnderlay(Hop& hop);
  absl::Status Resolve(uint32_t index);
  absl::Status ResolveEach();
  absl::Status Free(uint32_t index);
  // The way of probes, which may come seldom.
  bool IsProbed(const Identity& identity) const;
  // A host behind an interface that has not been found.
  bool IsUnknown(uint32_t index) const {
    return hops_[index].identity.use == RP_USE_INTERFACE && !Usable(index);
  }

  const Map<uint32_t, rp_next_hop>& map_;
  Paths paths_;
  const PeerHealth& health_;
  const Snapshot* snapshot_ = nullptr;
  std::vector<Hop> hops_ = std::vector<Hop>(1);  // by index
  std::vector<uint32_t> free_;
  uint64_t refused_ = 0;
  absl::flat_hash_map<Identity, uint32_t> index_;  // but RP_USE_UNDERLAY
  // Underlay next hops: by where they lead now, and by destination as a cache.
  absl::flat_hash_map<std::pair<Via, Family>, uint32_t> underlay_;
  absl::flat_hash_map<IpAddress, uint32_t> destinations_;
  uint32_t pass_ = 2;
  size_t unknown_ = 0;  // IsUnknown(), at the last look, and made since
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_FLOW_NEXT_HOPS_H_

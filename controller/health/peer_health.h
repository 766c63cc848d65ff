// SPDX-License-Identifier: Apache-2.0
// Which peers answer their probes. Does no I/O.
#ifndef RAMPART_CONTROLLER_HEALTH_PEER_HEALTH_H_
#define RAMPART_CONTROLLER_HEALTH_PEER_HEALTH_H_

#include <array>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/functional/function_ref.h"
#include "absl/time/time.h"
#include "controller/base/clock.h"
#include "controller/compile/snapshot.h"

namespace rampart {

enum class PeerState {
  kUnprobed,  // its tunnel has no probes
  kWaiting,   // no probe has been answered yet, and not enough are lost
  kUp,
  kDown,
};

struct PeerView {
  PeerState state = PeerState::kUnprobed;
  std::optional<absl::Time> since;    // when it became up or down
  std::optional<absl::Duration> rtt;  // of the last answer
  uint64_t probes = 0;                // rounds, since it was first seen
  uint64_t answers = 0;
};

// For the log.
struct PeerChange {
  uint32_t tunnel = 0;
  uint32_t peer = 0;
  PeerView view;
};

// A round of probes is one packet to each target through each peer; a peer has
// answered if any of them did by the next round. A reply may be later than
// that: what counts is that each round sees one, so that a long way is not a
// dead one.
class PeerHealth {
 public:
  // clock outlives this.
  explicit PeerHealth(const Clock& clock) : clock_(clock) {}

  // A peer that an earlier run had taken for dead. Once known to Use(), it is
  // down until its probes say otherwise.
  void Suspect(uint32_t tunnel, uint32_t peer) {
    suspects_.emplace(tunnel, peer);
  }
  // The tunnels from now on; outlives this or the next call. What is known
  // about a peer stays with its address.
  void Use(const Snapshot* snapshot);

  // Judges the rounds that are over and begins those that are due: calls send
  // once for each peer of each tunnel whose interval has passed. Call every
  // kEngineTick. Cost: a look at each tunnel with probes.
  using Send = absl::FunctionRef<void(const Snapshot::TunnelRef& tunnel,
                                      uint32_t peer, uint16_t sequence)>;
  void OnTick(Send send);
  // An answer to the probe with that number. False if nobody waits for it.
  bool OnAnswer(uint32_t tunnel, uint32_t peer, uint16_t sequence);

  bool IsUp(uint32_t tunnel, uint32_t peer) const {
    const Peer* found = Find(tunnel, peer);
    return found == nullptr || found->view.state != PeerState::kDown;
  }
  PeerView At(uint32_t tunnel, uint32_t peer) const {
    const Peer* found = Find(tunnel, peer);
    return found == nullptr ? PeerView() : found->view;
  }
  // What became up or down since the last call.
  std::vector<PeerChange> TakeChanges() { return std::exchange(changes_, {}); }

 private:
  // Answers to older rounds come too late.
  static constexpr uint16_t kRounds = 16;
  struct Peer {
    IpAddress remote;
    std::optional<uint32_t> gre_key;
    PeerView view;
    int failures = 0;       // in a row
    int successes = 0;      // likewise
    uint16_t sent = 0;      // sequence of the last round
    uint16_t answered = 0;  // of the last that was, or cannot be any more
    bool fresh = false;     // answered since the last round
    std::array<absl::Time, kRounds> times = {};  // of rounds, by sequence
  };
  struct Probed {
    Snapshot::TunnelRef ref;
    uint32_t round = 0;  // tick of the last one
    std::vector<Peer> peers;
  };

  const Peer* Find(uint32_t tunnel, uint32_t peer) const {
    const auto it = tunnels_.find(tunnel);
    if (it == tunnels_.end() || peer >= it->second.peers.size()) return nullptr;
    return &it->second.peers[peer];
  }
  void Add(const Snapshot::TunnelRef& ref, const Probed* before);
  void Judge(const Probed& probed, uint32_t peer, Peer& of);
  void Change(uint32_t tunnel, uint32_t peer, Peer& of, PeerState state);

  const Clock& clock_;
  absl::flat_hash_map<uint32_t, Probed> tunnels_;  // with probes, by id
  absl::flat_hash_set<std::pair<uint32_t, uint32_t>> suspects_;
  std::vector<PeerChange> changes_;
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_HEALTH_PEER_HEALTH_H_

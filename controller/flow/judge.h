// SPDX-License-Identifier: Apache-2.0
// What a configuration makes of flows that live already: asked by the sweep
// about the one in force, and by people about one they think of.
#ifndef RAMPART_CONTROLLER_FLOW_JUDGE_H_
#define RAMPART_CONTROLLER_FLOW_JUDGE_H_

#include <cstdint>
#include <string>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "controller/base/clock.h"
#include "controller/compile/snapshot.h"
#include "controller/flow/flow_entry.h"
#include "controller/flow/flows.h"
#include "controller/flow/former_realms.h"
#include "controller/flow/hooks.h"
#include "controller/flow/next_hops.h"
#include "controller/model/on_change.h"

namespace rampart {

// From what ends a flow in any case to what leaves it alone.
enum class FlowFate {
  kRemoved,  // its tunnel or vnet is gone, or may not have it any more
  kRevoked,  // who sends it is allowed nothing any more
  kRefused,  // policy would refuse it
  kDiffers,  // it would go another way, or by another rule
  kStays,
};

constexpr bool Ends(FlowFate fate, OnChange on_change) {
  switch (on_change) {
    case OnChange::kKeep:
      return fate <= FlowFate::kRevoked;
    case OnChange::kRecheck:
      return fate <= FlowFate::kRefused;
    case OnChange::kCut:
      break;
  }
  return fate <= FlowFate::kDiffers;
}

struct Judgement {
  FlowFate fate = FlowFate::kStays;
  std::string rule;  // that decides now; empty: none
  std::string why;   // "route: tunnel fra, before tunnel two"
  std::string pool;  // of NAT, instead of the route's; empty: that one
};

// What the policy of `snapshot` says about the flow whose forward entry is in
// this slot: that of the sender's vnet, if it has one, and that of a host
// behind NAT which it reaches by an external endpoint.
template <typename F>
Judgement AskPolicy(const Snapshot& snapshot, FlowHooks& hooks,
                    const Flows& flows, uint32_t slot);

class Judge {
 public:
  struct Dependencies {  // all outlive this
    FlowHooks& hooks;
    const Flows& flows;
    const NextHops& next_hops;
    const FormerRealms& formers;
  };
  // The configuration; outlives this. before: the one that the flows are known
  // to live by, null if it is not known. Cost: of all grants.
  Judge(const Dependencies& dependencies, const Snapshot* snapshot,
        const Snapshot* before);

  // Whether a tenant whose flow this is was edited since `before`. The others'
  // flows would be decided as they were.
  bool MayDiffer(const rp_flow& flow) const {
    return all_ || changed_.contains(flow.realm) ||
           changed_.contains(flow.reverse_realm);
  }
  // Both its tunnels may still enter the flow's realm, or have flows left
  // there.
  bool IsGranted(const rp_flow& flow) const;

  // About the flow whose forward entry is in this slot. depth: fates that do
  // not end it then are not told apart. Cost: that of a decision; of kCut that
  // of two more look-ups.
  template <typename F>
  Judgement Of(uint32_t slot, OnChange depth) const;

 private:
  // Both may enter it with new flows, too.
  bool IsCurrent(const rp_flow& flow) const;
  bool IsGranted(uint32_t tunnel, uint32_t realm) const {
    return grants_.contains({tunnel, realm}) ||
           deps_.formers.Has(tunnel, realm);
  }
  // How it would go otherwise than it does; empty: not at all.
  std::string WayDiffers(const FlowTuple& from, const FlowTuple& to,
                         const rp_flow& flow) const;
  std::string RouteDiffers(const FlowTuple& tuple, bool leaves,
                           const rp_flow& flow) const;
  template <typename F>
  std::string PoolDiffers(const typename F::Key& key,
                          const typename F::Value& value,
                          const std::string& chosen) const;

  Dependencies deps_;
  const Snapshot* snapshot_;
  // (tunnel, realm)
  absl::flat_hash_set<std::pair<uint32_t, uint32_t>> grants_;
  bool all_;
  absl::flat_hash_set<uint32_t> changed_;  // realms
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_FLOW_JUDGE_H_

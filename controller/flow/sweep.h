// SPDX-License-Identifier: Apache-2.0
// The scan of all flow entries, slice by slice: ends what is idle, and what
// the configuration no longer allows.
#ifndef RAMPART_CONTROLLER_FLOW_SWEEP_H_
#define RAMPART_CONTROLLER_FLOW_SWEEP_H_

#include <cstdint>
#include <memory>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controller/base/clock.h"
#include "controller/compile/snapshot.h"
#include "controller/flow/flow_entry.h"
#include "controller/flow/flows.h"
#include "controller/flow/hooks.h"
#include "controller/flow/judge.h"
#include "controller/flow/next_hops.h"
#include "controller/flow/past.h"
#include "controller/model/on_change.h"

namespace rampart {

class Sweep {
 public:
  struct Dependencies {  // all outlive this
    FlowHooks& hooks;
    const Clock& clock;
    Flows& flows;
    NextHops& next_hops;
    FormerRealms& formers;
    PastSnapshots past = nullptr;
  };
  explicit Sweep(const Dependencies& dependencies)
      : deps_(dependencies), started_(dependencies.clock.Tick()) {}

  // Starts a fast pass that checks the flows against this snapshot: of a
  // tenant that nobody edited since the last one only whether its tunnels are
  // still there. What an unfinished pass was to end is ended.
  void Use(const Snapshot* snapshot, OnChange on_change);
  // The next pass looks whether underlay flows leave by another gateway now.
  void OnUnderlayChange() { reroute_next_ = true; }

  // A slice. Call every kEngineTick.
  absl::Status Run();

 private:
  void Begin();
  absl::Status EndPass();
  // Looks at `count` slots from `next` on, or up to the end; advances `next`.
  template <typename F>
  void VisitSlots(uint32_t count, uint32_t& next);
  template <typename F>
  void Visit(uint32_t slot);
  template <typename F>
  void VisitRefusal(uint32_t slot, const rp_flow& flow);
  template <typename F>
  void VisitFlow(uint32_t slot, const rp_flow& flow);
  bool IsIdle(const rp_flow& flow) const;
  template <typename F>
  void EndIdle(uint32_t slot);
  // Once for each whole `following().update` of the flow's life, if anything
  // has happened in it.
  template <typename F>
  void TellUpdate(uint32_t slot);
  // Ends the flow, if the snapshot does; whether it did.
  template <typename F>
  bool Check(uint32_t slot, const rp_flow& flow);
  // The rule of a flow that an earlier run let in.
  template <typename F>
  void RestoreRule(uint32_t slot);
  const Snapshot* SnapshotOf(uint32_t epoch);
  template <typename F>
  void Reroute(uint32_t slot);

  Dependencies deps_;
  const Snapshot* snapshot_ = nullptr;
  std::unique_ptr<const Judge> judge_;
  uint32_t next4_ = 0;  // slot
  uint32_t next6_ = 0;
  bool running_ = false;
  bool check_ = false;  // this pass, against the snapshot; and fast
  bool check_next_ = false;
  OnChange on_change_ = OnChange::kKeep;
  bool restore_ = true;  // until all flows of an earlier run have been seen
  // Epochs that let them in, as far as they are known; null: not.
  absl::flat_hash_map<uint32_t, std::shared_ptr<const Snapshot>> past_;
  bool reroute_ = false;  // this pass
  bool reroute_next_ = false;
  uint32_t started_;     // tick of this pass
  uint32_t before_ = 0;  // and of the one before
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_FLOW_SWEEP_H_

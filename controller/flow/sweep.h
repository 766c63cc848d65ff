// SPDX-License-Identifier: Apache-2.0
// The scan of all flow entries, slice by slice: ends what is idle, and what
// the configuration no longer allows.
#ifndef RAMPART_CONTROLLER_FLOW_SWEEP_H_
#define RAMPART_CONTROLLER_FLOW_SWEEP_H_

#include <cstdint>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controller/base/clock.h"
#include "controller/compile/snapshot.h"
#include "controller/flow/flow_entry.h"
#include "controller/flow/flows.h"
#include "controller/flow/hooks.h"
#include "controller/flow/next_hops.h"

namespace rampart {

class Sweep {
 public:
  struct Dependencies {  // all outlive this
    FlowHooks& hooks;
    const Clock& clock;
    Flows& flows;
    NextHops& next_hops;
  };
  explicit Sweep(const Dependencies& dependencies) : deps_(dependencies) {}

  // Starts a fast pass that checks every flow against this snapshot.
  void Use(const Snapshot* snapshot);
  // The next pass looks whether underlay flows leave by another gateway now.
  void OnUnderlayChange() { reroute_next_ = true; }

  // A slice. Call every kEngineTick.
  absl::Status Run();

 private:
  template <typename F>
  using Cursor = typename Map<typename F::Key, typename F::Value>::Cursor;

  void Begin();
  absl::Status EndPass();
  // Reads one batch; returns the number of entries.
  template <typename F>
  absl::StatusOr<uint32_t> ReadSlice(Cursor<F>& cursor);
  template <typename F>
  absl::Status Visit(const typename F::Key& key,
                     const typename F::Value& value);
  template <typename F>
  absl::Status VisitRefusal(const typename F::Key& key,
                            const typename F::Value& value);
  template <typename F>
  absl::Status VisitReverse(const typename F::Key& key,
                            const typename F::Value& value);
  template <typename F>
  absl::Status VisitFlow(const typename F::Key& key,
                         const typename F::Value& value);
  template <typename F>
  absl::Status EndIdle(const typename F::Key& key,
                       const typename F::Value& value);
  // Re-reads the flow, so that its counters are exact, and ends it.
  template <typename F>
  absl::Status EndNow(const typename F::Key& key, FlowEndReason reason);
  // Both its tunnels may still enter the flow's realm.
  bool IsGranted(uint32_t realm, const rp_flow& flow) const;
  bool IsRefused(const FlowTuple& tuple, const rp_flow& flow) const;
  template <typename F>
  absl::Status Reroute(const typename F::Key& key,
                       const typename F::Value& value);

  Dependencies deps_;
  const Snapshot* snapshot_ = nullptr;
  absl::flat_hash_set<std::pair<uint32_t, uint32_t>> grants_;
  Cursor<FlowV4> cursor4_;
  Cursor<FlowV6> cursor6_;
  bool running_ = false;
  bool check_ = false;  // this pass, against the snapshot; and fast
  bool check_next_ = false;
  bool reroute_ = false;  // this pass
  bool reroute_next_ = false;
  uint32_t started_ = 0;  // tick of this pass
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_FLOW_SWEEP_H_

// SPDX-License-Identifier: Apache-2.0
// The flows in the flow tables and what the controller knows beside them:
// making, reading and ending one, with its NAT port.
#ifndef RAMPART_CONTROLLER_FLOW_FLOWS_H_
#define RAMPART_CONTROLLER_FLOW_FLOWS_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controller/base/clock.h"
#include "controller/dataplane/data_plane.h"
#include "controller/flow/expiry.h"
#include "controller/flow/flow_count.h"
#include "controller/flow/flow_entry.h"
#include "controller/flow/hooks.h"
#include "controller/nat/allocator.h"
#include "maps/realm.h"

namespace rampart {

// Both entries of one flow, as read.
template <typename F>
struct LiveFlow {
  uint32_t slot;           // of the forward entry
  typename F::Key key[2];  // by Direction
  typename F::Value value[2];

  uint8_t tcp() const;  // what both have seen, from the forward view
  // Ticks since the last packet in either direction.
  uint32_t Idle(uint32_t now) const;
};

class Flows {
 public:
  using Timeouts = uint32_t[RP_TIMEOUT_COUNT];  // ticks

  // All outlive this.
  Flows(const Maps& maps, FlowHooks& hooks, const Clock& clock)
      : hooks_(hooks),
        clock_(clock),
        following_(hooks.following()),
        families_(*maps.flows4, *maps.flows6) {}

  // Once, before all below. nat outlives this.
  void UseNat(NatAllocator* nat) { nat_ = nat; }
  void UseTimeouts(const Timeouts& timeouts);
  // The configuration that what follows is decided by.
  void UseEpoch(uint32_t epoch) { epoch_ = epoch; }

  // The rule that allowed the flow whose forward entry is in this slot; empty
  // if that was before a restart, until SetRule().
  template <typename F>
  const std::string& RuleAt(uint32_t slot) const {
    return rules_[family<F>().rules[slot]];
  }

  // For a flow of before a restart.
  template <typename F>
  void SetRule(uint32_t slot, const std::string& rule) {
    family<F>().rules[slot] = RuleId(rule);
  }

  // Whether this forward key is a flow's.
  template <typename F>
  bool Knows(const typename F::Key& key) const;
  // Index; 0 if there is no such flow.
  template <typename F>
  uint32_t NextHopOf(const typename F::Key& key) const;
  // Whether it was made so recently that it cannot have expired.
  template <typename F>
  bool IsFresh(const typename F::Key& key) const;

  // Have memory ready: the first for Knows() and Install(), the second, some
  // time later, for Install().
  template <typename F>
  void PrefetchTags(const typename F::Key& key) const {
    family<F>().table.PrefetchTags(key);
  }
  template <typename F>
  void PrefetchSlots(const FlowPair<F>& pair) const {
    family<F>().table.PrefetchSlot(pair.key[kReverse]);
    const auto slot = family<F>().table.PrefetchSlot(pair.key[kForward]);
    if (slot) __builtin_prefetch(&family<F>().rules[*slot], 1);
  }

  // Writes both entries, the reverse one first: whoever finds the forward
  // entry finds both. Undone on error. Errors: AlreadyExists if either key is
  // taken, ResourceExhausted if the table is full.
  template <typename F>
  absl::Status Install(const FlowPair<F>& pair, const std::string& rule);
  // Writes a remembered refusal. Errors: as Install(); ResourceExhausted also
  // when refusals fill an eighth of the table, so that they cannot fill it.
  template <typename F>
  absl::Status Refuse(const typename F::Key& key,
                      const typename F::Value& value, rp_outcome reason);
  template <typename F>
  void ForgetRefusal(uint32_t slot);

  // The flow whose forward entry is in this slot; a missing reverse entry
  // reads as zero.
  template <typename F>
  LiveFlow<F> Read(uint32_t slot) const;
  // Idle for longer than its time-out plus `slack` ticks.
  template <typename F>
  bool IsExpired(const LiveFlow<F>& flow, uint32_t slack) const;
  uint32_t TimeoutTicks(uint8_t protocol, uint16_t marks, uint8_t tcp) const {
    return timeouts_[TimeoutOf(protocol, marks, tcp)];
  }

  // Deletes both entries, gives the NAT port back, tells the hooks. The port
  // of a replaced flow is kept until ReleasePorts(), so that the flow which
  // replaces it gets the same.
  template <typename F>
  void End(const LiveFlow<F>& flow, FlowEndReason reason);
  void ReleasePorts();
  // Tells the hooks of a live flow.
  template <typename F>
  void TellUpdate(uint32_t slot);
  const FlowHooks::Following& following() const { return following_; }
  // Makes room of what ended a grace period ago; cheap if there is nothing.
  void Reclaim();

  // Makes the key free if what holds it is over: a refusal, if `refusals` or
  // expired; an expired flow; one that is closing, if `reopen`; half a flow.
  // Returns whether the key is free now.
  template <typename F>
  absl::StatusOr<bool> MakeRoom(const typename F::Key& key, bool refusals,
                                bool reopen);

  // Takes back the flows of an earlier run with their NAT ports; ends those
  // whose port cannot be had, and removes halves of flows.
  template <typename F>
  void Adopt();

  // What a flow with RP_FLOW_FORWARD_NAT holds: the mapping of its source, if
  // the rewrite changes that; that of the host behind its destination, if it
  // changes that one (begun from outside); both (between two hosts behind NAT).
  // Empty if an address is in no pool any more.
  struct NatHold {
    NatAllocator::Request request;
    Endpoint outside;
  };
  using NatHolds = absl::InlinedVector<NatHold, 1>;
  template <typename F>
  NatHolds NatHoldsOf(const typename F::Key& key,
                      const typename F::Value& value) const;

  uint64_t size() const {
    return family<FlowV4>().size() + family<FlowV6>().size();
  }
  template <typename F>
  typename F::Table& table() const {
    return family<F>().table;
  }
  uint64_t started() const { return started_; }
  uint64_t ended() const { return ended_; }
  uint64_t adopted() const { return adopted_; }

  // By the vnet that a flow came on from; from outside: that it leads to.
  const absl::flat_hash_map<uint32_t, FlowCount>& by_realm() const {
    return by_realm_;
  }

 private:
  static constexpr uint32_t kFreshTicks = 30;  // 0.5 s
  template <typename F>
  struct OneFamily {
    explicit OneFamily(typename F::Table& t) : table(t), rules(t.slots()) {}
    uint64_t size() const { return (table.size() - refusals) / 2; }
    typename F::Table& table;
    std::vector<uint32_t> rules;  // by slot: index into rules_
    uint32_t refusals = 0;
  };
  template <typename F>
  OneFamily<F>& family() {
    return std::get<OneFamily<F>>(families_);
  }
  template <typename F>
  const OneFamily<F>& family() const {
    return std::get<OneFamily<F>>(families_);
  }
  // False, and nothing is held, if one of them cannot be had.
  template <typename F>
  bool AdoptHolds(const typename F::Key& key, const typename F::Value& value);
  template <typename F>
  void Remove(const LiveFlow<F>& flow);
  template <typename F>
  void TellEnd(const LiveFlow<F>& flow, FlowEndReason reason);
  template <typename F>
  void Describe(const LiveFlow<F>& flow, FlowState& state) const;
  // Of what has just been written: nothing is counted yet.
  template <typename F>
  FlowState NewState(const typename F::Key& key,
                     const typename F::Value& value) const;
  uint32_t RuleId(const std::string& rule);
  template <typename F>
  FlowCount& CountOf(const typename F::Key& key,
                     const typename F::Value& value) {
    return by_realm_[key.realm != RP_REALM_UNDERLAY ? key.realm
                                                    : value.flow.reverse_realm];
  }
  rp_flow_note Note() const { return {clock_.Tick(), epoch_}; }

  FlowHooks& hooks_;
  const Clock& clock_;
  const FlowHooks::Following following_;
  std::tuple<OneFamily<FlowV4>, OneFamily<FlowV6>> families_;
  NatAllocator* nat_ = nullptr;
  std::vector<NatHold> releases_;
  Timeouts timeouts_ = {};
  uint32_t epoch_ = 0;
  absl::flat_hash_map<std::string, uint32_t> rule_ids_;
  std::deque<std::string> rules_ = {""};  // the first: an earlier run's
  uint64_t started_ = 0;
  uint64_t ended_ = 0;
  uint64_t adopted_ = 0;
  absl::flat_hash_map<uint32_t, FlowCount> by_realm_;
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_FLOW_FLOWS_H_

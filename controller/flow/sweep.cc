// SPDX-License-Identifier: Apache-2.0
#include "controller/flow/sweep.h"

#include <algorithm>

#include "controller/base/status.h"
#include "controller/flow/expiry.h"
#include "controller/flow/packet.h"
#include "maps/realm.h"

namespace rampart {
namespace {

// A pass over many entries takes this many ticks of the engine: 10 s.
constexpr uint32_t kSlices = 100;
constexpr absl::Duration kInterval = absl::Seconds(10);
// Few entries cost little, so what is over may be seen sooner; but in slices
// too, for whose packet is punted meanwhile waits.
constexpr uint32_t kFewEntries = 65536;
constexpr uint32_t kFewSlices = 8;
constexpr absl::Duration kShortInterval = absl::Seconds(1);
constexpr uint32_t kFastFactor = 16;
constexpr uint32_t kSlotsMin = 65536;  // of a slice

// Epochs that are read for the rules of flows of an earlier run.
constexpr size_t kPastMax = 32;

FlowEndReason EndReason(uint8_t protocol, uint8_t tcp) {
  if (protocol != IPPROTO_TCP) return FlowEndReason::kIdle;
  if (TcpReset(tcp)) return FlowEndReason::kReset;
  if (TcpClosing(tcp)) return FlowEndReason::kFin;
  return FlowEndReason::kIdle;
}

}  // namespace

void Sweep::Use(const Snapshot* snapshot, OnChange on_change) {
  // Of a pass that did not come to its end nobody knows what it has checked.
  const bool unfinished = check_next_ || (running_ && check_);
  on_change_ = unfinished ? std::max(on_change_, on_change) : on_change;
  judge_ = std::make_unique<const Judge>(
      Judge::Dependencies{deps_.hooks, deps_.flows, deps_.next_hops,
                          deps_.formers},
      snapshot, unfinished ? nullptr : snapshot_);
  snapshot_ = snapshot;
  running_ = false;
  check_next_ = true;
}

void Sweep::Begin() {
  next4_ = 0;
  next6_ = 0;
  running_ = true;
  before_ = started_;
  started_ = deps_.clock.Tick();
  deps_.formers.BeginPass();
  check_ = std::exchange(check_next_, false);
  reroute_ = std::exchange(reroute_next_, false);
}

absl::Status Sweep::Run() {
  const FlowTable4& table4 = deps_.flows.table<FlowV4>();
  const FlowTable6& table6 = deps_.flows.table<FlowV6>();
  const bool few = table4.size() + table6.size() <= kFewEntries;
  if (!running_) {
    const uint32_t interval = ToTicks(few ? kShortInterval : kInterval);
    if (!check_next_ && deps_.clock.Tick() - started_ < interval)
      return absl::OkStatus();
    Begin();
  }
  const uint32_t slots = table4.slots() + table6.slots();
  uint32_t budget =
      std::max(slots / (few ? kFewSlices : kSlices) + 1, kSlotsMin);
  if (check_)
    budget = std::min<uint64_t>(uint64_t{budget} * kFastFactor, slots);
  const uint32_t begin4 = next4_;
  VisitSlots<FlowV4>(budget, next4_);
  VisitSlots<FlowV6>(budget - (next4_ - begin4), next6_);
  if (next6_ == table6.slots()) return EndPass();
  return absl::OkStatus();
}

absl::Status Sweep::EndPass() {
  running_ = false;
  check_ = false;
  restore_ = false;
  past_.clear();
  deps_.formers.EndPass();
  return deps_.next_hops.EndPass();
}

template <typename F>
void Sweep::VisitSlots(uint32_t count, uint32_t& next) {
  const typename F::Table& table = deps_.flows.table<F>();
  const uint32_t end = next + std::min(count, table.slots() - next);
  for (next = table.UsedFrom(next, end); next < end;
       next = table.UsedFrom(next + 1, end))
    Visit<F>(next);
}

template <typename F>
void Sweep::Visit(uint32_t slot) {
  const rp_flow flow = deps_.flows.table<F>().StateAt(slot);
  deps_.next_hops.MarkUsed(flow.next_hop);
  if (KindOf(flow) == RP_FLOW_REFUSED) return VisitRefusal<F>(slot, flow);
  deps_.formers.MarkUsed(flow.on_ramp, flow.realm);
  // Of a flow from outside it is the answers that leave by the underlay.
  if (reroute_ && deps_.next_hops.At(flow.next_hop).use == RP_USE_UNDERLAY)
    Reroute<F>(slot);
  if (KindOf(flow) != RP_FLOW_REVERSE) VisitFlow<F>(slot, flow);
}

bool Sweep::IsIdle(const rp_flow& flow) const {
  return IdleTicks(deps_.clock.Tick(), flow.last_seen) >
         deps_.flows.TimeoutTicks(flow.proto, flow.marks, flow.tcp) +
             kExpirySlackTicks;
}

// A new configuration may allow what the old one refused.
template <typename F>
void Sweep::VisitRefusal(uint32_t slot, const rp_flow& flow) {
  const bool old =
      check_ && deps_.flows.table<F>().NoteAt(slot).epoch != snapshot_->epoch();
  if (old || IsIdle(flow)) deps_.flows.ForgetRefusal<F>(slot);
}

template <typename F>
void Sweep::VisitFlow(uint32_t slot, const rp_flow& flow) {
  if (restore_) RestoreRule<F>(slot);
  if (check_ && Check<F>(slot, flow)) return;
  // Only what looks idle from here pays for reading the other direction.
  if (IsIdle(flow)) return EndIdle<F>(slot);
  if (deps_.flows.following().update != 0) TellUpdate<F>(slot);
}

template <typename F>
bool Sweep::Check(uint32_t slot, const rp_flow& flow) {
  Flows& flows = deps_.flows;
  const typename F::Table& table = flows.table<F>();
  FlowFate fate = FlowFate::kStays;
  if (!judge_->IsGranted(flow))
    fate = FlowFate::kRemoved;
  else if (table.NoteAt(slot).epoch != snapshot_->epoch() &&
           judge_->MayDiffer(flow))
    fate = judge_->Of<F>(slot, on_change_).fate;
  if (!Ends(fate, on_change_)) return false;
  flows.End(flows.Read<F>(slot), fate == FlowFate::kRemoved
                                     ? FlowEndReason::kRemoved
                                     : FlowEndReason::kPolicy);
  return true;
}

const Snapshot* Sweep::SnapshotOf(uint32_t epoch) {
  if (epoch == snapshot_->epoch()) return snapshot_;
  if (deps_.past == nullptr) return nullptr;
  const auto [known, is_new] = past_.try_emplace(epoch);
  if (is_new && past_.size() <= kPastMax)
    known->second = deps_.past(epoch, *snapshot_);
  return known->second.get();
}

// The epoch that let it in says by which rule.
template <typename F>
void Sweep::RestoreRule(uint32_t slot) {
  if (!deps_.flows.RuleAt<F>(slot).empty()) return;
  const Snapshot* snapshot =
      SnapshotOf(deps_.flows.table<F>().NoteAt(slot).epoch);
  if (snapshot == nullptr) return;
  deps_.flows.SetRule<F>(
      slot, AskPolicy<F>(*snapshot, deps_.hooks, deps_.flows, slot).rule);
}

template <typename F>
void Sweep::TellUpdate(uint32_t slot) {
  const uint32_t interval = deps_.flows.following().update;
  const uint32_t start = deps_.flows.table<F>().NoteAt(slot).start;
  // Ages at the passes; negative for flows that are younger than a pass.
  const auto age = static_cast<int32_t>(started_ - start);
  const auto before = std::max(static_cast<int32_t>(before_ - start), 0);
  if (age < 0 || age / interval == before / interval) return;
  const LiveFlow<F> live = deps_.flows.Read<F>(slot);
  if (live.Idle(deps_.clock.Tick()) <= interval)
    deps_.flows.TellUpdate<F>(slot);
}

template <typename F>
void Sweep::EndIdle(uint32_t slot) {
  const LiveFlow<F> flow = deps_.flows.Read<F>(slot);
  if (!deps_.flows.IsExpired(flow, kExpirySlackTicks)) return;
  deps_.flows.End(flow, EndReason(flow.key[kForward].proto, flow.tcp()));
}

template <typename F>
void Sweep::Reroute(uint32_t slot) {
  typename F::Table& table = deps_.flows.table<F>();
  const typename F::Value value = table.At(slot);
  const auto next_hop = deps_.next_hops.ToUnderlay(
      RewrittenTuple<F>(table.KeyAt(slot), value).destination.address);
  if (!next_hop.ok() || deps_.next_hops.SameWay(*next_hop, value.flow.next_hop))
    return;
  deps_.next_hops.MarkUsed(*next_hop);
  table.SetNextHop(slot, static_cast<uint16_t>(*next_hop));
}

}  // namespace rampart

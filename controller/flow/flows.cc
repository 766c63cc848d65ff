// SPDX-License-Identifier: Apache-2.0
#include "controller/flow/flows.h"

#include <algorithm>

#include "controller/base/status.h"
#include "maps/realm.h"

namespace rampart {
namespace {

// Refusals may take this part of the table.
constexpr uint32_t kRefusalShare = 8;

}  // namespace

template <typename F>
uint8_t LiveFlow<F>::tcp() const {
  return value[kForward].flow.tcp | SwapTcp(value[kReverse].flow.tcp);
}

template <typename F>
uint32_t LiveFlow<F>::Idle(uint32_t now) const {
  const uint32_t forward = IdleTicks(now, value[kForward].flow.last_seen);
  if (value[kReverse].flow.next_hop == 0) return forward;  // no reverse entry
  return std::min(forward, IdleTicks(now, value[kReverse].flow.last_seen));
}

void Flows::UseTimeouts(const Timeouts& timeouts) {
  std::copy(std::begin(timeouts), std::end(timeouts), timeouts_);
}

uint32_t Flows::RuleId(const std::string& rule) {
  const auto [it, added] = rule_ids_.try_emplace(rule, rules_.size());
  if (added) rules_.push_back(rule);
  return it->second;
}

template <typename F>
bool Flows::Knows(const typename F::Key& key) const {
  const auto slot = family<F>().table.Find(key);
  return slot && IsForward(family<F>().table.At(*slot).flow);
}

template <typename F>
uint32_t Flows::NextHopOf(const typename F::Key& key) const {
  const auto slot = family<F>().table.Find(key);
  return slot ? family<F>().table.At(*slot).flow.next_hop : 0;
}

template <typename F>
bool Flows::IsFresh(const typename F::Key& key) const {
  const auto slot = family<F>().table.Find(key);
  return slot &&
         clock_.Tick() - family<F>().table.NoteAt(*slot).start < kFreshTicks;
}

template <typename F>
absl::Status Flows::Install(const FlowPair<F>& pair, const std::string& rule) {
  OneFamily<F>& flows = family<F>();
  ASSIGN_OR_RETURN(
      const uint32_t reverse,
      flows.table.Insert(pair.key[kReverse], pair.value[kReverse]));
  const absl::StatusOr<uint32_t> forward =
      flows.table.Insert(pair.key[kForward], pair.value[kForward], Note());
  if (!forward.ok()) {
    flows.table.Remove(reverse);
    return forward.status();
  }
  flows.rules[*forward] = RuleId(rule);
  ++started_;
  FlowCount& count = CountOf<F>(pair.key[kForward], pair.value[kForward]);
  ++count.flows;
  ++count.started;
  if (following_.installed) {
    FlowState state = NewState<F>(pair.key[kForward], pair.value[kForward]);
    state.off_ramp = pair.value[kReverse].flow.on_ramp;
    state.rule = RuleAt<F>(*forward);
    hooks_.OnFlowInstalled(state);
  }
  return absl::OkStatus();
}

template <typename F>
absl::Status Flows::Refuse(const typename F::Key& key,
                           const typename F::Value& value, rp_outcome reason) {
  OneFamily<F>& flows = family<F>();
  if (flows.refusals >= flows.table.capacity() / kRefusalShare)
    return absl::ResourceExhaustedError("flow: too many refusals");
  RETURN_IF_ERROR(flows.table.Insert(key, value, Note()).status());
  ++flows.refusals;
  if (following_.installed) {
    FlowState state = NewState<F>(key, value);
    state.source = state.tuple.source;
    state.destination = state.tuple.destination;
    hooks_.OnFlowRefused(state, reason);
  }
  return absl::OkStatus();
}

template <typename F>
void Flows::ForgetRefusal(uint32_t slot) {
  family<F>().table.Remove(slot);
  --family<F>().refusals;
}

template <typename F>
LiveFlow<F> Flows::Read(uint32_t slot) const {
  const typename F::Table& table = family<F>().table;
  LiveFlow<F> flow = {.slot = slot, .key = {}, .value = {}};
  flow.key[kForward] = table.KeyAt(slot);
  flow.value[kForward] = table.At(slot);
  flow.key[kReverse] = ReverseKey<F>(flow.key[kForward], flow.value[kForward]);
  if (KindOf(flow.value[kForward].flow) == RP_FLOW_REFUSED) return flow;
  flow.value[kReverse] =
      table.Get(flow.key[kReverse]).value_or(typename F::Value{});
  return flow;
}

template <typename F>
bool Flows::IsExpired(const LiveFlow<F>& flow, uint32_t slack) const {
  return flow.Idle(clock_.Tick()) >
         TimeoutTicks(flow.key[kForward].proto, flow.value[kForward].flow.marks,
                      flow.tcp()) +
             slack;
}

template <typename F>
Flows::NatHolds Flows::NatHoldsOf(const typename F::Key& key,
                                  const typename F::Value& value) const {
  const FlowTuple from = TupleOf<F>(key);
  const FlowTuple to = RewrittenTuple<F>(key, value);
  NatHolds holds;
  const auto add = [&](uint32_t realm, const Endpoint& inside,
                       const Endpoint& outside, const Endpoint& remote) {
    const NatPoolConfig* pool = nat_->PoolOf(outside.address);
    if (pool == nullptr) return false;
    holds.push_back({{.pool = pool->name,
                      .subscriber = {realm, inside.address},
                      .protocol = from.protocol,
                      .inside_port = inside.port,
                      .remote = remote},
                     outside});
    return true;
  };
  if (from.realm != RP_REALM_UNDERLAY &&
      !add(from.realm, from.source, to.source, from.destination))
    return {};
  if (!(from.destination == to.destination) &&
      !add(to.realm, to.destination, from.destination, to.source))
    return {};
  return holds;
}

// The forward entry goes first: a reverse entry alone is known for what it is.
template <typename F>
void Flows::Remove(const LiveFlow<F>& flow) {
  typename F::Table& table = family<F>().table;
  table.Remove(flow.slot);
  if (const auto reverse = table.Find(flow.key[kReverse]))
    table.Remove(*reverse);
}

template <typename F>
FlowState Flows::NewState(const typename F::Key& key,
                          const typename F::Value& value) const {
  FlowTuple rewritten = RewrittenTuple<F>(key, value);
  return {.tuple = TupleOf<F>(key),
          .source = rewritten.source,
          .destination = rewritten.destination,
          .reverse_realm = value.flow.reverse_realm,
          .on_ramp = value.flow.on_ramp,
          .epoch = epoch_,
          .start = clock_.Tick(),
          .rule = {}};
}

template <typename F>
void Flows::Describe(const LiveFlow<F>& flow, FlowState& state) const {
  const rp_flow_note note = family<F>().table.NoteAt(flow.slot);
  state = NewState<F>(flow.key[kForward], flow.value[kForward]);
  state.off_ramp = flow.value[kReverse].flow.on_ramp;
  state.epoch = note.epoch;
  state.age = state.start - note.start;
  state.start = note.start;
  for (const Direction direction : {kForward, kReverse}) {
    state.packets[direction] = rp_flow_packets(&flow.value[direction].flow);
    state.bytes[direction] = rp_flow_bytes(&flow.value[direction].flow);
  }
  state.rule = RuleAt<F>(flow.slot);
}

template <typename F>
void Flows::TellUpdate(uint32_t slot) {
  FlowState state;
  Describe(Read<F>(slot), state);
  hooks_.OnFlowUpdate(state);
}

template <typename F>
void Flows::TellEnd(const LiveFlow<F>& flow, FlowEndReason reason) {
  FlowEnd end;
  Describe(flow, end);
  end.reason = reason;
  ++ended_;
  hooks_.OnFlowEnd(end);
}

template <typename F>
void Flows::End(const LiveFlow<F>& flow, FlowEndReason reason) {
  Remove(flow);
  FlowCount& count = CountOf<F>(flow.key[kForward], flow.value[kForward]);
  --count.flows;
  ++count.ended;
  if (KindOf(flow.value[kForward].flow) == RP_FLOW_FORWARD_NAT) {
    const NatHolds holds =
        NatHoldsOf<F>(flow.key[kForward], flow.value[kForward]);
    RP_CHECK(!holds.empty());
    releases_.insert(releases_.end(), holds.begin(), holds.end());
    if (reason != FlowEndReason::kReplaced) ReleasePorts();
  }
  TellEnd(flow, reason);
}

void Flows::ReleasePorts() {
  for (const NatHold& hold : releases_)
    nat_->Release(hold.request, hold.outside);
  releases_.clear();
}

void Flows::Reclaim() {
  family<FlowV4>().table.Reclaim();
  family<FlowV6>().table.Reclaim();
}

template <typename F>
absl::StatusOr<bool> Flows::MakeRoom(const typename F::Key& key, bool refusals,
                                     bool reopen) {
  typename F::Table& table = family<F>().table;
  std::optional<uint32_t> slot = table.Find(key);
  if (!slot) return true;
  const typename F::Value taken = table.At(*slot);
  if (KindOf(taken.flow) == RP_FLOW_REVERSE)
    slot = table.Find(ReverseKey<F>(key, taken));
  RP_CHECK(slot.has_value());  // both or none
  const LiveFlow<F> flow = Read<F>(*slot);
  if (KindOf(taken.flow) == RP_FLOW_REFUSED) {
    if (!refusals && !IsExpired(flow, 0)) return false;
    ForgetRefusal<F>(*slot);
    return true;
  }
  if (!IsExpired(flow, 0) && !(reopen && TcpClosing(flow.tcp()))) return false;
  End(flow, FlowEndReason::kReplaced);
  return true;
}

template <typename F>
bool Flows::AdoptHolds(const typename F::Key& key,
                       const typename F::Value& value) {
  const NatHolds holds = NatHoldsOf<F>(key, value);
  for (size_t i = 0; i < holds.size(); ++i) {
    if (nat_->Adopt(holds[i].request, holds[i].outside).ok()) continue;
    while (i-- > 0) nat_->Release(holds[i].request, holds[i].outside);
    return false;
  }
  return !holds.empty();
}

template <typename F>
void Flows::Adopt() {
  OneFamily<F>& flows = family<F>();
  for (uint32_t slot = 0; slot < flows.table.slots(); ++slot) {
    if (!flows.table.IsUsed(slot)) continue;
    const typename F::Key key = flows.table.KeyAt(slot);
    const typename F::Value value = flows.table.At(slot);
    const rp_flow_kind kind = KindOf(value.flow);
    if (kind == RP_FLOW_REFUSED) {
      ++flows.refusals;
    } else if (kind == RP_FLOW_REVERSE) {
      if (!Knows<F>(ReverseKey<F>(key, value))) flows.table.Remove(slot);
    } else if (!flows.table.Find(ReverseKey<F>(key, value)) ||
               (kind == RP_FLOW_FORWARD_NAT && !AdoptHolds<F>(key, value))) {
      const LiveFlow<F> flow = Read<F>(slot);
      Remove(flow);
      TellEnd(flow, FlowEndReason::kRemoved);
    } else {
      ++adopted_;
      ++CountOf<F>(key, value).flows;
    }
  }
}

#define RP_INSTANTIATE(F)                                                      \
  template struct LiveFlow<F>;                                                 \
  template bool Flows::Knows<F>(const F::Key&) const;                          \
  template uint32_t Flows::NextHopOf<F>(const F::Key&) const;                  \
  template bool Flows::IsFresh<F>(const F::Key&) const;                        \
  template absl::Status Flows::Install(const FlowPair<F>&,                     \
                                       const std::string&);                    \
  template absl::Status Flows::Refuse<F>(const F::Key&, const F::Value&,       \
                                         rp_outcome);                          \
  template void Flows::TellUpdate<F>(uint32_t);                                \
  template void Flows::ForgetRefusal<F>(uint32_t);                             \
  template LiveFlow<F> Flows::Read<F>(uint32_t) const;                         \
  template bool Flows::IsExpired(const LiveFlow<F>&, uint32_t) const;          \
  template void Flows::End(const LiveFlow<F>&, FlowEndReason);                 \
  template absl::StatusOr<bool> Flows::MakeRoom<F>(const F::Key&, bool, bool); \
  template void Flows::Adopt<F>();                                             \
  template Flows::NatHolds Flows::NatHoldsOf<F>(const F::Key&,                 \
                                                const F::Value&) const
RP_INSTANTIATE(FlowV4);
RP_INSTANTIATE(FlowV6);
#undef RP_INSTANTIATE

}  // namespace rampart

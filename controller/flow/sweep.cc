// SPDX-License-Identifier: Apache-2.0
#include "controller/flow/sweep.h"

#include <algorithm>
#include <optional>

#include "controller/base/status.h"
#include "controller/flow/expiry.h"
#include "maps/realm.h"

namespace rampart {
namespace {

constexpr uint32_t kBatch = 4096;
// A pass over many entries takes this many ticks of the engine: 10 s.
constexpr uint64_t kSlices = 100;
constexpr absl::Duration kInterval = absl::Seconds(10);
// Few entries cost nothing, so what is over may be seen sooner.
constexpr uint64_t kFewEntries = 65536;
constexpr absl::Duration kShortInterval = absl::Seconds(1);
constexpr uint64_t kFastFactor = 16;

FlowEndReason EndReason(uint8_t protocol, uint8_t tcp) {
  if (protocol != IPPROTO_TCP) return FlowEndReason::kIdle;
  if (TcpReset(tcp)) return FlowEndReason::kReset;
  if (TcpClosing(tcp)) return FlowEndReason::kFin;
  return FlowEndReason::kIdle;
}

}  // namespace

void Sweep::Use(const Snapshot* snapshot) {
  snapshot_ = snapshot;
  grants_.clear();
  for (const auto& [key, grant] : snapshot->Grants())
    grants_.emplace(key.tunnel, key.realm);
  running_ = false;
  check_next_ = true;
}

void Sweep::Begin() {
  cursor4_ = {};
  cursor6_ = {};
  running_ = true;
  started_ = deps_.clock.Tick();
  check_ = std::exchange(check_next_, false);
  reroute_ = std::exchange(reroute_next_, false);
}

absl::Status Sweep::Run() {
  const uint64_t entries =
      deps_.flows.entries<FlowV4>() + deps_.flows.entries<FlowV6>();
  if (!running_) {
    const uint32_t interval =
        ToTicks(entries <= kFewEntries ? kShortInterval : kInterval);
    if (!check_next_ && deps_.clock.Tick() - started_ < interval)
      return absl::OkStatus();
    Begin();
  }
  uint64_t budget = std::max<uint64_t>(entries / kSlices, kBatch);
  if (check_) budget *= kFastFactor;
  for (uint64_t read = 0; read < budget && running_;) {
    ASSIGN_OR_RETURN(const uint32_t slice, !cursor4_.done
                                               ? ReadSlice<FlowV4>(cursor4_)
                                               : ReadSlice<FlowV6>(cursor6_));
    read += slice;
    if (cursor6_.done) RETURN_IF_ERROR(EndPass());
  }
  return absl::OkStatus();
}

absl::Status Sweep::EndPass() {
  running_ = false;
  check_ = false;
  return deps_.next_hops.EndPass();
}

template <typename F>
absl::StatusOr<uint32_t> Sweep::ReadSlice(Cursor<F>& cursor) {
  ASSIGN_OR_RETURN(const auto entries,
                   deps_.flows.map<F>().ReadBatch(cursor, kBatch));
  for (const auto& [key, value] : entries)
    RETURN_IF_ERROR(Visit<F>(key, value));
  return static_cast<uint32_t>(entries.size());
}

template <typename F>
absl::Status Sweep::Visit(const typename F::Key& key,
                          const typename F::Value& value) {
  deps_.next_hops.MarkUsed(value.flow.next_hop);
  if (value.flow.flags & RP_FLOW_ALONE) return VisitRefusal<F>(key, value);
  if (!(value.flow.flags & RP_FLOW_FORWARD)) return VisitReverse<F>(key, value);
  // A batch may hold what was ended since it was read.
  if (!deps_.flows.Knows<F>(key)) return absl::OkStatus();
  return VisitFlow<F>(key, value);
}

// A new configuration may allow what the old one refused.
template <typename F>
absl::Status Sweep::VisitRefusal(const typename F::Key& key,
                                 const typename F::Value& value) {
  const bool old = check_ && value.flow.epoch != snapshot_->epoch();
  const bool expired =
      IdleTicks(deps_.clock.Tick(), value.flow.last_seen) >
      deps_.flows.TimeoutTicks(key.proto, value.flow.flags, value.flow.tcp) +
          kExpirySlackTicks;
  if (!old && !expired) return absl::OkStatus();
  return deps_.flows.ForgetRefusal<F>(key);
}

// Entries are written and deleted in pairs within one call, so one that is
// alone between two calls was left behind by a crash.
template <typename F>
absl::Status Sweep::VisitReverse(const typename F::Key& key,
                                 const typename F::Value& value) {
  if (deps_.flows.Knows<F>(ReverseKey<F>(key, value))) return absl::OkStatus();
  const absl::Status status = deps_.flows.map<F>().Delete(key);
  return absl::IsNotFound(status) ? absl::OkStatus() : status;
}

template <typename F>
absl::Status Sweep::VisitFlow(const typename F::Key& key,
                              const typename F::Value& value) {
  const rp_flow& flow = value.flow;
  if (check_ && !IsGranted(key.realm, flow))
    return EndNow<F>(key, FlowEndReason::kRemoved);
  if (check_ && flow.epoch != snapshot_->epoch() &&
      IsRefused(TupleOf<F>(key), flow))
    return EndNow<F>(key, FlowEndReason::kPolicy);
  if (reroute_ && deps_.next_hops.At(flow.next_hop).use == RP_USE_UNDERLAY)
    RETURN_IF_ERROR(Reroute<F>(key, value));
  // Only what looks idle from here pays for reading the other direction.
  if (IdleTicks(deps_.clock.Tick(), flow.last_seen) >
      deps_.flows.TimeoutTicks(key.proto, flow.flags, flow.tcp) +
          kExpirySlackTicks)
    return EndIdle<F>(key, value);
  return absl::OkStatus();
}

template <typename F>
absl::Status Sweep::EndIdle(const typename F::Key& key,
                            const typename F::Value& value) {
  ASSIGN_OR_RETURN(const LiveFlow<F> flow, deps_.flows.Complete<F>(key, value));
  if (!deps_.flows.IsExpired(flow, kExpirySlackTicks)) return absl::OkStatus();
  return deps_.flows.End(flow, EndReason(key.proto, flow.tcp()));
}

template <typename F>
absl::Status Sweep::EndNow(const typename F::Key& key, FlowEndReason reason) {
  ASSIGN_OR_RETURN(const auto flow, deps_.flows.Read<F>(key));
  if (!flow) return absl::OkStatus();
  return deps_.flows.End(*flow, reason);
}

bool Sweep::IsGranted(uint32_t realm, const rp_flow& flow) const {
  if (!grants_.contains({flow.on_ramp, realm})) return false;
  const rp_next_hop& out = deps_.next_hops.At(flow.next_hop);
  if (out.use != RP_USE_TUNNEL && out.use != RP_USE_INTERFACE) return true;
  return grants_.contains({out.tunnel, out.realm});
}

bool Sweep::IsRefused(const FlowTuple& tuple, const rp_flow& flow) const {
  const Decision decision = deps_.hooks.OnFlowStart(
      {.tuple = tuple,
       .vnet = snapshot_->FindVnet(tuple.realm),
       .on_ramp = snapshot_->FindTunnel(flow.on_ramp),
       .route = snapshot_->FindRoute(tuple.realm, tuple.destination.address)
                    .value_or(Snapshot::RouteRef())});
  return decision.action != Decision::Action::kAllow;
}

// Packets that pass between the two calls are not counted: the kernel has no
// write of one field.
template <typename F>
absl::Status Sweep::Reroute(const typename F::Key& key,
                            const typename F::Value& value) {
  const auto next_hop = deps_.next_hops.ToUnderlay(
      RewrittenTuple<F>(key, value).destination.address);
  if (!next_hop.ok() || deps_.next_hops.SameWay(*next_hop, value.flow.next_hop))
    return absl::OkStatus();
  deps_.next_hops.MarkUsed(*next_hop);
  ASSIGN_OR_RETURN(auto current, deps_.flows.map<F>().Get(key));
  if (!current) return absl::OkStatus();
  current->flow.next_hop = *next_hop;
  return deps_.flows.map<F>().PutExisting(key, *current);
}

}  // namespace rampart

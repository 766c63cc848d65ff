// SPDX-License-Identifier: Apache-2.0
#include "controller/flow/flows.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "controller/base/status.h"
#include "controller/flow/expiry.h"

namespace rampart {
namespace {

// Refusals may take this part of the map.
constexpr uint64_t kRefusalShare = 8;

template <typename K, typename V>
absl::Status DeleteIfThere(const Map<K, V>& map, const K& key) {
  const absl::Status status = map.Delete(key);
  return absl::IsNotFound(status) ? absl::OkStatus() : status;
}

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

void Flows::UseNat(NatAllocator* nat, const std::vector<NatPoolConfig>& pools) {
  nat_ = nat;
  for (const NatPoolConfig& pool : pools)
    for (const IpAddress& address : pool.addresses) pools_[address] = pool.name;
}

void Flows::UseTimeouts(const Timeouts& timeouts) {
  std::copy(std::begin(timeouts), std::end(timeouts), timeouts_);
}

uint32_t Flows::TimeoutTicks(uint8_t protocol, uint8_t flags,
                             uint8_t tcp) const {
  return timeouts_[TimeoutOf(protocol, flags, tcp)];
}

uint32_t Flows::RuleId(const std::string& rule) {
  const auto [it, added] = rule_ids_.try_emplace(rule, rules_.size());
  if (added) rules_.push_back(rule);
  return it->second;
}

template <typename F>
const std::string& Flows::RuleOf(const typename F::Key& key) const {
  static const std::string& unknown = *new std::string();
  const auto record = family<F>().records.find(key);
  return record == family<F>().records.end() ? unknown
                                             : rules_[record->second.rule];
}

template <typename F>
absl::Status Flows::Install(const FlowPair<F>& pair, const std::string& rule) {
  OneFamily<F>& flows = family<F>();
  RETURN_IF_ERROR(flows.map.PutNew(pair.key[kReverse], pair.value[kReverse]));
  if (absl::Status status =
          flows.map.PutNew(pair.key[kForward], pair.value[kForward]);
      !status.ok()) {
    RETURN_IF_ERROR(DeleteIfThere(flows.map, pair.key[kReverse]));
    return status;
  }
  flows.records.insert_or_assign(
      pair.key[kForward],
      Record{pair.value[kForward].flow.last_seen, RuleId(rule)});
  ++started_;
  return absl::OkStatus();
}

template <typename F>
absl::Status Flows::Refuse(const typename F::Key& key,
                           const typename F::Value& value) {
  OneFamily<F>& flows = family<F>();
  if (flows.refusals >= flows.map.max_entries() / kRefusalShare)
    return absl::ResourceExhaustedError("flow: too many refusals");
  RETURN_IF_ERROR(flows.map.PutNew(key, value));
  ++flows.refusals;
  return absl::OkStatus();
}

template <typename F>
absl::Status Flows::ForgetRefusal(const typename F::Key& key) {
  const absl::Status status = family<F>().map.Delete(key);
  if (absl::IsNotFound(status)) return absl::OkStatus();
  if (status.ok()) --family<F>().refusals;
  return status;
}

template <typename F>
absl::StatusOr<std::optional<LiveFlow<F>>> Flows::Read(
    const typename F::Key& key) const {
  ASSIGN_OR_RETURN(const auto forward, family<F>().map.Get(key));
  if (!forward) return std::optional<LiveFlow<F>>();
  ASSIGN_OR_RETURN(LiveFlow<F> flow, Complete<F>(key, *forward));
  return std::optional<LiveFlow<F>>(std::move(flow));
}

template <typename F>
absl::StatusOr<LiveFlow<F>> Flows::Complete(
    const typename F::Key& key, const typename F::Value& value) const {
  LiveFlow<F> flow = {};
  flow.key[kForward] = key;
  flow.value[kForward] = value;
  flow.key[kReverse] = ReverseKey<F>(key, value);
  if (value.flow.flags & RP_FLOW_ALONE) return flow;
  ASSIGN_OR_RETURN(const auto reverse, family<F>().map.Get(flow.key[kReverse]));
  if (reverse) flow.value[kReverse] = *reverse;
  return flow;
}

template <typename F>
bool Flows::IsExpired(const LiveFlow<F>& flow, uint32_t slack) const {
  return flow.Idle(clock_.Tick()) >
         TimeoutTicks(flow.key[kForward].proto, flow.value[kForward].flow.flags,
                      flow.tcp()) +
             slack;
}

template <typename F>
std::optional<NatAllocator::Request> Flows::NatRequestOf(
    const typename F::Key& key, const typename F::Value& value) const {
  const FlowTuple inside = TupleOf<F>(key);
  const Endpoint outside = RewrittenTuple<F>(key, value).source;
  const auto pool = pools_.find(outside.address);
  if (pool == pools_.end()) return std::nullopt;
  return NatAllocator::Request{
      .pool = pool->second,
      .subscriber = {inside.realm, inside.source.address},
      .protocol = inside.protocol,
      .inside_port = inside.source.port,
      .remote = inside.destination};
}

// The forward entry goes first: a reverse entry alone is known for what it is.
template <typename F>
absl::Status Flows::Remove(const LiveFlow<F>& flow) {
  OneFamily<F>& flows = family<F>();
  RETURN_IF_ERROR(DeleteIfThere(flows.map, flow.key[kForward]));
  return DeleteIfThere(flows.map, flow.key[kReverse]);
}

template <typename F>
void Flows::TellEnd(const LiveFlow<F>& flow, FlowEndReason reason) {
  OneFamily<F>& flows = family<F>();
  FlowEnd end;
  end.tuple = TupleOf<F>(flow.key[kForward]);
  for (const Direction direction : {kForward, kReverse}) {
    end.packets[direction] = flow.value[direction].flow.packets;
    end.bytes[direction] = flow.value[direction].flow.bytes;
  }
  end.reason = reason;
  if (const auto record = flows.records.find(flow.key[kForward]);
      record != flows.records.end()) {
    end.duration = FromTicks(clock_.Tick() - record->second.start);
    end.rule = rules_[record->second.rule];
    flows.records.erase(record);
  }
  ++ended_;
  hooks_.OnFlowEnd(end);
}

template <typename F>
absl::Status Flows::End(const LiveFlow<F>& flow, FlowEndReason reason) {
  RETURN_IF_ERROR(Remove(flow));
  if (flow.value[kForward].flow.flags & RP_FLOW_SNAT) {
    const auto request =
        NatRequestOf<F>(flow.key[kForward], flow.value[kForward]);
    RP_CHECK(request.has_value());
    releases_.emplace_back(
        *request,
        RewrittenTuple<F>(flow.key[kForward], flow.value[kForward]).source);
    if (reason != FlowEndReason::kReplaced) ReleasePorts();
  }
  TellEnd(flow, reason);
  return absl::OkStatus();
}

void Flows::ReleasePorts() {
  for (const auto& [request, outside] : releases_)
    nat_->Release(request, outside);
  releases_.clear();
}

template <typename F>
absl::StatusOr<bool> Flows::MakeRoom(const typename F::Key& key, bool refusals,
                                     bool reopen) {
  ASSIGN_OR_RETURN(const auto taken, family<F>().map.Get(key));
  if (!taken) {
    family<F>().records.erase(key);
    return true;
  }
  typename F::Key forward = key;
  if (!(taken->flow.flags & RP_FLOW_FORWARD)) {
    forward = ReverseKey<F>(key, *taken);
    if (!Knows<F>(forward)) {
      RETURN_IF_ERROR(DeleteIfThere(family<F>().map, key));
      return true;
    }
  }
  ASSIGN_OR_RETURN(const auto flow, Read<F>(forward));
  if (!flow) {  // its forward entry was deleted by somebody else
    family<F>().records.erase(forward);
    RETURN_IF_ERROR(DeleteIfThere(family<F>().map, key));
    return true;
  }
  if (taken->flow.flags & RP_FLOW_ALONE) {
    if (!refusals && !IsExpired(*flow, 0)) return false;
    RETURN_IF_ERROR(ForgetRefusal<F>(key));
    return true;
  }
  if (!IsExpired(*flow, 0) && !(reopen && TcpClosing(flow->tcp())))
    return false;
  RETURN_IF_ERROR(End(*flow, FlowEndReason::kReplaced));
  return true;
}

template <typename F>
absl::Status Flows::AdoptPort(const typename F::Key& key,
                              const typename F::Value& value) {
  const auto request = NatRequestOf<F>(key, value);
  if (!request) return absl::NotFoundError("flow: its address is in no pool");
  return nat_->Adopt(*request, RewrittenTuple<F>(key, value).source);
}

template <typename F>
absl::Status Flows::Adopt() {
  OneFamily<F>& flows = family<F>();
  const Record record = {clock_.Tick(), RuleId("")};
  flows.records.reserve(flows.map.max_entries() / 2);
  BytesMap<typename F::Key, typename F::Value> reverses, lost;
  RETURN_IF_ERROR(flows.map.ForEach(
      [&](const typename F::Key& key, const typename F::Value& value) {
        if (value.flow.flags & RP_FLOW_ALONE) {
          ++flows.refusals;
        } else if (!(value.flow.flags & RP_FLOW_FORWARD)) {
          reverses.emplace(key, value);
        } else if ((value.flow.flags & RP_FLOW_SNAT) &&
                   !AdoptPort<F>(key, value).ok()) {
          lost.emplace(key, value);
        } else {
          flows.records.emplace(key, record);
        }
      }));
  adopted_ += flows.records.size();
  for (const auto& [key, value] : lost) {
    ASSIGN_OR_RETURN(const LiveFlow<F> flow, Complete<F>(key, value));
    RETURN_IF_ERROR(Remove(flow));
    TellEnd(flow, FlowEndReason::kRemoved);
  }
  for (const auto& [key, value] : reverses) {
    if (!Knows<F>(ReverseKey<F>(key, value)))
      RETURN_IF_ERROR(DeleteIfThere(flows.map, key));
  }
  return absl::OkStatus();
}

#define RP_INSTANTIATE(F)                                                      \
  template struct LiveFlow<F>;                                                 \
  template const std::string& Flows::RuleOf<F>(const F::Key&) const;           \
  template absl::Status Flows::Install(const FlowPair<F>&,                     \
                                       const std::string&);                    \
  template absl::Status Flows::Refuse<F>(const F::Key&, const F::Value&);      \
  template absl::Status Flows::ForgetRefusal<F>(const F::Key&);                \
  template absl::StatusOr<std::optional<LiveFlow<F>>> Flows::Read<F>(          \
      const F::Key&) const;                                                    \
  template absl::StatusOr<LiveFlow<F>> Flows::Complete<F>(                     \
      const F::Key&, const F::Value&) const;                                   \
  template bool Flows::IsExpired(const LiveFlow<F>&, uint32_t) const;          \
  template absl::Status Flows::End(const LiveFlow<F>&, FlowEndReason);         \
  template absl::StatusOr<bool> Flows::MakeRoom<F>(const F::Key&, bool, bool); \
  template absl::Status Flows::Adopt<F>();                                     \
  template std::optional<NatAllocator::Request> Flows::NatRequestOf<F>(        \
      const F::Key&, const F::Value&) const
RP_INSTANTIATE(FlowV4);
RP_INSTANTIATE(FlowV6);
#undef RP_INSTANTIATE

}  // namespace rampart

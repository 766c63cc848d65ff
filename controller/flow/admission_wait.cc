// SPDX-License-Identifier: Apache-2.0
// Admission of packets that had to wait: for a next hop, or for the record of a
// block of ports.
#include <algorithm>
#include <optional>
#include <utility>

#include "controller/base/status.h"
#include "controller/flow/admission.h"

namespace rampart {
namespace {

constexpr absl::Duration kPendingMax = absl::Seconds(3);
constexpr absl::Duration kKnockTime = absl::Seconds(120);  // RFC 4787 REQ-5

using PartsOf = std::vector<std::vector<uint8_t>>;

}  // namespace

void Admission::Wait(const Arrival& arrival, uint32_t next_hop) {
  Pending::Waiting waiting = {
      .punt = arrival.punt,
      .packet = {arrival.packet.bytes.begin(), arrival.packet.bytes.end()},
      .parts = arrival.parts != nullptr ? *arrival.parts : PartsOf(),
      .tuple = arrival.tuple(),
      .next_hop = next_hop,
      .epoch = snapshot_->epoch(),
      .since = deps_.clock.Tick()};
  if (next_hop != Pending::kRecord && !pending_.IsWaitedFor(next_hop))
    deps_.next_hops.Probe(next_hop);
  if (pending_.Add(std::move(waiting)))
    waiting_ += PacketsOf(arrival);
  else
    Drop(arrival, RP_DROP_PENDING_FULL);
}

absl::Status Admission::OnTick() {
  reassembly_.Expire();
  knocks_.Expire(deps_.clock.Tick(), ToTicks(kKnockTime),
                 [this](const Flows::NatHold& hold) {
                   nat_->Release(hold.request, hold.outside);
                 });
  return ServePending();
}

absl::Status Admission::ServePending(bool recorded) {
  if (pending_.size() == 0) return absl::OkStatus();
  const std::vector<Pending::Waiting> ready =
      pending_.TakeReady([&](uint32_t next_hop) {
        if (next_hop == Pending::kRecord) return recorded;
        deps_.next_hops.MarkUsed(next_hop);
        return deps_.next_hops.Usable(next_hop);
      });
  absl::Status status = Resume(ready);
  for (const Pending::Waiting& waiting :
       pending_.TakeExpired(deps_.clock.Tick(), ToTicks(kPendingMax))) {
    const rp_outcome reason = waiting.next_hop == Pending::kRecord
                                  ? RP_DROP_NAT_LOG
                                  : RP_DROP_NEXT_HOP_DOWN;
    waiting_ -= std::max<size_t>(waiting.parts.size(), 1);
    if (waiting.parts.empty())
      deps_.drops.Count(reason, waiting.punt, waiting.packet);
    for (const std::vector<uint8_t>& part : waiting.parts)
      deps_.drops.Count(reason, waiting.punt, part);
  }
  return status;
}

absl::Status Admission::Resume(absl::Span<const Pending::Waiting> ready) {
  now_ = deps_.clock.Now();
  std::vector<Packet> packets;
  packets.reserve(ready.size());  // arrivals point into it
  absl::Status status;
  for (const Pending::Waiting& waiting : ready) {
    const std::optional<Packet> packet =
        ParsePacket(waiting.punt.realm, waiting.packet);
    RP_CHECK(packet.has_value());
    packets.push_back(*packet);
    Arrival arrival = ArrivalOf(waiting.punt, packets.back());
    if (!waiting.parts.empty()) arrival.parts = &waiting.parts;
    waiting_ -= PacketsOf(arrival);
    status.Update(packet->is_v4() ? Resume<FlowV4>(arrival, waiting)
                                  : Resume<FlowV6>(arrival, waiting));
  }
  status.Update(InstallDecided<FlowV4>());
  status.Update(InstallDecided<FlowV6>());
  deps_.flows.ReleasePorts();
  return status;
}

template <typename F>
absl::Status Admission::Resume(const Arrival& arrival,
                               const Pending::Waiting& waiting) {
  if (deps_.flows.Knows<F>(KeyOf<F>(arrival.tuple()))) {
    Inject(arrival);
    return absl::OkStatus();
  }
  const bool current = waiting.epoch == snapshot_->epoch();
  return Decide<F>(
      arrival, current ? FlowStart::Asked::kWaited : FlowStart::Asked::kFirst);
}

}  // namespace rampart

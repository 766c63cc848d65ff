// SPDX-License-Identifier: Apache-2.0
// Admission of datagrams in parts: fragments that are complete, and packets
// that have to be cut.
#include <algorithm>
#include <optional>

#include "controller/flow/admission.h"

namespace rampart {

absl::Status Admission::OnFragment(const Arrival& arrival) {
  Reassembly::Result result = reassembly_.Add(arrival.punt, arrival.packet);
  if (result.reason != RP_FORWARDED) {
    Drop(arrival, result.reason);
    return absl::OkStatus();
  }
  ++waiting_;
  if (!result.complete) return absl::OkStatus();
  waiting_ -= result.complete->fragments.size();
  const Reassembly::Datagram& datagram =
      datagrams_.emplace_back(*std::move(result.complete));
  const std::optional<Packet> first =
      ParsePacket(datagram.punt.realm, datagram.fragments.front());
  if (!first) {
    Drop(arrival, RP_DROP_FRAG_MALFORMED);
    return absl::OkStatus();
  }
  Arrival whole = ArrivalOf(datagram.punt, first_parts_.emplace_back(*first));
  whole.parts = &datagram.fragments;
  return first->is_v4() ? OnMiss<FlowV4>(whole) : OnMiss<FlowV6>(whole);
}

// RFC 4787 REQ-13 a: in order, and without asking the sender.
void Admission::Split(const Arrival& arrival) {
  const std::vector<uint8_t> packet(arrival.packet.bytes.begin(),
                                    arrival.packet.bytes.end());
  if (parts_
          .Inject(arrival.tuple(), arrival.punt.tunnel, arrival.punt.mtu,
                  {packet})
          .ok())
    ++injected_;
  else
    Drop(arrival, RP_DROP_TOO_BIG_NO_DF);
}

// Its flow is there.
void Admission::InjectParts(const Arrival& arrival) {
  const FlowTuple& tuple = arrival.tuple();
  const bool v4 = arrival.packet.is_v4();
  const uint32_t next_hop =
      v4 ? deps_.flows.NextHopOf<FlowV4>(KeyOf<FlowV4>(tuple))
         : deps_.flows.NextHopOf<FlowV6>(KeyOf<FlowV6>(tuple));
  rp_punt punt = arrival.punt;
  punt.mtu = deps_.next_hops.At(next_hop).mtu;
  const bool fits =
      std::all_of(arrival.parts->begin(), arrival.parts->end(),
                  [&](const auto& part) { return part.size() <= punt.mtu; });
  if (!v4 && !fits) {  // only their source may cut them (RFC 8200 section 5)
    Drop(arrival, RP_DROP_TOO_BIG);
    return deps_.replies.SendIcmpError(IcmpError::kPacketTooBig, punt,
                                       arrival.packet);
  }
  const absl::Status status =
      parts_.Inject(tuple, punt.tunnel, punt.mtu, *arrival.parts);
  if (status.ok()) {
    injected_ += PacketsOf(arrival);
    return;
  }
  Drop(arrival, absl::IsInvalidArgument(status) ? RP_DROP_TOO_BIG_NO_DF
                                                : RP_DROP_INJECT);
}

}  // namespace rampart

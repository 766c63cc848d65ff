// SPDX-License-Identifier: Apache-2.0
#include "controller/flow/parts.h"

#include <arpa/inet.h>

#include <cstring>
#include <optional>

#include "controller/base/status.h"
#include "controller/flow/fragments.h"
#include "controller/flow/packet.h"

namespace rampart {
namespace {

rp_inject_fragment BesideOf(const FlowTuple& tuple) {
  rp_inject_fragment beside = {};
  beside.sport = htons(tuple.source.port);
  beside.dport = htons(tuple.destination.port);
  beside.proto = tuple.protocol;
  return beside;
}

}  // namespace

absl::Status Parts::Inject(const FlowTuple& tuple, uint32_t tunnel, size_t mtu,
                           absl::Span<const std::vector<uint8_t>> packets) {
  const bool v4 = tuple.source.address.is_v4();
  // The data plane counts with the same word.
  const auto id4 = static_cast<uint16_t>(
      v4 ? __atomic_add_fetch(data_plane_.maps().ip_ids.at(0), 1,
                              __ATOMIC_RELAXED)
         : 0);
  if (!v4) ++last_id6_;
  absl::Status status;
  for (const std::vector<uint8_t>& packet : packets)
    status.Update(v4 ? InjectV4(tuple, tunnel, mtu, packet, id4)
                     : InjectV6(tuple, tunnel, packet, last_id6_));
  return status;
}

absl::Status Parts::InjectV4(const FlowTuple& tuple, uint32_t tunnel,
                             size_t mtu, absl::Span<const uint8_t> packet,
                             uint16_t id) {
  const std::vector<std::vector<uint8_t>> cut = SplitV4(packet, mtu, id);
  if (cut.empty())
    return absl::InvalidArgumentError("parts: packet cannot be cut");
  for (const std::vector<uint8_t>& part : cut)
    RETURN_IF_ERROR(
        data_plane_.InjectFragment(tuple.realm, tunnel, BesideOf(tuple), part));
  return absl::OkStatus();
}

absl::Status Parts::InjectV6(const FlowTuple& tuple, uint32_t tunnel,
                             std::vector<uint8_t> packet, uint32_t id) {
  const std::optional<Packet> parsed = ParsePacket(tuple.realm, packet);
  if (!parsed || !parsed->fragment_header)
    return absl::InvalidArgumentError("parts: packet is no fragment");
  id = htonl(id);
  std::memcpy(&packet[*parsed->fragment_header + 4], &id, sizeof(id));
  return data_plane_.InjectFragment(tuple.realm, tunnel, BesideOf(tuple),
                                    packet);
}

}  // namespace rampart

// SPDX-License-Identifier: Apache-2.0
#include "controller/flow/port_control.h"

#include <netinet/in.h>

#include <optional>
#include <vector>

#include "controller/base/status.h"
#include "controller/flow/checksum.h"

namespace rampart {
namespace {

constexpr size_t kUdpHeader = 8;
constexpr uint8_t kNone[16] = {};

IpAddress Unspecified(Family family) {
  return family == Family::kV4 ? IpAddress() : IpAddress::V6(kNone);
}

// Of a datagram that is whole and whose checksum is right (RFC 768; RFC 8200
// section 8.1: it may not be left out in IPv6).
std::optional<absl::Span<const uint8_t>> PayloadOf(const Packet& packet) {
  absl::Span<const uint8_t> udp = packet.bytes.subspan(packet.l4);
  if (udp.size() < kUdpHeader) return std::nullopt;
  const size_t length = udp[4] << 8 | udp[5];
  if (length < kUdpHeader || length > udp.size()) return std::nullopt;
  udp = udp.first(length);
  const bool summed = udp[6] != 0 || udp[7] != 0;
  if (!summed && !packet.is_v4()) return std::nullopt;
  uint64_t sum = SumBytes(udp) + htons(IPPROTO_UDP) + htons(length);
  for (const Endpoint* end : {&packet.tuple.source, &packet.tuple.destination})
    sum +=
        SumBytes({reinterpret_cast<const uint8_t*>(end->address.bytes().data()),
                  end->address.bytes().size()});
  if (summed && FoldSum(sum) != 0xffff) return std::nullopt;
  return udp.subspan(kUdpHeader);
}

}  // namespace

PortControl::PortControl(const Dependencies& dependencies)
    : deps_(dependencies),
      mappings_(
          deps_.nat, deps_.clock,
          [this](const ExplicitMapping& mapping, bool kept) {
            return deps_.log
                .Append(MappingRecord{.kept = kept, .mapping = mapping})
                .value_or(0);
          },
          PcpLimits()),
      server_(
          deps_.nat, mappings_,
          [this](const PcpClient& client, const std::vector<uint8_t>& payload) {
            deps_.replies.SendUdp(client.punt, {client.server, kPcpPort},
                                  {client.subscriber.address, client.port},
                                  payload);
          }) {}

absl::Status PortControl::Restore() {
  const absl::Time now = deps_.clock.Now();
  ASSIGN_OR_RETURN(const absl::Time epoch, deps_.log.Epoch(now));
  ASSIGN_OR_RETURN(const std::vector<ExplicitMapping> kept,
                   deps_.log.Mappings());
  if (mappings_.Restore(kept, now - epoch)) return absl::OkStatus();
  return deps_.log.BeginEpoch(now);
}

void PortControl::Use(const Snapshot* snapshot) {
  snapshot_ = snapshot;
  mappings_.Remove([&](const Subscriber& subscriber) {
    return snapshot_->FindVnet(subscriber.realm).vnet == nullptr;
  });
}

bool PortControl::IsFor(const Packet& packet) {
  return packet.tuple.protocol == IPPROTO_UDP &&
         packet.tuple.destination.port == kPcpPort && !packet.fragment;
}

// The one that the default route leads to.
std::string PortControl::PoolOf(uint32_t realm, Family family) const {
  const std::optional<Snapshot::RouteRef> route =
      snapshot_->FindRoute(realm, Unspecified(family));
  if (!route || route->route->kind != Route::Kind::kInternet) return {};
  const NatPoolConfig* pool = snapshot_->FindPool(route->route->pool);
  return pool != nullptr && pool->pcp ? pool->name : std::string();
}

void PortControl::OnPacket(const rp_punt& punt, const Packet& packet) {
  const Endpoint& source = packet.tuple.source;
  const std::optional<absl::Span<const uint8_t>> payload = PayloadOf(packet);
  if (!payload || !limit_.Take(punt.realm, deps_.clock.Tick())) return;
  server_.Receive({.subscriber = {punt.realm, source.address},
                   .port = source.port,
                   .server = packet.tuple.destination.address,
                   .pool = PoolOf(punt.realm, source.address.family()),
                   .punt = punt},
                  *payload);
}

}  // namespace rampart

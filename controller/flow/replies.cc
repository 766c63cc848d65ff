// SPDX-License-Identifier: Apache-2.0
#include "controller/flow/replies.h"

#include <optional>

#include "absl/status/statusor.h"
#include "maps/realm.h"

namespace rampart {

void Replies::SendIcmpError(IcmpError error, const rp_punt& punt,
                            const Packet& packet, std::string_view about) {
  Send(punt, packet.tuple.source.address,
       BuildIcmpError(error, packet, SourceOfErrors(punt, packet), punt.mtu,
                      about));
}

void Replies::SendEchoReply(const rp_punt& punt, const Packet& packet) {
  Send(punt, packet.tuple.source.address, BuildEchoReply(packet));
}

void Replies::SendTcpReset(const rp_punt& punt, const Packet& packet) {
  Send(punt, packet.tuple.source.address, BuildTcpReset(packet));
}

void Replies::SendUdp(const rp_punt& punt, const Endpoint& source,
                      const Endpoint& destination,
                      absl::Span<const uint8_t> payload) {
  Send(punt, destination.address, BuildUdp(source, destination, payload));
}

// Inside a vnet the router's address, or that of the interface it came through.
// On the underlay the NAT address: nothing of what is behind it may show.
IpAddress Replies::SourceOfErrors(const rp_punt& punt,
                                  const Packet& packet) const {
  if (punt.realm == RP_REALM_UNDERLAY) return packet.tuple.destination.address;
  const Family family = packet.tuple.source.address.family();
  const Tunnel* tunnel = snapshot_->FindTunnel(punt.tunnel).tunnel;
  if (tunnel != nullptr && tunnel->type == TunnelType::kInterface) {
    const std::optional<Link> link = deps_.underlay.FindLink(tunnel->device);
    if (link) {
      for (const IpAddress& address : deps_.underlay.Addresses(link->ifindex))
        if (address.family() == family && !address.IsLinkLocal())
          return address;
    }
  }
  return snapshot_->RouterAddress(punt.realm, family);
}

absl::StatusOr<uint32_t> Replies::WayBack(const rp_punt& punt,
                                          const IpAddress& sender) {
  if (punt.realm == RP_REALM_UNDERLAY)
    return deps_.next_hops.ToUnderlay(sender);
  const Tunnel* tunnel = snapshot_->FindTunnel(punt.tunnel).tunnel;
  if (tunnel == nullptr) return absl::NotFoundError("reply: tunnel is gone");
  return deps_.next_hops.ToTunnel(*tunnel, punt.realm, sender, 0, punt.peer);
}

void Replies::Send(const rp_punt& punt, const IpAddress& sender,
                   const std::vector<uint8_t>& reply) {
  if (reply.empty() || !limit_.Take(punt.realm, deps_.clock.Tick())) return;
  const absl::StatusOr<uint32_t> next_hop = WayBack(punt, sender);
  if (!next_hop.ok() || !deps_.next_hops.Usable(*next_hop)) return;
  deps_.next_hops.MarkUsed(*next_hop);
  // Like any reply of this kind, it may get lost.
  if (deps_.data_plane.Send(*next_hop, reply).ok()) deps_.hooks.OnPacketMade();
}

}  // namespace rampart

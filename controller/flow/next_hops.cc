// SPDX-License-Identifier: Apache-2.0
#include "controller/flow/next_hops.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "controller/base/status.h"
#include "controller/health/peer_choice.h"
#include "maps/realm.h"

namespace rampart {
namespace {

constexpr size_t kDestinationsMax = 65536;  // remembered answers

// Hosts that somebody only asks for must not fill the kernel's neighbour table
// (RFC 6583 section 6.1); its default limit is 1024.
constexpr size_t kUnknownMax = 512;

absl::Status NoTunnel(uint32_t id) {
  return absl::NotFoundError(
      absl::StrCat("next hop: tunnel ", id, ": none of this edge"));
}

}  // namespace

NextHops::Identity NextHops::IdentityOf(const rp_next_hop& hop) {
  Identity identity = {.use = hop.use,
                       .family = hop.family,
                       .tunnel = hop.tunnel,
                       .realm = hop.realm,
                       .peer = hop.use == RP_USE_REASON ? hop.reason : hop.peer,
                       .spread = hop.spread,
                       .exact = hop.exact != 0};
  if (hop.use == RP_USE_UNDERLAY || hop.use == RP_USE_INTERFACE)
    identity.address = IpAddress::FromMapped(hop.address);
  return identity;
}

absl::Status NextHops::Adopt(
    absl::FunctionRef<void(uint32_t tunnel, uint32_t peer)> suspect) {
  RETURN_IF_ERROR(map_.ForEach([&](uint32_t index, const rp_next_hop& hop) {
    if (index == 0 || hop.kind == RP_NEXT_HOP_FREE) return;
    if (index >= hops_.size()) hops_.resize(index + 1);
    hops_[index].identity = IdentityOf(hop);
    hops_[index].written = hop;
    hops_[index].used_in = pass_;
    if (hop.use != RP_USE_UNDERLAY)
      index_.emplace(hops_[index].identity, index);
    if (hop.use == RP_USE_TUNNEL && hop.kind == RP_NEXT_HOP_SEND &&
        hop.carrier != hop.peer)
      suspect(hop.tunnel, hop.peer);
  }));
  for (uint32_t i = 1; i < hops_.size(); ++i)
    if (hops_[i].identity.use == RP_USE_NONE) free_.push_back(i);
  return absl::OkStatus();
}

absl::Status NextHops::ResolveAll() {
  paths_.Refresh();
  underlay_.clear();
  destinations_.clear();
  return ResolveEach();
}

absl::Status NextHops::ResolveEach() {
  paths_.BeginUse();
  unknown_ = 0;
  for (uint32_t index = 1; index < hops_.size(); ++index) {
    RETURN_IF_ERROR(Resolve(index));
    unknown_ += IsUnknown(index);
  }
  paths_.EndUse();
  return absl::OkStatus();
}

absl::Status NextHops::ResolveDown() {
  unknown_ = 0;
  for (uint32_t index = 1; index < hops_.size(); ++index) {
    if (Usable(index)) continue;
    RETURN_IF_ERROR(Resolve(index));
    unknown_ += IsUnknown(index);
  }
  return absl::OkStatus();
}

absl::Status NextHops::ResolveTunnels(
    const absl::flat_hash_set<uint32_t>& tunnels) {
  for (uint32_t index = 1; index < hops_.size(); ++index) {
    const Identity& identity = hops_[index].identity;
    if (identity.use == RP_USE_TUNNEL && tunnels.contains(identity.tunnel))
      RETURN_IF_ERROR(Resolve(index));
  }
  return absl::OkStatus();
}

absl::StatusOr<uint32_t> NextHops::ToTunnel(const Tunnel& tunnel,
                                            uint32_t realm,
                                            const IpAddress& destination,
                                            uint32_t hash,
                                            std::optional<uint32_t> from) {
  Identity identity = {.use = RP_USE_TUNNEL,
                       .family = static_cast<uint8_t>(destination.family()),
                       .tunnel = tunnel.id,
                       .realm = realm};
  if (tunnel.type != TunnelType::kInterface) {
    if (tunnel.peers.empty()) return NoTunnel(tunnel.id);
    const auto is_up = [&](uint32_t peer) {
      return health_.IsUp(tunnel.id, peer);
    };
    identity.peer = from ? *from % static_cast<uint32_t>(tunnel.peers.size())
                         : PickPeer(tunnel, hash, is_up);
    identity.spread = static_cast<uint8_t>(SpreadOf(tunnel, hash));
    return FindOrMake(identity);
  }
  if (tunnel.edge != snapshot_->edge().edge) return NoTunnel(tunnel.id);
  ASSIGN_OR_RETURN(const Via via, paths_.Through(tunnel.device, destination));
  identity.use = RP_USE_INTERFACE;
  identity.address = via.neighbour;
  return FindOrMake(identity);
}

absl::StatusOr<uint32_t> NextHops::ToPeer(const Tunnel& tunnel, uint32_t realm,
                                          Family family, uint32_t peer) {
  return FindOrMake({.use = RP_USE_TUNNEL,
                     .family = static_cast<uint8_t>(family),
                     .tunnel = tunnel.id,
                     .realm = realm,
                     .peer = peer,
                     .exact = true});
}

absl::StatusOr<uint32_t> NextHops::ToUnderlay(const IpAddress& destination) {
  const auto known = destinations_.find(destination);
  if (known != destinations_.end()) return known->second;
  ASSIGN_OR_RETURN(const Via via, paths_.Towards(destination));
  const auto shared = underlay_.find({via, destination.family()});
  uint32_t index;
  if (shared != underlay_.end()) {
    index = shared->second;
  } else {
    ASSIGN_OR_RETURN(index,
                     Make({.use = RP_USE_UNDERLAY,
                           .family = static_cast<uint8_t>(destination.family()),
                           .address = destination}));
  }
  if (destinations_.size() >= kDestinationsMax) destinations_.clear();
  destinations_.emplace(destination, index);
  return index;
}

absl::StatusOr<uint32_t> NextHops::ToDrop(rp_outcome reason) {
  return FindOrMake({.use = RP_USE_REASON, .peer = reason});
}

absl::StatusOr<uint32_t> NextHops::FindOrMake(const Identity& identity) {
  const auto found = index_.find(identity);
  if (found != index_.end()) return found->second;
  ASSIGN_OR_RETURN(const uint32_t index, Make(identity));
  index_.emplace(identity, index);
  return index;
}

absl::StatusOr<uint32_t> NextHops::NewIndex() {
  if (!free_.empty()) {
    const uint32_t index = free_.back();
    free_.pop_back();
    return index;
  }
  if (hops_.size() >= map_.max_entries()) {
    ++refused_;
    return absl::ResourceExhaustedError(
        absl::StrCat("next hop: all ", map_.max_entries(), " are in use"));
  }
  hops_.emplace_back();
  return static_cast<uint32_t>(hops_.size() - 1);
}

absl::StatusOr<uint32_t> NextHops::Make(const Identity& identity) {
  if (identity.use == RP_USE_INTERFACE && unknown_ >= kUnknownMax)
    return absl::ResourceExhaustedError("next hop: too many are unresolved");
  ASSIGN_OR_RETURN(const uint32_t index, NewIndex());
  hops_[index] = {.identity = identity, .used_in = pass_};
  if (absl::Status status = Resolve(index); !status.ok()) {
    hops_[index] = {};
    free_.push_back(index);
    return status;
  }
  unknown_ += IsUnknown(index);
  return index;
}

rp_next_hop NextHops::Compile(Hop& hop) {
  const Identity& identity = hop.identity;
  absl::StatusOr<rp_next_hop> compiled;
  hop.via = {};
  switch (identity.use) {
    case RP_USE_TUNNEL:
      compiled = CompileTunnel(hop);
      break;
    case RP_USE_INTERFACE:
      compiled = CompileInterface(hop);
      break;
    case RP_USE_UNDERLAY:
      compiled = CompileUnderlay(hop);
      break;
    case RP_USE_REASON:
      return CompileDropNextHop(static_cast<rp_outcome>(identity.peer));
    default:
      return {};
  }
  rp_next_hop result = {};
  if (compiled.ok())
    result = *compiled;
  else
    result.kind = RP_NEXT_HOP_DOWN;
  result.use = identity.use;
  result.family = identity.family;
  result.tunnel = identity.tunnel;
  if (const auto* tenant = snapshot_->FindTunnel(identity.tunnel).tenant)
    result.tenant = static_cast<uint16_t>(tenant->id);
  result.realm = identity.realm;
  result.carrier = std::exchange(result.peer, identity.peer);
  result.spread = identity.spread;
  result.exact = identity.exact;
  if (identity.use != RP_USE_TUNNEL) identity.address.ToMapped(result.address);
  return result;
}

absl::StatusOr<rp_next_hop> NextHops::CompileTunnel(Hop& hop) {
  const Snapshot::TunnelRef ref = snapshot_->FindTunnel(hop.identity.tunnel);
  if (ref.tunnel == nullptr || ref.tunnel->type == TunnelType::kInterface ||
      ref.tunnel->peers.empty())
    return NoTunnel(hop.identity.tunnel);
  absl::StatusOr<rp_next_hop> result = NoTunnel(hop.identity.tunnel);
  for (const uint32_t peer : PeersFor(hop.identity, *ref.tunnel)) {
    result = CompilePeer(hop, *ref.tunnel, peer);
    if (result.ok() && result->kind == RP_NEXT_HOP_SEND) break;
  }
  return result;
}

// In the order in which they are tried. A change of the configuration may have
// taken the last ones away.
absl::InlinedVector<uint32_t, 8> NextHops::PeersFor(
    const Identity& identity, const Tunnel& tunnel) const {
  const auto peers = static_cast<uint32_t>(tunnel.peers.size());
  if (!identity.exact)
    return PeerOrder(
        tunnel, identity.peer % peers, identity.spread,
        [&](uint32_t peer) { return health_.IsUp(tunnel.id, peer); });
  if (identity.peer >= peers) return {};
  return {identity.peer};
}

absl::StatusOr<rp_next_hop> NextHops::CompilePeer(Hop& hop,
                                                  const Tunnel& tunnel,
                                                  uint32_t peer) {
  const IpAddress& remote = tunnel.peers[peer].remote;
  const std::vector<IpAddress>& ours = snapshot_->edge().gue_addresses;
  const auto local =
      std::find_if(ours.begin(), ours.end(), [&](const IpAddress& address) {
        return address.family() == remote.family();
      });
  if (local == ours.end()) return NoTunnel(tunnel.id);
  ASSIGN_OR_RETURN(hop.via, paths_.Towards(remote));
  ASSIGN_OR_RETURN(const LinkPath path, paths_.Resolve(hop.via));
  return CompileTunnelNextHop(tunnel, peer, hop.identity.realm,
                              static_cast<Family>(hop.identity.family), *local,
                              snapshot_->edge().gue_port, path);
}

absl::StatusOr<rp_next_hop> NextHops::CompileInterface(Hop& hop) {
  const Identity& identity = hop.identity;
  const Snapshot::TunnelRef ref = snapshot_->FindTunnel(identity.tunnel);
  if (ref.tunnel == nullptr || ref.tunnel->type != TunnelType::kInterface)
    return NoTunnel(identity.tunnel);
  ASSIGN_OR_RETURN(hop.via,
                   paths_.Beside(ref.tunnel->device, identity.address));
  ASSIGN_OR_RETURN(const LinkPath path, paths_.Resolve(hop.via));
  return CompileLinkNextHop(
      RP_USE_INTERFACE, static_cast<Family>(identity.family), identity.address,
      identity.tunnel, identity.realm, path);
}

absl::StatusOr<rp_next_hop> NextHops::CompileUnderlay(Hop& hop) {
  const IpAddress& sample = hop.identity.address;
  ASSIGN_OR_RETURN(hop.via, paths_.Towards(sample));
  const auto index = static_cast<uint32_t>(&hop - hops_.data());
  underlay_.emplace(std::make_pair(hop.via, sample.family()), index);
  ASSIGN_OR_RETURN(const LinkPath path, paths_.Resolve(hop.via));
  return CompileLinkNextHop(RP_USE_UNDERLAY, sample.family(), sample, 0,
                            RP_REALM_UNDERLAY, path);
}

absl::Status NextHops::Resolve(uint32_t index) {
  Hop& hop = hops_[index];
  if (hop.identity.use == RP_USE_NONE) return absl::OkStatus();
  rp_next_hop compiled = Compile(hop);
  // What the data plane keeps here is no change.
  compiled.sequence = hop.written.sequence;
  std::memcpy(compiled.macs, hop.written.macs, sizeof(compiled.macs));
  if (std::memcmp(&compiled, &hop.written, sizeof(compiled)) == 0)
    return absl::OkStatus();
  // A MAC of before is not one of the new header; sequence numbers go on.
  std::memset(compiled.macs, 0, sizeof(compiled.macs));
  if (compiled.flags & RP_NEXT_HOP_GRE_SEQ) {
    ASSIGN_OR_RETURN(const auto current, map_.Get(index));
    if (current) compiled.sequence = current->sequence;
  }
  RETURN_IF_ERROR(map_.Put(index, compiled));
  hop.written = compiled;
  return absl::OkStatus();
}

absl::Status NextHops::EndPass() {
  ++pass_;
  const size_t free_before = free_.size();
  for (uint32_t index = 1; index < hops_.size(); ++index) {
    const Hop& hop = hops_[index];
    if (hop.identity.use != RP_USE_NONE && pass_ - hop.used_in > 2 &&
        !IsProbed(hop.identity))
      RETURN_IF_ERROR(Free(index));
  }
  if (free_.size() == free_before) return absl::OkStatus();
  const auto is_free = [&](const auto& entry) {
    return hops_[entry.second].identity.use == RP_USE_NONE;
  };
  absl::erase_if(underlay_, is_free);
  absl::erase_if(destinations_, is_free);
  return ResolveEach();  // to let go of neighbours
}

bool NextHops::IsProbed(const Identity& identity) const {
  if (!identity.exact) return false;
  const Tunnel* tunnel = snapshot_->FindTunnel(identity.tunnel).tunnel;
  return tunnel != nullptr && identity.peer < tunnel->peers.size() &&
         !tunnel->probe.targets.empty();
}

absl::Status NextHops::Free(uint32_t index) {
  RETURN_IF_ERROR(map_.Put(index, {}));
  index_.erase(hops_[index].identity);
  hops_[index] = {};
  free_.push_back(index);
  return absl::OkStatus();
}

}  // namespace rampart

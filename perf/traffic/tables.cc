// SPDX-License-Identifier: Apache-2.0
#include "perf/traffic/tables.h"

#include <arpa/inet.h>
#include <time.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "absl/strings/str_cat.h"
#include "controller/base/clock.h"
#include "controller/base/ip.h"
#include "controller/base/status.h"
#include "controller/compile/next_hop.h"
#include "controller/compile/snapshot.h"
#include "controller/flow/flow_entry.h"
#include "maps/realm.h"

namespace rampart::perf {
namespace {

constexpr uint32_t kHopThere = 1;
constexpr uint32_t kHopBack = 2;
constexpr uint32_t kNever = 1 << 30;  // ticks

IpAddress ToAddress(const Ip& ip) {
  const absl::StatusOr<IpAddress> address = IpAddress::Parse(ip.ToString());
  RP_CHECK(address.ok());
  return *address;
}

Auth AuthOf(Wrap wrap) {
  switch (wrap) {
    case Wrap::kGueMac:
      return Auth::kMac;
    case Wrap::kGueCookie:
      return Auth::kCookie;
    case Wrap::kGueGreKey:
      return Auth::kGreKey;
    default:
      return Auth::kNone;
  }
}

PeerKey KeyOf(Wrap wrap) {
  PeerKey key;
  if (wrap == Wrap::kGueMac) {
    key.key_id = 1;
    key.secret.assign(kMacKey.begin(), kMacKey.end());
  } else {
    testing::Put64(key.secret, kCookie);
  }
  return key;
}

// Tunnel to `remote`; an interface for packets without tunnel.
Tunnel TunnelTo(uint32_t id, Wrap wrap, const Ip& remote) {
  Tunnel tunnel;
  tunnel.id = id;
  tunnel.name = absl::StrCat("tunnel", id);
  tunnel.vnet = "main";
  if (wrap == Wrap::kPlain) {
    tunnel.type = TunnelType::kInterface;
    return tunnel;
  }
  tunnel.type = wrap == Wrap::kGre ? TunnelType::kGre : TunnelType::kGue;
  Peer peer;
  peer.remote = ToAddress(remote);
  peer.auth = AuthOf(wrap);
  if (wrap == Wrap::kGueMac || wrap == Wrap::kGueCookie)
    peer.keys.push_back(KeyOf(wrap));
  tunnel.peers.push_back(peer);
  return tunnel;
}

Tunnel TunnelIn(const Scene& scene) {
  return TunnelTo(kTunnelIn, scene.in.wrap, scene.in.from);
}

Tunnel TunnelOut(const Scene& scene) {
  return TunnelTo(kTunnelOut, scene.out.wrap, scene.out.to);
}

Snapshot SnapshotOf(const Scene& scene) {
  EdgeConfig edge;
  edge.gue_addresses = {ToAddress(scene.in.to)};
  edge.gue_port = kGuePort;
  NatPoolConfig pool;
  pool.name = "default";
  if (scene.nat.kind != Nat::Kind::kNone)
    for (uint32_t host = 0; host <= PERF_HOST(scene.flows - 1); ++host)
      pool.addresses.push_back(ToAddress(AddressPlus(scene.nat.first, host)));
  edge.pools = {pool};
  Tenant tenant;
  tenant.id = 1;
  tenant.name = "perf";
  Vnet vnet;
  vnet.name = "main";
  vnet.vni = scene.in.vni;
  tenant.vnets = {vnet};
  tenant.tunnels = {TunnelIn(scene), TunnelOut(scene)};
  Resources resources;
  resources.tenants = {tenant};
  return Snapshot(edge, resources, 1);
}

template <typename K, typename V>
absl::Status PutAll(const Map<K, V>& map,
                    const std::vector<std::pair<K, V>>& entries) {
  for (const auto& [key, value] : entries) RETURN_IF_ERROR(map.Put(key, value));
  return absl::OkStatus();
}

// Through `leg` of a scene, from the edge outwards.
rp_next_hop NextHop(const Tunnel& tunnel, const Scene& scene, const Leg& leg,
                    const Ip& local, const LinkPath& path, bool access) {
  const Family family = scene.inner.source.is_v4() ? Family::kV4 : Family::kV6;
  if (leg.wrap != Wrap::kPlain)
    return CompileTunnelNextHop(tunnel, 0, scene.in.vni, family,
                                ToAddress(local), kGuePort, path);
  return CompileLinkNextHop(access ? RP_USE_INTERFACE : RP_USE_UNDERLAY, family,
                            ToAddress(scene.inner.destination),
                            access ? tunnel.id : 0,
                            access ? scene.in.vni : RP_REALM_UNDERLAY, path);
}

absl::Status WriteConfig(const Maps& maps) {
  ASSIGN_OR_RETURN(const auto current, maps.config.Get(0));
  RP_CHECK(current.has_value());
  rp_config config = *current;  // with what belongs to the pins
  config.gue_port = htons(kGuePort);
  timespec unix_time, monotonic;
  clock_gettime(CLOCK_REALTIME, &unix_time);
  clock_gettime(CLOCK_MONOTONIC, &monotonic);
  config.unix_offset = static_cast<uint64_t>(
      (unix_time.tv_sec - monotonic.tv_sec) * 1'000'000'000 +
      unix_time.tv_nsec - monotonic.tv_nsec);
  config.punts_per_tick = 1;
  config.epoch = 1;
  std::fill(std::begin(config.timeouts), std::end(config.timeouts), kNever);
  return maps.config.Put(0, config);
}

// The reverse one first: whoever finds the forward entry finds both.
template <typename F>
absl::Status InstallFlow(typename F::Table& table, const FlowPair<F>& pair) {
  RETURN_IF_ERROR(
      table.Insert(pair.key[kReverse], pair.value[kReverse]).status());
  return table.Insert(pair.key[kForward], pair.value[kForward]).status();
}

FlowPlan PlanOf(const Scene& scene, const Ways& ways, uint32_t number) {
  const bool nat = scene.nat.kind != Nat::Kind::kNone;
  const bool to_tenant =
      ways.access_out || (scene.out.wrap != Wrap::kPlain && !nat);
  const uint32_t host = PERF_HOST(number);
  FlowPlan plan;
  plan.tuple.realm = scene.in.vni;
  plan.tuple.source = {ToAddress(AddressPlus(scene.inner.source, host)),
                       static_cast<uint16_t>(PERF_PORT(number))};
  plan.tuple.destination = {ToAddress(scene.inner.destination),
                            scene.inner.port};
  plan.tuple.protocol = testing::kUdp;
  plan.source = plan.tuple.source;
  if (nat)
    plan.source = {ToAddress(AddressPlus(scene.nat.first, host)),
                   static_cast<uint16_t>(PERF_NAT_PORT(number))};
  plan.snat = nat;
  plan.entropy = PERF_OUTER_PORT(number) & RP_FLOW_ENTROPY;
  plan.next_hop[kForward] = kHopThere;
  plan.next_hop[kReverse] = kHopBack;
  plan.on_ramp[kForward] = kTunnelIn;
  plan.on_ramp[kReverse] = to_tenant ? kTunnelOut : RP_TUNNEL_UNDERLAY;
  plan.reverse_realm = to_tenant ? scene.in.vni : RP_REALM_UNDERLAY;
  return plan;
}

template <typename F>
absl::Status WriteFlowsOf(typename F::Table& table, const Scene& scene,
                          const Ways& ways) {
  const uint32_t now = Clock::Real().Tick();
  for (uint32_t number = 0; number < scene.flows; ++number) {
    FlowPlan plan = PlanOf(scene, ways, number);
    plan.now = now;
    RETURN_IF_ERROR(InstallFlow<F>(table, CompileFlow<F>(plan)));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status WriteTables(const Maps& maps, const Scene& scene,
                         const Ways& ways) {
  RETURN_IF_ERROR(WriteConfig(maps));
  const Snapshot snapshot = SnapshotOf(scene);
  RETURN_IF_ERROR(PutAll(maps.peers4, snapshot.Peers4()));
  RETURN_IF_ERROR(PutAll(maps.peers6, snapshot.Peers6()));
  RETURN_IF_ERROR(PutAll(maps.grants, snapshot.Grants()));
  RETURN_IF_ERROR(PutAll(maps.addresses, snapshot.Addresses()));
  const LinkPath there = {.slot = ways.slot_out,
                          .source = scene.out.mac_from,
                          .destination = scene.out.mac_to};
  const LinkPath back = {.slot = ways.slot_in,
                         .source = scene.in.mac_to,
                         .destination = scene.in.mac_from};
  RETURN_IF_ERROR(maps.next_hops.Put(
      kHopThere, NextHop(TunnelOut(scene), scene, scene.out, scene.out.from,
                         there, ways.access_out)));
  return maps.next_hops.Put(
      kHopBack, NextHop(TunnelIn(scene), scene, scene.in, scene.in.to, back,
                        /*access=*/true));
}

absl::Status WriteFlows(const Maps& maps, const Scene& scene,
                        const Ways& ways) {
  return scene.inner.source.is_v4()
             ? WriteFlowsOf<FlowV4>(*maps.flows4, scene, ways)
             : WriteFlowsOf<FlowV6>(*maps.flows6, scene, ways);
}

}  // namespace rampart::perf

// SPDX-License-Identifier: Apache-2.0
#include "controller/metrics/metrics.h"

#include <array>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "controller/api/counters.h"
#include "controller/api/error.h"
#include "controller/api/names.h"
#include "controller/base/status.h"
#include "controller/metrics/exposition.h"

namespace rampart {
namespace {

using enum Exposition::Type;

constexpr std::string_view kContentType =
    "text/plain; version=0.0.4; charset=utf-8";

void AddEdge(const Backend& backend, Exposition& out) {
  out.Family("rampart_build_info", kGauge,
             "Always 1; labels tell the version.");
  out.Sample(
      {{"version", RAMPART_VERSION}, {"edge", backend.snapshot()->edge().edge}},
      uint64_t{1});
  out.Family("rampart_uptime_seconds", kGauge, "Time since rampartd started.");
  out.Sample({},
             absl::ToDoubleSeconds(backend.clock().Now() - backend.started()));
  out.Family("rampart_epoch", kGauge, "Epoch of the configuration in force.");
  out.Sample({}, uint64_t{backend.snapshot()->epoch()});
}

using OutcomeOf = rp_counter DeviceLedger::*;
constexpr std::pair<std::string_view, OutcomeOf> kOutcomes[] = {
    {"forwarded", &DeviceLedger::forwarded},
    {"passed", &DeviceLedger::passed},
    {"punted", &DeviceLedger::punted},
    {"dropped", &DeviceLedger::dropped}};

void AddOutcomes(const Counters& counters, bool bytes, Exposition& out) {
  for (const DeviceLedger& device : counters.devices)
    for (const auto& [outcome, member] : kOutcomes)
      out.Sample(
          {{"device", device.name}, {"outcome", outcome}},
          uint64_t{bytes ? (device.*member).bytes : (device.*member).packets});
}

void AddDevices(const Counters& counters, Exposition& out) {
  out.Family("rampart_packets_total", kCounter,
             "Packets by the device they came on through and their outcome.");
  AddOutcomes(counters, false, out);
  out.Family("rampart_bytes_total", kCounter,
             "Bytes of these packets, Ethernet header included.");
  AddOutcomes(counters, true, out);
  out.Family("rampart_received_packets_total", kCounter,
             "Packets received by a device as the kernel counts them.");
  for (const DeviceLedger& device : counters.devices)
    out.Sample({{"device", device.name}}, device.rx);
  out.Family("rampart_unexplained_packets", kGauge,
             "Packets received by a device less those with an outcome.");
  for (const DeviceLedger& device : counters.devices)
    out.Sample({{"device", device.name}}, device.gap);
  out.Family("rampart_kernel_losses_total", kCounter,
             "Packets lost by kernel or device, beside the outcomes.");
  for (const DeviceLedger& device : counters.devices)
    for (const KernelLoss& loss : KernelLosses())
      out.Sample(
          {{"device", device.name}, {"id", loss.id}, {"reason", loss.symbol}},
          device.losses[loss.value]);
}

void AddDrops(const Counters& counters, Exposition& out) {
  std::array<std::array<uint64_t, RP_OUTCOME_COUNT>, 2> packets = {};
  for (const Counters::Drop& drop : counters.drops)
    packets[drop.device == kSlowPath][drop.reason.value] +=
        drop.counter.packets;
  out.Family("rampart_drops_total", kCounter,
             "Packets dropped by reason; path slow: by the controller.");
  for (const DropReason& reason : DropReasons())
    for (const bool slow : {false, true})
      out.Sample({{"id", reason.id},
                  {"reason", reason.symbol},
                  {"path", slow ? "slow" : "fast"}},
                 packets[slow][reason.value]);
}

using TallyOf = rp_counter rp_tally::*;
constexpr std::pair<std::string_view, TallyOf> kTallies[] = {
    {"forwarded", &rp_tally::forwarded},
    {"passed", &rp_tally::passed},
    {"punted", &rp_tally::punted},
    {"dropped", &rp_tally::dropped}};

void AddTallies(const Counters& counters, bool bytes, Exposition& out) {
  for (const Counters::Tenant& tenant : counters.tenants)
    for (const auto& [outcome, member] : kTallies)
      out.Sample({{"tenant", tenant.name}, {"outcome", outcome}},
                 uint64_t{bytes ? (tenant.tally.*member).bytes
                                : (tenant.tally.*member).packets});
}

void AddTenants(const Counters& counters, Exposition& out) {
  out.Family("rampart_tenant_packets_total", kCounter,
             "Packets of a tenant by their outcome in the data plane.");
  AddTallies(counters, false, out);
  out.Family("rampart_tenant_bytes_total", kCounter,
             "Bytes of these packets, Ethernet header included.");
  AddTallies(counters, true, out);
  out.Family("rampart_flows", kGauge, "Live flows of a tenant.");
  for (const Counters::Tenant& tenant : counters.tenants)
    out.Sample({{"tenant", tenant.name}}, tenant.flows.flows);
  out.Family("rampart_flows_started_total", kCounter,
             "Flows of a tenant that were admitted in this run.");
  for (const Counters::Tenant& tenant : counters.tenants)
    out.Sample({{"tenant", tenant.name}}, tenant.flows.started);
  out.Family("rampart_flows_ended_total", kCounter,
             "Flows of a tenant that ended in this run.");
  for (const Counters::Tenant& tenant : counters.tenants)
    out.Sample({{"tenant", tenant.name}}, tenant.flows.ended);
}

void AddPunts(const Counters& counters, Exposition& out) {
  const Engine::Statistics& engine = counters.engine;
  out.Family("rampart_punts_sent_total", kCounter,
             "Packets that the data plane handed to this run of rampartd.");
  out.Sample({}, counters.punts.punted);
  out.Family("rampart_punts_lost_total", kCounter,
             "Of those, packets that did not fit into a ring.");
  out.Sample({}, counters.punts.lost);
  out.Family("rampart_punts_received_total", kCounter,
             "Of those, packets that rampartd has taken.");
  out.Sample({}, engine.punts);
  out.Family("rampart_punts_total", kCounter,
             "Punted packets by what rampartd did with them.");
  out.Sample({{"result", "injected"}}, engine.punts_injected);
  out.Sample({{"result", "dropped"}}, engine.punts_dropped);
  out.Sample({{"result", "answered"}}, engine.punts_answered);
  out.Family("rampart_punts_waiting", kGauge,
             "Punted packets that wait for a neighbour, a port or fragments.");
  out.Sample({}, engine.punts_waiting);
}

void AddMaps(const Counters& counters, Exposition& out) {
  out.Family("rampart_map_entries", kGauge, "Entries in use of a map.");
  for (const Engine::MapUse& map : counters.maps)
    out.Sample({{"map", map.map}}, map.entries);
  out.Family("rampart_map_capacity_entries", kGauge, "Entries a map can have.");
  for (const Engine::MapUse& map : counters.maps)
    out.Sample({{"map", map.map}}, map.capacity);
  out.Family("rampart_map_fill_ratio", kGauge, "Entries by capacity, 0 to 1.");
  for (const Engine::MapUse& map : counters.maps)
    out.Sample({{"map", map.map}},
               map.capacity == 0 ? 0.0 : 1.0 * map.entries / map.capacity);
  out.Family("rampart_map_refused_total", kCounter,
             "Entries that a map had no room for.");
  for (const Engine::MapUse& map : counters.maps)
    out.Sample({{"map", map.map}}, map.refused);
}

using Visit =
    absl::FunctionRef<void(const Exposition::Labels& peer, const PeerView&)>;

// Peers of tunnels that have probes.
void ForEachPeer(const Backend& backend, Visit visit) {
  const std::shared_ptr<const Snapshot> snapshot = backend.snapshot();
  for (const Tenant& tenant : snapshot->resources().tenants) {
    for (const Tunnel& tunnel : tenant.tunnels) {
      if (tunnel.probe.targets.empty()) continue;
      for (uint32_t i = 0; i < tunnel.peers.size(); ++i)
        visit({{"tenant", tenant.name},
               {"tunnel", tunnel.name},
               {"peer", tunnel.peers[i].remote.ToString()}},
              backend.engine().peer(tunnel.id, i));
    }
  }
}

void AddPeers(const Backend& backend, Exposition& out) {
  out.Family("rampart_peer_up", kGauge,
             "1 if a peer answers its probes, 0 if it is down.");
  ForEachPeer(backend, [&](const auto& labels, const PeerView& peer) {
    out.Sample(labels, uint64_t{peer.state != PeerState::kDown});
  });
  out.Family("rampart_peer_rtt_seconds", kGauge,
             "Time that the last answer of a peer took.");
  ForEachPeer(backend, [&](const auto& labels, const PeerView& peer) {
    if (peer.rtt) out.Sample(labels, absl::ToDoubleSeconds(*peer.rtt));
  });
  out.Family("rampart_peer_probes_total", kCounter,
             "Rounds of probes through a peer.");
  ForEachPeer(backend, [&](const auto& labels, const PeerView& peer) {
    out.Sample(labels, peer.probes);
  });
  out.Family("rampart_peer_answers_total", kCounter,
             "Of those, rounds that were answered.");
  ForEachPeer(backend, [&](const auto& labels, const PeerView& peer) {
    out.Sample(labels, peer.answers);
  });
}

// Sums over the addresses of a pool.
AddressUse SumOf(const PoolUse& pool) {
  AddressUse sum;
  for (const AddressUse& use : pool.addresses) {
    sum.blocks += use.blocks;
    sum.used += use.used;
    sum.resting += use.resting;
    for (int space = 0; space < kPortSpaces; ++space)
      sum.mappings[space] += use.mappings[space];
  }
  return sum;
}

void AddPoolUse(const PoolUse& pool, Exposition& out) {
  const AddressUse sum = SumOf(pool);
  out.Sample({{"pool", pool.name}, {"state", "used"}}, uint64_t{sum.used});
  out.Sample({{"pool", pool.name}, {"state", "resting"}},
             uint64_t{sum.resting});
  out.Sample({{"pool", pool.name}, {"state", "free"}},
             uint64_t{sum.blocks - sum.used - sum.resting});
}

void AddPools(const Counters& counters, Exposition& out) {
  out.Family("rampart_nat_blocks", kGauge, "Blocks of ports of a NAT pool.");
  for (const PoolUse& pool : counters.pools) AddPoolUse(pool, out);
  out.Family("rampart_nat_ports_used", kGauge, "Ports in use of a NAT pool.");
  for (const PoolUse& pool : counters.pools) {
    const AddressUse sum = SumOf(pool);
    for (const auto& [protocol, space] :
         {std::pair("tcp", kTcp), {"udp", kUdp}, {"icmp", kIcmp}})
      out.Sample({{"pool", pool.name}, {"protocol", protocol}},
                 uint64_t{sum.mappings[space]});
  }
  out.Family("rampart_nat_subscribers", kGauge, "Hosts with ports of a pool.");
  for (const PoolUse& pool : counters.pools)
    out.Sample({{"pool", pool.name}}, uint64_t{pool.subscribers});
}

}  // namespace

absl::StatusOr<std::string> MetricsText(const Backend& backend) {
  ASSIGN_OR_RETURN(const Counters counters, ReadCounters(backend));
  Exposition out;
  AddEdge(backend, out);
  AddDevices(counters, out);
  AddDrops(counters, out);
  AddTenants(counters, out);
  AddPunts(counters, out);
  AddMaps(counters, out);
  AddPools(counters, out);
  AddPeers(backend, out);
  return out.Take();
}

ApiHandler MakeMetrics(const Backend& backend) {
  return [&backend](const ApiRequest& request) {
    if (request.path != "/metrics")
      return ErrorResponse(
          absl::NotFoundError("there is nothing but /metrics here"));
    absl::StatusOr<std::string> text = MetricsText(backend);
    if (!text.ok()) return ErrorResponse(text.status());
    return ApiResponse{.status = 200,
                       .body = *std::move(text),
                       .content_type = std::string(kContentType)};
  };
}

}  // namespace rampart

// SPDX-License-Identifier: Apache-2.0
// Flows and NAT mappings out of the pinned maps.
#include <cstring>
#include <map>
#include <optional>
#include <tuple>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "controller/api/flow_rows.h"
#include "controller/api/names.h"
#include "controller/api/offline.h"
#include "controller/base/clock.h"
#include "controller/base/status.h"
#include "controller/flow/expiry.h"
#include "maps/config.h"
#include "maps/next_hop.h"
#include "maps/realm.h"

namespace rampart {
namespace {

// Names of vnets and tunnels; numbers for those that are not known.
class Names {
 public:
  explicit Names(const StoredResources* state) {
    if (state == nullptr) return;
    for (const Tenant& tenant : state->resources.tenants) {
      for (const Vnet& vnet : tenant.vnets)
        vnets_[vnet.vni] = {tenant.name, vnet.name};
      for (const Tunnel& tunnel : tenant.tunnels)
        tunnels_[tunnel.id] = tunnel.name;
    }
  }
  // Tenant and vnet. Views are valid as long as this.
  const std::pair<std::string, std::string>& VnetOf(uint32_t realm) {
    return vnets_.try_emplace(realm, "", RealmName(realm)).first->second;
  }
  const std::string& TunnelOf(uint32_t id) {
    return tunnels_.try_emplace(id, absl::StrCat(id)).first->second;
  }

 private:
  std::map<uint32_t, std::pair<std::string, std::string>> vnets_;
  std::map<uint32_t, std::string> tunnels_;
};

// The key of an entry.
struct Tuple {
  uint32_t realm = 0;
  Endpoint source;
  Endpoint destination;
  uint8_t protocol = 0;
  friend bool operator==(const Tuple&, const Tuple&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const Tuple& t) {
    return H::combine(std::move(h), t.realm, t.source, t.destination,
                      t.protocol);
  }
};

// An entry of either family.
struct Entry {
  rp_flow flow;
  Tuple from;
  Endpoint to_source;
  Endpoint to_destination;
  uint32_t epoch = 0;
};

IpAddress Address(uint32_t v4) { return IpAddress::V4(v4); }
IpAddress Address(const uint8_t (&v6)[16]) { return IpAddress::V6(v6); }

template <typename Value>
Entry ToEntry(const Value& value) {
  return {
      .flow = value.flow,
      .from = {.realm = value.flow.realm,
               .source = {Address(value.from_saddr), be16toh(value.from_sport)},
               .destination = {Address(value.from_daddr),
                               be16toh(value.from_dport)},
               .protocol = value.flow.proto},
      .to_source = {Address(value.saddr), be16toh(value.sport)},
      .to_destination = {Address(value.daddr), be16toh(value.dport)}};
}

// All that rows are made of, read once.
class Table {
 public:
  static absl::StatusOr<Table> Read(const MapReader& maps) {
    Table table;
    RETURN_IF_ERROR(table.ReadFamily<rp_flow4>(maps, "4"));
    RETURN_IF_ERROR(table.ReadFamily<rp_flow6>(maps, "6"));
    RETURN_IF_ERROR(table.ReadHops(maps));
    RETURN_IF_ERROR(
        maps.ForEach("rp_config", sizeof(uint32_t), sizeof(rp_config),
                     [&](const void*, const void* value) {
                       std::memcpy(&table.config_, value, sizeof(rp_config));
                       return false;
                     }));
    return table;
  }

  const std::vector<Entry>& forward() const { return forward_; }
  // Null if the entry has none (any more).
  const rp_flow* Reverse(const Entry& entry) const {
    const Tuple tuple = {.realm = entry.flow.reverse_realm,
                         .source = entry.to_destination,
                         .destination = entry.to_source,
                         .protocol = entry.flow.proto};
    const auto it = reverse_.find(tuple);
    return it != reverse_.end() ? &it->second : nullptr;
  }
  const rp_next_hop& Hop(const Entry& entry) const {
    static const rp_next_hop kNone = {};
    const auto it = hops_.find(entry.flow.next_hop);
    return it != hops_.end() ? it->second : kNone;
  }
  uint32_t Timeout(const Entry& entry) const {
    return config_.timeouts[TimeoutOf(entry.flow.proto, entry.flow.marks,
                                      entry.flow.tcp)];
  }

 private:
  template <typename Value>
  absl::Status ReadFamily(const MapReader& maps, const char* family) {
    absl::flat_hash_map<uint32_t, size_t> slots;
    RETURN_IF_ERROR(maps.ForEach(
        absl::StrCat("rp_flows", family), sizeof(uint32_t), sizeof(Value),
        [&](const void* key, const void* bytes) {
          uint32_t slot;
          Value value;
          std::memcpy(&slot, key, sizeof(slot));
          std::memcpy(&value, bytes, sizeof(value));
          if (value.flow.next_hop == 0) return true;
          if (value.flow.marks >> RP_FLOW_KIND_SHIFT == RP_FLOW_REVERSE) {
            reverse_[ToEntry(value).from] = value.flow;
            return true;
          }
          slots[slot] = forward_.size();
          forward_.push_back(ToEntry(value));
          return true;
        }));
    return maps.ForEach(absl::StrCat("rp_flow_notes", family), sizeof(uint32_t),
                        sizeof(rp_flow_note),
                        [&](const void* key, const void* bytes) {
                          uint32_t slot;
                          std::memcpy(&slot, key, sizeof(slot));
                          const auto it = slots.find(slot);
                          if (it != slots.end())
                            forward_[it->second].epoch =
                                static_cast<const rp_flow_note*>(bytes)->epoch;
                          return true;
                        });
  }

  absl::Status ReadHops(const MapReader& maps) {
    return maps.ForEach("rp_next_hops", sizeof(uint32_t), sizeof(rp_next_hop),
                        [&](const void* key, const void* value) {
                          rp_next_hop hop;
                          uint32_t index;
                          std::memcpy(&index, key, sizeof(index));
                          std::memcpy(&hop, value, sizeof(hop));
                          if (hop.kind != RP_NEXT_HOP_FREE) hops_[index] = hop;
                          return true;
                        });
  }

  std::vector<Entry> forward_;
  absl::flat_hash_map<Tuple, rp_flow> reverse_;
  absl::flat_hash_map<uint32_t, rp_next_hop> hops_;
  rp_config config_ = {};
};

std::string_view StateOf(const Entry& entry, const rp_next_hop& hop,
                         const rp_flow* reverse) {
  if (hop.kind == RP_NEXT_HOP_DROP) return "REFUSED";
  if (entry.flow.proto == IPPROTO_TCP) return TcpState(entry.flow.tcp);
  return reverse != nullptr && rp_flow_packets(reverse) > 0 ? "REPLIED"
                                                            : "UNREPLIED";
}

std::string_view OffRamp(Names& names, const rp_next_hop& hop) {
  if (hop.use == RP_USE_TUNNEL || hop.use == RP_USE_INTERFACE)
    return names.TunnelOf(hop.tunnel);
  return hop.use == RP_USE_UNDERLAY ? "internet" : "";
}

IpAddress NatAddress(const Entry& entry) {
  if (entry.to_source != entry.from.source) return entry.to_source.address;
  if (entry.to_destination != entry.from.destination)
    return entry.from.destination.address;
  return {};
}

Selectable ToSelectable(const Table& table, Names& names, const Entry& entry,
                        const rp_flow* reverse) {
  const rp_next_hop& hop = table.Hop(entry);
  const auto& [tenant, vnet] = names.VnetOf(
      entry.from.realm != RP_REALM_UNDERLAY ? entry.from.realm
                                            : entry.flow.reverse_realm);
  return {.source = entry.from.source.address,
          .destination = entry.from.destination.address,
          .source_port = entry.from.source.port,
          .destination_port = entry.from.destination.port,
          .protocol = entry.from.protocol,
          .tenant = tenant,
          .vnet = vnet,
          .on_ramp = entry.flow.on_ramp == RP_TUNNEL_UNDERLAY
                         ? "internet"
                         : std::string_view(names.TunnelOf(entry.flow.on_ramp)),
          .off_ramp = OffRamp(names, hop),
          .state = StateOf(entry, hop, reverse),
          .rule = {},
          .nat = NatAddress(entry)};
}

// Nothing for a flow that is over.
std::optional<FlowFacts> ToFacts(const Table& table, Names& names,
                                 const Entry& entry, uint32_t now) {
  const rp_flow* reverse = table.Reverse(entry);
  uint32_t idle = IdleTicks(now, entry.flow.last_seen);
  if (reverse != nullptr)
    idle = std::min(idle, IdleTicks(now, reverse->last_seen));
  const uint32_t timeout = table.Timeout(entry);
  if (idle > timeout) return std::nullopt;
  const rp_next_hop& hop = table.Hop(entry);
  FlowFacts facts = {
      .flow = ToSelectable(table, names, entry, reverse),
      .to_source = entry.to_source,
      .to_destination = entry.to_destination,
      .reason = hop.kind == RP_NEXT_HOP_DROP ? OutcomeName(hop.reason) : "",
      .idle_s = absl::ToDoubleSeconds(FromTicks(idle)),
      .expires_in_s = absl::ToDoubleSeconds(FromTicks(timeout - idle)),
      .epoch = entry.epoch};
  facts.packets[0] = rp_flow_packets(&entry.flow);
  facts.bytes[0] = rp_flow_bytes(&entry.flow);
  if (reverse != nullptr) {
    facts.packets[1] = rp_flow_packets(reverse);
    facts.bytes[1] = rp_flow_bytes(reverse);
  }
  return facts;
}

}  // namespace

absl::StatusOr<Json> OfflineFlows(const OfflineInput& input,
                                  const Query& query) {
  ASSIGN_OR_RETURN(MatchingRows rows, MatchingRows::Of(query));
  ASSIGN_OR_RETURN(const Table table, Table::Read(*input.maps));
  Names names(input.state);
  for (const Entry& entry : table.forward())
    if (const auto facts = ToFacts(table, names, entry, input.now))
      rows.Add(*facts);
  return std::move(rows).Finish("flows", "flows");
}

// A mapping is what flows with the same inside and outside endpoints share.
absl::StatusOr<Json> OfflineNatSessions(const OfflineInput& input,
                                        const Query& query) {
  ASSIGN_OR_RETURN(MatchingRows rows, MatchingRows::OfNat(query));
  ASSIGN_OR_RETURN(const Table table, Table::Read(*input.maps));
  Names names(input.state);
  std::map<std::tuple<uint32_t, uint8_t, std::string, uint16_t, std::string,
                      uint16_t>,
           NatFacts>
      sessions;
  for (const Entry& entry : table.forward()) {
    const auto flow = ToFacts(table, names, entry, input.now);
    if (!flow || entry.to_source == entry.from.source) continue;
    NatFacts& session =
        sessions[{entry.from.realm, entry.from.protocol,
                  entry.from.source.address.ToString(), entry.from.source.port,
                  entry.to_source.address.ToString(), entry.to_source.port}];
    session.flow = flow->flow;
    session.flow.destination = {};
    session.flow.destination_port = 0;
    session.outside = entry.to_source;
    ++session.flows;
  }
  for (const auto& [key, session] : sessions) rows.Add(session);
  return std::move(rows).Finish("nat-sessions", "sessions");
}

}  // namespace rampart

// SPDX-License-Identifier: Apache-2.0
#include "controller/api/map_rows.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "controller/api/names.h"
#include "controller/base/clock.h"
#include "controller/base/ip.h"
#include "maps/config.h"
#include "maps/flow.h"
#include "maps/next_hop.h"
#include "maps/outcomes.h"
#include "maps/ramp.h"

namespace rampart {
namespace {

using Row = std::optional<Json>;

std::string Address(uint32_t v4) { return IpAddress::V4(v4).ToString(); }
std::string Address(const uint8_t (&v6)[16]) {
  return IpAddress::V6(v6).ToString();
}
std::string Mapped(const uint8_t (&address)[16]) {
  return IpAddress::FromMapped(address).ToString();
}

double Seconds(uint32_t ticks) {
  return absl::ToDoubleSeconds(FromTicks(ticks));
}

// Names of the bits set in `flags`, bit 0 first.
std::string Flags(uint32_t flags, std::initializer_list<const char*> names) {
  std::vector<std::string> set;
  for (const char* name : names) {
    if (flags & 1) set.push_back(name);
    flags >>= 1;
  }
  if (flags != 0) set.push_back("...");
  return absl::StrJoin(set, ",");
}

// The name of a value of an enum that counts from 0.
std::string Named(uint32_t value, std::initializer_list<const char*> names) {
  return value < names.size() ? names.begin()[value] : absl::StrCat(value);
}

Row ConfigRow(const uint32_t&, const rp_config& value, uint32_t) {
  return Json{
      {"layout", value.layout},
      {"gue_port", ntohs(value.gue_port)},
      {"unix_offset", value.unix_offset},
      {"store_id", absl::StrFormat("%016x", value.store_id)},
      {"punts_per_tick", value.punts_per_tick},
      {"epoch", value.epoch},
      {"udp_s", Seconds(value.timeouts[RP_TIMEOUT_UDP])},
      {"tcp_established_s",
       Seconds(value.timeouts[RP_TIMEOUT_TCP_ESTABLISHED])},
      {"tcp_opening_s", Seconds(value.timeouts[RP_TIMEOUT_TCP_OPENING])},
      {"tcp_closing_s", Seconds(value.timeouts[RP_TIMEOUT_TCP_CLOSING])},
      {"udp_unreplied_s", Seconds(value.timeouts[RP_TIMEOUT_UDP_UNREPLIED])},
      {"udp_brief_s", Seconds(value.timeouts[RP_TIMEOUT_UDP_BRIEF])},
      {"icmp_s", Seconds(value.timeouts[RP_TIMEOUT_ICMP])},
      {"other_s", Seconds(value.timeouts[RP_TIMEOUT_OTHER])},
      {"denied_s", Seconds(value.timeouts[RP_TIMEOUT_DENIED])},
  };
}

// rp_flow4 or rp_flow6.
template <typename Value>
Row FlowRow(const uint32_t& slot, const Value& value, uint32_t now) {
  const rp_flow& flow = value.flow;
  if (flow.next_hop == 0) return std::nullopt;
  return Json{
      {"slot", slot},
      {"realm", RealmName(flow.realm)},
      {"proto", ProtocolName(flow.proto)},
      {"saddr", Address(value.from_saddr)},
      {"sport", ntohs(value.from_sport)},
      {"daddr", Address(value.from_daddr)},
      {"dport", ntohs(value.from_dport)},
      {"to_saddr", Address(value.saddr)},
      {"to_sport", ntohs(value.sport)},
      {"to_daddr", Address(value.daddr)},
      {"to_dport", ntohs(value.dport)},
      {"next_hop", flow.next_hop},
      {"on_ramp", flow.on_ramp},
      {"reverse_realm", RealmName(flow.reverse_realm)},
      {"outer_port", RP_OUTER_PORT | flow.marks},
      {"kind", Named(flow.marks >> RP_FLOW_KIND_SHIFT,
                     {"reverse", "forward", "forward nat", "refused"})},
      {"tcp", TcpState(flow.tcp)},
      {"idle_s", Seconds(now - flow.last_seen)},
      {"packets", rp_flow_packets(&flow)},
      {"bytes", rp_flow_bytes(&flow)},
  };
}

// Tags tell about the hash, which is a secret, so they are not shown.
Row BucketRow(const uint32_t& index, const rp_bucket& bucket, uint32_t) {
  const auto* tags = reinterpret_cast<const uint8_t*>(bucket.tags);
  const int64_t used =
      RP_BUCKET_TAGS - std::count(tags, tags + RP_BUCKET_TAGS, 0);
  if (used == 0) return std::nullopt;
  return Json{{"bucket", index}, {"used", used}};
}

// Stays when the entry goes.
Row NoteRow(const uint32_t& slot, const rp_flow_note& note, uint32_t now) {
  if (note.epoch == 0) return std::nullopt;
  return Json{{"slot", slot},
              {"age_s", Seconds(now - note.start)},
              {"epoch", note.epoch}};
}

// Outer source and destination out of a next hop's header template. The
// template itself may end in a cookie, so it is never shown.
std::pair<std::string, std::string> OuterAddresses(const rp_next_hop& hop) {
  const bool v4 = hop.flags & RP_NEXT_HOP_OUTER4;
  const bool v6 = hop.flags & RP_NEXT_HOP_OUTER6;
  const size_t size = v4 ? 20 : 40;
  if ((!v4 && !v6) || hop.outer_offset + size > sizeof(hop.header))
    return {"", ""};
  const uint8_t* header = hop.header + hop.outer_offset;
  if (v4) {
    uint32_t addresses[2];
    std::memcpy(addresses, header + 12, sizeof(addresses));
    return {Address(addresses[0]), Address(addresses[1])};
  }
  uint8_t source[16], destination[16];
  std::memcpy(source, header + 8, 16);
  std::memcpy(destination, header + 24, 16);
  return {Address(source), Address(destination)};
}

Row NextHopRow(const uint32_t& key, const rp_next_hop& value, uint32_t) {
  if (value.kind == RP_NEXT_HOP_FREE) return std::nullopt;
  const auto [outer_source, outer_destination] = OuterAddresses(value);
  return Json{
      {"index", key},
      {"kind", Named(value.kind, {"free", "down", "send", "drop"})},
      {"use",
       Named(value.use, {"none", "tunnel", "underlay", "interface", "reason"})},
      {"tunnel", value.tunnel},
      {"peer", value.peer},
      {"carrier", value.carrier},
      {"realm", RealmName(value.realm)},
      {"family", value.family},
      {"address", value.use == RP_USE_TUNNEL ? "" : Mapped(value.address)},
      {"slot", value.slot},
      {"tenant", value.tenant},
      {"mtu", value.mtu},
      {"outer_saddr", outer_source},
      {"outer_daddr", outer_destination},
      {"header_len", value.header_len},
      {"flags", Flags(value.flags, {"outer4", "outer6", "udp", "udp_csum",
                                    "mac", "gre_csum", "gre_seq"})},
      {"reason", value.kind == RP_NEXT_HOP_DROP ? OutcomeName(value.reason)
                                                : std::string()},
  };
}

// rp_peer4_key or rp_peer6_key. Of the keys only their ids are shown.
template <typename Key>
Row PeerRow(const Key& key, const rp_peer& value, uint32_t) {
  std::vector<std::string> ids;
  for (const rp_peer_key& secret : value.keys)
    if (secret.used) ids.push_back(absl::StrCat(secret.id));
  return Json{
      {"saddr", Address(key.saddr)},
      {"daddr", Address(key.daddr)},
      {"kind", Named(key.kind, {"0", "gue", "gre", "gre-key"})},
      {"gre_key", ntohl(key.gre_key)},
      {"tunnel", value.tunnel},
      {"index", value.index},
      {"realm", value.realm},
      {"tenant", value.tenant},
      {"profile",
       Named(value.profile, {"none", "mac", "cookie", "gre-key", "gre"})},
      {"flags", Flags(value.flags, {"zero_csum6", "gre_csum", "gre_seq"})},
      {"key_ids", absl::StrJoin(ids, ",")},
  };
}

Row GrantRow(const rp_grant_key& key, const rp_grant& value, uint32_t) {
  Json row = {{"tunnel", key.tunnel},
              {"realm", RealmName(key.realm)},
              {"tenant", value.tenant}};
  if (value.former != 0) row["former"] = RealmName(value.former);
  return row;
}

Row TenantRow(const uint32_t& key, const rp_tenant& value, uint32_t now) {
  if (value.tick == 0 && value.punts == 0) return std::nullopt;
  return Json{{"tenant", key},
              {"age_s", Seconds(now - value.tick)},
              {"punts", value.punts}};
}

Json Uses(uint32_t value) {
  return Flags(value, {"tunnel", "nat", "prefix", "inside"});
}

Row AddressRow(const rp_address_key& key, const uint32_t& value, uint32_t) {
  return Json{{"address", Mapped(key.addr)}, {"use", Uses(value)}};
}

Row PrefixRow(const rp_prefix_key& key, const uint32_t& value, uint32_t) {
  const IpAddress address = IpAddress::FromMapped(key.addr);
  const int bits = static_cast<int>(key.bits) - (address.is_v4() ? 96 : 0);
  return Json{{"prefix", Prefix(address, bits).ToString()},
              {"use", Uses(value)}};
}

Row OpenRow(const rp_nat_open_key& key, const rp_nat_open& value, uint32_t) {
  std::vector<uint32_t> ports;
  for (uint32_t i = 0; i < RP_OPEN_PORTS; ++i)
    if (value.ports[i / 64] >> i % 64 & 1)
      ports.push_back(key.block * RP_OPEN_PORTS + i);
  return Json{
      {"address", Mapped(key.addr)}, {"protocol", key.proto}, {"ports", ports}};
}

Row IpIdRow(const uint32_t&, const uint64_t& value, uint32_t) {
  return Json{{"last", value & 0xffff}};
}

Row LocalRow(const rp_local_key& key, const uint32_t&, uint32_t) {
  return Json{{"slot", key.slot}, {"address", Mapped(key.addr)}};
}

Row DeviceRow(const uint32_t& key, const rp_device& value, uint32_t) {
  if (value.role == RP_ROLE_NONE) return std::nullopt;
  MacAddress mac;
  std::memcpy(mac.data(), value.mac, mac.size());
  return Json{
      {"slot", key},
      {"ifindex", value.ifindex},
      {"role", Named(value.role, {"none", "uplink", "access", "inject"})},
      {"tunnel", value.tunnel},
      {"realm", RealmName(value.realm)},
      {"tenant", value.tenant},
      {"link_header_len", value.link_header_len},
      {"mac", MacToString(mac)},
  };
}

Row SlowDropRow(const uint32_t& key, const rp_counter& value, uint32_t) {
  if (value.packets == 0) return std::nullopt;
  return Json{{"reason", OutcomeName(key)},
              {"packets", value.packets},
              {"bytes", value.bytes}};
}

Row SlowTenantRow(const rp_tenant_drop_key& key, const rp_counter& value,
                  uint32_t) {
  return Json{{"tenant", key.tenant},
              {"reason", OutcomeName(key.reason)},
              {"packets", value.packets},
              {"bytes", value.bytes}};
}

// Copies out of the kernel's bytes, which need not be aligned.
template <typename K, typename V, Row (*row)(const K&, const V&, uint32_t)>
Row Decode(const void* key, const void* value, uint32_t now) {
  K k;
  V v;
  std::memcpy(&k, key, sizeof(k));
  std::memcpy(&v, value, sizeof(v));
  return row(k, v, now);
}

template <typename K, typename V, Row (*row)(const K&, const V&, uint32_t)>
constexpr MapType Type(std::string_view name, std::string_view key,
                       std::string_view value) {
  return {name,
          key,
          value,
          sizeof(K),
          sizeof(V),
          std::is_same_v<K, uint32_t>,
          &Decode<K, V, row>};
}

constexpr MapType kMapTypes[] = {
    Type<uint32_t, rp_config, ConfigRow>("rp_config", "u32", "rp_config"),
    Type<uint32_t, rp_bucket, BucketRow>("rp_flow_tags4", "u32", "rp_bucket"),
    Type<uint32_t, rp_flow4, FlowRow>("rp_flows4", "u32", "rp_flow4"),
    Type<uint32_t, rp_flow_note, NoteRow>("rp_flow_notes4", "u32",
                                          "rp_flow_note"),
    Type<uint32_t, rp_bucket, BucketRow>("rp_flow_tags6", "u32", "rp_bucket"),
    Type<uint32_t, rp_flow6, FlowRow>("rp_flows6", "u32", "rp_flow6"),
    Type<uint32_t, rp_flow_note, NoteRow>("rp_flow_notes6", "u32",
                                          "rp_flow_note"),
    Type<uint32_t, rp_next_hop, NextHopRow>("rp_next_hops", "u32",
                                            "rp_next_hop"),
    Type<rp_peer4_key, rp_peer, PeerRow>("rp_peers4", "rp_peer4_key",
                                         "rp_peer"),
    Type<rp_peer6_key, rp_peer, PeerRow>("rp_peers6", "rp_peer6_key",
                                         "rp_peer"),
    Type<rp_grant_key, rp_grant, GrantRow>("rp_grants", "rp_grant_key",
                                           "rp_grant"),
    Type<uint32_t, rp_tenant, TenantRow>("rp_tenants", "u32", "rp_tenant"),
    Type<rp_address_key, uint32_t, AddressRow>("rp_addresses", "rp_address_key",
                                               "u32"),
    Type<rp_prefix_key, uint32_t, PrefixRow>("rp_prefixes", "rp_prefix_key",
                                             "u32"),
    Type<rp_nat_open_key, rp_nat_open, OpenRow>(
        "rp_nat_open", "rp_nat_open_key", "rp_nat_open"),
    Type<uint32_t, uint64_t, IpIdRow>("rp_ip_ids", "u32", "u64"),
    Type<rp_local_key, uint32_t, LocalRow>("rp_locals", "rp_local_key", "u32"),
    Type<uint32_t, rp_device, DeviceRow>("rp_devices", "u32", "rp_device"),
    Type<uint32_t, rp_counter, SlowDropRow>("rp_slow_drops", "u32",
                                            "rp_counter"),
    Type<rp_tenant_drop_key, rp_counter, SlowTenantRow>(
        "rp_slow_tenants", "rp_tenant_drop_key", "rp_counter"),
};

}  // namespace

absl::Span<const MapType> MapTypes() { return kMapTypes; }

}  // namespace rampart

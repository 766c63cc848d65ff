// SPDX-License-Identifier: Apache-2.0
#include "controller/api/resource_rows.h"

#include <string>
#include <vector>

#include "controller/model/json.h"
#include "controller/model/words.h"

namespace rampart {
namespace {

template <typename T>
Json Strings(const std::vector<T>& values) {
  Json out = Json::array();
  for (const T& value : values) out.push_back(value.ToString());
  return out;
}

void AddShare(const Peer& peer, Json& row) {
  row["weight"] = peer.weight;
  row["labels"] = Json::object();
  for (const auto& [key, value] : peer.labels) row["labels"][key] = value;
}

Json PeerRow(TunnelType type, const Peer& peer) {
  Json row = {{"remote", peer.remote.ToString()}};
  if (type == TunnelType::kGre) {
    if (peer.gre_key) row["key"] = *peer.gre_key;
    row["checksum"] = peer.checksum;
    row["sequence"] = peer.sequence;
    AddShare(peer, row);
    return row;
  }
  row["auth"] = WordOf(kAuths, peer.auth);
  if (peer.auth == Auth::kNone) row["variant"] = peer.variant;
  row["accept_zero_checksum"] = peer.accept_zero_checksum;
  Json keys = Json::array();
  for (const PeerKey& key : peer.keys)
    keys.push_back({{"key_id", key.key_id}, {"key_file", key.key_file}});
  row["keys"] = std::move(keys);
  AddShare(peer, row);
  return row;
}

Json ProbeRow(const TunnelProbe& probe) {
  if (probe.targets.empty()) return nullptr;
  return {{"targets", Strings(probe.targets)},
          {"interval_ms", absl::ToInt64Milliseconds(probe.interval)},
          {"failures", probe.failures},
          {"successes", probe.successes}};
}

Json TunnelRow(const Tenant& tenant, const Tunnel& tunnel) {
  Json peers = Json::array();
  for (const Peer& peer : tunnel.peers)
    peers.push_back(PeerRow(tunnel.type, peer));
  return {{"tenant", tenant.name},
          {"name", tunnel.name},
          {"id", tunnel.id},
          {"type", WordOf(kTunnelTypes, tunnel.type)},
          {"vnet", tunnel.vnet},
          {"peers", std::move(peers)},
          {"probe", ProbeRow(tunnel.probe)},
          {"edge", tunnel.edge},
          {"device", tunnel.device},
          {"sources", Strings(tunnel.sources)},
          {"comment", tunnel.comment}};
}

Json RouteRow(const Tenant& tenant, const Route& route) {
  const bool tunnel = route.kind == Route::Kind::kTunnel;
  const bool internet = route.kind == Route::Kind::kInternet;
  return {{"tenant", tenant.name},
          {"vnet", route.vnet},
          {"cidr", route.cidr.ToString()},
          {"kind", tunnel     ? "tunnel"
                   : internet ? "internet"
                              : "blackhole"},
          {"via", tunnel     ? route.tunnel
                  : internet ? "internet"
                             : "blackhole"},
          {"pool", internet ? route.pool : ""},
          {"comment", route.comment}};
}

template <typename Member, typename MakeRow>
Json Rows(const Resources& resources, Member member, MakeRow make) {
  Json rows = Json::array();
  for (const Tenant& tenant : resources.tenants)
    for (const auto& item : tenant.*member) rows.push_back(make(tenant, item));
  return rows;
}

}  // namespace

Json TenantRows(const Resources& resources) {
  Json rows = Json::array();
  for (const Tenant& tenant : resources.tenants) {
    std::string default_vnet;
    for (const Vnet& vnet : tenant.vnets)
      if (vnet.is_default) default_vnet = vnet.name;
    rows.push_back({{"name", tenant.name},
                    {"id", tenant.id},
                    {"default_vnet", default_vnet},
                    {"vnets", tenant.vnets.size()},
                    {"tunnels", tenant.tunnels.size()},
                    {"routes", tenant.routes.size()},
                    {"policies", tenant.policies.size()},
                    {"comment", tenant.comment}});
  }
  return rows;
}

Json VnetRows(const Resources& resources) {
  return Rows(resources, &Tenant::vnets,
              [](const Tenant& tenant, const Vnet& vnet) -> Json {
                return {{"tenant", tenant.name},
                        {"name", vnet.name},
                        {"vni", vnet.vni},
                        {"default", vnet.is_default},
                        {"router", Strings(vnet.router)},
                        {"comment", vnet.comment}};
              });
}

Json TunnelRows(const Resources& resources) {
  return Rows(resources, &Tenant::tunnels, &TunnelRow);
}

Json RouteRows(const Resources& resources) {
  return Rows(resources, &Tenant::routes, &RouteRow);
}

Json PolicyRows(const Resources& resources) {
  return Rows(
      resources, &Tenant::policies,
      [](const Tenant& tenant, const PolicyRule& rule) -> Json {
        Json written = ToJson(rule);
        Json row = {{"tenant", tenant.name},
                    {"name", rule.name},
                    {"action", written["action"]},
                    {"match", written.value("match", Json::object())}};
        for (const char* key : {"layer", "pool", "limits", "log", "shadow"})
          if (written.contains(key)) row[key] = written[key];
        return row;
      });
}

Json ResourceDocument(const char* kind, Json (*rows)(const Resources&),
                      const Resources& resources, uint32_t epoch) {
  Json document = Document(kind);
  document["epoch"] = epoch;
  document[kind] = rows(resources);
  return document;
}

}  // namespace rampart

// SPDX-License-Identifier: Apache-2.0
#include "controller/model/json.h"

#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "controller/model/json_parts.h"
#include "controller/model/mistakes.h"
#include "controller/model/read.h"
#include "controller/model/tree.h"
#include "controller/model/words.h"

namespace rampart {
namespace {

using Json = nlohmann::ordered_json;

template <typename T>
Json Array(const std::vector<T>& values) {
  Json array = Json::array();
  for (const T& value : values) array.push_back(ToJson(value));
  return array;
}

Json PeerToJson(TunnelType type, const Peer& peer) {
  Json json = {{"remote", peer.remote.ToString()}};
  if (type == TunnelType::kGue) {
    json["auth"] = WordOf(kAuths, peer.auth);
    Json keys = Json::array();
    for (const PeerKey& key : peer.keys)
      keys.push_back({{"key_id", key.key_id}, {"key_file", key.key_file}});
    Put(json, "keys", std::move(keys));
    Put(json, "variant", peer.variant);
    Put(json, "accept_zero_checksum", peer.accept_zero_checksum);
  } else {
    if (peer.gre_key) json["key"] = *peer.gre_key;
    Put(json, "checksum", peer.checksum);
    Put(json, "sequence", peer.sequence);
  }
  if (peer.weight != Peer().weight) json["weight"] = peer.weight;
  Put(json, "labels", LabelsToJson(peer.labels));
  Put(json, kLine, peer.line);
  return json;
}

Json ProbeToJson(const TunnelProbe& probe) {
  if (probe.targets.empty()) return Json::object();
  return {{"targets", Strings(probe.targets)},
          {"interval", absl::FormatDuration(probe.interval)},
          {"failures", probe.failures},
          {"successes", probe.successes}};
}

// line: of what it is in, for values, which have none of their own.
Tree TreeOf(const Json& json, int line, size_t depth, Mistakes& mistakes) {
  Tree tree;
  tree.line = line;
  if (json.is_null()) return tree;
  if (!json.is_structured()) {
    tree.kind = Tree::Kind::kScalar;
    tree.text = json.is_string() ? json.get<std::string>() : json.dump();
    return tree;
  }
  if (depth == kTreeDepthMax) {
    mistakes.Add(line, "nested too deep; no resource is");
    tree.kind = Tree::Kind::kBroken;
    return tree;
  }
  tree.kind = json.is_array() ? Tree::Kind::kList : Tree::Kind::kMap;
  if (json.is_object()) {
    const auto own = json.find(kLine);
    const bool found = own != json.end() && own->is_number_integer();
    tree.line = found ? own->get<int>() : 0;
  }
  for (const auto& [key, value] : json.items()) {
    if (json.is_object() && key == kLine && value.is_number()) continue;
    tree.children.push_back(TreeOf(value, tree.line, depth + 1, mistakes));
    tree.children.back().key = key;
    tree.children.back().key_line = tree.line;
  }
  return tree;
}

template <typename Reader>
auto FromJson(const Json& json, std::string_view what, Reader read)
    -> absl::StatusOr<decltype(read(std::declval<Fields&>()))> {
  Mistakes mistakes("");
  const Tree tree = TreeOf(json, 0, 0, mistakes);
  Fields fields(tree, what, mistakes);
  auto result = read(fields);
  fields.Done();
  if (absl::Status status = mistakes.ToStatus(); !status.ok()) return status;
  return result;
}

}  // namespace

Json ToJson(const Vnet& vnet) {
  Json json = {{"name", vnet.name}, {"vni", vnet.vni}};
  Put(json, "default", vnet.is_default);
  Put(json, "comment", vnet.comment);
  Put(json, "router", Strings(vnet.router));
  Put(json, kLine, vnet.line);
  return json;
}

Json ToJson(const Tunnel& tunnel) {
  Json json = {{"name", tunnel.name}};
  Put(json, "id", tunnel.id);
  json["type"] = WordOf(kTunnelTypes, tunnel.type);
  Put(json, "vnet", tunnel.vnet);
  Json peers = Json::array();
  for (const Peer& peer : tunnel.peers)
    peers.push_back(PeerToJson(tunnel.type, peer));
  Put(json, "peers", std::move(peers));
  Put(json, "edge", tunnel.edge);
  Put(json, "device", tunnel.device);
  Put(json, "sources", Strings(tunnel.sources));
  Put(json, "probe", ProbeToJson(tunnel.probe));
  PutWho(json, tunnel);
  Put(json, "comment", tunnel.comment);
  Put(json, kLine, tunnel.line);
  return json;
}

Json ToJson(const Route& route) {
  Json json = Json::object();
  Put(json, "vnet", route.vnet);
  json["cidr"] = route.cidr.ToString();
  switch (route.kind) {
    case Route::Kind::kTunnel:
      json["via"] = route.tunnel;
      break;
    case Route::Kind::kInternet:
      json["via"] = "internet";
      json["pool"] = route.pool;
      break;
    case Route::Kind::kBlackhole:
      json["via"] = "blackhole";
      break;
  }
  Put(json, "comment", route.comment);
  Put(json, kLine, route.line);
  return json;
}

Json ToJson(const Tenant& tenant) {
  Json json = {{"name", tenant.name}};
  Put(json, "id", tenant.id);
  Put(json, "comment", tenant.comment);
  Put(json, "vnets", Array(tenant.vnets));
  Put(json, "tunnels", Array(tenant.tunnels));
  Put(json, "routes", Array(tenant.routes));
  PutPolicy(json, tenant);
  Put(json, kLine, tenant.line);
  return json;
}

absl::StatusOr<Vnet> VnetFromJson(const Json& json) {
  return FromJson(json, "vnet", ReadVnet);
}

absl::StatusOr<Tunnel> TunnelFromJson(const Json& json) {
  return FromJson(json, "tunnel", [](Fields& fields) {
    return ReadTunnel(fields, Ids::kAccepted);
  });
}

absl::StatusOr<Route> RouteFromJson(const Json& json) {
  return FromJson(json, "route", ReadRoute);
}

absl::StatusOr<PolicyRule> PolicyRuleFromJson(const Json& json) {
  return FromJson(json, "policy", ReadPolicyRule);
}

absl::StatusOr<Tenant> TenantFromJson(const Json& json) {
  return FromJson(json, "tenant", [](Fields& fields) {
    return ReadTenant(fields, Ids::kAccepted);
  });
}

}  // namespace rampart

// SPDX-License-Identifier: Apache-2.0
// Policy and who it is about as JSON.
#include <netinet/in.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "controller/model/json.h"
#include "controller/model/json_parts.h"
#include "controller/model/words.h"

namespace rampart {
namespace {

using Json = nlohmann::ordered_json;

template <typename T>
Json Texts(const std::vector<T>& values, std::string (*text)(T)) {
  Json array = Json::array();
  for (const T& value : values) array.push_back(text(value));
  return array;
}
template <typename T>
Json Texts(const std::vector<T>& values, std::string (*text)(const T&)) {
  Json array = Json::array();
  for (const T& value : values) array.push_back(text(value));
  return array;
}

Json WithGroups(Json entries, const std::vector<std::string>& groups) {
  for (const std::string& group : groups)
    entries.push_back(absl::StrCat("group:", group));
  return entries;
}

Json MatchToJson(const PolicyMatch& match) {
  Json json = Json::object();
  Put(json, "vnet", match.vnet);
  Put(json, "tunnel", match.tunnel);
  if (match.protocol) json["protocol"] = RuleProtocolToString(*match.protocol);
  Put(json, "sources", WithGroups(Strings(match.sources), match.source_groups));
  Put(json, "destinations",
      WithGroups(Strings(match.destinations), match.destination_groups));
  Put(json, "identities", WithGroups(match.identities, match.identity_groups));
  Put(json, "source_ports", Texts(match.source_ports, &PortsToString));
  Put(json, "destination_ports",
      Texts(match.destination_ports, &PortsToString));
  Put(json, "icmp_types", Texts(match.icmp_types, &IcmpTypeToString));
  Put(json, "times", Texts(match.times, &TimeWindowToString));
  Put(json, "context", LabelsToJson(match.context));
  return json;
}

Json LimitsToJson(const PolicyLimits& limits) {
  Json json = Json::object();
  Put(json, "rate", limits.rate);
  Put(json, "concurrent", limits.concurrent);
  Put(json, "source_rate", limits.source_rate);
  Put(json, "source_concurrent", limits.source_concurrent);
  return json;
}

Json GroupToJson(const Group& group) {
  Json json = {{"name", group.name}};
  Put(json, "prefixes", Strings(group.prefixes));
  Put(json, "identities", group.identities);
  Put(json, kLine, group.line);
  return json;
}

Json DenialsToJson(const Denials& denials) {
  Json json = Json::object();
  Put(json, "explain", denials.explain);
  Put(json, "contact", denials.contact);
  return json;
}

}  // namespace

Json ToJson(const PolicyRule& rule) {
  Json json = {{"name", rule.name}};
  Put(json, "match", MatchToJson(rule.match));
  json["action"] = WordOf(kPolicyActions, rule.action);
  if (rule.layer != Layer::kIp) json["layer"] = WordOf(kLayers, rule.layer);
  Put(json, "pool", rule.pool);
  Put(json, "limits", LimitsToJson(rule.limits));
  Put(json, "log", rule.log);
  Put(json, "shadow", rule.shadow);
  Put(json, kLine, rule.line);
  return json;
}

Json ToJson(const PolicyTest& test) {
  Json json = {{"name", test.name}};
  Put(json, "vnet", test.vnet);
  Put(json, "tunnel", test.tunnel);
  json["source"] = test.source.ToString();
  json["destination"] = test.destination.ToString();
  json["protocol"] = RuleProtocolToString(test.protocol);
  if (test.protocol == IPPROTO_TCP || test.protocol == IPPROTO_UDP) {
    Put(json, "source_port", test.source_port);
    json["destination_port"] = test.destination_port;
  }
  if (test.protocol == IPPROTO_ICMP || test.protocol == IPPROTO_ICMPV6)
    json["icmp_type"] = IcmpTypeToString(test.icmp_type);
  Put(json, "identity", test.identity);
  Put(json, "context", LabelsToJson(test.context));
  if (test.time) json["time"] = TimeToString(*test.time);
  json["expect"] = WordOf(kPolicyActions, test.expect);
  Put(json, "rule", test.rule);
  Put(json, kLine, test.line);
  return json;
}

void PutPolicy(Json& json, const Tenant& tenant) {
  const auto array = [](const auto& values, auto to_json) {
    Json result = Json::array();
    for (const auto& value : values) result.push_back(to_json(value));
    return result;
  };
  Put(json, "denials", DenialsToJson(tenant.denials));
  Put(json, "groups", array(tenant.groups, &GroupToJson));
  Put(json, "revoked", tenant.revoked);
  Put(json, "policies", array(tenant.policies, [](const PolicyRule& rule) {
        return ToJson(rule);
      }));
  Put(json, "tests",
      array(tenant.tests, [](const PolicyTest& test) { return ToJson(test); }));
}

void PutWho(Json& json, const Tunnel& tunnel) {
  Json identities = Json::array();
  for (const TunnelIdentity& known : tunnel.identities)
    identities.push_back(
        {{"identity", known.identity},
         {"sources", Json::array({known.sources.ToString()})}});
  Put(json, "identities", std::move(identities));
  Put(json, "context", LabelsToJson(tunnel.context));
}

}  // namespace rampart

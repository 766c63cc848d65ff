// SPDX-License-Identifier: Apache-2.0
#include "controller/model/read_policy.h"

#include <netinet/in.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "controller/base/text.h"
#include "controller/model/read.h"
#include "controller/model/words.h"

namespace rampart {
namespace {

constexpr std::string_view kGroup = "group:";

// One entry of a list in which "group:NAME" stands for what the group holds.
template <typename T>
struct Entry {
  std::optional<std::string> group;
  T value;
};

template <typename T>
void ReadWithGroups(Fields& fields, std::string_view key,
                    absl::StatusOr<T> (*parse)(std::string_view),
                    std::vector<T>& values, std::vector<std::string>& groups) {
  std::vector<Entry<T>> entries;
  fields.ReadList(
      key,
      [&](std::string_view text) -> absl::StatusOr<Entry<T>> {
        Entry<T> entry;
        if (text.starts_with(kGroup)) {
          auto name = ParseName(text.substr(kGroup.size()));
          if (!name.ok()) return name.status();
          entry.group = *std::move(name);
        } else {
          auto value = parse(text);
          if (!value.ok()) return value.status();
          entry.value = *std::move(value);
        }
        return entry;
      },
      entries);
  for (Entry<T>& entry : entries) {
    if (entry.group)
      groups.push_back(*std::move(entry.group));
    else
      values.push_back(std::move(entry.value));
  }
}

// A list that is there and empty would match anything, which nobody who
// deleted its last entry wants.
void RefuseEmptyLists(Fields& fields,
                      std::initializer_list<std::string_view> keys) {
  for (const std::string_view key : keys)
    if (fields.HasEmptyList(key))
      fields.Mistake(key, "is an empty list; leave it out to match anything");
}

bool HasPorts(uint8_t protocol) {
  return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP;
}
bool IsIcmp(uint8_t protocol) {
  return protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6;
}

void CheckProtocol(Fields& fields, const PolicyMatch& match) {
  const bool ports =
      !match.source_ports.empty() || !match.destination_ports.empty();
  if (ports && match.protocol && !HasPorts(*match.protocol))
    fields.Mistake("protocol",
                   absl::StrCat(RuleProtocolToString(*match.protocol),
                                " never matches together with ports; write "
                                "tcp or udp, or leave the ports out"));
  if (match.icmp_types.empty()) return;
  if (ports)
    fields.Mistake("icmp_types",
                   "never match together with ports; leave either out");
  else if (match.protocol && !IsIcmp(*match.protocol))
    fields.Mistake("protocol",
                   absl::StrCat(RuleProtocolToString(*match.protocol),
                                " never matches together with icmp_types; "
                                "write icmp, or leave it out"));
}

PolicyMatch ReadMatch(Fields& fields) {
  PolicyMatch match;
  fields.Read("vnet", ParseName, match.vnet);
  fields.Read("tunnel", ParseName, match.tunnel);
  fields.Read("protocol", ParseRuleProtocol, match.protocol);
  ReadWithGroups(fields, "sources", &Prefix::Parse, match.sources,
                 match.source_groups);
  ReadWithGroups(fields, "destinations", &Prefix::Parse, match.destinations,
                 match.destination_groups);
  ReadWithGroups(fields, "identities", &ParseIdentity, match.identities,
                 match.identity_groups);
  fields.ReadList("source_ports", ParsePorts, match.source_ports);
  fields.ReadList("destination_ports", ParsePorts, match.destination_ports);
  fields.ReadList("icmp_types", ParseIcmpType, match.icmp_types);
  fields.ReadList("times", ParseTimeWindow, match.times);
  fields.ReadLabels("context", match.context);
  RefuseEmptyLists(fields,
                   {"sources", "destinations", "identities", "source_ports",
                    "destination_ports", "icmp_types", "times"});
  CheckProtocol(fields, match);
  return match;
}

PolicyLimits ReadLimits(Fields& fields) {
  PolicyLimits limits;
  const auto number = WholeNumber<uint32_t>(1, 1000000000);
  fields.Read("rate", number, limits.rate);
  fields.Read("concurrent", number, limits.concurrent);
  fields.Read("source_rate", number, limits.source_rate);
  fields.Read("source_concurrent", number, limits.source_concurrent);
  return limits;
}

// What only an allowed flow has.
void CheckAction(Fields& fields, const PolicyRule& rule) {
  if (rule.action != PolicyAction::kAllow && fields.ok())
    for (const std::string_view key : {"layer", "pool", "limits"})
      if (fields.Has(key))
        fields.Mistake(
            key,
            absl::StrCat("action ", Abseil(WordOf(kPolicyActions, rule.action)),
                         " has none; leave it out, or write action: "
                         "allow"));
  if (rule.layer == Layer::kIp || !rule.match.protocol) return;
  const uint8_t wanted = rule.layer == Layer::kUdp ? IPPROTO_UDP : IPPROTO_TCP;
  if (*rule.match.protocol != wanted)
    fields.Mistake(
        "layer",
        absl::StrCat(Abseil(WordOf(kLayers, rule.layer)), " is carried by ",
                     RuleProtocolToString(wanted), ", and the rule is about ",
                     RuleProtocolToString(*rule.match.protocol), "; write ",
                     "protocol: ", RuleProtocolToString(wanted)));
}

Group ReadGroup(Fields& fields) {
  Group group;
  group.line = fields.line();
  fields.Required("name", ParseName, group.name);
  fields.ReadList("prefixes", Prefix::Parse, group.prefixes);
  fields.ReadList("identities", ParseIdentity, group.identities);
  return group;
}

Denials ReadDenials(Fields& fields) {
  Denials denials;
  fields.Read("explain", OneOf(kBooleans), denials.explain);
  fields.Read("contact", ParseContact, denials.contact);
  if (!denials.explain && !denials.contact.empty())
    fields.Mistake("contact",
                   "is told only with explain: true; add that, or leave it "
                   "out");
  return denials;
}

absl::StatusOr<std::optional<uint8_t>> ParseOneProtocol(std::string_view text) {
  if (text == "any")
    return absl::InvalidArgumentError(
        "\"any\" is not one protocol; write tcp, udp, icmp, sctp or a number "
        "from 0 to 255");
  return ParseRuleProtocol(text);
}

void CheckTest(Fields& fields, const PolicyTest& test) {
  if (!fields.ok()) return;
  if (test.source.family() != test.destination.family())
    fields.Mistake("destination",
                   absl::StrCat(test.destination.ToString(),
                                " is of another family than the source; write "
                                "two of one family"));
  const bool ports =
      fields.Has("source_port") || fields.Has("destination_port");
  if (ports && !HasPorts(test.protocol))
    fields.Mistake("protocol",
                   absl::StrCat(RuleProtocolToString(test.protocol),
                                " has no ports; write tcp or udp, or leave the "
                                "ports out"));
  if (HasPorts(test.protocol)) fields.Require("destination_port");
  if (fields.Has("icmp_type") && !IsIcmp(test.protocol))
    fields.Mistake(
        "icmp_type",
        absl::StrCat("is not for ", RuleProtocolToString(test.protocol),
                     "; leave it out, or write protocol: icmp"));
}

}  // namespace

PolicyRule ReadPolicyRule(Fields& fields) {
  PolicyRule rule;
  rule.line = fields.line();
  fields.Required("name", ParseName, rule.name);
  fields.ReadMap("match",
                 [&](Fields& match) { rule.match = ReadMatch(match); });
  fields.Required("action", OneOf(kPolicyActions), rule.action);
  fields.Read("layer", OneOf(kLayers), rule.layer);
  fields.Read("pool", ParseName, rule.pool);
  fields.ReadMap("limits",
                 [&](Fields& limits) { rule.limits = ReadLimits(limits); });
  fields.Read("log", OneOf(kBooleans), rule.log);
  fields.Read("shadow", OneOf(kBooleans), rule.shadow);
  CheckAction(fields, rule);
  return rule;
}

PolicyTest ReadPolicyTest(Fields& fields) {
  PolicyTest test;
  test.line = fields.line();
  std::optional<uint8_t> protocol;
  fields.Required("name", ParseName, test.name);
  fields.Read("vnet", ParseName, test.vnet);
  fields.Read("tunnel", ParseName, test.tunnel);
  fields.Required("source", IpAddress::Parse, test.source);
  fields.Required("destination", IpAddress::Parse, test.destination);
  fields.Required("protocol", ParseOneProtocol, protocol);
  test.protocol = protocol.value_or(0);
  if (test.protocol == IPPROTO_ICMP && !test.source.is_v4())
    test.protocol = IPPROTO_ICMPV6;
  const auto port = WholeNumber<uint16_t>(0, UINT16_MAX);
  fields.Read("source_port", port, test.source_port);
  fields.Read("destination_port", port, test.destination_port);
  if (test.protocol == IPPROTO_ICMP) test.icmp_type = kEchoRequest;
  if (test.protocol == IPPROTO_ICMPV6) test.icmp_type = kEchoRequest6;
  fields.Read("icmp_type", ParseIcmpType, test.icmp_type);
  fields.Read("identity", ParseIdentity, test.identity);
  fields.ReadLabels("context", test.context);
  fields.Read("time", ParseTime, test.time);
  fields.Required("expect", OneOf(kPolicyActions), test.expect);
  fields.Read("rule", ParseName, test.rule);
  CheckTest(fields, test);
  return test;
}

void ReadPolicy(Fields& fields, Tenant& tenant) {
  fields.ReadMap("denials", [&](Fields& denials) {
    tenant.denials = ReadDenials(denials);
  });
  fields.ReadMaps("groups", "group", [&](Fields& item) {
    tenant.groups.push_back(ReadGroup(item));
  });
  fields.ReadList("revoked", ParseIdentity, tenant.revoked);
  fields.ReadMaps("policies", "policy", [&](Fields& item) {
    tenant.policies.push_back(ReadPolicyRule(item));
  });
  // What a broken test asks would be answered by mistakes that nobody made.
  fields.ReadMaps("tests", "test", [&](Fields& item) {
    PolicyTest test = ReadPolicyTest(item);
    if (item.ok()) tenant.tests.push_back(std::move(test));
  });
}

void ReadWho(Fields& fields, Tunnel& tunnel) {
  fields.ReadMaps("identities", "identity", [&](Fields& item) {
    std::string identity;
    std::vector<Prefix> sources;
    item.Required("identity", ParseIdentity, identity);
    item.Require("sources");
    item.ReadList("sources", Prefix::Parse, sources);
    if (!item.ok()) return;
    for (const Prefix& source : sources)
      tunnel.identities.push_back({source, identity});
  });
  fields.ReadLabels("context", tunnel.context);
}

}  // namespace rampart

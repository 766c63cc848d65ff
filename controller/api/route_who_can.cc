// SPDX-License-Identifier: Apache-2.0
// Who may reach addresses: the routes to them, and the rules that let flows go
// there.
#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "controller/api/route.h"
#include "controller/base/status.h"
#include "controller/base/text.h"
#include "controller/model/words.h"

namespace rampart {
namespace {

constexpr uint64_t kLimit = 1000;
constexpr uint64_t kLimitMax = 100000;

// As Prefix::Parse(), but any address of the network names it.
absl::StatusOr<Prefix> ParseNetwork(std::string_view text) {
  const size_t slash = text.find('/');
  ASSIGN_OR_RETURN(const IpAddress address,
                   IpAddress::Parse(text.substr(0, slash)));
  int length = address.bits();
  if (slash != std::string_view::npos &&
      (!absl::SimpleAtoi(Abseil(text.substr(slash + 1)), &length) ||
       length < 0 || length > address.bits()))
    return absl::InvalidArgumentError(
        absl::StrCat("cidr: ", Quoted(text), " has no such length; write one ",
                     "from 0 to ", address.bits()));
  return Prefix(address, length);
}

std::optional<Prefix> Intersection(const Prefix& a, const Prefix& b) {
  if (a.Contains(b)) return b;
  if (b.Contains(a)) return a;
  return std::nullopt;
}

// The part of `network` that a vnet routes somewhere.
struct Target {
  const Route* route;
  Prefix part;
};

// Of a route that contains the network only the narrowest one counts: it wins.
std::vector<Target> TargetsIn(const Tenant& tenant, const Vnet& vnet,
                              const Prefix& network) {
  std::vector<Target> targets;
  const Route* around = nullptr;
  for (const Route& route : tenant.routes) {
    if (route.vnet != vnet.name) continue;
    if (route.cidr.Contains(network)) {
      if (around == nullptr || around->cidr.length() < route.cidr.length())
        around = &route;
    } else if (network.Contains(route.cidr)) {
      targets.push_back({&route, route.cidr});
    }
  }
  std::sort(targets.begin(), targets.end(),
            [](const Target& a, const Target& b) { return a.part < b.part; });
  if (around != nullptr) targets.insert(targets.begin(), {around, network});
  return targets;
}

// Whose packets may enter the vnet: what the data plane's grants say.
std::vector<const Tunnel*> EntrancesOf(const Tenant& tenant, const Vnet& vnet) {
  std::vector<const Tunnel*> entrances;
  for (const Tunnel& tunnel : tenant.tunnels) {
    const bool carries =
        tunnel.type == TunnelType::kGue &&
        std::any_of(tunnel.peers.begin(), tunnel.peers.end(),
                    [](const Peer& p) { return p.auth != Auth::kNone; });
    const bool routed =
        carries && std::any_of(tenant.routes.begin(), tenant.routes.end(),
                               [&](const Route& route) {
                                 return route.vnet == vnet.name &&
                                        route.kind == Route::Kind::kTunnel &&
                                        route.tunnel == tunnel.name;
                               });
    if (tunnel.vnet == vnet.name || routed) entrances.push_back(&tunnel);
  }
  return entrances;
}

// Prefixes of one side of a rule, those of its groups included.
std::vector<Prefix> PrefixesOf(const Tenant& tenant,
                               const std::vector<Prefix>& listed,
                               const std::vector<std::string>& groups) {
  std::vector<Prefix> all = listed;
  for (const Group& group : tenant.groups)
    if (std::find(groups.begin(), groups.end(), group.name) != groups.end())
      all.insert(all.end(), group.prefixes.begin(), group.prefixes.end());
  return all;
}

std::vector<std::string> IdentitiesOf(const Tenant& tenant,
                                      const PolicyMatch& match) {
  std::vector<std::string> all = match.identities;
  const std::vector<std::string>& groups = match.identity_groups;
  for (const Group& group : tenant.groups)
    if (std::find(groups.begin(), groups.end(), group.name) != groups.end())
      all.insert(all.end(), group.identities.begin(), group.identities.end());
  return all;
}

// What a rule says about flows to the targets. Empty lists: any.
struct Access {
  const PolicyRule* rule;
  std::vector<const Tunnel*> from;
  std::vector<Prefix> sources, to;
};

bool Restricts(const PolicyMatch& match) {
  return match.protocol || !match.sources.empty() ||
         !match.source_groups.empty() || !match.identities.empty() ||
         !match.identity_groups.empty() || !match.source_ports.empty() ||
         !match.destination_ports.empty() || !match.icmp_types.empty() ||
         !match.times.empty() || !match.context.empty() ||
         !match.tunnel.empty();
}

std::optional<Access> AccessBy(const PolicyRule& rule, const Tenant& tenant,
                               const Vnet& vnet,
                               const std::vector<const Tunnel*>& entrances,
                               const std::vector<Target>& targets) {
  const PolicyMatch& match = rule.match;
  if (rule.shadow || (!match.vnet.empty() && match.vnet != vnet.name))
    return std::nullopt;
  Access access = {.rule = &rule, .from = {}, .sources = {}, .to = {}};
  for (const Tunnel* tunnel : entrances)
    if (match.tunnel.empty() || match.tunnel == tunnel->name)
      access.from.push_back(tunnel);
  access.sources = PrefixesOf(tenant, match.sources, match.source_groups);
  const bool anywhere =
      match.destinations.empty() && match.destination_groups.empty();
  const std::vector<Prefix> destinations =
      PrefixesOf(tenant, match.destinations, match.destination_groups);
  for (const Target& target : targets) {
    if (target.route->kind == Route::Kind::kBlackhole) continue;
    if (anywhere) access.to.push_back(target.part);
    for (const Prefix& destination : destinations)
      if (const auto part = Intersection(target.part, destination))
        access.to.push_back(*part);
  }
  std::sort(access.to.begin(), access.to.end());
  access.to.erase(std::unique(access.to.begin(), access.to.end()),
                  access.to.end());
  if (access.from.empty() || access.to.empty()) return std::nullopt;
  return access;
}

// Whether nothing that goes to the targets passes this rule.
bool EndsIt(const Access& access, const std::vector<Target>& targets) {
  if (Restricts(access.rule->match)) return false;
  return std::all_of(targets.begin(), targets.end(), [&](const Target& target) {
    return target.route->kind == Route::Kind::kBlackhole ||
           std::any_of(
               access.to.begin(), access.to.end(),
               [&](const Prefix& part) { return part.Contains(target.part); });
  });
}

template <typename T>
Json Strings(const std::vector<T>& values) {
  Json out = Json::array();
  for (const T& value : values) out.push_back(value.ToString());
  return out;
}

Json Ports(const std::vector<PortRange>& ranges) {
  Json out = Json::array();
  for (const PortRange& range : ranges) out.push_back(PortsToString(range));
  return out;
}

Json AccessRow(const Tenant& tenant, const Vnet& vnet, const Access& access,
               const Json& unless) {
  const PolicyMatch& match = access.rule->match;
  Json from = Json::array(), context = Json::object();
  for (const Tunnel* tunnel : access.from) from.push_back(tunnel->name);
  for (const auto& [key, value] : match.context) context[key] = value;
  return {{"tenant", tenant.name},
          {"vnet", vnet.name},
          {"from", std::move(from)},
          {"sources", Strings(access.sources)},
          {"identities", IdentitiesOf(tenant, match)},
          {"context", std::move(context)},
          {"at_times", !match.times.empty()},
          {"to", Strings(access.to)},
          {"protocol",
           match.protocol ? RuleProtocolToString(*match.protocol) : "any"},
          {"ports", Ports(match.destination_ports)},
          {"rule", access.rule->name},
          {"unless", unless}};
}

Json TargetRow(const Tenant& tenant, const Vnet& vnet, const Target& target) {
  return {{"tenant", tenant.name},
          {"vnet", vnet.name},
          {"default", vnet.is_default},
          {"part", target.part.ToString()},
          {"cidr", target.route->cidr.ToString()},
          {"via", ViaOf(*target.route)}};
}

class WhoCan {
 public:
  WhoCan(const Prefix& network, uint64_t limit)
      : network_(network), limit_(limit) {}

  void Add(const Tenant& tenant, const Vnet& vnet) {
    std::vector<Target> targets = TargetsIn(tenant, vnet, network_);
    for (const Target& target : targets)
      Push(targets_, TargetRow(tenant, vnet, target));
    if (targets.empty()) return;
    // Whoever asks about everything must not keep new flows waiting.
    targets.resize(std::min<size_t>(targets.size(), limit_), targets[0]);
    const std::vector<const Tunnel*> entrances = EntrancesOf(tenant, vnet);
    Json unless = Json::array();
    for (const PolicyRule& rule : tenant.policies) {
      if (access_.size() >= limit_) {
        ++left_out_;
        continue;
      }
      const auto access = AccessBy(rule, tenant, vnet, entrances, targets);
      if (!access) continue;
      if (rule.action == PolicyAction::kAllow)
        Push(access_, AccessRow(tenant, vnet, *access, unless));
      else
        unless.push_back(rule.name);
      if (EndsIt(*access, targets)) break;
    }
  }

  bool found() const { return !targets_.empty(); }
  Json Finish(const Snapshot& snapshot) {
    Json document = Document("route-who-can");
    document["epoch"] = snapshot.epoch();
    document["cidr"] = network_.ToString();
    document["targets"] = std::move(targets_);
    document["access"] = std::move(access_);
    document["left_out"] = left_out_;
    return document;
  }

 private:
  void Push(Json& rows, Json row) {
    if (rows.size() < limit_)
      rows.push_back(std::move(row));
    else
      ++left_out_;
  }

  const Prefix network_;
  const uint64_t limit_;
  uint64_t left_out_ = 0;
  Json targets_ = Json::array();
  Json access_ = Json::array();
};

bool IsVnet(std::string_view wanted, const Tenant& tenant, const Vnet& vnet) {
  return wanted.empty() || wanted == vnet.name ||
         wanted == absl::StrCat(tenant.name, "/", vnet.name);
}

}  // namespace

absl::StatusOr<Json> WhoCanDocument(const Snapshot& snapshot,
                                    const Query& query) {
  ASSIGN_OR_RETURN(const Prefix network,
                   ParseNetwork(FindParameter(query, "cidr")));
  const std::string_view asked = FindParameter(query, "limit");
  uint64_t limit = kLimit;
  if (!asked.empty() && (!absl::SimpleAtoi(Abseil(asked), &limit) ||
                         limit == 0 || limit > kLimitMax))
    return absl::InvalidArgumentError(
        absl::StrCat("limit: ", Quoted(asked), " is none; write a number from ",
                     "1 to ", kLimitMax));
  const std::string_view tenant = FindParameter(query, "tenant");
  const std::string_view vnet = FindParameter(query, "vnet");
  WhoCan who_can(network, limit);
  for (const Tenant& one : snapshot.resources().tenants)
    for (const Vnet& in : one.vnets)
      if ((tenant.empty() || tenant == one.name) && IsVnet(vnet, one, in))
        who_can.Add(one, in);
  if (!who_can.found())
    return absl::NotFoundError(
        absl::StrCat("route: nothing routes ", network.ToString(),
                     vnet.empty() ? "" : absl::StrCat(" in ", Abseil(vnet)),
                     "; xdpctl route list shows what there is"));
  return who_can.Finish(snapshot);
}

}  // namespace rampart

// SPDX-License-Identifier: Apache-2.0
#include "controller/model/read.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "controller/base/text.h"
#include "controller/model/read_policy.h"
#include "controller/model/words.h"

namespace rampart {
namespace {

constexpr size_t kKeysMax = 2;
constexpr uint32_t kPeerWeightMax = 1000000;
constexpr std::string_view kInternet = "internet";
constexpr std::string_view kBlackhole = "blackhole";

bool IsReserved(std::string_view tunnel) {
  return tunnel == kInternet || tunnel == kBlackhole;
}

// More than one value per family is one too many.
void CheckRouters(Fields& fields, const std::vector<IpAddress>& routers) {
  for (const Family family : {Family::kV4, Family::kV6}) {
    const auto count =
        std::count_if(routers.begin(), routers.end(),
                      [&](const IpAddress& a) { return a.family() == family; });
    if (count > 1)
      fields.Mistake("router", absl::StrCat("has ", count, " addresses of IPv",
                                            static_cast<int>(family),
                                            "; write at most one per family"));
  }
}

void ReadKey(Fields& fields, Auth auth, Peer& peer) {
  PeerKey key;
  // Only profile mac carries the id in its packets.
  if (auth == Auth::kMac) fields.Require("key_id");
  fields.Read("key_id", WholeNumber<uint8_t>(0, 255), key.key_id);
  fields.Required("key_file", ParsePath, key.key_file);
  if (fields.ok()) peer.keys.push_back(std::move(key));
}

void CheckKeys(Fields& fields, const Peer& peer) {
  if (peer.keys.empty() && fields.ok())
    fields.Mistake("keys", "holds no key; write one, or two while they roll");
  if (peer.keys.size() > kKeysMax)
    fields.Mistake("keys", absl::StrCat("holds ", peer.keys.size(),
                                        " keys; write at most two"));
  if (peer.auth == Auth::kMac && peer.keys.size() == kKeysMax &&
      peer.keys[0].key_id == peer.keys[1].key_id)
    fields.Mistake("keys", "has the same key_id twice; give each key its own");
}

void ReadKeys(Fields& fields, Peer& peer) {
  const bool direct = fields.Has("key_id") || fields.Has("key_file");
  const bool list = fields.Has("keys");
  if (peer.auth == Auth::kNone || peer.auth == Auth::kGreKey) {
    if (direct || list)
      fields.Mistake(list                     ? "keys"
                     : fields.Has("key_file") ? "key_file"
                                              : "key_id",
                     absl::StrCat("auth ", Abseil(WordOf(kAuths, peer.auth)),
                                  " has no key; leave it out, or write auth "
                                  "mac or cookie"));
    return;
  }
  if (direct && list) {
    fields.Mistake("keys",
                   "stands beside key_id or key_file; write either one");
  } else if (list) {
    fields.ReadMaps("keys", "key",
                    [&](Fields& key) { ReadKey(key, peer.auth, peer); });
    CheckKeys(fields, peer);
  } else {
    ReadKey(fields, peer.auth, peer);
  }
}

void ReadGuePeer(Fields& fields, Peer& peer) {
  std::optional<Auth> auth = peer.auth;
  if (fields.Has("auth")) auth.reset();
  fields.Read("auth", OneOf(kAuths), auth);
  if (auth) {
    peer.auth = *auth;
    ReadKeys(fields, peer);
  } else {
    fields.Ignore({"keys", "key_id", "key_file"});
  }
  fields.Read("variant", WholeNumber<int>(0, 1), peer.variant);
  fields.Read("accept_zero_checksum", OneOf(kBooleans),
              peer.accept_zero_checksum);
  if (peer.variant != 0 && peer.auth != Auth::kNone && fields.ok())
    fields.Mistake("variant",
                   "1 has no room for authentication; write auth: none, or "
                   "leave variant out");
  if (peer.accept_zero_checksum && peer.remote.is_v4() && fields.ok())
    fields.Mistake("accept_zero_checksum",
                   "is about UDP over IPv6, and remote is IPv4; leave it out");
}

void ReadGrePeer(Fields& fields, Peer& peer) {
  if (fields.Has("key")) {
    uint32_t key = 0;
    fields.Read("key", WholeNumber<uint32_t>(0, UINT32_MAX), key);
    peer.gre_key = key;
  }
  fields.Read("checksum", OneOf(kBooleans), peer.checksum);
  fields.Read("sequence", OneOf(kBooleans), peer.sequence);
}

// Probes keep time by the engine's tick, and each costs a punt.
constexpr absl::Duration kProbeIntervalMin = absl::Milliseconds(100);
constexpr absl::Duration kProbeIntervalMax = absl::Hours(1);
constexpr size_t kProbeTargetsMax = 4;

absl::StatusOr<absl::Duration> ParseProbeInterval(std::string_view text) {
  absl::Duration interval;
  if (!absl::ParseDuration(Abseil(text), &interval) ||
      interval < kProbeIntervalMin || interval > kProbeIntervalMax)
    return absl::InvalidArgumentError(
        absl::StrCat(Quoted(text), " is no interval of probes; write one from ",
                     "100ms to 1h, such as 200ms"));
  return interval;
}

void ReadProbe(Fields& fields, TunnelProbe& probe) {
  fields.Require("targets");
  fields.ReadList("targets", ParseUnicast, probe.targets);
  fields.Read("interval", ParseProbeInterval, probe.interval);
  fields.Read("failures", WholeNumber<int>(1, 100), probe.failures);
  fields.Read("successes", WholeNumber<int>(1, 100), probe.successes);
  if (probe.targets.empty() && fields.ok())
    fields.Mistake("targets",
                   "holds no address; write one beyond the tunnel, or leave "
                   "probe out");
  if (probe.targets.size() > kProbeTargetsMax)
    fields.Mistake("targets", absl::StrCat("holds ", probe.targets.size(),
                                           " addresses; write at most ",
                                           kProbeTargetsMax));
}

void ReadPeers(Fields& fields, Tunnel& tunnel) {
  const bool gue = tunnel.type == TunnelType::kGue;
  fields.ReadMaps("peers", gue ? "gue peer" : "gre peer", [&](Fields& item) {
    Peer peer;
    peer.line = item.line();
    item.Required("remote", ParseUnicast, peer.remote);
    gue ? ReadGuePeer(item, peer) : ReadGrePeer(item, peer);
    item.Read("weight", WholeNumber<uint32_t>(0, kPeerWeightMax), peer.weight);
    item.ReadLabels("labels", peer.labels);
    if (item.ok()) tunnel.peers.push_back(std::move(peer));
  });
}

}  // namespace

Vnet ReadVnet(Fields& fields) {
  Vnet vnet;
  vnet.line = fields.line();
  fields.Required("name", ParseName, vnet.name);
  fields.Read("vni", ParseVni, vnet.vni);
  fields.Read("default", OneOf(kBooleans), vnet.is_default);
  fields.Read("comment", ParseText, vnet.comment);
  fields.ReadList("router", ParseUnicast, vnet.router);
  CheckRouters(fields, vnet.router);
  return vnet;
}

Tunnel ReadTunnel(Fields& fields, Ids ids) {
  Tunnel tunnel;
  tunnel.line = fields.line();
  if (ids == Ids::kAccepted)
    fields.Read("id", WholeNumber<uint32_t>(0, UINT32_MAX), tunnel.id);
  fields.Required("name", ParseName, tunnel.name);
  if (IsReserved(tunnel.name))
    fields.Mistake("name", absl::StrCat(Quoted(tunnel.name),
                                        " is where routes may lead without a "
                                        "tunnel; write another name"));
  std::optional<TunnelType> type;
  fields.Required("type", OneOf(kTunnelTypes), type);
  fields.Read("vnet", ParseName, tunnel.vnet);
  fields.ReadList("sources", Prefix::Parse, tunnel.sources);
  ReadWho(fields, tunnel);
  fields.Read("comment", ParseText, tunnel.comment);
  if (!type) {
    fields.Ignore({"edge", "device", "peers", "probe"});
    return tunnel;
  }
  tunnel.type = *type;
  if (tunnel.type == TunnelType::kInterface) {
    fields.Required("edge", ParseName, tunnel.edge);
    fields.Required("device", ParseDevice, tunnel.device);
    if (fields.Has("probe"))
      fields.Mistake("probe",
                     "is about peers, and an interface has none; leave it out");
  } else {
    ReadPeers(fields, tunnel);
    fields.ReadMap("probe",
                   [&](Fields& probe) { ReadProbe(probe, tunnel.probe); });
  }
  return tunnel;
}

Route ReadRoute(Fields& fields) {
  Route route;
  route.line = fields.line();
  std::string via;
  fields.Read("vnet", ParseName, route.vnet);
  fields.Required("cidr", Prefix::Parse, route.cidr);
  fields.Required("via", ParseName, via);
  fields.Read("comment", ParseText, route.comment);
  if (via == kInternet) {
    route.kind = Route::Kind::kInternet;
    route.pool = "default";
    fields.Read("pool", ParseName, route.pool);
    return route;
  }
  if (fields.Has("pool") && !via.empty())
    fields.Mistake("pool", absl::StrCat("route via ", Quoted(via),
                                        " uses no pool; leave it out, or "
                                        "write via: internet"));
  if (via == kBlackhole)
    route.kind = Route::Kind::kBlackhole;
  else
    route.tunnel = std::move(via);
  return route;
}

Tenant ReadTenant(Fields& fields, Ids ids) {
  Tenant tenant;
  tenant.line = fields.line();
  if (ids == Ids::kAccepted)
    fields.Read("id", WholeNumber<uint32_t>(0, UINT32_MAX), tenant.id);
  fields.Required("name", ParseName, tenant.name);
  fields.Read("comment", ParseText, tenant.comment);
  fields.ReadMaps("vnets", "vnet", [&](Fields& item) {
    tenant.vnets.push_back(ReadVnet(item));
  });
  fields.ReadMaps("tunnels", "tunnel", [&](Fields& item) {
    tenant.tunnels.push_back(ReadTunnel(item, ids));
  });
  // A route without its CIDR would only cause mistakes that nobody made.
  fields.ReadMaps("routes", "route", [&](Fields& item) {
    Route route = ReadRoute(item);
    if (item.ok()) tenant.routes.push_back(std::move(route));
  });
  ReadPolicy(fields, tenant);
  return tenant;
}

}  // namespace rampart

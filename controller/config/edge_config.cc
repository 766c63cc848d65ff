// SPDX-License-Identifier: Apache-2.0
#include "controller/config/edge_config.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "controller/base/text.h"
#include "controller/config/api_config.h"
#include "controller/config/etcd_config.h"
#include "controller/config/flow_log_config.h"
#include "controller/config/nat_config.h"
#include "controller/config/yaml.h"
#include "controller/model/fields.h"
#include "controller/model/words.h"

namespace rampart {
namespace {

constexpr Word<DeviceRole> kRoles[] = {{"uplink", DeviceRole::kUplink},
                                       {"access", DeviceRole::kAccess}};
constexpr Word<XdpMode> kModes[] = {{"auto", XdpMode::kAuto},
                                    {"native", XdpMode::kNative},
                                    {"generic", XdpMode::kGeneric}};
constexpr std::string_view kSqlite = "sqlite://";
// As many as a map of 128-byte elements may have in 16 GiB.
constexpr uint32_t kFlowsMax = uint32_t{1} << 27;

absl::Status Wrong(std::string_view text, std::string_view what,
                   std::string_view right) {
  return absl::InvalidArgumentError(
      absl::StrCat(Quoted(text), " ", Abseil(what), "; write ", Abseil(right)));
}

absl::StatusOr<std::string> ParseState(std::string_view text) {
  constexpr std::string_view kRight =
      "sqlite:// and an absolute path, such as "
      "sqlite:///var/lib/rampart/state.db, or etcd://HOST:PORT/PREFIX";
  if (text.starts_with("etcd://")) {
    EtcdConfig config;
    if (absl::Status status = ParseEtcdUrl(text, config); !status.ok())
      return status;
    return std::string(text);
  }
  if (!text.starts_with(kSqlite) || text.size() < kSqlite.size() + 2 ||
      text[kSqlite.size()] != '/')
    return Wrong(text, "is not a state store", kRight);
  return std::string(text);
}

void ReadStore(Fields& fields, EdgeConfig& config) {
  fields.Read("state", ParseState, config.state);
  const bool etcd = config.state.starts_with("etcd://");
  if (etcd) ParseEtcdUrl(config.state, config.etcd).IgnoreError();
  if (!etcd && fields.Has("etcd")) {
    fields.Mistake("etcd",
                   "is for a store in etcd; write state: "
                   "etcd://HOST:PORT/PREFIX, or remove this key");
    return;
  }
  fields.ReadMap("etcd", [&](Fields& keys) { ReadEtcd(keys, config); });
}

absl::StatusOr<std::string> ParseListen(std::string_view text) {
  return ParseAddressPort(text, "127.0.0.1:9464 or [::1]:9464");
}

// The list under "addresses": at least one, each once.
void ReadAddresses(Fields& fields, std::vector<IpAddress>& addresses) {
  fields.Require("addresses");
  fields.ReadList("addresses", ParseUnicast, addresses);
  if (addresses.empty() && fields.ok())
    fields.Mistake("addresses", "holds no address; write at least one");
  absl::flat_hash_set<IpAddress> seen;
  for (const IpAddress& address : addresses)
    if (!seen.insert(address).second)
      fields.Mistake("addresses", absl::StrCat(address.ToString(),
                                               " is listed twice; keep one"));
}

void ReadDevices(Fields& fields, EdgeConfig& config) {
  fields.Require("devices");
  fields.ReadMaps("devices", "device", [&](Fields& item) {
    DeviceConfig device;
    device.line = item.line();
    item.Required("name", ParseDevice, device.name);
    item.Required("role", OneOf(kRoles), device.role);
    item.Read("mode", OneOf(kModes), device.mode);
    for (const DeviceConfig& other : config.devices)
      if (!device.name.empty() && other.name == device.name)
        item.Mistake("name",
                     absl::StrCat("duplicate device ", Quoted(device.name),
                                  " (first on line ", other.line,
                                  "); list each device once"));
    config.devices.push_back(std::move(device));
  });
  if (config.devices.empty() && fields.ok())
    fields.Mistake("devices", "holds no device; write at least one");
}

void ReadSections(Fields& fields, EdgeConfig& config) {
  fields.ReadMap("gue", [&](Fields& gue) {
    ReadAddresses(gue, config.gue_addresses);
    gue.Read("port", WholeNumber<uint16_t>(1, 65535), config.gue_port);
  });
  fields.ReadMap("nat", [&](Fields& nat) { ReadNat(nat, config); });
  fields.ReadMap("flows", [&](Fields& flows) {
    flows.Read("capacity", WholeNumber<uint32_t>(2, kFlowsMax),
               config.flow_capacity);
  });
  fields.ReadMap("api", [&](Fields& api) {
    ApiConfig read;  // ParseApiConfig() gives the rest to those who serve
    ReadApi(api, read);
    config.api_socket = read.socket;
  });
  ReadStore(fields, config);
  fields.ReadMap("metrics", [&](Fields& metrics) {
    metrics.Required("listen", ParseListen, config.metrics_listen);
  });
  fields.ReadMap("flow_log", [&](Fields& flow_log) {
    ReadFlowLog(flow_log, config.flow_log);
  });
}

using Owners = absl::flat_hash_map<IpAddress, std::string>;

// Of one pool, they are known not to overlap.
void CheckPrefixes(const EdgeConfig& config, const Owners& owners,
                   Mistakes& mistakes) {
  std::vector<const NatPrefixConfig*> seen;
  for (const NatPoolConfig& pool : config.pools) {
    const size_t others = seen.size();
    for (const NatPrefixConfig& prefix : pool.prefixes) {
      for (size_t i = 0; i < others; ++i)
        if (seen[i]->outside.Overlaps(prefix.outside))
          mistakes.Add(prefix.line,
                       absl::StrCat("outside ", prefix.outside.ToString(),
                                    " overlaps with line ", seen[i]->line,
                                    "; translate each once"));
      for (const auto& [address, owner] : owners)
        if (prefix.outside.Contains(address))
          mistakes.Add(prefix.line,
                       absl::StrCat("outside ", prefix.outside.ToString(),
                                    " holds ", address.ToString(), " of ",
                                    owner, "; keep it in one of them"));
      seen.push_back(&prefix);
    }
  }
}

// An address on the outside belongs to one of the edge's uses: the data plane
// knows by it what to do with a packet.
void CheckOverlap(const EdgeConfig& config, Mistakes& mistakes) {
  Owners owners;
  for (const IpAddress& address : config.gue_addresses)
    owners.emplace(address, "gue.addresses");
  for (const NatPoolConfig& pool : config.pools) {
    const std::string owner = absl::StrCat("pool ", Quoted(pool.name));
    for (const IpAddress& address : pool.addresses) {
      const auto [it, inserted] = owners.emplace(address, owner);
      if (!inserted && it->second != owner)
        mistakes.Add(pool.line,
                     absl::StrCat("address ", address.ToString(), " of ", owner,
                                  " is in ", it->second,
                                  " too; keep it in one of them"));
    }
  }
  CheckPrefixes(config, owners, mistakes);
}

}  // namespace

std::string StatePath(const EdgeConfig& config) {
  return config.etcd.endpoints.empty() ? config.state.substr(kSqlite.size())
                                       : config.etcd.copy;
}

absl::StatusOr<EdgeConfig> ParseEdgeConfig(std::string_view file,
                                           std::string_view text) {
  EdgeConfig config;
  config.file = std::string(file);
  Mistakes mistakes(file);
  const Tree tree = ParseYaml(text, mistakes);
  Fields fields(tree, "the file", mistakes);
  fields.Required("edge", ParseName, config.edge);
  ReadDevices(fields, config);
  ReadSections(fields, config);
  fields.Done();
  CheckOverlap(config, mistakes);
  if (absl::Status status = mistakes.ToStatus(); !status.ok()) return status;
  return config;
}

}  // namespace rampart

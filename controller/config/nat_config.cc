// SPDX-License-Identifier: Apache-2.0
#include "controller/config/nat_config.h"

#include <netinet/in.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "controller/base/text.h"
#include "controller/model/words.h"

namespace rampart {
namespace {

constexpr Word<NatMapping> kMappings[] = {
    {"endpoint-independent", NatMapping::kEndpointIndependent},
    {"address-and-port-dependent", NatMapping::kAddressAndPortDependent}};
constexpr Word<NatFiltering> kFilterings[] = {
    {"endpoint-independent", NatFiltering::kEndpointIndependent},
    {"address-dependent", NatFiltering::kAddressDependent},
    {"address-and-port-dependent", NatFiltering::kAddressAndPortDependent}};
constexpr Word<NatPortChoice> kPortChoices[] = {
    {"random", NatPortChoice::kRandom},
    {"parity", NatPortChoice::kParity},
    {"preserve", NatPortChoice::kPreserve}};
constexpr Word<uint8_t> kStaticProtocols[] = {{"tcp", IPPROTO_TCP},
                                              {"udp", IPPROTO_UDP}};

// A time-out must be well within the time that ticks take to wrap.
constexpr absl::Duration kTimeoutMax = absl::Hours(24 * 30);
constexpr absl::Duration kTimeoutMin = absl::Milliseconds(100);
// Each costs about 1 kB.
constexpr size_t kPoolAddressesMax = 65536;
// RFC 6296 section 3: bits behind these are changed to keep checksums.
constexpr int kNptv6LengthMax = 64;

absl::Status Wrong(std::string_view text, std::string_view what,
                   std::string_view right) {
  return absl::InvalidArgumentError(
      absl::StrCat(Quoted(text), " ", Abseil(what), "; write ", Abseil(right)));
}

// Makes a parser for durations from `min` on.
auto DurationFrom(absl::Duration min) {
  return [min](std::string_view text) -> absl::StatusOr<absl::Duration> {
    absl::Duration duration;
    if (!absl::ParseDuration(Abseil(text), &duration))
      return Wrong(text, "is not a duration",
                   "a number and its unit, such as 300s or 5m");
    if (duration < min || duration > kTimeoutMax)
      return Wrong(text, "is out of range",
                   absl::StrCat(absl::FormatDuration(min), " to 720h"));
    return duration;
  };
}

// Port 0 is not for use (RFC 6335 section 6).
absl::StatusOr<PortRange> ParseNatPorts(std::string_view text) {
  absl::StatusOr<PortRange> ports = ParsePorts(text);
  if (!ports.ok() || ports->first == 0)
    return Wrong(text, "is not a range of NAT ports",
                 "one from 1 to 65535, such as 1024-65535");
  return ports;
}

// "192.0.2.1:80" or "[2001:db8::1]:80".
absl::StatusOr<Endpoint> ParseEndpoint(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon != std::string_view::npos) {
    std::string_view host = text.substr(0, colon);
    const bool brackets = host.starts_with('[') && host.ends_with(']');
    if (brackets) host = host.substr(1, host.size() - 2);
    const absl::StatusOr<IpAddress> address = ParseUnicast(host);
    const absl::StatusOr<uint16_t> port =
        WholeNumber<uint16_t>(1, 65535)(text.substr(colon + 1));
    if (address.ok() && port.ok() && address->is_v4() != brackets)
      return Endpoint{*address, *port};
  }
  return Wrong(text, "is not an address and port",
               "192.0.2.1:8080 or [2001:db8::1]:8080");
}

// An address, or a prefix whose addresses hosts outside may have.
absl::StatusOr<Prefix> ParseAddresses(std::string_view text) {
  if (text.find('/') == std::string_view::npos) {
    const absl::StatusOr<IpAddress> address = ParseUnicast(text);
    if (!address.ok()) return address.status();
    return Prefix(*address, address->bits());
  }
  absl::StatusOr<Prefix> prefix = Prefix::Parse(text);
  if (!prefix.ok()) return prefix;
  if (prefix->address().IsMartian())
    return Wrong(text, "holds no hosts' addresses", "a unicast prefix");
  if (prefix->address().bits() - prefix->length() > 16)
    return Wrong(text, "has more than 65536 addresses",
                 "a longer prefix, such as 203.0.113.0/28");
  return prefix;
}

// The address `offset` behind the first of `prefix`.
IpAddress AddressAt(const Prefix& prefix, uint32_t offset) {
  uint8_t bytes[16] = {};
  const std::string_view first = prefix.address().bytes();
  std::copy(first.begin(), first.end(), bytes);
  for (size_t at = first.size(); offset > 0; offset >>= 8)
    bytes[--at] |= offset & 0xff;
  if (!prefix.address().is_v4()) return IpAddress::V6(bytes);
  uint32_t v4;
  std::memcpy(&v4, bytes, sizeof(v4));
  return IpAddress::V4(v4);
}

void ReadPoolAddresses(Fields& item, NatPoolConfig& pool) {
  std::vector<Prefix> listed;
  if (!item.Has("prefixes")) item.Require("addresses");
  item.ReadList("addresses", ParseAddresses, listed);
  absl::flat_hash_set<IpAddress> seen;
  for (const Prefix& prefix : listed) {
    const uint32_t count = uint32_t{1}
                           << (prefix.address().bits() - prefix.length());
    if (seen.size() + count > kPoolAddressesMax) {
      item.Mistake("addresses",
                   absl::StrCat("holds more than ", kPoolAddressesMax,
                                " addresses; make several pools"));
      return;
    }
    for (uint32_t i = 0; i < count; ++i) {
      const IpAddress address = AddressAt(prefix, i);
      if (seen.insert(address).second)
        pool.addresses.push_back(address);
      else
        item.Mistake("addresses", absl::StrCat(address.ToString(),
                                               " is listed twice; keep one"));
    }
  }
  if (pool.addresses.empty() && item.ok() && !item.Has("prefixes"))
    item.Mistake("addresses", "holds no address; write at least one");
}

void ReadStatic(Fields& item, NatPoolConfig& pool) {
  NatStaticConfig entry;
  entry.line = item.line();
  item.Required("tenant", ParseName, entry.tenant);
  item.Required("vnet", ParseName, entry.vnet);
  item.Required("protocol", OneOf(kStaticProtocols), entry.protocol);
  item.Required("inside", ParseEndpoint, entry.inside);
  item.Required("outside", ParseEndpoint, entry.outside);
  if (!item.ok()) return;
  if (std::find(pool.addresses.begin(), pool.addresses.end(),
                entry.outside.address) == pool.addresses.end())
    item.Mistake("outside", absl::StrCat(entry.outside.address.ToString(),
                                         " is not one of the pool's "
                                         "addresses; write one of them"));
  else if (entry.inside.address.family() != entry.outside.address.family())
    item.Mistake("inside",
                 "is of another family than outside; NAT does not "
                 "change the family");
  for (const NatStaticConfig& other : pool.static_mappings) {
    if (other.protocol != entry.protocol) continue;
    if (other.outside == entry.outside)
      item.Mistake("outside",
                   absl::StrCat("has a mapping already (line ", other.line,
                                "); give each its own port"));
    else if (other.inside == entry.inside && other.tenant == entry.tenant &&
             other.vnet == entry.vnet)
      item.Mistake("inside", absl::StrCat("has a mapping already (line ",
                                          other.line, "); keep one"));
  }
  pool.static_mappings.push_back(std::move(entry));
}

void ReadPrefix(Fields& item, NatPoolConfig& pool) {
  NatPrefixConfig entry;
  entry.line = item.line();
  item.Required("tenant", ParseName, entry.tenant);
  item.Required("vnet", ParseName, entry.vnet);
  item.Required("inside", Prefix::Parse, entry.inside);
  item.Required("outside", Prefix::Parse, entry.outside);
  if (!item.ok()) return;
  if (entry.inside.family() != entry.outside.family() ||
      entry.inside.length() != entry.outside.length())
    item.Mistake("outside",
                 absl::StrCat(entry.outside.ToString(),
                              " is of another family or length than inside; "
                              "write a prefix of the same length, /",
                              entry.inside.length()));
  else if (entry.inside.family() == Family::kV6 &&
           entry.inside.length() > kNptv6LengthMax)
    item.Mistake("inside", absl::StrCat(entry.inside.ToString(),
                                        " is longer than a subnet; write at "
                                        "most /",
                                        kNptv6LengthMax));
  for (const NatPrefixConfig& other : pool.prefixes)
    if (other.outside.Overlaps(entry.outside) ||
        (other.inside.Overlaps(entry.inside) && other.tenant == entry.tenant &&
         other.vnet == entry.vnet))
      item.Mistake("outside",
                   absl::StrCat("inside or outside overlaps with line ",
                                other.line, "; translate each once"));
  pool.prefixes.push_back(std::move(entry));
}

void CheckModes(Fields& item, const NatPoolConfig& pool) {
  if (pool.mapping == NatMapping::kAddressAndPortDependent) {
    if (pool.filtering != NatFiltering::kAddressAndPortDependent)
      item.Mistake("filtering",
                   "a mapping of one remote endpoint lets only that one in; "
                   "write address-and-port-dependent, or another mapping");
  } else if (pool.overload) {
    item.Mistake("overload",
                 "needs remotes to tell mappings apart; write mapping: "
                 "address-and-port-dependent beside it");
  }
  if (pool.overload && pool.pcp)
    item.Mistake("pcp",
                 "a mapping for all remotes does not share its port; write "
                 "false, or leave out overload");
}

void CheckPool(Fields& item, const NatPoolConfig& pool) {
  if (!item.ok()) return;
  const int ports = pool.ports.last - pool.ports.first + 1;
  if (pool.block_size > ports)
    item.Mistake("block_size",
                 absl::StrCat(pool.block_size, " is more than the ", ports,
                              " ports of range ", PortsToString(pool.ports),
                              "; write at most ", ports));
  CheckModes(item, pool);
}

void Warn(EdgeConfig& config, int line, std::string_view what) {
  config.warnings.push_back(
      absl::StrCat(config.file, ":", line, ": ", Abseil(what)));
}

void ReadPool(Fields& item, EdgeConfig& config) {
  NatPoolConfig pool;
  pool.line = item.line();
  item.Required("name", ParseName, pool.name);
  ReadPoolAddresses(item, pool);
  item.Read("ports", ParseNatPorts, pool.ports);
  item.Read("block_size", WholeNumber<uint16_t>(1, 65535), pool.block_size);
  item.Read("mapping", OneOf(kMappings), pool.mapping);
  item.Read("filtering", OneOf(kFilterings), pool.filtering);
  item.Read("port_choice", OneOf(kPortChoices), pool.port_choice);
  item.Read("blocks_per_subscriber", WholeNumber<uint32_t>(0, 65535),
            pool.blocks_per_subscriber);
  item.Read("mappings_per_second", WholeNumber<uint32_t>(0, 1000000),
            pool.mappings_per_second);
  item.Read("rest", DurationFrom(absl::ZeroDuration()), pool.rest);
  item.Read("overload", OneOf(kBooleans), pool.overload);
  item.ReadList("exclude", Prefix::Parse, pool.exclude);
  item.ReadMaps("static", "static mapping",
                [&](Fields& entry) { ReadStatic(entry, pool); });
  item.ReadMaps("prefixes", "prefix",
                [&](Fields& entry) { ReadPrefix(entry, pool); });
  item.Read("pcp", OneOf(kBooleans), pool.pcp);
  CheckPool(item, pool);
  for (const NatPoolConfig& other : config.pools)
    if (!pool.name.empty() && other.name == pool.name)
      item.Mistake("name", absl::StrCat("duplicate pool ", Quoted(pool.name),
                                        " (first on line ", other.line,
                                        "); give each pool its own name"));
  if (pool.rest < absl::Seconds(120))
    Warn(config, pool.line,
         absl::StrCat("pool ", Quoted(pool.name), ": rest ",
                      absl::FormatDuration(pool.rest),
                      " is below the 2m of RFC 6888 REQ-8; answers of the "
                      "last subscriber may reach the next one"));
  config.pools.push_back(std::move(pool));
}

void ReadTimeouts(Fields& fields, EdgeConfig& config) {
  FlowTimeouts& out = config.timeouts;
  const auto read = [&](std::string_view key, absl::Duration& timeout,
                        absl::Duration floor, std::string_view source) {
    fields.Read(key, DurationFrom(kTimeoutMin), timeout);
    if (timeout < floor)
      Warn(config, fields.line(),
           absl::StrCat("timeouts: ", Abseil(key), " ",
                        absl::FormatDuration(timeout), " is below the ",
                        absl::FormatDuration(floor), " of ", Abseil(source),
                        "; applications may lose their connections"));
  };
  read("udp", out.udp, absl::Seconds(120), "RFC 4787 REQ-5");
  read("udp_unreplied", out.udp_unreplied, absl::Seconds(120),
       "RFC 4787 REQ-5");
  // Of a well-known port it may be shorter (RFC 4787 REQ-5 a).
  read("dns", out.dns, absl::ZeroDuration(), "");
  read("tcp_established", out.tcp_established, absl::Seconds(7440),
       "RFC 5382 REQ-5");
  read("tcp_opening", out.tcp_opening, absl::Seconds(240), "RFC 5382 REQ-5");
  read("tcp_closing", out.tcp_closing, absl::Seconds(240), "RFC 5382 REQ-5");
  read("icmp", out.icmp, absl::Seconds(60), "RFC 5508 REQ-2");
}

}  // namespace

void ReadNat(Fields& fields, EdgeConfig& config) {
  fields.ReadMaps("pools", "pool",
                  [&](Fields& item) { ReadPool(item, config); });
  fields.ReadMap("timeouts",
                 [&](Fields& timeouts) { ReadTimeouts(timeouts, config); });
}

}  // namespace rampart

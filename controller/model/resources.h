// SPDX-License-Identifier: Apache-2.0
// Tenants and what belongs to them, as values: the same on every edge.
#ifndef RAMPART_CONTROLLER_MODEL_RESOURCES_H_
#define RAMPART_CONTROLLER_MODEL_RESOURCES_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "controller/base/ip.h"
#include "controller/model/shared.h"

namespace rampart {

// Every object remembers the line of the file that defines it (0: none), so
// that a mistake found later still names it.

// Key and value, in the order of the file; a key is there once.
using Labels = std::vector<std::pair<std::string, std::string>>;

struct Vnet {
  std::string name;
  uint32_t vni = 0;
  bool is_default = false;
  std::string comment;
  // Addresses the edge answers with inside this vnet (ping, ICMP errors), at
  // most one per family. Empty: see RouterAddress() in compile/.
  std::vector<IpAddress> router;
  int line = 0;
  friend bool operator==(const Vnet&, const Vnet&) = default;
};

enum class TunnelType { kGue, kGre, kInterface };
enum class Auth { kMac, kCookie, kGreKey, kNone };

// 16 bytes for mac, 8 for cookie, read from key_file on this edge.
struct PeerKey {
  uint8_t key_id = 0;
  std::string key_file;
  std::vector<uint8_t> secret;
  friend bool operator==(const PeerKey&, const PeerKey&) = default;
};

struct Peer {
  IpAddress remote;
  Auth auth = Auth::kMac;             // gue
  std::vector<PeerKey> keys;          // the first one is used for sending
  int variant = 0;                    // gue, auth none: what is sent
  bool accept_zero_checksum = false;  // gue over IPv6 (RFC 6935)
  std::optional<uint32_t> gre_key;    // gre
  bool checksum = false;              // gre: checksum both ways
  bool sequence = false;              // gre: sequence numbers both ways
  // Share of the tunnel's flows, relative to its other peers; 0: none, but for
  // want of others.
  uint32_t weight = 1;
  Labels labels;
  int line = 0;
  friend bool operator==(const Peer&, const Peer&) = default;
};

// How the edge finds out whether the other end of a tunnel is alive: echo
// requests through each of its peers, from the vnet's router address.
struct TunnelProbe {
  std::vector<IpAddress> targets;  // beyond the tunnel; empty: no probes
  absl::Duration interval = absl::Milliseconds(200);
  int failures = 3;   // in a row, until a peer is down
  int successes = 2;  // in a row, until it is up again
  friend bool operator==(const TunnelProbe&, const TunnelProbe&) = default;
};

// Who it is that sends from an address of a tunnel.
struct TunnelIdentity {
  Prefix sources;
  std::string identity;
  friend bool operator==(const TunnelIdentity&,
                         const TunnelIdentity&) = default;
};

struct Tunnel {
  // Stable for the life of the tunnel, unique on this edge, from 1. Given by
  // the store; flow entries in the kernel hold it. 0: not stored yet.
  uint32_t id = 0;
  std::string name;
  TunnelType type = TunnelType::kGue;
  std::string vnet;
  std::vector<Peer> peers;      // gue, gre
  std::string edge;             // interface: the edge it is on
  std::string device;           // interface
  std::vector<Prefix> sources;  // allowed sources beside those routed here
  std::string comment;
  TunnelProbe probe;
  std::vector<TunnelIdentity> identities;  // the longest prefix decides
  Labels context;                          // of all its packets, for policy
  int line = 0;
  friend bool operator==(const Tunnel&, const Tunnel&) = default;
};

struct Route {
  enum class Kind { kTunnel, kInternet, kBlackhole };
  std::string vnet;
  Prefix cidr;
  Kind kind = Kind::kTunnel;
  std::string tunnel;  // kTunnel
  std::string pool;    // kInternet; default "default"
  std::string comment;
  int line = 0;
  friend bool operator==(const Route&, const Route&) = default;
};

struct PortRange {
  uint16_t first = 0;
  uint16_t last = 65535;
  friend bool operator==(const PortRange&, const PortRange&) = default;
};

// Addresses and people under one name.
struct Group {
  std::string name;
  std::vector<Prefix> prefixes;
  std::vector<std::string> identities;
  int line = 0;
  friend bool operator==(const Group&, const Group&) = default;
};

// A part of the week in UTC.
struct TimeWindow {
  uint8_t days = 0x7f;  // bit 0: Monday
  // Minutes since midnight; to is not part of it. from > to: over midnight,
  // and the days are those it begins on.
  uint16_t from = 0;
  uint16_t to = 24 * 60;
  friend bool operator==(const TimeWindow&, const TimeWindow&) = default;
};

// Empty lists and absent values match anything; of addresses and groups of
// one side, any may match.
struct PolicyMatch {
  std::string vnet;
  std::string tunnel;
  // IANA number; 1 stands for ICMP of either family.
  std::optional<uint8_t> protocol;
  std::vector<Prefix> sources;
  std::vector<std::string> source_groups;
  std::vector<Prefix> destinations;
  std::vector<std::string> destination_groups;
  std::vector<std::string> identities;
  std::vector<std::string> identity_groups;
  std::vector<PortRange> source_ports;
  std::vector<PortRange> destination_ports;
  std::vector<uint8_t> icmp_types;
  std::vector<TimeWindow> times;
  Labels context;  // all of them
  friend bool operator==(const PolicyMatch&, const PolicyMatch&) = default;
};

enum class PolicyAction { kAllow, kDeny, kReject };
// How deep to look into a flow that is allowed.
enum class Layer { kIp, kTcp, kUdp, kHttp, kSsh };

// What flows that a rule allows may do together, and those of one source
// address; 0: as much as they like.
struct PolicyLimits {
  uint32_t rate = 0;  // new flows per second
  uint32_t concurrent = 0;
  uint32_t source_rate = 0;
  uint32_t source_concurrent = 0;
  friend bool operator==(const PolicyLimits&, const PolicyLimits&) = default;
};

struct PolicyRule {
  std::string name;
  PolicyMatch match;
  PolicyAction action = PolicyAction::kDeny;
  Layer layer = Layer::kIp;
  std::string pool;  // instead of the route's; empty: that one
  PolicyLimits limits;
  bool log = false;     // a line in the edge's own log for each flow
  bool shadow = false;  // counted, not enforced
  int line = 0;
  friend bool operator==(const PolicyRule&, const PolicyRule&) = default;
};

// A flow, and what policy must say about it.
struct PolicyTest {
  std::string name;
  std::string vnet;
  std::string tunnel;
  IpAddress source;
  IpAddress destination;
  uint8_t protocol = 0;  // IANA number
  uint16_t source_port = 0;
  uint16_t destination_port = 0;
  uint8_t icmp_type = 0;
  std::string identity;
  Labels context;
  std::optional<absl::Time> time;  // absent: at any time
  PolicyAction expect = PolicyAction::kDeny;
  std::string rule;  // empty: any
  int line = 0;
  friend bool operator==(const PolicyTest&, const PolicyTest&) = default;
};

// What a refused sender is told beside the refusal.
struct Denials {
  bool explain = false;  // with the reason's id (RFC 4884 extension object)
  std::string contact;   // whom to ask
  friend bool operator==(const Denials&, const Denials&) = default;
};

struct Tenant {
  // Small, stable and unique on this edge, from 1; given by the store.
  uint32_t id = 0;
  std::string name;
  std::string comment;
  Denials denials;
  std::vector<Vnet> vnets;
  std::vector<Tunnel> tunnels;
  std::vector<Route> routes;
  std::vector<Group> groups;
  std::vector<std::string> revoked;  // identities that nothing is allowed
  std::vector<PolicyRule> policies;  // in order; the first match decides
  std::vector<PolicyTest> tests;
  int line = 0;
  friend bool operator==(const Tenant&, const Tenant&) = default;
};

struct Resources {
  std::string file;  // for messages
  std::vector<Shared<Tenant>> tenants;
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_MODEL_RESOURCES_H_

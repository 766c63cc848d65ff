// SPDX-License-Identifier: Apache-2.0
// Tenants and what belongs to them, as values: the same on every edge.
#ifndef RAMPART_CONTROLLER_MODEL_RESOURCES_H_
#define RAMPART_CONTROLLER_MODEL_RESOURCES_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "controller/base/ip.h"

namespace rampart {

// Every object remembers the line of the file that defines it (0: none), so
// that a mistake found later still names it.

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
  int line = 0;
  friend bool operator==(const Peer&, const Peer&) = default;
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
  int line = 0;
  friend bool operator==(const Route&, const Route&) = default;
};

struct PortRange {
  uint16_t first = 0;
  uint16_t last = 65535;
  friend bool operator==(const PortRange&, const PortRange&) = default;
};

// Empty lists and absent values match anything.
struct PolicyMatch {
  std::string vnet;
  std::string tunnel;
  // IANA number; 1 stands for ICMP of either family.
  std::optional<uint8_t> protocol;
  std::vector<Prefix> sources;
  std::vector<Prefix> destinations;
  std::vector<PortRange> source_ports;
  std::vector<PortRange> destination_ports;
  friend bool operator==(const PolicyMatch&, const PolicyMatch&) = default;
};

enum class PolicyAction { kAllow, kDeny, kReject };

struct PolicyRule {
  std::string name;
  PolicyMatch match;
  PolicyAction action = PolicyAction::kDeny;
  int line = 0;
  friend bool operator==(const PolicyRule&, const PolicyRule&) = default;
};

struct Tenant {
  // Small, stable and unique on this edge, from 1; given by the store.
  uint32_t id = 0;
  std::string name;
  std::vector<Vnet> vnets;
  std::vector<Tunnel> tunnels;
  std::vector<Route> routes;
  std::vector<PolicyRule> policies;  // in order; the first match decides
  int line = 0;
  friend bool operator==(const Tenant&, const Tenant&) = default;
};

struct Resources {
  std::string file;  // for messages
  std::vector<Tenant> tenants;
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_MODEL_RESOURCES_H_

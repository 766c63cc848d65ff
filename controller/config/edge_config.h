// SPDX-License-Identifier: Apache-2.0
// rampartd.yaml: what one server is.
#ifndef RAMPART_CONTROLLER_CONFIG_EDGE_CONFIG_H_
#define RAMPART_CONTROLLER_CONFIG_EDGE_CONFIG_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "controller/base/endpoint.h"
#include "controller/base/ip.h"
#include "controller/model/resources.h"

namespace rampart {

enum class XdpMode { kAuto, kNative, kGeneric };
enum class DeviceRole { kUplink, kAccess };

struct DeviceConfig {
  std::string name;
  DeviceRole role = DeviceRole::kUplink;
  XdpMode mode = XdpMode::kAuto;
  int line = 0;
};

enum class NatMapping { kEndpointIndependent, kAddressAndPortDependent };
enum class NatFiltering {
  kEndpointIndependent,
  kAddressDependent,
  kAddressAndPortDependent
};

// How the external port is chosen among the free ones.
enum class NatPortChoice {
  kRandom,   // RFC 6056
  kParity,   // random of the internal port's parity (RFC 4787 REQ-4)
  kPreserve  // the internal port if it is free, else random
};

// Port forwarding: this external endpoint is always this internal one's.
struct NatStaticConfig {
  std::string tenant;
  std::string vnet;
  uint8_t protocol = 0;  // TCP or UDP
  Endpoint inside;
  Endpoint outside;  // its address is one of the pool
  int line = 0;
};

// One to one: NETMAP for IPv4, RFC 6296 for IPv6. Both have the same length.
struct NatPrefixConfig {
  std::string tenant;
  std::string vnet;
  Prefix inside;
  Prefix outside;
  int line = 0;
};

struct NatPoolConfig {
  std::string name;
  std::vector<IpAddress> addresses;  // none if all is done by `prefixes`
  PortRange ports = {1024, 65535};
  uint16_t block_size = 512;
  NatMapping mapping = NatMapping::kEndpointIndependent;
  NatFiltering filtering = NatFiltering::kAddressAndPortDependent;
  NatPortChoice port_choice = NatPortChoice::kRandom;
  uint32_t blocks_per_subscriber = 8;        // RFC 6888 REQ-4; 0: no limit
  uint32_t mappings_per_second = 0;          // of a subscriber; 0: no limit
  absl::Duration rest = absl::Seconds(120);  // RFC 6888 REQ-8
  // A subscriber's mappings to different remotes share ports (RFC 7857
  // section 3).
  bool overload = false;
  std::vector<Prefix> exclude;  // destinations that are not translated
  std::vector<NatStaticConfig> static_mappings;
  std::vector<NatPrefixConfig> prefixes;
  bool pcp = false;  // subscribers may ask for mappings
  int line = 0;
};

struct FlowTimeouts {
  absl::Duration udp = absl::Seconds(300);
  absl::Duration udp_unreplied = absl::Seconds(120);
  absl::Duration dns = absl::Seconds(30);  // UDP to port 53
  absl::Duration tcp_established = absl::Seconds(7440);
  absl::Duration tcp_opening = absl::Seconds(240);
  absl::Duration tcp_closing = absl::Seconds(240);
  absl::Duration icmp = absl::Seconds(60);
};

struct FlowLogConfig {
  bool on = false;   // else nothing below counts
  std::string path;  // of JSON lines; "": none are written
  uint64_t rotate_size = uint64_t{100} << 20;         // bytes
  int rotate_keep = 10;                               // files beside that one
  absl::Duration update_interval = absl::Minutes(5);  // zero: no updates
  std::string ipfix;       // "192.0.2.50:4739": the collector; "": none
  bool ipfix_tcp = false;  // else UDP
  absl::Duration history_keep = absl::Hours(7 * 24);
  uint64_t history_size = uint64_t{1} << 30;  // bytes of the file
  uint32_t queue = 262144;                    // records that wait for a sink
};

// The store that a fleet shares.
struct EtcdConfig {
  std::vector<std::string> endpoints;  // "192.0.2.1:2379"; none: no etcd
  std::string prefix;                  // of all keys, "/rampart"
  std::string copy = "/var/lib/rampart/fleet.db";
  std::string user;  // "": no authentication
  // Files.
  std::string password_file;
  std::string ca;  // "": no TLS
  std::string cert;
  std::string key;
  std::string advertise;  // "192.0.2.10:9443", where others find this edge
};

struct EdgeConfig {
  std::string file;  // for messages
  std::string edge;
  std::vector<DeviceConfig> devices;
  std::vector<IpAddress> gue_addresses;
  uint16_t gue_port = 6080;
  std::vector<NatPoolConfig> pools;
  FlowTimeouts timeouts;
  uint32_t flow_capacity = 1048576;  // directed entries per family
  std::string api_socket = "/run/rampart/api.sock";
  std::string state = "sqlite:///var/lib/rampart/state.db";
  EtcdConfig etcd;
  std::string metrics_listen;  // "": no metrics
  FlowLogConfig flow_log;
  // "file:line: what is unwise; why", for the log. Nothing keeps the edge from
  // running.
  std::vector<std::string> warnings;
};

// The file with the state of this edge: the store, or its local copy. What
// belongs to the edge alone lies beside it.
std::string StatePath(const EdgeConfig& config);

// Parses the text of rampartd.yaml. Every mistake is one line of the error
// message, "file:line: what is wrong; what would be right"; all mistakes are
// reported at once. Errors: InvalidArgument.
absl::StatusOr<EdgeConfig> ParseEdgeConfig(std::string_view file,
                                           std::string_view text);

// Parses the text of resources.yaml and checks it as a whole: names, VNIs,
// references, defaults, and what it needs of this edge (pools, devices of its
// own interface tunnels, key files, which are read here). Ids stay 0. Errors:
// as ParseEdgeConfig().
absl::StatusOr<Resources> ParseResources(std::string_view file,
                                         std::string_view text,
                                         const EdgeConfig& edge);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_CONFIG_EDGE_CONFIG_H_

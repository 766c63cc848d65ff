// SPDX-License-Identifier: Apache-2.0
// The edge that all program tests stand on.
#include "tests/testing/scene.h"

#include <arpa/inet.h>

#include <algorithm>
#include <utility>

namespace rampart::testing {
namespace {

constexpr uint32_t kTicksPerSecond = 60;  // 59.6
constexpr uint32_t kIndexesCleared = 32;  // of the arrays that tests use

rp_device Device(uint32_t role, uint32_t tunnel, uint32_t realm,
                 uint8_t link_header_len) {
  rp_device device = {};
  device.ifindex = 1;
  device.tunnel = tunnel;
  device.tenant = tunnel ? kTenant : 0;
  device.realm = realm;
  device.role = static_cast<uint8_t>(role);
  device.link_header_len = link_header_len;
  std::copy(kMacEdge.begin(), kMacEdge.end(), device.mac);
  return device;
}

}  // namespace

void Reset(const Programs& programs) {
  programs.ClearFlows();
  for (const char* map : {"rp_peers4", "rp_peers6", "rp_grants", "rp_addresses",
                          "rp_locals", "rp_prefixes", "rp_nat_open"})
    programs.Clear(map);
  for (uint32_t i = 0; i < kIndexesCleared; ++i) {
    programs.Put("rp_next_hops", i, rp_next_hop{});
    programs.Put("rp_tenants", i, rp_tenant{});
  }
  const std::pair<uint32_t, rp_device> devices[] = {
      {kUplink, Device(RP_ROLE_UPLINK, 0, 0, 14)},
      {kUplink2, Device(RP_ROLE_UPLINK, 0, 0, 14)},
      {kAccess, Device(RP_ROLE_ACCESS, kAccessTunnel, kVni, 14)},
      {kAccessTun, Device(RP_ROLE_ACCESS, kAccessTunTunnel, kVni, 0)},
      {kInject, Device(RP_ROLE_INJECT, 0, 0, 14)}};
  for (const auto& [slot, device] : devices)
    programs.Put("rp_devices", slot, device);
  for (uint32_t slot = kUplink; slot < kSlots; ++slot)
    programs.SetPort(slot, true);
  programs.SetPuntPath(true);
  Grant(programs, kAccessTunnel, kVni);
  Grant(programs, kAccessTunTunnel, kVni);
  SetConfig(programs, DefaultConfig());
}

void SetConfig(const Programs& programs, rp_config config) {
  config.flow_hash = programs.flow_hash();
  programs.Put("rp_config", uint32_t{0}, config);
  programs.ForgetRamps();
}

rp_config DefaultConfig() {
  rp_config config = {};
  config.layout = RP_LAYOUT_VERSION;
  config.gue_port = htons(kGuePort);
  // The middle of kEpoch, so that no test sees it change.
  config.unix_offset =
      (static_cast<uint64_t>(kEpoch) * RP_MAC_EPOCH_SECONDS + 32) * 1000000000 -
      NowInNanoseconds();
  config.punts_per_tick = 1000000;
  config.epoch = 1;
  config.timeouts[RP_TIMEOUT_UDP] = 300 * kTicksPerSecond;
  config.timeouts[RP_TIMEOUT_TCP_ESTABLISHED] = 7440 * kTicksPerSecond;
  config.timeouts[RP_TIMEOUT_TCP_OPENING] = 230 * kTicksPerSecond;
  config.timeouts[RP_TIMEOUT_TCP_CLOSING] = 240 * kTicksPerSecond;
  config.timeouts[RP_TIMEOUT_UDP_UNREPLIED] = 110 * kTicksPerSecond;
  config.timeouts[RP_TIMEOUT_UDP_BRIEF] = 30 * kTicksPerSecond;
  config.timeouts[RP_TIMEOUT_ICMP] = 60 * kTicksPerSecond;
  config.timeouts[RP_TIMEOUT_OTHER] = 120 * kTicksPerSecond;
  config.timeouts[RP_TIMEOUT_DENIED] = 10 * kTicksPerSecond;
  return config;
}

void AddAddress(const Programs& programs, const Ip& address, uint32_t use) {
  rp_address_key key = {};
  address.CopyTo16(key.addr);
  programs.Put("rp_addresses", key, use);
  programs.ForgetRamps();
}

void Grant(const Programs& programs, uint32_t tunnel, uint32_t realm) {
  programs.Put("rp_grants", rp_grant_key{tunnel, realm}, rp_grant{kTenant});
}

void AddTunnel(const Programs& programs, const Tunnel& tunnel) {
  AddAddress(programs, tunnel.edge, RP_ADDRESS_TUNNEL);
  PutPeer(programs, tunnel);
  Grant(programs, tunnel.id, tunnel.vni);
}

}  // namespace rampart::testing

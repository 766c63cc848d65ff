// SPDX-License-Identifier: Apache-2.0
#include "tests/controller/flow/fake_data_plane.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <unistd.h>

#include "controller/base/status.h"

namespace rampart {
namespace {

// In the order of struct Maps.
struct Shape {
  bpf_map_type type;
  const char* name;
  uint32_t key_size;
  uint32_t value_size;
  uint32_t entries;  // 0: the flow capacity
};
constexpr Shape kShapes[] = {
    {BPF_MAP_TYPE_ARRAY, "rp_config", 4, sizeof(rp_config), 1},
    {BPF_MAP_TYPE_HASH, "rp_flows4", sizeof(rp_flow4_key), sizeof(rp_flow4), 0},
    {BPF_MAP_TYPE_HASH, "rp_flows6", sizeof(rp_flow6_key), sizeof(rp_flow6), 0},
    {BPF_MAP_TYPE_ARRAY, "rp_next_hops", 4, sizeof(rp_next_hop), 1024},
    {BPF_MAP_TYPE_HASH, "rp_peers4", sizeof(rp_peer4_key), sizeof(rp_peer), 64},
    {BPF_MAP_TYPE_HASH, "rp_peers6", sizeof(rp_peer6_key), sizeof(rp_peer), 64},
    {BPF_MAP_TYPE_HASH, "rp_grants", sizeof(rp_grant_key), sizeof(rp_grant),
     64},
    {BPF_MAP_TYPE_HASH, "rp_addresses", sizeof(rp_address_key), 4, 64},
    {BPF_MAP_TYPE_HASH, "rp_locals", sizeof(rp_local_key), 4, 64},
    {BPF_MAP_TYPE_ARRAY, "rp_devices", 4, sizeof(rp_device), RP_DEVICE_MAX},
    {BPF_MAP_TYPE_ARRAY, "rp_slow_drops", 4, sizeof(rp_counter),
     RP_OUTCOME_COUNT},
};

template <typename K, typename V>
Map<K, V> Open(const UniqueFd& fd) {
  auto map = Map<K, V>::Of(UniqueFd(fcntl(fd.get(), F_DUPFD_CLOEXEC, 0)));
  RP_CHECK(map.ok());
  return *std::move(map);
}

}  // namespace

std::optional<FakeKernel> FakeKernel::Make(uint32_t flow_capacity) {
  FakeKernel kernel;
  for (const Shape& shape : kShapes) {
    const uint32_t entries = shape.entries ? shape.entries : flow_capacity;
    const int fd = bpf_map_create(shape.type, shape.name, shape.key_size,
                                  shape.value_size, entries, nullptr);
    if (fd < 0) return std::nullopt;
    kernel.fds_.emplace_back(fd);
  }
  return kernel;
}

Maps FakeKernel::OpenMaps() const {
  return {.config = Open<uint32_t, rp_config>(fds_[0]),
          .flows4 = Open<rp_flow4_key, rp_flow4>(fds_[1]),
          .flows6 = Open<rp_flow6_key, rp_flow6>(fds_[2]),
          .next_hops = Open<uint32_t, rp_next_hop>(fds_[3]),
          .peers4 = Open<rp_peer4_key, rp_peer>(fds_[4]),
          .peers6 = Open<rp_peer6_key, rp_peer>(fds_[5]),
          .grants = Open<rp_grant_key, rp_grant>(fds_[6]),
          .addresses = Open<rp_address_key, uint32_t>(fds_[7]),
          .locals = Open<rp_local_key, uint32_t>(fds_[8]),
          .devices = Open<uint32_t, rp_device>(fds_[9]),
          .slow_drops = Open<uint32_t, rp_counter>(fds_[10])};
}

absl::StatusOr<int> FakeDataPlane::ReadPunts(
    int budget,
    absl::FunctionRef<void(const rp_punt&, absl::Span<const uint8_t>)> handle) {
  int handled = 0;
  for (; handled < budget && !punts.empty(); ++handled) {
    const auto [punt, packet] = std::move(punts.front());
    punts.pop_front();
    handle(punt, packet);
  }
  return handled;
}

absl::Status FakeDataPlane::Inject(uint32_t realm, uint32_t tunnel,
                                   absl::Span<const uint8_t> packet) {
  injected.push_back({realm, tunnel, Bytes(packet.begin(), packet.end())});
  return absl::OkStatus();
}

absl::Status FakeDataPlane::Send(uint32_t next_hop,
                                 absl::Span<const uint8_t> packet) {
  sent.push_back({next_hop, Bytes(packet.begin(), packet.end())});
  return absl::OkStatus();
}

}  // namespace rampart

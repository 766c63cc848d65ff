// SPDX-License-Identifier: Apache-2.0
#include "tests/controller/flow/fake_data_plane.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <unistd.h>

#include "controller/base/status.h"
#include "tests/testing/no_grace_period.h"

namespace rampart {
namespace {

// In the order of struct Maps, behind the flow tables.
struct Shape {
  bpf_map_type type;
  const char* name;
  uint32_t key_size;
  uint32_t value_size;
  uint32_t entries;
  uint32_t flags = 0;
};
constexpr Shape kShapes[] = {
    {BPF_MAP_TYPE_ARRAY, "rp_config", 4, sizeof(rp_config), 1},
    {BPF_MAP_TYPE_ARRAY, "rp_next_hops", 4, sizeof(rp_next_hop), 1024},
    {BPF_MAP_TYPE_HASH, "rp_peers4", sizeof(rp_peer4_key), sizeof(rp_peer), 64},
    {BPF_MAP_TYPE_HASH, "rp_peers6", sizeof(rp_peer6_key), sizeof(rp_peer), 64},
    {BPF_MAP_TYPE_HASH, "rp_grants", sizeof(rp_grant_key), sizeof(rp_grant),
     64},
    {BPF_MAP_TYPE_HASH, "rp_addresses", sizeof(rp_address_key), 4, 64},
    {BPF_MAP_TYPE_HASH, "rp_prefixes", sizeof(rp_prefix_key), 4, 64},
    {BPF_MAP_TYPE_HASH, "rp_nat_open", sizeof(rp_nat_open_key),
     sizeof(rp_nat_open), 1024},
    {BPF_MAP_TYPE_ARRAY, "rp_ip_ids", 4, 8, 1, BPF_F_MMAPABLE},
    {BPF_MAP_TYPE_HASH, "rp_locals", sizeof(rp_local_key), 4, 64},
    {BPF_MAP_TYPE_ARRAY, "rp_devices", 4, sizeof(rp_device), RP_DEVICE_MAX},
    {BPF_MAP_TYPE_ARRAY, "rp_slow_drops", 4, sizeof(rp_counter),
     RP_OUTCOME_COUNT},
    {BPF_MAP_TYPE_HASH, "rp_slow_tenants", sizeof(rp_tenant_drop_key),
     sizeof(rp_counter), 1024},
    {BPF_MAP_TYPE_ARRAY, "rp_slow_samples", 4, sizeof(rp_drop_ring),
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
    LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = shape.flags);
    const int fd = bpf_map_create(shape.type, shape.name, shape.key_size,
                                  shape.value_size, shape.entries, &options);
    if (fd < 0) return std::nullopt;
    kernel.fds_.emplace_back(fd);
  }
  kernel.capacity_ = flow_capacity;
  kernel.hash_ = TestFlowHash(FlowBuckets(flow_capacity));
  const uint32_t zero = 0;
  rp_config config = {};
  config.layout = RP_LAYOUT_VERSION;
  config.flow_hash = kernel.hash_;
  if (bpf_map_update_elem(kernel.fds_[0].get(), &zero, &config, 0) != 0 ||
      !kernel.MakeFlowMaps(sizeof(rp_flow4)) ||
      !kernel.MakeFlowMaps(sizeof(rp_flow6)))
    return std::nullopt;
  return kernel;
}

bool FakeKernel::MakeFlowMaps(size_t entry_size) {
  const uint32_t buckets = FlowBuckets(capacity_);
  const uint32_t slots = buckets * RP_BUCKET_TAGS;
  const std::pair<size_t, uint32_t> shapes[] = {{sizeof(rp_bucket), buckets},
                                                {entry_size, slots},
                                                {sizeof(rp_flow_note), slots}};
  LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE);
  for (const auto& [size, entries] : shapes) {
    const int fd =
        bpf_map_create(BPF_MAP_TYPE_ARRAY, "rp_flows", 4,
                       static_cast<uint32_t>(size), entries, &options);
    if (fd < 0) return false;
    flow_fds_.emplace_back(fd);
  }
  return true;
}

template <typename Table>
std::unique_ptr<Table> FakeKernel::OpenTable(size_t first,
                                             GracePeriod& grace_period) const {
  auto table = Table::Open({flow_fds_[first].get(), flow_fds_[first + 1].get(),
                            flow_fds_[first + 2].get()},
                           hash_, capacity_, grace_period);
  RP_CHECK(table.ok());
  return *std::move(table);
}

Maps FakeKernel::OpenMaps() const {
  auto grace_period = std::make_unique<NoGracePeriod>();
  auto flows4 = OpenTable<FlowTable4>(0, *grace_period);
  auto flows6 = OpenTable<FlowTable6>(3, *grace_period);
  return {.grace_period = std::move(grace_period),
          .flows4 = std::move(flows4),
          .flows6 = std::move(flows6),
          .config = Open<uint32_t, rp_config>(fds_[0]),
          .next_hops = Open<uint32_t, rp_next_hop>(fds_[1]),
          .peers4 = Open<rp_peer4_key, rp_peer>(fds_[2]),
          .peers6 = Open<rp_peer6_key, rp_peer>(fds_[3]),
          .grants = Open<rp_grant_key, rp_grant>(fds_[4]),
          .addresses = Open<rp_address_key, uint32_t>(fds_[5]),
          .prefixes = Open<rp_prefix_key, uint32_t>(fds_[6]),
          .nat_open = Open<rp_nat_open_key, rp_nat_open>(fds_[7]),
          .ip_ids = SharedArray<uint64_t>::Of(fds_[8].get()).value(),
          .locals = Open<rp_local_key, uint32_t>(fds_[9]),
          .devices = Open<uint32_t, rp_device>(fds_[10]),
          .slow = {Open<uint32_t, rp_counter>(fds_[11]),
                   Open<rp_tenant_drop_key, rp_counter>(fds_[12]),
                   Open<uint32_t, rp_drop_ring>(fds_[13])}};
}

absl::StatusOr<int> FakeDataPlane::ReadPunts(int budget, PuntHandler handle) {
  std::vector<Punt> batch;
  for (const auto& [record, packet] : punts)
    if (batch.size() < static_cast<size_t>(budget))
      batch.push_back({record, packet});
  handle(batch);
  punts.erase(punts.begin(), punts.begin() + static_cast<int>(batch.size()));
  return static_cast<int>(batch.size());
}

absl::Status FakeDataPlane::Inject(uint32_t realm, uint32_t tunnel,
                                   absl::Span<const uint8_t> packet) {
  injected.push_back({realm, tunnel, Bytes(packet.begin(), packet.end())});
  return absl::OkStatus();
}

absl::Status FakeDataPlane::InjectFragment(uint32_t realm, uint32_t tunnel,
                                           const rp_inject_fragment& of,
                                           absl::Span<const uint8_t> packet) {
  injected.push_back({realm, tunnel, Bytes(packet.begin(), packet.end()), of});
  return absl::OkStatus();
}

absl::Status FakeDataPlane::Send(uint32_t next_hop,
                                 absl::Span<const uint8_t> packet) {
  sent.push_back({next_hop, Bytes(packet.begin(), packet.end())});
  return absl::OkStatus();
}

}  // namespace rampart

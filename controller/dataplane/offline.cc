// SPDX-License-Identifier: Apache-2.0
#include "controller/dataplane/offline.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "controller/base/status.h"
#include "controller/dataplane/pins.h"

namespace rampart {
namespace {

constexpr uint32_t kBatch = 4096;

absl::StatusOr<UniqueFd> OpenPin(const std::string& path) {
  LIBBPF_OPTS(bpf_obj_get_opts, options, .file_flags = BPF_F_RDONLY);
  UniqueFd fd(bpf_obj_get_opts(path.c_str(), &options));
  if (!fd.valid())
    return absl::ErrnoToStatus(errno, absl::StrCat("pin ", path));
  return fd;
}

// Values of a per-CPU map: one of each CPU.
template <typename V>
class PerCpu {
 public:
  PerCpu() : values_(libbpf_num_possible_cpus()) {}

  // Nothing if the key is absent.
  absl::StatusOr<absl::Span<const V>> Get(int fd, const void* key) {
    if (bpf_map_lookup_elem(fd, key, values_.data()) == 0) return values_;
    if (errno == ENOENT) return absl::Span<const V>();
    return absl::ErrnoToStatus(errno, "per-CPU map: get");
  }

 private:
  std::vector<V> values_;
};

void Add(const rp_counter& more, rp_counter& sum) {
  sum.packets += more.packets;
  sum.bytes += more.bytes;
}

absl::StatusOr<bpf_map_info> InfoOf(int fd) {
  bpf_map_info info = {};
  uint32_t length = sizeof(info);
  if (bpf_obj_get_info_by_fd(fd, &info, &length) != 0)
    return absl::ErrnoToStatus(errno, "map: ask the kernel about it");
  return info;
}

class PinReader final : public MapReader {
 public:
  explicit PinReader(std::string folder) : folder_(std::move(folder)) {}

  absl::Status ForEach(
      std::string_view map, size_t key_size, size_t value_size,
      absl::FunctionRef<bool(const void* key, const void* value)> visit)
      const override {
    ASSIGN_OR_RETURN(UniqueFd fd, Open(map));
    ASSIGN_OR_RETURN(const MapFd reader,
                     MapFd::Of(std::move(fd), key_size, value_size));
    const std::unique_ptr<char[]> keys(new char[kBatch * key_size]);
    const std::unique_ptr<char[]> values(new char[kBatch * value_size]);
    std::string cursor;
    do {
      ASSIGN_OR_RETURN(
          const uint32_t read,
          reader.ReadBatch(cursor, keys.get(), values.get(), kBatch));
      for (uint32_t i = 0; i < read; ++i) {
        if (!visit(&keys[i * key_size], &values[i * value_size]))
          return absl::OkStatus();
      }
    } while (!cursor.empty());
    return absl::OkStatus();
  }

  absl::StatusOr<uint32_t> MaxEntries(std::string_view map) const override {
    ASSIGN_OR_RETURN(const UniqueFd fd, Open(map));
    ASSIGN_OR_RETURN(const bpf_map_info info, InfoOf(fd.get()));
    return info.max_entries;
  }

  absl::StatusOr<uint64_t> Memory(std::string_view map) const override;
  absl::StatusOr<std::vector<DeviceCounters>> ReadCounters() const override;
  absl::StatusOr<std::vector<rp_tally>> ReadCpus() const override;
  absl::StatusOr<std::vector<TenantTally>> ReadTallies(
      uint32_t last) const override;
  absl::StatusOr<std::vector<TenantDrops>> ReadTenantDrops() const override;
  absl::StatusOr<std::vector<DropSample>> ReadSamples() const override;

 private:
  absl::Status Lookup(std::string_view map, const void* key, size_t key_size,
                      void* value, size_t value_size) const override {
    ASSIGN_OR_RETURN(UniqueFd fd, Open(map));
    ASSIGN_OR_RETURN(const MapFd reader,
                     MapFd::Of(std::move(fd), key_size, value_size));
    return reader.Lookup(key, value);
  }
  absl::StatusOr<UniqueFd> Open(std::string_view map) const {
    return OpenPin(folder_ + "/" + std::string(map));
  }

  // Calls visit(slot, outcome, counters by CPU) for all slots in use.
  absl::Status ForEachOutcome(
      absl::FunctionRef<void(uint32_t, uint32_t, absl::Span<const rp_counter>)>
          visit) const;

  const std::string folder_;
};

absl::StatusOr<uint64_t> PinReader::Memory(std::string_view map) const {
  constexpr std::string_view kField = "memlock:";
  ASSIGN_OR_RETURN(const UniqueFd fd, Open(map));
  std::ifstream info(absl::StrCat("/proc/self/fdinfo/", fd.get()));
  for (std::string word; info >> word;) {
    uint64_t bytes;
    if (word == kField && info >> bytes) return bytes;
  }
  return absl::InternalError("map: the kernel does not tell its memory");
}

absl::Status PinReader::ForEachOutcome(
    absl::FunctionRef<void(uint32_t, uint32_t, absl::Span<const rp_counter>)>
        visit) const {
  std::vector<uint32_t> slots;
  RETURN_IF_ERROR(
      ForEach("rp_devices", sizeof(uint32_t), sizeof(rp_device),
              [&](const void* key, const void* value) {
                if (static_cast<const rp_device*>(value)->role != RP_ROLE_NONE)
                  slots.push_back(*static_cast<const uint32_t*>(key));
                return true;
              }));
  ASSIGN_OR_RETURN(const UniqueFd fd, Open("rp_outcomes"));
  PerCpu<rp_counter> counters;
  for (const uint32_t slot : slots) {
    for (uint32_t outcome = 0; outcome < RP_OUTCOME_COUNT; ++outcome) {
      const uint32_t key = slot * RP_OUTCOME_COUNT + outcome;
      ASSIGN_OR_RETURN(const auto values, counters.Get(fd.get(), &key));
      visit(slot, outcome, values);
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<DeviceCounters>> PinReader::ReadCounters() const {
  std::vector<DeviceCounters> devices;
  RETURN_IF_ERROR(ForEachOutcome(
      [&](uint32_t slot, uint32_t outcome, absl::Span<const rp_counter> cpus) {
        if (outcome == 0) devices.push_back({.slot = slot, .outcomes = {}});
        for (const rp_counter& cpu : cpus)
          Add(cpu, devices.back().outcomes[outcome]);
      }));
  return devices;
}

absl::StatusOr<std::vector<rp_tally>> PinReader::ReadCpus() const {
  std::vector<rp_tally> tallies;
  RETURN_IF_ERROR(ForEachOutcome(
      [&](uint32_t, uint32_t outcome, absl::Span<const rp_counter> cpus) {
        tallies.resize(cpus.size());
        for (size_t cpu = 0; cpu < cpus.size(); ++cpu) {
          rp_tally& tally = tallies[cpu];
          Add(cpus[cpu], outcome == RP_FORWARDED ? tally.forwarded
                         : outcome == RP_PASSED  ? tally.passed
                         : outcome == RP_PUNTED  ? tally.punted
                                                 : tally.dropped);
        }
      }));
  return tallies;
}

absl::StatusOr<std::vector<TenantTally>> PinReader::ReadTallies(
    uint32_t last) const {
  ASSIGN_OR_RETURN(const UniqueFd fd, Open("rp_tallies"));
  PerCpu<rp_tally> tallies;
  std::vector<TenantTally> result(last + 1);
  for (uint32_t tenant = 0; tenant <= last; ++tenant) {
    ASSIGN_OR_RETURN(const auto values, tallies.Get(fd.get(), &tenant));
    rp_tally& sum = result[tenant].tally;
    result[tenant].tenant = tenant;
    for (const rp_tally& value : values) {
      Add(value.forwarded, sum.forwarded);
      Add(value.passed, sum.passed);
      Add(value.punted, sum.punted);
      Add(value.dropped, sum.dropped);
    }
  }
  return result;
}

absl::StatusOr<std::vector<TenantDrops>> PinReader::ReadTenantDrops() const {
  std::map<std::pair<uint32_t, uint32_t>, TenantDrops> found;
  const auto at = [&](const rp_tenant_drop_key& key) -> TenantDrops& {
    TenantDrops& drops = found[{key.tenant, key.reason}];
    drops.tenant = key.tenant;
    drops.reason = key.reason;
    return drops;
  };
  RETURN_IF_ERROR(
      ForEach("rp_slow_tenants", sizeof(rp_tenant_drop_key), sizeof(rp_counter),
              [&](const void* key, const void* value) {
                rp_tenant_drop_key of;
                std::memcpy(&of, key, sizeof(of));
                std::memcpy(&at(of).slow, value, sizeof(rp_counter));
                return true;
              }));
  ASSIGN_OR_RETURN(const UniqueFd fd, Open("rp_tenant_drops"));
  PerCpu<rp_counter> counters;
  rp_tenant_drop_key key;
  const void* previous = nullptr;
  while (bpf_map_get_next_key(fd.get(), previous, &key) == 0) {
    ASSIGN_OR_RETURN(const auto values, counters.Get(fd.get(), &key));
    for (const rp_counter& value : values) Add(value, at(key).fast);
    previous = &key;
  }
  std::vector<TenantDrops> result;
  result.reserve(found.size());
  for (auto& [of, drops] : found) result.push_back(drops);
  return result;
}

absl::StatusOr<std::vector<DropSample>> PinReader::ReadSamples() const {
  std::vector<DropSample> result;
  const auto add = [&](uint32_t reason, bool slow, const rp_drop_ring& ring) {
    for (const rp_drop_sample& sample : ring.samples)
      if (sample.time != 0) result.push_back({reason, slow, sample});
  };
  RETURN_IF_ERROR(ForEach("rp_slow_samples", sizeof(uint32_t),
                          sizeof(rp_drop_ring),
                          [&](const void* key, const void* value) {
                            add(*static_cast<const uint32_t*>(key), true,
                                *static_cast<const rp_drop_ring*>(value));
                            return true;
                          }));
  ASSIGN_OR_RETURN(const UniqueFd fd, Open("rp_drop_samples"));
  PerCpu<rp_drop_ring> rings;
  for (uint32_t reason = 0; reason < RP_OUTCOME_COUNT; ++reason) {
    ASSIGN_OR_RETURN(const auto values, rings.Get(fd.get(), &reason));
    for (const rp_drop_ring& ring : values) add(reason, false, ring);
  }
  std::sort(result.begin(), result.end(),
            [](const DropSample& a, const DropSample& b) {
              return a.sample.time > b.sample.time;
            });
  return result;
}

}  // namespace

absl::StatusOr<std::unique_ptr<MapReader>> OpenPinnedMaps(
    std::string_view bpffs, std::string_view edge) {
  const std::string folder =
      std::string(bpffs) + "/rampart/" + PinName(edge) + "/maps";
  // Any map tells whether there are pins and whether they may be read.
  const absl::StatusOr<UniqueFd> config = OpenPin(folder + "/rp_config");
  if (!config.ok()) return config.status();
  return std::unique_ptr<MapReader>(std::make_unique<PinReader>(folder));
}

std::vector<std::string> PinnedEdges(std::string_view bpffs) {
  std::vector<std::string> edges = ListFolder(std::string(bpffs) + "/rampart");
  for (std::string& edge : edges) edge = NameOfPin(edge);
  return edges;
}

}  // namespace rampart

// SPDX-License-Identifier: Apache-2.0
#include "controller/dataplane/offline.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
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

  absl::StatusOr<std::vector<DeviceCounters>> ReadCounters() const override;

 private:
  absl::StatusOr<UniqueFd> Open(std::string_view map) const {
    return OpenPin(folder_ + "/" + std::string(map));
  }

  const std::string folder_;
};

absl::StatusOr<std::vector<DeviceCounters>> PinReader::ReadCounters() const {
  std::vector<DeviceCounters> devices;
  RETURN_IF_ERROR(
      ForEach("rp_devices", sizeof(uint32_t), sizeof(rp_device),
              [&](const void* key, const void* value) {
                if (static_cast<const rp_device*>(value)->role != RP_ROLE_NONE)
                  devices.push_back({.slot = *static_cast<const uint32_t*>(key),
                                     .outcomes = {}});
                return true;
              }));
  ASSIGN_OR_RETURN(const UniqueFd fd, Open("rp_outcomes"));
  const int cpus = libbpf_num_possible_cpus();
  if (cpus < 0) return absl::ErrnoToStatus(-cpus, "rp_outcomes: count CPUs");
  std::vector<rp_counter> per_cpu(cpus);
  for (DeviceCounters& device : devices) {
    for (uint32_t i = 0; i < RP_OUTCOME_COUNT; ++i) {
      const uint32_t key = device.slot * RP_OUTCOME_COUNT + i;
      if (bpf_map_lookup_elem(fd.get(), &key, per_cpu.data()) != 0)
        return absl::ErrnoToStatus(errno, "map rp_outcomes: get");
      for (const rp_counter& counter : per_cpu) {
        device.outcomes[i].packets += counter.packets;
        device.outcomes[i].bytes += counter.bytes;
      }
    }
  }
  return devices;
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

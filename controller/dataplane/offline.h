// SPDX-License-Identifier: Apache-2.0
// A look at the pinned maps that takes no lock, adopts nothing and writes
// nothing: for showing them, with or without a controller.
#ifndef RAMPART_CONTROLLER_DATAPLANE_OFFLINE_H_
#define RAMPART_CONTROLLER_DATAPLANE_OFFLINE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controller/dataplane/data_plane.h"

namespace rampart {

// What became of one tenant's packets; id 0: of packets that belong to none.
struct TenantTally {
  uint32_t tenant = 0;
  rp_tally tally = {};  // summed over CPUs
};

// Dropped packets of one tenant and reason: by the data plane (not for tenant
// 0), and by the controller.
struct TenantDrops {
  uint32_t tenant = 0;
  uint32_t reason = 0;
  rp_counter fast = {};
  rp_counter slow = {};
};

struct DropSample {
  uint32_t reason = 0;
  bool slow = false;  // dropped by the controller
  rp_drop_sample sample = {};
};

class MapReader {
 public:
  virtual ~MapReader() = default;

  // The entry of a hash or array map. Errors: NotFound (no such entry, or the
  // map is not pinned), FailedPrecondition (other sizes than these).
  template <typename V, typename K>
  absl::StatusOr<V> Get(std::string_view map, const K& key) const {
    V value;
    const absl::Status status =
        Lookup(map, &key, sizeof(key), &value, sizeof(value));
    if (!status.ok()) return status;
    return value;
  }
  // Calls visit(key, value) for the entries of a hash or array map until it
  // returns false. Entries that come or go meanwhile may be missed. Errors:
  // NotFound (not pinned), FailedPrecondition (other sizes than these).
  virtual absl::Status ForEach(
      std::string_view map, size_t key_size, size_t value_size,
      absl::FunctionRef<bool(const void* key, const void* value)> visit)
      const = 0;
  // Capacity of a map. Errors: NotFound.
  virtual absl::StatusOr<uint32_t> MaxEntries(std::string_view map) const = 0;
  // Bytes that the kernel keeps for a map: what it uses since Linux 6.4, what
  // it may use before that. Errors: NotFound.
  virtual absl::StatusOr<uint64_t> Memory(std::string_view map) const = 0;
  // rp_outcomes of every device slot in use.
  virtual absl::StatusOr<std::vector<DeviceCounters>> ReadCounters() const = 0;
  // rp_outcomes of all devices, by CPU.
  virtual absl::StatusOr<std::vector<rp_tally>> ReadCpus() const = 0;
  // Of the ids up to `last`.
  virtual absl::StatusOr<std::vector<TenantTally>> ReadTallies(
      uint32_t last) const = 0;
  virtual absl::StatusOr<std::vector<TenantDrops>> ReadTenantDrops() const = 0;
  // The last dropped packets of every reason, newest first.
  virtual absl::StatusOr<std::vector<DropSample>> ReadSamples() const = 0;

 private:
  virtual absl::Status Lookup(std::string_view map, const void* key,
                              size_t key_size, void* value,
                              size_t value_size) const = 0;
};

// Errors: NotFound if `edge` has no pins, PermissionDenied without root.
absl::StatusOr<std::unique_ptr<MapReader>> OpenPinnedMaps(
    std::string_view bpffs, std::string_view edge);

// Names of the edges that have pins, sorted.
std::vector<std::string> PinnedEdges(std::string_view bpffs);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_DATAPLANE_OFFLINE_H_

// SPDX-License-Identifier: Apache-2.0
// A data plane without programs: real BPF maps, punts that a test queues, and
// a record of what was injected and sent. Needs root.
#ifndef RAMPART_TESTS_CONTROLLER_FLOW_FAKE_DATA_PLANE_H_
#define RAMPART_TESTS_CONTROLLER_FLOW_FAKE_DATA_PLANE_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "controller/dataplane/data_plane.h"

namespace rampart {

using Bytes = std::vector<uint8_t>;

// Owns the kernel's maps; several data planes may come and go over them, as
// controllers do over pins.
class FakeKernel {
 public:
  // Nothing if the process may not make BPF maps.
  static std::optional<FakeKernel> Make(uint32_t flow_capacity = 8192);
  Maps OpenMaps() const;

 private:
  FakeKernel() = default;
  bool MakeFlowMaps(size_t entry_size);
  template <typename Table>
  std::unique_ptr<Table> OpenTable(size_t first,
                                   GracePeriod& grace_period) const;
  std::vector<UniqueFd> fds_;
  std::vector<UniqueFd> flow_fds_;  // tags, entries, notes; IPv4, then IPv6
  rp_flow_hash hash_ = {};
  uint32_t capacity_ = 0;
};

class FakeDataPlane final : public DataPlane {
 public:
  struct Injected {
    uint32_t realm;
    uint32_t tunnel;
    Bytes packet;
    std::optional<rp_inject_fragment> of = {};
  };
  struct Sent {
    uint32_t next_hop;
    Bytes packet;
  };

  explicit FakeDataPlane(const FakeKernel& kernel) : maps_(kernel.OpenMaps()) {}

  bool adopted() const override { return false; }
  const Maps& maps() const override { return maps_; }
  absl::StatusOr<AttachedDevice> Attach(const DeviceConfig&,
                                        const rp_device&) override {
    return absl::UnimplementedError("fake");
  }
  absl::Status Detach(uint32_t) override { return absl::OkStatus(); }
  std::vector<AttachedDevice> devices() const override { return attached; }
  absl::Status OpenPuntPath(std::string_view) override {
    return absl::OkStatus();
  }
  int punt_fd() const override { return -1; }
  absl::StatusOr<int> ReadPunts(int budget, PuntHandler handle) override;
  absl::Status Inject(uint32_t realm, uint32_t tunnel,
                      absl::Span<const uint8_t> packet) override;
  absl::Status InjectFragment(uint32_t realm, uint32_t tunnel,
                              const rp_inject_fragment& of,
                              absl::Span<const uint8_t> packet) override;
  absl::Status Send(uint32_t next_hop,
                    absl::Span<const uint8_t> packet) override;
  absl::StatusOr<std::vector<DeviceCounters>> ReadCounters() const override {
    return std::vector<DeviceCounters>();
  }
  std::vector<PuntLosses> punt_losses() const override { return {}; }

  std::vector<AttachedDevice> attached;
  std::deque<std::pair<rp_punt, Bytes>> punts;
  std::vector<Injected> injected;
  std::vector<Sent> sent;

 private:
  Maps maps_;
};

}  // namespace rampart

#endif  // RAMPART_TESTS_CONTROLLER_FLOW_FAKE_DATA_PLANE_H_

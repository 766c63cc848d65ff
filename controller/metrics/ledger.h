// SPDX-License-Identifier: Apache-2.0
// The books of an edge: what came on against what became of it, per device and
// for the slow path.
#ifndef RAMPART_CONTROLLER_METRICS_LEDGER_H_
#define RAMPART_CONTROLLER_METRICS_LEDGER_H_

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controller/dataplane/data_plane.h"
#include "controller/dataplane/losses.h"
#include "controller/netlink/mnl.h"
#include "maps/outcomes.h"

namespace rampart {

// A row of RP_KERNEL_LOSSES.
struct KernelLoss {
  uint32_t value;
  std::string_view symbol;
  std::string_view id;
  std::string_view help;
};
absl::Span<const KernelLoss> KernelLosses();

// Packets of a device since its program was attached.
struct DeviceLedger {
  uint32_t slot = 0;
  std::string name;
  uint64_t rx = 0;  // as the kernel counts; README.md says which counters
  rp_counter forwarded = {};
  rp_counter passed = {};
  rp_counter punted = {};
  rp_counter dropped = {};
  // rx less the four above. Packets that are being handled while this is read
  // may make it differ from 0 for a moment, either way.
  int64_t gap = 0;
  // By enum rp_kernel_loss. They come on top: what is lost behind a verdict
  // was forwarded or punted, what is lost in front of it is not in rx.
  std::array<uint64_t, RP_LOSS_COUNT> losses = {};
};

// Packets of the data plane's own punts, in this run.
struct PuntLedger {
  uint64_t punted = 0;
  uint64_t lost = 0;
};

class Ledger {
 public:
  // After the data plane is open, before its punt path is. data_plane: outlives
  // this. Errors: those of OpenLosses(), netlink.
  static absl::StatusOr<std::unique_ptr<Ledger>> Open(std::string_view bpffs,
                                                      std::string_view edge,
                                                      DataPlane& data_plane);

  // Opens the books of devices that were attached since the last call; those
  // of an earlier run go on.
  absl::Status Follow();

  absl::StatusOr<std::vector<DeviceLedger>> Devices() const;
  absl::StatusOr<PuntLedger> Punts() const;
  // Why losses behind verdicts are not counted; "" if they are.
  const std::string& why_not() const { return losses_.why_not; }

 private:
  struct Reading {  // of counters that never begin anew
    uint64_t rx = 0;
    std::array<uint64_t, RP_LOSS_COUNT> losses = {};
  };
  Ledger(DataPlane& data_plane, Losses losses, NetlinkSocket socket)
      : data_plane_(data_plane),
        losses_(std::move(losses)),
        socket_(std::move(socket)) {}
  absl::StatusOr<Reading> Read(const AttachedDevice& device) const;
  absl::Status OpenBook(const AttachedDevice& device,
                        const DeviceCounters& counters);

  DataPlane& data_plane_;
  Losses losses_;
  mutable NetlinkSocket socket_;
  std::map<uint32_t, uint32_t> followed_;       // slot: ifindex
  std::map<uint32_t, uint64_t> punted_before_;  // slot: when this run began
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_METRICS_LEDGER_H_

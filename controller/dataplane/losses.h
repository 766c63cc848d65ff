// SPDX-License-Identifier: Apache-2.0
// What the kernel loses behind the verdicts of programs, counted by
// bpf/losses.bpf.c, and where the ledger of each device begins.
#ifndef RAMPART_CONTROLLER_DATAPLANE_LOSSES_H_
#define RAMPART_CONTROLLER_DATAPLANE_LOSSES_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "controller/dataplane/map.h"
#include "maps/losses.h"

namespace rampart {

// Pinned beside the maps of the data plane, so both outlive the controller.
struct Losses {
  Map<rp_loss_key, uint64_t> counts;    // rp_losses
  Map<uint32_t, rp_ledger_base> bases;  // rp_ledger_bases
  std::string why_not;  // empty if the kernel counts; else why it does not
};

// Makes or adopts the maps and attaches the counters of the calling thread's
// network namespace, in place of an earlier run's. The data plane of `edge` is
// open: it holds the lock. A kernel that cannot count (no type information, no
// such tracepoint) is no error. Errors: those of maps and pins.
absl::StatusOr<Losses> OpenLosses(std::string_view bpffs,
                                  std::string_view edge);

// Where the links of the counters are pinned, in the folder of an edge.
inline constexpr char kLossesFolder[] = "/losses";

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_DATAPLANE_LOSSES_H_

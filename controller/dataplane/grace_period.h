// SPDX-License-Identifier: Apache-2.0
// Waiting until no program uses what it may have found before.
#ifndef RAMPART_CONTROLLER_DATAPLANE_GRACE_PERIOD_H_
#define RAMPART_CONTROLLER_DATAPLANE_GRACE_PERIOD_H_

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace rampart {

// RCU grace periods of the kernel, one after the other. Thread-safe.
class GracePeriod {
 public:
  virtual ~GracePeriod() = default;

  // Asks for one that begins after this call. Returns what to ask IsOver().
  virtual uint64_t Start() = 0;
  virtual bool IsOver(uint64_t ticket) const = 0;
  // Lasts one grace period: some 10 ms.
  virtual absl::Status Wait() = 0;
};

// Waits in a thread of its own. Errors: the kernel's refusal of the maps that
// this takes.
absl::StatusOr<std::unique_ptr<GracePeriod>> MakeGracePeriod();

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_DATAPLANE_GRACE_PERIOD_H_

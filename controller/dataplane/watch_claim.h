// SPDX-License-Identifier: Apache-2.0
// Who has which of the watches: all who ask agree by a lock on the pins.
#ifndef RAMPART_CONTROLLER_DATAPLANE_WATCH_CLAIM_H_
#define RAMPART_CONTROLLER_DATAPLANE_WATCH_CLAIM_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "controller/base/unique_fd.h"
#include "controller/dataplane/map.h"
#include "controller/dataplane/shared_array.h"
#include "maps/watch.h"

namespace rampart {

uint64_t MonotonicNanoseconds();

// Some of the watches, and a ring that all of them write to.
class WatchClaim {
 public:
  // ring_bytes: a power of two and of pages. Errors: ResourceExhausted if fewer
  // than `count` are free; what opening the pins says.
  static absl::StatusOr<std::unique_ptr<WatchClaim>> Take(
      std::string_view bpffs, std::string_view edge, size_t count,
      size_t ring_bytes);
  // Gives them back, as they were before: zero.
  ~WatchClaim();
  WatchClaim(const WatchClaim&) = delete;
  WatchClaim& operator=(const WatchClaim&) = delete;

  int ring() const { return ring_.get(); }
  const std::vector<uint32_t>& indexes() const { return indexes_; }
  // Takes or gives back some of them. Errors: as Take(), and nothing changed.
  absl::Status Resize(size_t count);
  // Events that found the ring full, of all watches so far.
  uint64_t lost() const;
  void Renew();
  // Writes as many watches as there are indexes, and puts them in force.
  absl::Status Arm(absl::Span<const rp_watch> watches);

  // Clears what nobody renews.
  static absl::Status Sweep(std::string_view bpffs, std::string_view edge);

 private:
  struct Files;
  explicit WatchClaim(std::unique_ptr<Files> files);
  // Both with the lock.
  absl::Status TakeFree(size_t count);
  absl::Status GiveBack(size_t keep);

  std::unique_ptr<Files> files_;
  UniqueFd ring_;
  std::vector<uint32_t> indexes_;
  uint64_t lost_ = 0;  // of watches given back
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_DATAPLANE_WATCH_CLAIM_H_

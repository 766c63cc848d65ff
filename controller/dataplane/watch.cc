// SPDX-License-Identifier: Apache-2.0
#include "controller/dataplane/watch.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "controller/base/status.h"
#include "controller/dataplane/event_ring.h"
#include "controller/dataplane/watch_claim.h"

namespace rampart {
namespace {

// Holds 3900 whole packets, or 38 000 events of a trace.
constexpr size_t kRingBytes = 8 << 20;

absl::Status CheckCount(absl::Span<const rp_watch> watches) {
  if (!watches.empty() && watches.size() <= RP_WATCH_MAX)
    return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("watch: ", watches.size(), " watches: 1 to ",
                   uint32_t{RP_WATCH_MAX}, " can be in force"));
}

class PinWatch final : public Watch {
 public:
  PinWatch(std::unique_ptr<WatchClaim> claim, std::unique_ptr<EventRing> ring)
      : claim_(std::move(claim)), ring_(std::move(ring)) {}

  absl::Status Replace(absl::Span<const rp_watch> watches) override {
    RETURN_IF_ERROR(CheckCount(watches));
    RETURN_IF_ERROR(claim_->Resize(watches.size()));
    return claim_->Arm(watches);
  }
  void Renew() override { claim_->Renew(); }
  int fd() const override { return ring_->fd(); }
  absl::StatusOr<int> Read(Visit visit) override { return ring_->Read(visit); }
  uint64_t lost() const override { return claim_->lost(); }

 private:
  const std::unique_ptr<WatchClaim> claim_;
  const std::unique_ptr<EventRing> ring_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Watch>> Watch::Arm(
    std::string_view bpffs, std::string_view edge,
    absl::Span<const rp_watch> watches) {
  RETURN_IF_ERROR(CheckCount(watches));
  ASSIGN_OR_RETURN(std::unique_ptr<WatchClaim> claim,
                   WatchClaim::Take(bpffs, edge, watches.size(), kRingBytes));
  ASSIGN_OR_RETURN(std::unique_ptr<EventRing> ring,
                   EventRing::Of(claim->ring()));
  RETURN_IF_ERROR(claim->Arm(watches));
  return std::unique_ptr<Watch>(
      std::make_unique<PinWatch>(std::move(claim), std::move(ring)));
}

absl::Status EndLeftWatches(std::string_view bpffs, std::string_view edge) {
  return WatchClaim::Sweep(bpffs, edge);
}

}  // namespace rampart

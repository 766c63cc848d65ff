// SPDX-License-Identifier: Apache-2.0
#include "controller/dataplane/watch_claim.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <ctime>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "controller/base/status.h"
#include "controller/dataplane/pins.h"
#include "controller/dataplane/watch.h"

namespace rampart {

uint64_t MonotonicNanoseconds() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 +
         static_cast<uint64_t>(now.tv_nsec);
}

namespace {

absl::StatusOr<UniqueFd> OpenMap(const std::string& folder, const char* name) {
  UniqueFd fd(bpf_obj_get(absl::StrCat(folder, "/", name).c_str()));
  if (!fd.valid())
    return absl::ErrnoToStatus(errno, absl::StrCat("pin ", folder, "/", name));
  return fd;
}

// Held while watches change hands.
absl::StatusOr<UniqueFd> Lock(const std::string& folder) {
  UniqueFd fd(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid() || flock(fd.get(), LOCK_EX) != 0)
    return absl::ErrnoToStatus(errno, absl::StrCat("pins: lock ", folder));
  return fd;
}

}  // namespace

struct WatchClaim::Files {
  std::string folder;
  Map<uint32_t, rp_watching> watching;
  SharedArray<rp_watch> watches;
  UniqueFd rings;

  static absl::StatusOr<std::unique_ptr<Files>> Open(std::string_view bpffs,
                                                     std::string_view edge);
  __u64& until(uint32_t index) const { return watches.at(index)->until; }
  // Call with the lock.
  absl::Status Change(uint32_t set, uint32_t clear) const;
  absl::Status EndLeft() const;
};

absl::StatusOr<std::unique_ptr<WatchClaim::Files>> WatchClaim::Files::Open(
    std::string_view bpffs, std::string_view edge) {
  std::string folder =
      std::string(bpffs) + "/rampart/" + PinName(edge) + "/maps";
  ASSIGN_OR_RETURN(UniqueFd watching_fd, OpenMap(folder, "rp_watching"));
  ASSIGN_OR_RETURN(auto watching,
                   (Map<uint32_t, rp_watching>::Of(std::move(watching_fd))));
  ASSIGN_OR_RETURN(const UniqueFd watches_fd, OpenMap(folder, "rp_watches"));
  ASSIGN_OR_RETURN(auto watches, SharedArray<rp_watch>::Of(watches_fd.get()));
  ASSIGN_OR_RETURN(UniqueFd rings, OpenMap(folder, "rp_watch_rings"));
  return std::unique_ptr<Files>(
      new Files{std::move(folder), std::move(watching), std::move(watches),
                std::move(rings)});
}

absl::Status WatchClaim::Files::Change(uint32_t set, uint32_t clear) const {
  ASSIGN_OR_RETURN(const std::optional<rp_watching> now, watching.Get(0));
  rp_watching next = now.value_or(rp_watching{});
  next.watches = (next.watches & ~clear) | set;
  return watching.Put(0, next);
}

absl::Status WatchClaim::Files::EndLeft() const {
  uint32_t left = 0;
  for (uint32_t i = 0; i < RP_WATCH_MAX; ++i)
    if (__atomic_load_n(&until(i), __ATOMIC_RELAXED) < MonotonicNanoseconds())
      left |= 1u << i;
  return Change(0, left);
}

WatchClaim::WatchClaim(std::unique_ptr<Files> files)
    : files_(std::move(files)) {}

absl::StatusOr<std::unique_ptr<WatchClaim>> WatchClaim::Take(
    std::string_view bpffs, std::string_view edge, size_t count,
    size_t ring_bytes) {
  ASSIGN_OR_RETURN(std::unique_ptr<Files> files, Files::Open(bpffs, edge));
  std::unique_ptr<WatchClaim> claim(new WatchClaim(std::move(files)));
  claim->ring_.reset(bpf_map_create(BPF_MAP_TYPE_RINGBUF, "rp_events", 0, 0,
                                    static_cast<uint32_t>(ring_bytes),
                                    nullptr));
  if (!claim->ring_.valid())
    return absl::ErrnoToStatus(errno, "watch: make a ring");
  RETURN_IF_ERROR(claim->Resize(count));
  return claim;
}

absl::Status WatchClaim::TakeFree(size_t count) {
  const size_t had = indexes_.size();
  RETURN_IF_ERROR(files_->EndLeft());
  const uint64_t now = MonotonicNanoseconds();
  const int ring = ring_.get();
  for (uint32_t i = 0; i < RP_WATCH_MAX && indexes_.size() < count; ++i) {
    if (__atomic_load_n(&files_->until(i), __ATOMIC_RELAXED) >= now) continue;
    if (bpf_map_update_elem(files_->rings.get(), &i, &ring, BPF_ANY) != 0)
      return absl::ErrnoToStatus(errno, "map rp_watch_rings: put");
    indexes_.push_back(i);
    files_->watches.Write(i, {.until = now + Watch::kLease});
  }
  if (indexes_.size() == count) return absl::OkStatus();
  const size_t found = indexes_.size();
  RETURN_IF_ERROR(GiveBack(had));
  return absl::ResourceExhaustedError(absl::StrCat(
      "watch: ", count, " are needed and ", found, " of ",
      uint32_t{RP_WATCH_MAX}, " can be had: others trace or capture"));
}

absl::Status WatchClaim::GiveBack(size_t keep) {
  uint32_t given = 0;
  for (size_t i = keep; i < indexes_.size(); ++i) given |= 1u << indexes_[i];
  RETURN_IF_ERROR(files_->Change(0, given));
  for (; indexes_.size() > keep; indexes_.pop_back()) {
    const uint32_t index = indexes_.back();
    lost_ += files_->watches.at(index)->lost;
    files_->watches.Write(index, {});
    bpf_map_delete_elem(files_->rings.get(), &index);
  }
  return absl::OkStatus();
}

absl::Status WatchClaim::Resize(size_t count) {
  ASSIGN_OR_RETURN(const UniqueFd lock, Lock(files_->folder));
  return count > indexes_.size() ? TakeFree(count) : GiveBack(count);
}

WatchClaim::~WatchClaim() {
  // What fails here is mended by whoever comes next, when the lease is over.
  (void)Resize(0);
}

uint64_t WatchClaim::lost() const {
  uint64_t lost = lost_;
  for (const uint32_t index : indexes_)
    lost += __atomic_load_n(&files_->watches.at(index)->lost, __ATOMIC_RELAXED);
  return lost;
}

void WatchClaim::Renew() {
  const uint64_t until = MonotonicNanoseconds() + Watch::kLease;
  for (const uint32_t index : indexes_)
    __atomic_store_n(&files_->until(index), until, __ATOMIC_RELAXED);
}

absl::Status WatchClaim::Arm(absl::Span<const rp_watch> watches) {
  RP_CHECK(watches.size() == indexes_.size());
  ASSIGN_OR_RETURN(const UniqueFd lock, Lock(files_->folder));
  uint32_t mine = 0;
  for (size_t i = 0; i < watches.size(); ++i) {
    rp_watch watch = watches[i];
    watch.until = MonotonicNanoseconds() + Watch::kLease;
    lost_ += files_->watches.at(indexes_[i])->lost;
    watch.lost = 0;
    files_->watches.Write(indexes_[i], watch);
    mine |= 1u << indexes_[i];
  }
  return files_->Change(mine, 0);
}

absl::Status WatchClaim::Sweep(std::string_view bpffs, std::string_view edge) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Files> files,
                   Files::Open(bpffs, edge));
  ASSIGN_OR_RETURN(const UniqueFd lock, Lock(files->folder));
  return files->EndLeft();
}

}  // namespace rampart

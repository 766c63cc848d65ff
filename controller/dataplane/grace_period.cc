// SPDX-License-Identifier: Apache-2.0
#include "controller/dataplane/grace_period.h"

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "controller/base/status.h"
#include "controller/base/unique_fd.h"

namespace rampart {
namespace {

// An update of a map of maps returns when no program can be using the map that
// it replaced (Linux 4.20, "bpf: wait for running BPF programs when updating
// map-in-map"): a grace period of the kind that XDP programs run under, on
// every kernel. membarrier(2) gives one too, but not with nohz_full.
class MapOfMaps {
 public:
  static absl::StatusOr<MapOfMaps> Make() {
    MapOfMaps maps;
    maps.inner_.reset(
        bpf_map_create(BPF_MAP_TYPE_ARRAY, "rp_grace_inner", 4, 4, 1, nullptr));
    if (!maps.inner_.valid())
      return absl::ErrnoToStatus(errno, "grace period: make a map");
    LIBBPF_OPTS(bpf_map_create_opts, options,
                .inner_map_fd = static_cast<uint32_t>(maps.inner_.get()));
    maps.outer_.reset(bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, "rp_grace", 4,
                                     4, 1, &options));
    if (!maps.outer_.valid())
      return absl::ErrnoToStatus(errno, "grace period: make a map of maps");
    return maps;
  }

  absl::Status Update() const {
    const uint32_t zero = 0;
    const int inner = inner_.get();
    if (bpf_map_update_elem(outer_.get(), &zero, &inner, BPF_ANY) != 0)
      return absl::ErrnoToStatus(errno, "grace period: update the map of maps");
    return absl::OkStatus();
  }

 private:
  UniqueFd inner_;
  UniqueFd outer_;
};

class KernelGracePeriod final : public GracePeriod {
 public:
  explicit KernelGracePeriod(MapOfMaps maps)
      : maps_(std::move(maps)), thread_([this] { Run(); }) {}
  ~KernelGracePeriod() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }

  uint64_t Start() override {
    const std::lock_guard lock(mutex_);
    wanted_ = started_ + 1;
    wake_.notify_one();
    return wanted_;
  }
  bool IsOver(uint64_t ticket) const override {
    const std::lock_guard lock(mutex_);
    return ended_ >= ticket;
  }
  absl::Status Wait() override { return maps_.Update(); }

 private:
  void Run() {
    std::unique_lock lock(mutex_);
    while (true) {
      wake_.wait(lock, [this] { return stopping_ || wanted_ > started_; });
      if (stopping_) return;
      ++started_;
      lock.unlock();
      const absl::Status status = maps_.Update();
      lock.lock();
      if (status.ok()) {
        ended_ = started_;
      } else {  // no memory: this was not one
        --started_;
        wake_.wait_for(lock, std::chrono::seconds(1),
                       [this] { return stopping_; });
      }
    }
  }

  const MapOfMaps maps_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  uint64_t wanted_ = 0;  // tickets, below
  uint64_t started_ = 0;
  uint64_t ended_ = 0;
  bool stopping_ = false;
  std::thread thread_;  // last: uses all above
};

}  // namespace

absl::StatusOr<std::unique_ptr<GracePeriod>> MakeGracePeriod() {
  ASSIGN_OR_RETURN(MapOfMaps maps, MapOfMaps::Make());
  return std::make_unique<KernelGracePeriod>(std::move(maps));
}

}  // namespace rampart

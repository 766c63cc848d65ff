// SPDX-License-Identifier: Apache-2.0
#include "controller/dataplane/event_ring.h"

#include <bpf/libbpf.h>

#include <algorithm>
#include <cerrno>

#include "absl/status/status.h"

namespace rampart {
namespace {

class LibbpfRing final : public EventRing {
 public:
  ~LibbpfRing() override { ring_buffer__free(ring_); }

  bool Open(int map_fd) {
    ring_ = ring_buffer__new(map_fd, &LibbpfRing::OnRecord, this, nullptr);
    return ring_ != nullptr;
  }
  int fd() const override { return ring_buffer__epoll_fd(ring_); }
  absl::StatusOr<int> Read(Visit visit) override {
    visit_ = &visit;
    const int read = ring_buffer__consume(ring_);
    visit_ = nullptr;
    if (read < 0) return absl::ErrnoToStatus(-read, "watch: read the ring");
    return read;
  }

 private:
  static int OnRecord(void* self, void* data, size_t size) {
    const auto* event = static_cast<const rp_event*>(data);
    if (size < sizeof(*event)) return 0;
    const size_t captured =
        std::min<size_t>(event->captured, size - sizeof(*event));
    (*static_cast<LibbpfRing*>(self)->visit_)(
        *event,
        absl::MakeConstSpan(static_cast<const uint8_t*>(data) + sizeof(*event),
                            captured));
    return 0;
  }

  ring_buffer* ring_ = nullptr;
  Visit* visit_ = nullptr;  // during Read()
};

}  // namespace

absl::StatusOr<std::unique_ptr<EventRing>> EventRing::Of(int map_fd) {
  auto ring = std::make_unique<LibbpfRing>();
  if (!ring->Open(map_fd))
    return absl::ErrnoToStatus(errno, "watch: open the ring");
  return std::unique_ptr<EventRing>(std::move(ring));
}

}  // namespace rampart

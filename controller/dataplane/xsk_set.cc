// SPDX-License-Identifier: Apache-2.0
// libxdp's sockets and rings. Copy mode: the packets of the fast path stay in
// the driver's memory, only punts are copied.
#include "controller/dataplane/xsk_set.h"

#include <bpf/bpf.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <xdp/xsk.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "controller/base/status.h"
#include "controller/dataplane/bpf_log.h"
#include "controller/dataplane/pins.h"
#include "maps/ramp.h"

namespace rampart {
namespace {

constexpr uint32_t kFrameSize = 4096;
constexpr uint32_t kBatch = 64;  // frames of one socket before the next's turn
// The kernel lets go of a queue a grace period after its last socket closed,
// which a predecessor that was just killed may have to wait for.
constexpr absl::Duration kBusyDeadline = absl::Seconds(2);

absl::Status XskError(const BpfLog& log, int error, const std::string& device,
                      int queue, const char* what) {
  return log.Error(error, absl::StrCat("device ", device, ": queue ", queue,
                                       ": AF_XDP ", what));
}

// AF_XDP memory counts against RLIMIT_MEMLOCK unless the process has
// CAP_IPC_LOCK; maps have not since Linux 5.11.
void RaiseMemlock() {
  rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
  if (setrlimit(RLIMIT_MEMLOCK, &limit) == 0) return;
  if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_MEMLOCK, &limit);
}

struct Unmap {
  size_t size = 0;
  void operator()(uint8_t* memory) const { munmap(memory, size); }
};
struct DeleteUmem {
  void operator()(xsk_umem* umem) const { xsk_umem__delete(umem); }
};
struct DeleteSocket {
  void operator()(xsk_socket* socket) const { xsk_socket__delete(socket); }
};

}  // namespace

// One queue: memory, fill ring, receive ring. A frame is in one of the rings
// or, during Read(), in our hands. The kernel tells of a received frame before
// it tells that its place in the fill ring is free (xsk_flush()), so a frame
// may take two places there for a moment: the fill ring is twice as large as
// there are frames, and always has room.
class XskSet::Socket {
 public:
  static absl::StatusOr<std::unique_ptr<Socket>> Open(uint32_t slot,
                                                      const std::string& device,
                                                      int queue,
                                                      uint32_t frames);

  uint32_t slot() const { return slot_; }
  int fd() const { return xsk_socket__fd(socket_.get()); }
  int Read(int budget, DataPlane::PuntHandler handle);

 private:
  absl::Status MakeMemory(const std::string& device, int queue,
                          uint32_t frames);
  absl::Status Bind(const std::string& device, int queue, uint32_t frames);
  void FillAll(uint32_t frames);
  // Record and headers of a received frame: two cache lines.
  void Prefetch(uint32_t index) const {
    const uint8_t* frame =
        memory_.get() + xsk_ring_cons__rx_desc(&receive_, index)->addr;
    __builtin_prefetch(frame);
    __builtin_prefetch(frame + 64);
  }
  // Nothing if the frame is not a punt.
  std::optional<DataPlane::Punt> PuntOf(const xdp_desc& frame) const;

  uint32_t slot_ = 0;
  xsk_ring_prod fill_ = {};
  xsk_ring_cons completion_ = {};  // unused: nothing is sent
  xsk_ring_cons receive_ = {};
  // In this order: the socket goes first, then what it uses.
  std::unique_ptr<uint8_t, Unmap> memory_;
  std::unique_ptr<xsk_umem, DeleteUmem> umem_;
  std::unique_ptr<xsk_socket, DeleteSocket> socket_;
};

absl::StatusOr<std::unique_ptr<XskSet::Socket>> XskSet::Socket::Open(
    uint32_t slot, const std::string& device, int queue, uint32_t frames) {
  auto socket = std::make_unique<Socket>();
  socket->slot_ = slot;
  RETURN_IF_ERROR(socket->MakeMemory(device, queue, frames));
  RETURN_IF_ERROR(socket->Bind(device, queue, frames));
  socket->FillAll(frames);
  return socket;
}

absl::Status XskSet::Socket::MakeMemory(const std::string& device, int queue,
                                        uint32_t frames) {
  const size_t size = size_t{frames} * kFrameSize;
  void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    return absl::ErrnoToStatus(errno, "AF_XDP memory: mmap");
  }
  memory_ = {static_cast<uint8_t*>(memory), Unmap{size}};
  const BpfLog log;
  const xsk_umem_config config = {.fill_size = 2 * frames,
                                  .comp_size = kBatch,
                                  .frame_size = kFrameSize,
                                  .frame_headroom = 0,
                                  .flags = 0};
  xsk_umem* umem = nullptr;
  const int error =
      xsk_umem__create(&umem, memory, size, &fill_, &completion_, &config);
  if (error == -ENOBUFS) {
    return XskError(log, error, device, queue,
                    "memory: raise LimitMEMLOCK (RLIMIT_MEMLOCK)");
  }
  if (error != 0) return XskError(log, error, device, queue, "memory");
  umem_.reset(umem);
  return absl::OkStatus();
}

absl::Status XskSet::Socket::Bind(const std::string& device, int queue,
                                  uint32_t frames) {
  const BpfLog log;
  xsk_socket_config config = {};
  config.rx_size = frames;
  config.libxdp_flags = XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD;
  config.bind_flags = XDP_COPY;
  xsk_socket* socket = nullptr;
  const absl::Time deadline = absl::Now() + kBusyDeadline;
  int error;
  while ((error = xsk_socket__create(&socket, device.c_str(),
                                     static_cast<uint32_t>(queue), umem_.get(),
                                     &receive_, nullptr, &config)) == -EBUSY &&
         absl::Now() < deadline) {
    absl::SleepFor(absl::Milliseconds(10));
  }
  if (error != 0) return XskError(log, error, device, queue, "bind");
  socket_.reset(socket);
  return absl::OkStatus();
}

void XskSet::Socket::FillAll(uint32_t frames) {
  uint32_t index = 0;
  RP_CHECK(xsk_ring_prod__reserve(&fill_, frames, &index) == frames);
  for (uint32_t i = 0; i < frames; ++i) {
    *xsk_ring_prod__fill_addr(&fill_, index + i) = uint64_t{i} * kFrameSize;
  }
  xsk_ring_prod__submit(&fill_, frames);
}

int XskSet::Socket::Read(int budget, DataPlane::PuntHandler handle) {
  uint32_t first = 0;
  const uint32_t count = xsk_ring_cons__peek(
      &receive_, std::min(kBatch, static_cast<uint32_t>(budget)), &first);
  if (count == 0) return 0;
  for (uint32_t i = 0; i < count; ++i) Prefetch(first + i);
  uint32_t fill = 0;
  RP_CHECK(xsk_ring_prod__reserve(&fill_, count, &fill) == count);
  std::vector<DataPlane::Punt> punts;
  punts.reserve(count);
  for (uint32_t i = 0; i < count; ++i) {
    const xdp_desc& frame = *xsk_ring_cons__rx_desc(&receive_, first + i);
    if (const auto punt = PuntOf(frame)) punts.push_back(*punt);
    *xsk_ring_prod__fill_addr(&fill_, fill + i) = frame.addr;
  }
  handle(punts);
  xsk_ring_cons__release(&receive_, count);
  xsk_ring_prod__submit(&fill_, count);
  return static_cast<int>(count);
}

std::optional<DataPlane::Punt> XskSet::Socket::PuntOf(
    const xdp_desc& frame) const {
  const size_t size = memory_.get_deleter().size;
  if (frame.addr > size || frame.len > size - frame.addr ||
      frame.len < sizeof(rp_punt)) {
    return std::nullopt;
  }
  const uint8_t* bytes = memory_.get() + frame.addr;
  DataPlane::Punt punt;
  std::memcpy(&punt.record, bytes, sizeof(punt.record));
  if (punt.record.length > frame.len - sizeof(punt.record)) return std::nullopt;
  punt.packet =
      absl::MakeConstSpan(bytes + sizeof(punt.record), punt.record.length);
  return punt;
}

absl::StatusOr<std::unique_ptr<XskSet>> XskSet::Open(int xsks_map) {
  RaiseMemlock();
  std::unique_ptr<XskSet> set(new XskSet());
  set->xsks_map_ = xsks_map;
  set->epoll_.reset(epoll_create1(EPOLL_CLOEXEC));
  if (!set->epoll_.valid()) return absl::ErrnoToStatus(errno, "punts: epoll");
  return set;
}

XskSet::~XskSet() = default;

absl::Status XskSet::Add(uint32_t slot, const std::string& device, int queues,
                         uint32_t frames) {
  for (int queue = 0; queue < queues; ++queue) {
    const absl::Status status = AddQueue(slot, device, queue, frames);
    if (!status.ok()) {
      Remove(slot);
      return status;
    }
  }
  return absl::OkStatus();
}

absl::Status XskSet::AddQueue(uint32_t slot, const std::string& device,
                              int queue, uint32_t frames) {
  ASSIGN_OR_RETURN(std::unique_ptr<Socket> socket,
                   Socket::Open(slot, device, queue, frames));
  epoll_event event = {};
  event.events = EPOLLIN;
  event.data.ptr = socket.get();
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, socket->fd(), &event) != 0) {
    return absl::ErrnoToStatus(errno, "punts: epoll add");
  }
  const uint32_t key = slot * RP_QUEUE_MAX + static_cast<uint32_t>(queue);
  const int fd = socket->fd();
  if (bpf_map_update_elem(xsks_map_, &key, &fd, BPF_ANY) != 0) {
    return absl::ErrnoToStatus(
        errno, absl::StrCat("map rp_xsks: put device ", device));
  }
  sockets_.push_back(std::move(socket));
  return absl::OkStatus();
}

void XskSet::Remove(uint32_t slot) {
  // Closing a socket takes it out of epoll and out of rp_xsks.
  std::erase_if(sockets_, [slot](const std::unique_ptr<Socket>& socket) {
    return socket->slot() == slot;
  });
}

int XskSet::Count(uint32_t slot) const {
  return static_cast<int>(std::count_if(
      sockets_.begin(), sockets_.end(),
      [slot](const auto& socket) { return socket->slot() == slot; }));
}

std::vector<PuntLosses> XskSet::Losses() const {
  std::map<uint32_t, PuntLosses> slots;
  for (const std::unique_ptr<Socket>& socket : sockets_) {
    xdp_statistics statistics = {};
    socklen_t length = sizeof(statistics);
    if (getsockopt(socket->fd(), SOL_XDP, XDP_STATISTICS, &statistics,
                   &length) != 0)
      continue;
    PuntLosses& losses = slots[socket->slot()];
    losses.slot = socket->slot();
    losses.ring_full += statistics.rx_ring_full;
    losses.no_frame += statistics.rx_dropped;
  }
  std::vector<PuntLosses> all;
  all.reserve(slots.size());
  for (const auto& [slot, losses] : slots) all.push_back(losses);
  return all;
}

int XskSet::Read(int budget, DataPlane::PuntHandler handle) {
  int total = 0;
  size_t idle = 0;  // sockets in a row that had nothing
  while (total < budget && idle < sockets_.size()) {
    next_ = (next_ + 1) % sockets_.size();
    const int count = sockets_[next_]->Read(budget - total, handle);
    idle = count == 0 ? idle + 1 : 0;
    total += count;
  }
  return total;
}

int ReceiveQueues(const std::string& device) {
  const UniqueFd control(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ethtool_channels channels = {};
  channels.cmd = ETHTOOL_GCHANNELS;
  ifreq request = {};
  std::strncpy(request.ifr_name, device.c_str(), IFNAMSIZ - 1);
  request.ifr_data = reinterpret_cast<char*>(&channels);
  size_t queues = 0;
  if (control.valid() && ioctl(control.get(), SIOCETHTOOL, &request) == 0) {
    queues = channels.rx_count + channels.combined_count;
  } else {  // a driver that cannot tell
    for (const std::string& name :
         ListFolder(absl::StrCat("/sys/class/net/", device, "/queues"))) {
      queues += absl::StartsWith(name, "rx-");
    }
  }
  return static_cast<int>(std::clamp<size_t>(queues, 1, RP_QUEUE_MAX));
}

}  // namespace rampart

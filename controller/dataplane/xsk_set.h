// SPDX-License-Identifier: Apache-2.0
// AF_XDP sockets that punts arrive on: one per receive queue of each device.
#ifndef RAMPART_CONTROLLER_DATAPLANE_XSK_SET_H_
#define RAMPART_CONTROLLER_DATAPLANE_XSK_SET_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controller/base/unique_fd.h"
#include "controller/dataplane/data_plane.h"

namespace rampart {

class XskSet {
 public:
  // `xsks_map`: descriptor of rp_xsks, which must outlive the set.
  static absl::StatusOr<std::unique_ptr<XskSet>> Open(int xsks_map);
  ~XskSet();

  // Opens and enters into the map a socket for each of `queues` queues, each
  // with memory for `frames` packets (a power of two).
  absl::Status Add(uint32_t slot, const std::string& device, int queues,
                   uint32_t frames);
  void Remove(uint32_t slot);
  // Sockets of a slot.
  int Count(uint32_t slot) const;
  // What did not fit into the sockets, by slot.
  std::vector<PuntLosses> Losses() const;

  // One epoll descriptor over all sockets.
  int fd() const { return epoll_.get(); }
  // Hands out up to `budget` punts, turn by turn over the sockets. Frames that
  // are not a punt record and its packet are dropped. Costs no system call
  // while there are punts.
  int Read(int budget, DataPlane::PuntHandler handle);

 private:
  class Socket;

  XskSet() = default;
  absl::Status AddQueue(uint32_t slot, const std::string& device, int queue,
                        uint32_t frames);

  int xsks_map_ = -1;
  UniqueFd epoll_;
  std::vector<std::unique_ptr<Socket>> sockets_;
  size_t next_ = 0;  // whose turn it is
};

// Receive queues of a device, at most RP_QUEUE_MAX.
int ReceiveQueues(const std::string& device);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_DATAPLANE_XSK_SET_H_

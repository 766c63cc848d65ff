// SPDX-License-Identifier: Apache-2.0
// rp_nat_open: the external ports at which flows may begin from outside.
#ifndef RAMPART_CONTROLLER_FLOW_OPEN_PORTS_H_
#define RAMPART_CONTROLLER_FLOW_OPEN_PORTS_H_

#include <cstdint>

#include "absl/status/status.h"
#include "controller/base/endpoint.h"
#include "controller/dataplane/data_plane.h"
#include "controller/flow/map_sync.h"

namespace rampart {

class OpenPorts {
 public:
  using Entries = Map<rp_nat_open_key, rp_nat_open>;
  // map outlives this.
  explicit OpenPorts(const Entries& map) : map_(map) {}

  // TCP or UDP. Written at once after Sync(), before it only noted. Cost: one
  // system call, of which errors are kept.
  void Set(uint8_t protocol, const Endpoint& outside, bool open);
  // Makes the map hold what is known now, whatever an earlier run left in it.
  absl::Status Sync();
  // Entries of the map.
  size_t size() const { return entries_.size(); }
  // The first error since the last call.
  absl::Status TakeError() { return std::exchange(error_, absl::OkStatus()); }

 private:
  const Entries& map_;
  BytesMap<rp_nat_open_key, rp_nat_open> entries_;
  bool synced_ = false;
  absl::Status error_;
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_FLOW_OPEN_PORTS_H_

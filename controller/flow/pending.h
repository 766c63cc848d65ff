// SPDX-License-Identifier: Apache-2.0
// Packets of flows that were allowed, but whose next hop is not resolved yet.
#ifndef RAMPART_CONTROLLER_FLOW_PENDING_H_
#define RAMPART_CONTROLLER_FLOW_PENDING_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/types/span.h"
#include "controller/flow/hooks.h"
#include "maps/punt.h"

namespace rampart {

class Pending {
 public:
  struct Waiting {
    rp_punt punt = {};
    std::vector<uint8_t> packet;
    std::vector<std::vector<uint8_t>> parts;  // if it is the first fragment
    FlowTuple tuple;
    uint32_t next_hop = 0;  // that it waits for
    uint32_t epoch = 0;     // configuration that allowed it
    uint32_t since = 0;     // tick
  };
  static constexpr size_t kPerNextHop = 64;
  static constexpr size_t kTotal = 4096;
  static constexpr size_t kRecordTotal = 16384;  // see kRecord
  static constexpr size_t kBytes = 32 << 20;     // of all packets
  // In place of a next hop, and never one: what waits here waits for the record
  // of a block of ports.
  static constexpr uint32_t kRecord = 0;

  // A flow of which packets wait.
  struct Flow {
    uint32_t next_hop = 0;
    uint32_t packets = 0;
  };

  // Null if none waits.
  const Flow* Find(const FlowTuple& tuple) const;

  bool IsWaitedFor(uint32_t next_hop) const {
    return queues_.contains(next_hop);
  }

  // False if the queue is full.
  bool Add(Waiting waiting);
  // Takes out, in order of arrival, all that wait for a next hop which `ready`.
  std::vector<Waiting> TakeReady(
      absl::FunctionRef<bool(uint32_t next_hop)> ready);
  // Takes out what has waited for more than `ticks`.
  std::vector<Waiting> TakeExpired(uint32_t now, uint32_t ticks);

  size_t size() const { return size_; }

 private:
  void Forget(const Waiting& waiting);

  absl::flat_hash_map<uint32_t, std::deque<Waiting>> queues_;  // by next hop
  absl::flat_hash_map<FlowTuple, Flow> flows_;
  size_t size_ = 0;
  size_t bytes_ = 0;
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_FLOW_PENDING_H_

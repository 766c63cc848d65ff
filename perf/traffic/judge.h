// SPDX-License-Identifier: Apache-2.0
// Says whether a frame that arrived is what the device under test had to make
// of the frame that was sent: every byte of it.
#ifndef RAMPART_PERF_TRAFFIC_JUDGE_H_
#define RAMPART_PERF_TRAFFIC_JUDGE_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "perf/traffic/frames.h"

namespace rampart::perf {

struct Nat {
  enum class Kind {
    kNone,
    kNumbered,  // by the flow's number, see PERF_NAT_PORT
    kAny,       // any address of the pool and any port, each flow its own
  };
  Kind kind = Kind::kNone;
  Ip first;                // of the pool
  uint32_t addresses = 1;  // in the pool
};

class Judge {
 public:
  // inner: as it must arrive, but for its source.
  Judge(Leg leg, Inner inner, const Nat& nat);

  // Bytes of every frame that must arrive.
  size_t frame_size() const { return size_; }
  // Errors: DataLoss that shows both frames.
  absl::Status Check(const Bytes& frame);
  // Of the flow that a frame of the right size belongs to.
  uint32_t NumberOf(const Bytes& frame) const {
    return testing::Get32(frame, layout_.payload);
  }
  size_t flows_seen() const { return flows_.size(); }

 private:
  using Source = std::pair<std::string, uint16_t>;  // address, port

  absl::Status CheckFreedom(const Bytes& frame, Freedom& freedom) const;
  absl::Status CheckSource(uint32_t number, const Ip& source, uint16_t port);

  Leg leg_;
  Inner inner_;
  Nat nat_;
  Layout layout_;
  size_t size_;
  std::map<uint32_t, Source> flows_;
  std::map<Source, uint32_t> sources_;
};

}  // namespace rampart::perf

#endif  // RAMPART_PERF_TRAFFIC_JUDGE_H_

// SPDX-License-Identifier: Apache-2.0
// The BPF side of perf_load: where frames are made, moved, and counted.
#ifndef RAMPART_PERF_TRAFFIC_RIG_H_
#define RAMPART_PERF_TRAFFIC_RIG_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controller/base/unique_fd.h"
#include "perf/traffic/load_abi.h"
#include "tests/testing/bytes.h"

struct perf_load_bpf;
struct bpf_link;

namespace rampart::perf {

// A device in a namespace; empty device: none.
struct Place {
  std::string netns;
  std::string device;
};

// What the device in the middle does if perf_load has to play it.
enum class Middle { kNone, kRedirect, kTouch, kReflect };

struct RigOptions {
  perf_frame frame = {};
  perf_order order = PERF_ORDER_SEQUENCE;
  uint32_t flows = 1;
  uint32_t first = 0;     // number of the first flow, order new
  double rate = 0;        // packets a second of each CPU; 0: as fast as it goes
  std::vector<int> cpus;  // that frames are made on
  Place source;           // no device: frames end where they are made
  Place sink;
  bool sink_tc = false;  // TC drop: frames that arrive are skbs
  Middle middle = Middle::kNone;
  Place middle_in;
  std::string middle_out;
  uint32_t frame_size = 0;       // of frames to be counted
  uint32_t sample_every = 4096;  // a power of two
};

class Rig {
 public:
  static absl::StatusOr<std::unique_ptr<Rig>> Open(const RigOptions& options);
  ~Rig();
  Rig(const Rig&) = delete;

  // Of the program that makes frames.
  int source_fd() const;
  uint64_t Sent() const;
  // Arrivals of the right length, of any other.
  perf_arrivals Arrived() const;
  // Calls `judge` for the samples taken so far, until it fails.
  absl::StatusOr<int> ReadSamples(
      absl::FunctionRef<absl::Status(const testing::Bytes&)> judge) const;

 private:
  explicit Rig(const RigOptions& options) : options_(options) {}
  absl::Status Load();
  absl::Status SetNumbers() const;
  absl::Status SetPositions() const;
  absl::Status KeepSource();
  absl::Status AttachMiddle();
  absl::Status AttachSink();

  RigOptions options_;
  perf_load_bpf* skeleton_ = nullptr;
  std::vector<bpf_link*> links_;
  UniqueFd keep_;  // of KeepSource()
  bool has_tc_ = false;
};

}  // namespace rampart::perf

#endif  // RAMPART_PERF_TRAFFIC_RIG_H_

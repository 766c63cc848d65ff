// SPDX-License-Identifier: Apache-2.0
// What a log must know of the run before, in a page of a file that is mapped
// into memory: a write to it costs no system call, and outlives the process.
#ifndef RAMPART_CONTROLLER_FLOW_LOG_STATE_FILE_H_
#define RAMPART_CONTROLLER_FLOW_LOG_STATE_FILE_H_

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/statusor.h"

namespace rampart {

// In host order; the file stays on its machine.
struct FlowLogState {
  uint64_t magic = 0;
  uint64_t sequence = 0;  // of the last record
  // Of flows that ended, both directions, since the data plane was made.
  uint64_t ended_flows = 0;
  uint64_t ended_packets = 0;
  uint64_t ended_bytes = 0;
  // What the devices had forwarded when the log began, less what the flows
  // that lived then had counted.
  uint64_t before_packets = 0;
  uint64_t made_packets = 0;  // by the edge itself since then
  uint64_t gone_packets = 0;  // forwarded by devices that are gone since then
  uint64_t written = 0;       // the last record in the JSON lines
  uint64_t exported = 0;      // the last record that went to the collector
};

class StateFile {
 public:
  // Made if missing, for its owner only. Errors: FailedPrecondition if it is
  // another kind of file; the system's.
  static absl::StatusOr<StateFile> Open(const std::string& path);
  StateFile(StateFile&& other) noexcept
      : state_(std::exchange(other.state_, nullptr)), is_new_(other.is_new_) {}
  StateFile& operator=(StateFile&&) = delete;
  ~StateFile();

  FlowLogState& operator*() const { return *state_; }
  // Nothing is known of a run before.
  bool is_new() const { return is_new_; }
  FlowLogState* operator->() const { return state_; }

 private:
  explicit StateFile(FlowLogState* state)
      : state_(state), is_new_(state->magic == 0) {}
  FlowLogState* state_;
  bool is_new_;
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_FLOW_LOG_STATE_FILE_H_

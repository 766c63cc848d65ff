// SPDX-License-Identifier: Apache-2.0
// The flow log: a record of what becomes of every flow, to any number of sinks.
#ifndef RAMPART_CONTROLLER_FLOW_LOG_FLOW_LOG_H_
#define RAMPART_CONTROLLER_FLOW_LOG_FLOW_LOG_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/node_hash_set.h"
#include "controller/base/clock.h"
#include "controller/compile/snapshot.h"
#include "controller/flow_log/record.h"
#include "controller/flow_log/sink.h"
#include "controller/flow_log/state_file.h"

namespace rampart {

// All calls are for one thread and never wait for a sink. A record is appended
// to a chunk in memory; full chunks, and what there is at each Flush(), go to
// the queues of the sinks.
class FlowLog {
 public:
  // clock outlives it. What earlier runs did not bring to a sink is declared
  // there first.
  FlowLog(StateFile state, const Clock& clock,
          std::vector<std::unique_ptr<FlowSink>> sinks,
          const SinkThread::Options& options = {});
  // Flushes; each sink writes what waits, unless it refuses.
  ~FlowLog();

  // What the numbers of the records that follow mean.
  void Use(const Snapshot& snapshot);

  void Start(const FlowState& flow);
  void Update(const FlowState& flow);
  void End(const FlowEnd& end);
  void Deny(const FlowState& flow, rp_outcome reason);

  // Hands over what is there. Call often enough that nobody minds the delay.
  void Flush();

  const FlowLogState& state() const { return *state_; }
  // Nothing is known of a run before: BeginCounting() has to be called if the
  // data plane has had one.
  bool is_new() const { return state_.is_new(); }
  // Forgets what ended. before_packets: that the devices have forwarded, less
  // what the flows that live have counted; 0 for a new data plane.
  void BeginCounting(uint64_t before_packets);
  void CountMade() { ++state_->made_packets; }
  void CountGone(uint64_t packets) { state_->gone_packets += packets; }

  std::vector<SinkThread::Statistics> statistics() const;

 private:
  FlowRecord& Append(FlowEvent event, const FlowState& flow);
  // The same text, which lives as long as the log.
  std::string_view Keep(std::string_view rule);

  StateFile state_;
  const Clock& clock_;
  const uint32_t began_;  // tick
  std::shared_ptr<const FlowNames> names_;
  absl::node_hash_set<std::string> rules_;  // as many as were ever configured
  std::shared_ptr<FlowChunk> chunk_;
  std::vector<std::unique_ptr<SinkThread>> sinks_;
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_FLOW_LOG_FLOW_LOG_H_

// SPDX-License-Identifier: Apache-2.0
// A place that records go to, and the thread that brings them there.
#ifndef RAMPART_CONTROLLER_FLOW_LOG_SINK_H_
#define RAMPART_CONTROLLER_FLOW_LOG_SINK_H_

#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "controller/flow_log/queue.h"
#include "controller/flow_log/record.h"

namespace rampart {

// Used by one thread after it is made.
class FlowSink {
 public:
  virtual ~FlowSink() = default;
  virtual std::string name() const = 0;
  // The last sequence number that it has, from earlier runs.
  virtual uint64_t last() const = 0;
  // Writes the items. After an error it is called with the same ones again, and
  // leaves out what it has written already.
  virtual absl::Status Write(absl::Span<const FlowItem> items) = 0;
  // How long to wait for more records before writing the first.
  virtual absl::Duration linger() const { return absl::ZeroDuration(); }
};

// Brings records to a sink in a thread of its own, so that one that stands
// still stops no other.
class SinkThread {
 public:
  struct Options {
    size_t queue = 262144;                    // records
    absl::Duration retry = absl::Seconds(1);  // after a write that failed
  };
  SinkThread(std::unique_ptr<FlowSink> sink, const Options& options);
  // Writes what waits, unless the sink refuses it.
  ~SinkThread();

  FlowQueue& queue() { return queue_; }
  struct Statistics {
    std::string name;
    uint64_t waiting = 0;  // records
    uint64_t lost = 0;     // and declared, or to be
    absl::Status status;   // of the last write
  };
  Statistics statistics() const;

 private:
  void Run();

  const std::unique_ptr<FlowSink> sink_;
  const Options options_;
  FlowQueue queue_;
  mutable absl::Mutex mutex_;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;  // last: uses all of the above
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_FLOW_LOG_SINK_H_

// SPDX-License-Identifier: Apache-2.0
// The way of records to one sink: bounded, and what does not fit is declared.
#ifndef RAMPART_CONTROLLER_FLOW_LOG_QUEUE_H_
#define RAMPART_CONTROLLER_FLOW_LOG_QUEUE_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "controller/flow_log/record.h"

namespace rampart {

// One writer, one reader. A chunk that comes while the queue is full is left
// out; those next to each other become one gap, which the reader gets in their
// place.
class FlowQueue {
 public:
  // records: that may wait, at most.
  explicit FlowQueue(size_t records) : capacity_(records) {}

  // Never waits for the reader.
  void Push(std::shared_ptr<const FlowChunk> chunk);
  // These are lost already.
  void PushGap(const FlowGap& gap);
  // No more comes; what waits can still be taken.
  void Close();

  // Waits until there is something, then for `linger` so that more of it can be
  // taken at once: chunks with about `records` records. Empty: closed, and all
  // is taken.
  std::vector<FlowItem> Take(size_t records, absl::Duration linger);
  // Waits for this time, or until it is closed. Returns whether it is.
  bool WaitClosed(absl::Duration duration);

  uint64_t lost() const;     // records
  uint64_t waiting() const;  // likewise

 private:
  bool HasSome() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return closed_ || gap_.has_value() || !items_.empty();
  }
  void Widen(const FlowGap& gap) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const size_t capacity_;
  mutable absl::Mutex mutex_;
  std::deque<FlowItem> items_ ABSL_GUARDED_BY(mutex_);
  size_t waiting_ ABSL_GUARDED_BY(mutex_) = 0;
  std::optional<FlowGap> gap_ ABSL_GUARDED_BY(mutex_);  // behind all items
  uint64_t lost_ ABSL_GUARDED_BY(mutex_) = 0;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_FLOW_LOG_QUEUE_H_

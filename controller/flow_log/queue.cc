// SPDX-License-Identifier: Apache-2.0
#include "controller/flow_log/queue.h"

#include <utility>

namespace rampart {

void FlowQueue::Widen(const FlowGap& gap) {
  lost_ += gap.count();
  if (gap_)
    gap_->last = gap.last;
  else
    gap_ = gap;
}

void FlowQueue::Push(std::shared_ptr<const FlowChunk> chunk) {
  const std::vector<FlowRecord>& records = chunk->records;
  const absl::MutexLock lock(&mutex_);
  if (waiting_ + records.size() > capacity_)
    return Widen({.first = records.front().sequence,
                  .last = records.back().sequence,
                  .time = records.front().time});
  if (gap_) items_.emplace_back(*gap_);
  gap_.reset();
  waiting_ += records.size();
  items_.emplace_back(std::move(chunk));
}

void FlowQueue::PushGap(const FlowGap& gap) {
  const absl::MutexLock lock(&mutex_);
  Widen(gap);
}

void FlowQueue::Close() {
  const absl::MutexLock lock(&mutex_);
  closed_ = true;
}

std::vector<FlowItem> FlowQueue::Take(size_t records, absl::Duration linger) {
  std::vector<FlowItem> taken;
  const absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(this, &FlowQueue::HasSome));
  if (linger > absl::ZeroDuration() && waiting_ < records)
    mutex_.AwaitWithTimeout(absl::Condition(&closed_), linger);
  for (size_t count = 0; !items_.empty() && count < records;) {
    if (const auto* chunk =
            std::get_if<std::shared_ptr<const FlowChunk>>(&items_.front())) {
      count += (*chunk)->records.size();
      waiting_ -= (*chunk)->records.size();
    }
    taken.push_back(std::move(items_.front()));
    items_.pop_front();
  }
  if (!items_.empty() || !gap_) return taken;
  taken.emplace_back(*gap_);
  gap_.reset();
  return taken;
}

bool FlowQueue::WaitClosed(absl::Duration duration) {
  const absl::MutexLock lock(&mutex_);
  return mutex_.AwaitWithTimeout(absl::Condition(&closed_), duration);
}

uint64_t FlowQueue::lost() const {
  const absl::MutexLock lock(&mutex_);
  return lost_;
}

uint64_t FlowQueue::waiting() const {
  const absl::MutexLock lock(&mutex_);
  return waiting_;
}

}  // namespace rampart

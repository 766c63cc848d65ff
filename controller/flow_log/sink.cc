// SPDX-License-Identifier: Apache-2.0
#include "controller/flow_log/sink.h"

#include <utility>
#include <vector>

namespace rampart {
namespace {

constexpr size_t kRecordsAtOnce = 16384;

}  // namespace

SinkThread::SinkThread(std::unique_ptr<FlowSink> sink, const Options& options)
    : sink_(std::move(sink)),
      options_(options),
      queue_(options.queue),
      thread_([this] { Run(); }) {}

SinkThread::~SinkThread() {
  queue_.Close();
  thread_.join();
}

void SinkThread::Run() {
  for (;;) {
    const std::vector<FlowItem> items =
        queue_.Take(kRecordsAtOnce, sink_->linger());
    if (items.empty()) return;
    for (bool closed = false;;) {
      const absl::Status status = sink_->Write(items);
      {
        const absl::MutexLock lock(&mutex_);
        status_ = status;
      }
      if (status.ok()) break;
      if (closed) return;  // tried once more than everybody waits for
      closed = queue_.WaitClosed(options_.retry);
    }
  }
}

SinkThread::Statistics SinkThread::statistics() const {
  Statistics statistics = {.name = sink_->name(),
                           .waiting = queue_.waiting(),
                           .lost = queue_.lost(),
                           .status = {}};
  const absl::MutexLock lock(&mutex_);
  statistics.status = status_;
  return statistics;
}

}  // namespace rampart

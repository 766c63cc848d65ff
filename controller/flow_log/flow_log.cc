// SPDX-License-Identifier: Apache-2.0
#include "controller/flow_log/flow_log.h"

#include <algorithm>
#include <utility>

#include "controller/base/text.h"

namespace rampart {
namespace {

// Enough that waking the sinks costs little per record.
constexpr size_t kChunk = 512;

}  // namespace

FlowLog::FlowLog(StateFile state, const Clock& clock,
                 std::vector<std::unique_ptr<FlowSink>> sinks,
                 const SinkThread::Options& options)
    : state_(std::move(state)), clock_(clock), began_(clock.Tick()) {
  // The file may be a new one, or older than what reached a disk.
  for (const auto& sink : sinks)
    state_->sequence = std::max(state_->sequence, sink->last());
  for (std::unique_ptr<FlowSink>& sink : sinks) {
    const uint64_t last = sink->last();
    sinks_.push_back(std::make_unique<SinkThread>(std::move(sink), options));
    if (last < state_->sequence)
      sinks_.back()->queue().PushGap(
          {.first = last + 1, .last = state_->sequence, .time = clock.Now()});
  }
}

FlowLog::~FlowLog() {
  Flush();
  for (const auto& sink : sinks_) sink->queue().Close();  // all at once
}

void FlowLog::Use(const Snapshot& snapshot) {
  Flush();
  names_ = FlowNames::Make(names_.get(), snapshot);
}

std::string_view FlowLog::Keep(std::string_view rule) {
  // emplace() would make a string before it looks.
  auto kept = rules_.find(Abseil(rule));
  if (kept == rules_.end()) kept = rules_.emplace(rule).first;
  return *kept;
}

FlowRecord& FlowLog::Append(FlowEvent event, const FlowState& flow) {
  if (chunk_ == nullptr) {
    chunk_ = std::make_shared<FlowChunk>();
    chunk_->names = names_;
    chunk_->records.reserve(kChunk);
  }
  FlowRecord& record = chunk_->records.emplace_back();
  record.sequence = ++state_->sequence;
  record.time = clock_.Now();
  record.event = event;
  record.flow = flow;
  record.flow.rule = Keep(flow.rule);
  record.adopted = static_cast<int32_t>(flow.start - began_) < 0;
  return record;
}

void FlowLog::Start(const FlowState& flow) {
  Append(FlowEvent::kStart, flow);
  if (chunk_->records.size() == kChunk) Flush();
}

void FlowLog::Update(const FlowState& flow) {
  Append(FlowEvent::kUpdate, flow);
  if (chunk_->records.size() == kChunk) Flush();
}

void FlowLog::End(const FlowEnd& end) {
  Append(FlowEvent::kEnd, end).end = end.reason;
  ++state_->ended_flows;
  state_->ended_packets += end.packets[0] + end.packets[1];
  state_->ended_bytes += end.bytes[0] + end.bytes[1];
  if (chunk_->records.size() == kChunk) Flush();
}

void FlowLog::Deny(const FlowState& flow, rp_outcome reason) {
  Append(FlowEvent::kDeny, flow).denied = reason;
  if (chunk_->records.size() == kChunk) Flush();
}

void FlowLog::Flush() {
  if (chunk_ == nullptr) return;
  const std::shared_ptr<const FlowChunk> chunk = std::move(chunk_);
  for (const auto& sink : sinks_) sink->queue().Push(chunk);
}

void FlowLog::BeginCounting(uint64_t before_packets) {
  state_->ended_flows = 0;
  state_->ended_packets = 0;
  state_->ended_bytes = 0;
  state_->before_packets = before_packets;
  state_->made_packets = 0;
  state_->gone_packets = 0;
}

std::vector<SinkThread::Statistics> FlowLog::statistics() const {
  std::vector<SinkThread::Statistics> all;
  all.reserve(sinks_.size());
  for (const auto& sink : sinks_) all.push_back(sink->statistics());
  return all;
}

}  // namespace rampart

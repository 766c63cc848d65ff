// SPDX-License-Identifier: Apache-2.0
#include "controller/flow/pending.h"

#include <iterator>
#include <utility>

namespace rampart {
namespace {

size_t BytesOf(const Pending::Waiting& waiting) {
  size_t bytes = waiting.packet.size();
  for (const std::vector<uint8_t>& part : waiting.parts) bytes += part.size();
  return bytes;
}

}  // namespace

const Pending::Flow* Pending::Find(const FlowTuple& tuple) const {
  if (size_ == 0) return nullptr;  // as nearly always: no hash
  const auto flow = flows_.find(tuple);
  return flow == flows_.end() ? nullptr : &flow->second;
}

bool Pending::Add(Waiting waiting) {
  const bool record = waiting.next_hop == kRecord;
  if (size_ >= (record ? kRecordTotal : kTotal)) return false;
  const size_t bytes = BytesOf(waiting);
  if (bytes_ + bytes > kBytes) return false;
  std::deque<Waiting>& queue = queues_[waiting.next_hop];
  if (!record && queue.size() >= kPerNextHop) return false;
  bytes_ += bytes;
  ++flows_.try_emplace(waiting.tuple, Flow{waiting.next_hop, 0})
        .first->second.packets;
  queue.push_back(std::move(waiting));
  ++size_;
  return true;
}

void Pending::Forget(const Waiting& waiting) {
  --size_;
  bytes_ -= BytesOf(waiting);
  const auto flow = flows_.find(waiting.tuple);
  if (--flow->second.packets == 0) flows_.erase(flow);
}

std::vector<Pending::Waiting> Pending::TakeReady(
    absl::FunctionRef<bool(uint32_t)> ready) {
  std::vector<Waiting> taken;
  absl::erase_if(queues_, [&](auto& entry) {
    if (!ready(entry.first)) return false;
    std::move(entry.second.begin(), entry.second.end(),
              std::back_inserter(taken));
    return true;
  });
  for (const Waiting& waiting : taken) Forget(waiting);
  return taken;
}

std::vector<Pending::Waiting> Pending::TakeExpired(uint32_t now,
                                                   uint32_t ticks) {
  std::vector<Waiting> taken;
  for (auto& [next_hop, queue] : queues_) {
    while (!queue.empty() && now - queue.front().since > ticks) {
      taken.push_back(std::move(queue.front()));
      queue.pop_front();
    }
  }
  absl::erase_if(queues_, [](const auto& e) { return e.second.empty(); });
  for (const Waiting& waiting : taken) Forget(waiting);
  return taken;
}

}  // namespace rampart

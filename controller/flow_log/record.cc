// SPDX-License-Identifier: Apache-2.0
#include "controller/flow_log/record.h"

#include <cstring>

#include "absl/strings/str_format.h"
#include "controller/api/names.h"

namespace rampart {
namespace {

constexpr std::string_view kEvents[] = {"START", "UPDATE", "END", "DENY"};
constexpr std::string_view kEnds[] = {"idle",   "fin",     "reset",
                                      "policy", "removed", "replaced"};

uint64_t Mix(uint64_t sum, uint64_t word) {
  sum += word + 0x9e3779b97f4a7c15u;
  sum = (sum ^ sum >> 30) * 0xbf58476d1ce4e5b9u;
  sum = (sum ^ sum >> 27) * 0x94d049bb133111ebu;
  return sum ^ sum >> 31;
}

uint64_t Mix(uint64_t sum, const Endpoint& endpoint) {
  uint8_t bytes[16];
  endpoint.address.ToMapped(bytes);
  uint64_t halves[2];
  std::memcpy(halves, bytes, sizeof(halves));
  return Mix(Mix(Mix(sum, halves[0]), halves[1]), endpoint.port);
}

}  // namespace

std::string_view EventName(FlowEvent event) {
  return kEvents[static_cast<int>(event)];
}

std::string_view ReasonName(const FlowRecord& record) {
  if (record.event == FlowEvent::kEnd)
    return kEnds[static_cast<int>(record.end)];
  if (record.event != FlowEvent::kDeny) return "";
  for (const DropReason& reason : DropReasons())
    if (reason.value == record.denied) return reason.id;
  return "";
}

uint64_t FlowId(const FlowTuple& tuple, uint32_t start) {
  const uint64_t head =
      Mix(uint64_t{start} << 32 | tuple.realm, uint64_t{tuple.protocol});
  return Mix(Mix(head, tuple.source), tuple.destination);
}

std::string FlowIdText(uint64_t id) { return absl::StrFormat("f-%016x", id); }

}  // namespace rampart

// SPDX-License-Identifier: Apache-2.0
#include "controller/flow_log/ipfix.h"

#include <utility>

namespace rampart {
namespace {

constexpr uint16_t kVersion = 10;
constexpr size_t kHeader = 16;
constexpr size_t kSetHeader = 4;
// Of a record with message header, a set header before it, and padding.
constexpr size_t kLongest = kHeader + kSetHeader + 150 + 6;
constexpr uint16_t kTemplateSet = 2;         // RFC 7011 section 3.3.2
constexpr uint16_t kOptionsTemplateSet = 3;  // likewise
constexpr uint16_t kFlow4 = 256;
constexpr uint16_t kFlow6 = 257;
constexpr uint16_t kGap = 258;
constexpr uint16_t kEnterprise = 0x8000;
constexpr uint32_t kReverse = 29305;  // RFC 5103 section 6.1

// Information elements (IANA registry "IPFIX Entities"). element[1]: of IPv6.
struct Field {
  uint16_t element[2];
  uint16_t length[2];
  bool reverse = false;
};
constexpr Field kFields[] = {
    {{148, 148}, {8, 8}},    // flowId
    {{152, 152}, {8, 8}},    // flowStartMilliseconds
    {{153, 153}, {8, 8}},    // flowEndMilliseconds
    {{8, 27}, {4, 16}},      // sourceIPv4Address, ...IPv6...
    {{12, 28}, {4, 16}},     // destination...
    {{225, 281}, {4, 16}},   // postNATSource...
    {{226, 282}, {4, 16}},   // postNATDestination...
    {{7, 7}, {2, 2}},        // sourceTransportPort
    {{11, 11}, {2, 2}},      // destinationTransportPort
    {{227, 227}, {2, 2}},    // postNAPTSourceTransportPort
    {{228, 228}, {2, 2}},    // postNAPTDestinationTransportPort
    {{4, 4}, {1, 1}},        // protocolIdentifier
    {{136, 136}, {1, 1}},    // flowEndReason
    {{233, 233}, {1, 1}},    // firewallEvent
    {{1, 1}, {8, 8}},        // octetDeltaCount
    {{2, 2}, {8, 8}},        // packetDeltaCount
    {{1, 1}, {8, 8}, true},  // reverseOctetDeltaCount
    {{2, 2}, {8, 8}, true},  // reversePacketDeltaCount
    {{234, 234}, {4, 4}},    // ingressVRFID: the VNI
    {{10, 10}, {4, 4}},      // ingressInterface: id of the on-ramp
    {{14, 14}, {4, 4}},      // egressInterface: of the off-ramp
};

template <typename T>
void Put(T value, std::string& out) {
  for (int shift = 8 * (sizeof(T) - 1); shift >= 0; shift -= 8)
    out += static_cast<char>(value >> shift);
}

void PutAt(size_t at, uint16_t value, std::string& out) {
  out[at] = static_cast<char>(value >> 8);
  out[at + 1] = static_cast<char>(value);
}

void PutFlowTemplate(uint16_t id, bool v6, std::string& out) {
  Put<uint16_t>(id, out);
  Put<uint16_t>(std::size(kFields), out);
  for (const Field& field : kFields) {
    Put<uint16_t>(field.element[v6] | (field.reverse ? kEnterprise : 0), out);
    Put<uint16_t>(field.length[v6], out);
    if (field.reverse) Put<uint32_t>(kReverse, out);
  }
}

// "Exporting Process Reliability Statistics" (RFC 7011 section 4.3), with the
// time that it is about (section 4.3: required fields).
void PutGapTemplate(std::string& out) {
  constexpr std::pair<uint16_t, uint16_t> kGapFields[] = {
      {144, 4},  // exportingProcessId, the scope
      {323, 8},  // observationTimeMilliseconds
      {165, 8},  // notSentFlowTotalCount
  };
  Put<uint16_t>(kGap, out);
  Put<uint16_t>(std::size(kGapFields), out);
  Put<uint16_t>(1, out);
  for (const auto& [element, length] : kGapFields) {
    Put<uint16_t>(element, out);
    Put<uint16_t>(length, out);
  }
}

void PutSet(uint16_t id, std::string_view body, std::string& out) {
  const size_t padding = (4 - body.size() % 4) % 4;
  Put<uint16_t>(id, out);
  Put<uint16_t>(kSetHeader + body.size() + padding, out);
  out.append(body).append(padding, '\0');
}

std::string TemplateSets() {
  std::string flows;
  PutFlowTemplate(kFlow4, false, flows);
  PutFlowTemplate(kFlow6, true, flows);
  std::string gap;
  PutGapTemplate(gap);
  std::string sets;
  PutSet(kTemplateSet, flows, sets);
  PutSet(kOptionsTemplateSet, gap, sets);
  return sets;
}

uint64_t Milliseconds(absl::Time time) {
  return static_cast<uint64_t>(absl::ToUnixMillis(time));
}

// flowEndReason of the IANA registry; 0 of what goes on.
uint8_t EndReasonOf(const FlowRecord& record) {
  constexpr uint8_t kEnds[] = {1, 3, 3, 4, 4, 4};    // by FlowEndReason
  if (record.event == FlowEvent::kUpdate) return 2;  // active time-out
  if (record.event == FlowEvent::kDeny) return 4;
  if (record.event != FlowEvent::kEnd) return 0;
  return kEnds[static_cast<int>(record.end)];
}

uint8_t FirewallEventOf(FlowEvent event) {
  constexpr uint8_t kEvents[] = {1, 5, 2, 3};  // created, update, deleted,
  return kEvents[static_cast<int>(event)];     // denied
}

}  // namespace

IpfixEncoder::Told IpfixEncoder::Delta(const FlowRecord& record) {
  const FlowState& flow = record.flow;
  Told now;
  for (const int i : {0, 1}) {
    now.packets[i] = flow.packets[i];
    now.bytes[i] = flow.bytes[i];
  }
  if (record.event != FlowEvent::kUpdate && record.event != FlowEvent::kEnd)
    return now;
  const uint64_t id = FlowId(flow.tuple, flow.start);
  const auto before = told_.find(id);
  Told delta = now;
  if (before != told_.end()) {
    for (const int i : {0, 1}) {
      delta.packets[i] -= before->second.packets[i];
      delta.bytes[i] -= before->second.bytes[i];
    }
    if (record.event == FlowEvent::kEnd) told_.erase(before);
  }
  if (record.event == FlowEvent::kUpdate) told_[id] = now;
  return delta;
}

void IpfixEncoder::CloseSet() {
  if (open_set_ == 0) return;
  sets_.append((4 - sets_.size() % 4) % 4, '\0');
  PutAt(open_at_ + 2, static_cast<uint16_t>(sets_.size() - open_at_), sets_);
  open_set_ = 0;
}

void IpfixEncoder::AddRecord(uint16_t set, std::string_view record) {
  if (open_set_ != set) {
    CloseSet();
    open_at_ = sets_.size();
    open_set_ = set;
    Put<uint16_t>(set, sets_);
    Put<uint16_t>(0, sets_);
  }
  sets_.append(record);
  ++count_;
}

bool IpfixEncoder::Add(const FlowRecord& record) {
  if (count_ != 0 && sets_.size() + kLongest > size_) return false;
  const FlowState& flow = record.flow;
  const Told delta = Delta(record);
  std::string out;
  out.reserve(kLongest);
  Put<uint64_t>(FlowId(flow.tuple, flow.start), out);
  Put<uint64_t>(
      Milliseconds(record.time -
                   (flow.age != 0 ? flow.duration() : absl::ZeroDuration())),
      out);
  Put<uint64_t>(Milliseconds(record.time), out);
  for (const Endpoint* end : {&flow.tuple.source, &flow.tuple.destination,
                              &flow.source, &flow.destination})
    out += end->address.bytes();
  for (const Endpoint* end : {&flow.tuple.source, &flow.tuple.destination,
                              &flow.source, &flow.destination})
    Put<uint16_t>(end->port, out);
  Put<uint8_t>(flow.tuple.protocol, out);
  Put<uint8_t>(EndReasonOf(record), out);
  Put<uint8_t>(FirewallEventOf(record.event), out);
  for (const int i : {0, 1}) {
    Put<uint64_t>(delta.bytes[i], out);
    Put<uint64_t>(delta.packets[i], out);
  }
  Put<uint32_t>(flow.tuple.realm != 0 ? flow.tuple.realm : flow.reverse_realm,
                out);
  Put<uint32_t>(flow.on_ramp, out);
  Put<uint32_t>(flow.off_ramp, out);
  AddRecord(flow.tuple.source.address.is_v4() ? kFlow4 : kFlow6, out);
  return true;
}

bool IpfixEncoder::Add(const FlowGap& gap) {
  if (count_ != 0 && sets_.size() + kLongest > size_) return false;
  std::string out;
  Put<uint32_t>(domain_, out);
  Put<uint64_t>(Milliseconds(gap.time), out);
  Put<uint64_t>(gap.count(), out);
  AddRecord(kGap, out);
  return true;
}

std::string IpfixEncoder::Message(std::string_view sets,
                                  absl::Time time) const {
  std::string message;
  Put<uint16_t>(kVersion, message);
  Put<uint16_t>(static_cast<uint16_t>(kHeader + sets.size()), message);
  Put<uint32_t>(static_cast<uint32_t>(absl::ToUnixSeconds(time)), message);
  Put<uint32_t>(sequence_, message);
  Put<uint32_t>(domain_, message);
  return message.append(sets);
}

std::string IpfixEncoder::Templates(absl::Time time) const {
  return Message(TemplateSets(), time);
}

std::string IpfixEncoder::Finish(absl::Time time) {
  CloseSet();
  std::string message = Message(sets_, time);
  sequence_ += std::exchange(count_, 0);
  sets_.clear();
  return message;
}

}  // namespace rampart

// SPDX-License-Identifier: Apache-2.0
// Flow records as IPFIX messages (RFC 7011). Pure.
#ifndef RAMPART_CONTROLLER_FLOW_LOG_IPFIX_H_
#define RAMPART_CONTROLLER_FLOW_LOG_IPFIX_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "controller/flow_log/record.h"

namespace rampart {

// Collects records into one message. Templates: one for IPv4, one for IPv6, and
// an options template for gaps (RFC 7011 section 4.3). Counters are deltas, so
// that a collector may add up what it gets; what was told of a flow that lives
// long is kept until its end. Of a flow from before this run the first record
// tells all that it has counted so far.
class IpfixEncoder {
 public:
  // domain: Observation Domain ID. size: of a message at most, bytes.
  IpfixEncoder(uint32_t domain, size_t size) : domain_(domain), size_(size) {}

  // A new transport session: sequence numbers begin again (section 3.1).
  // pending: records of a message that will be sent in it first.
  void BeginSession(uint32_t pending) { sequence_ = pending; }

  // A message with the templates alone.
  std::string Templates(absl::Time time) const;

  // Adds a record; false if it does not fit any more, and is not added.
  bool Add(const FlowRecord& record);
  bool Add(const FlowGap& gap);

  uint32_t count() const { return count_; }
  // The message with all that was added; the next one is empty. time: of
  // export.
  std::string Finish(absl::Time time);

 private:
  struct Told {
    uint64_t packets[2] = {};
    uint64_t bytes[2] = {};
  };
  void AddRecord(uint16_t set, std::string_view record);
  void CloseSet();
  std::string Message(std::string_view sets, absl::Time time) const;
  Told Delta(const FlowRecord& record);

  const uint32_t domain_;
  const size_t size_;
  uint32_t sequence_ = 0;  // data records before this message
  uint32_t count_ = 0;     // in this message
  std::string sets_;
  uint16_t open_set_ = 0;  // the last one, which may grow; 0: none
  size_t open_at_ = 0;
  absl::flat_hash_map<uint64_t, Told> told_;  // by flow id
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_FLOW_LOG_IPFIX_H_

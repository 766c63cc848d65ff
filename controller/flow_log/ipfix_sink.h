// SPDX-License-Identifier: Apache-2.0
// The flow log to an IPFIX collector, by UDP or TCP.
#ifndef RAMPART_CONTROLLER_FLOW_LOG_IPFIX_SINK_H_
#define RAMPART_CONTROLLER_FLOW_LOG_IPFIX_SINK_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "controller/base/endpoint.h"
#include "controller/base/unique_fd.h"
#include "controller/flow_log/ipfix.h"
#include "controller/flow_log/sink.h"

namespace rampart {

// A collector that cannot be reached is tried again; what waits meanwhile is
// sent then. By UDP it is only known from ICMP that nobody is there, so what is
// lost on the way shows in the collector's sequence numbers alone.
class IpfixSink final : public FlowSink {
 public:
  struct Options {
    Endpoint collector;
    bool tcp = false;
    uint32_t domain = 1;
    // How often templates go out by UDP (RFC 7011 section 8.4).
    absl::Duration templates = absl::Seconds(60);
  };
  // exported: where the number of the last record is kept that was sent; it
  // outlives this.
  IpfixSink(const Options& options, uint64_t& exported);

  std::string name() const override { return name_; }
  uint64_t last() const override { return exported_; }
  absl::Status Write(absl::Span<const FlowItem> items) override;
  absl::Duration linger() const override { return absl::Milliseconds(50); }

 private:
  absl::Status Connect();
  absl::Status WriteItem(const FlowItem& item);
  template <typename Record>
  absl::Status AddOrSend(const Record& record, uint64_t last);
  // What was added and not sent yet.
  absl::Status Send();
  absl::Status SendMessage(std::string_view message);
  absl::Status SendTemplates();
  absl::Status Error(const char* what);

  const Options options_;
  const std::string name_;
  uint64_t& exported_;
  IpfixEncoder encoder_;
  UniqueFd socket_;
  absl::Time templates_sent_;
  std::string message_;   // encoded, not sent
  uint32_t pending_ = 0;  // records in it
  uint64_t added_;        // the last record that is in a message
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_FLOW_LOG_IPFIX_SINK_H_

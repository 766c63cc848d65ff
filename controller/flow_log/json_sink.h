// SPDX-License-Identifier: Apache-2.0
// The flow log as JSON lines in a file that is rotated.
#ifndef RAMPART_CONTROLLER_FLOW_LOG_JSON_SINK_H_
#define RAMPART_CONTROLLER_FLOW_LOG_JSON_SINK_H_

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "controller/base/unique_fd.h"
#include "controller/flow_log/sink.h"

namespace rampart {

class JsonSink final : public FlowSink {
 public:
  struct Options {
    std::string path;
    uint64_t rotate_size = 100 << 20;  // bytes; a little more if need be
    int rotate_keep = 10;              // path.1, the youngest, to path.10
    // Where the number of the last record is kept, which outlives the sink: the
    // file itself may be moved away. Null: only the file tells.
    uint64_t* written = nullptr;
  };
  // Appends to the file that is there, without half a line at its end. Another
  // program may move it away: then it is made anew. Errors: the system's.
  static absl::StatusOr<std::unique_ptr<JsonSink>> Open(Options options);

  std::string name() const override { return options_.path; }
  uint64_t last() const override { return last_; }
  absl::Status Write(absl::Span<const FlowItem> items) override;

 private:
  explicit JsonSink(Options options) : options_(std::move(options)) {}
  absl::Status OpenFile();
  // Takes up where an earlier run ended.
  absl::Status Continue();
  absl::Status ReadLast();
  absl::Status RotateIfFull();
  bool IsMoved() const;
  absl::Status WriteItem(const FlowItem& item);
  absl::Status Error(const char* what) const;

  const Options options_;
  UniqueFd file_;
  off_t size_ = 0;
  uint64_t last_ = 0;
  std::string buffer_;
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_FLOW_LOG_JSON_SINK_H_

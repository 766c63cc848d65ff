// SPDX-License-Identifier: Apache-2.0
// Commands that work on the pinned data plane itself, with or without a
// controller.
#ifndef RAMPART_TOOLS_XDPCTL_PINS_H_
#define RAMPART_TOOLS_XDPCTL_PINS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"

namespace rampart::xdpctl {

class Session;

// The edge that --edge names, or the only one with pins. Errors: Unavailable if
// there is none, InvalidArgument if there are several.
absl::StatusOr<std::string> PinnedEdge(const Session& session);

// What to add to CLOCK_MONOTONIC for Unix time, ns.
int64_t UnixOffset();

// CLOCK_MONOTONIC, ns.
uint64_t MonotonicNow();

// "14:03:22.118402", local time; of CLOCK_MONOTONIC ns.
std::string TimeOfDay(uint64_t monotonic);

// Writes all of `bytes` to the file, "-": stdout. Errors: who, errno.
class FileSink {
 public:
  static absl::StatusOr<FileSink> Open(const std::string& path);
  FileSink(FileSink&& other) noexcept;
  FileSink& operator=(FileSink&&) = delete;
  ~FileSink();
  absl::Status Write(std::string_view bytes);

 private:
  FileSink(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  std::string path_;
  int fd_;
};

// SIGINT and SIGTERM end what runs until it is told to; true once one came.
class StopSignals {
 public:
  StopSignals();
  ~StopSignals();
  // Waits until `fd` is readable, a signal comes or `milliseconds` are over.
  // Returns false after a signal. fd -1: only time.
  bool Wait(int fd, int milliseconds) const;

 private:
  int fd_ = -1;
};

}  // namespace rampart::xdpctl

#endif  // RAMPART_TOOLS_XDPCTL_PINS_H_

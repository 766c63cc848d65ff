// SPDX-License-Identifier: Apache-2.0
#include "controller/flow_log/json_sink.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <utility>
#include <vector>

#include "absl/memory/memory.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "controller/base/status.h"
#include "controller/flow_log/row.h"

namespace rampart {
namespace {

constexpr std::string_view kBegin = "{\"seq\":";
constexpr off_t kTail = 65536;  // longer than any line

// The number in a line of the log; 0 if it is none.
uint64_t SequenceOf(std::string_view line) {
  if (!line.starts_with(kBegin)) return 0;
  line.remove_prefix(kBegin.size());
  uint64_t sequence = 0;
  if (!absl::SimpleAtoi(std::string(line.substr(0, line.find(','))), &sequence))
    return 0;
  return sequence;
}

struct Tail {
  off_t end = 0;  // of the last whole line
  uint64_t sequence = 0;
};

absl::StatusOr<Tail> ReadTail(int fd, off_t size) {
  std::string text(static_cast<size_t>(std::min(size, kTail)), '\0');
  const auto begin = static_cast<off_t>(size - text.size());
  if (pread(fd, text.data(), text.size(), begin) !=
      static_cast<ssize_t>(text.size()))
    return absl::ErrnoToStatus(errno, "read");
  const size_t end = text.rfind('\n');
  if (end == std::string::npos) return Tail();
  const size_t before = text.rfind('\n', end == 0 ? 0 : end - 1);
  const size_t line =
      before == std::string::npos || before == end ? 0 : before + 1;
  return Tail{
      .end = static_cast<off_t>(begin + end + 1),
      .sequence = SequenceOf(std::string_view(text).substr(line, end - line))};
}

}  // namespace

absl::Status JsonSink::Error(const char* what) const {
  return absl::ErrnoToStatus(
      errno, absl::StrCat("flow log ", options_.path, ": ", what));
}

absl::StatusOr<std::unique_ptr<JsonSink>> JsonSink::Open(Options options) {
  auto sink = absl::WrapUnique(new JsonSink(std::move(options)));
  RETURN_IF_ERROR(sink->OpenFile());
  RETURN_IF_ERROR(sink->Continue());
  return sink;
}

absl::Status JsonSink::OpenFile() {
  file_ = UniqueFd(open(options_.path.c_str(),
                        O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0640));
  struct stat info;
  if (!file_.valid() || fstat(file_.get(), &info) != 0) return Error("open");
  size_ = info.st_size;
  return absl::OkStatus();
}

absl::Status JsonSink::Continue() {
  RETURN_IF_ERROR(ReadLast());
  if (options_.written != nullptr) last_ = std::max(last_, *options_.written);
  return absl::OkStatus();
}

absl::Status JsonSink::ReadLast() {
  if (size_ == 0) {
    const UniqueFd older(
        open(absl::StrCat(options_.path, ".1").c_str(), O_RDONLY | O_CLOEXEC));
    struct stat info;
    if (!older.valid() || fstat(older.get(), &info) != 0)
      return absl::OkStatus();
    ASSIGN_OR_RETURN(const Tail tail, ReadTail(older.get(), info.st_size));
    last_ = tail.sequence;
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const Tail tail, ReadTail(file_.get(), size_));
  if (tail.end != size_ && ftruncate(file_.get(), tail.end) != 0)
    return Error("truncate");
  size_ = tail.end;
  last_ = tail.sequence;
  return absl::OkStatus();
}

bool JsonSink::IsMoved() const {
  struct stat here, there;
  return stat(options_.path.c_str(), &there) != 0 ||
         fstat(file_.get(), &here) != 0 || here.st_ino != there.st_ino ||
         here.st_dev != there.st_dev;
}

absl::Status JsonSink::RotateIfFull() {
  if (static_cast<uint64_t>(size_) < options_.rotate_size)
    return absl::OkStatus();
  for (int number = options_.rotate_keep; number >= 1; --number) {
    const std::string from = number == 1
                                 ? options_.path
                                 : absl::StrCat(options_.path, ".", number - 1);
    const std::string to = absl::StrCat(options_.path, ".", number);
    if (std::rename(from.c_str(), to.c_str()) != 0 && errno != ENOENT)
      return Error("rotate");
  }
  return OpenFile();
}

absl::Status JsonSink::WriteItem(const FlowItem& item) {
  buffer_.clear();
  uint64_t last = last_;
  if (const auto* gap = std::get_if<FlowGap>(&item)) {
    if (gap->last <= last_) return absl::OkStatus();
    AppendJson(RowOf(*gap), buffer_);
    last = gap->last;
  } else {
    const FlowChunk& chunk = *std::get<0>(item);
    if (chunk.records.back().sequence <= last_) return absl::OkStatus();
    for (const FlowRecord& record : chunk.records)
      AppendJson(RowOf(record, *chunk.names), buffer_);
    last = chunk.records.back().sequence;
  }
  for (std::string_view rest = buffer_; !rest.empty();) {
    const ssize_t written = write(file_.get(), rest.data(), rest.size());
    if (written < 0) {
      const absl::Status status = Error("write");
      // No half lines, and nothing twice; if this fails too, the next run
      // repairs it.
      if (ftruncate(file_.get(), size_) != 0) return Error("truncate");
      return status;
    }
    rest.remove_prefix(static_cast<size_t>(written));
  }
  size_ += static_cast<off_t>(buffer_.size());
  last_ = last;
  if (options_.written != nullptr) *options_.written = last;
  return absl::OkStatus();
}

absl::Status JsonSink::Write(absl::Span<const FlowItem> items) {
  if (IsMoved()) RETURN_IF_ERROR(OpenFile());
  for (const FlowItem& item : items) {
    RETURN_IF_ERROR(RotateIfFull());
    RETURN_IF_ERROR(WriteItem(item));
  }
  return absl::OkStatus();
}

}  // namespace rampart

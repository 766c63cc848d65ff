// SPDX-License-Identifier: Apache-2.0
#include "tools/xdpctl/pins.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <ctime>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "controller/dataplane/offline.h"
#include "tools/xdpctl/session.h"

namespace rampart::xdpctl {
namespace {

constexpr int64_t kSecond = 1'000'000'000;  // ns

int64_t Nanoseconds(clockid_t clock) {
  timespec now = {};
  clock_gettime(clock, &now);
  return now.tv_sec * kSecond + now.tv_nsec;
}

sigset_t Signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

}  // namespace

absl::StatusOr<std::string> PinnedEdge(const Session& session) {
  const Options& options = session.options;
  if (!options.edge.empty()) return options.edge;
  const std::vector<std::string> edges = PinnedEdges(options.bpffs);
  if (edges.size() == 1) return edges[0];
  if (edges.empty())
    return absl::UnavailableError(
        absl::StrCat("no pins in ", options.bpffs,
                     "/rampart (root can see them): is rampartd running?"));
  return absl::InvalidArgumentError(
      absl::StrCat("several edges have pins; name one with --edge: ",
                   absl::StrJoin(edges, ", ")));
}

int64_t UnixOffset() {
  return Nanoseconds(CLOCK_REALTIME) - Nanoseconds(CLOCK_MONOTONIC);
}

uint64_t MonotonicNow() {
  return static_cast<uint64_t>(Nanoseconds(CLOCK_MONOTONIC));
}

std::string TimeOfDay(uint64_t monotonic) {
  const absl::Time time =
      absl::FromUnixNanos(static_cast<int64_t>(monotonic) + UnixOffset());
  return absl::FormatTime("%H:%M:%E6S", time, absl::LocalTimeZone());
}

absl::StatusOr<FileSink> FileSink::Open(const std::string& path) {
  if (path == "-") return FileSink("stdout", dup(STDOUT_FILENO));
  const int fd =
      open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return absl::ErrnoToStatus(errno, path);
  return FileSink(path, fd);
}

FileSink::FileSink(FileSink&& other) noexcept
    : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)) {}

FileSink::~FileSink() {
  if (fd_ >= 0) close(fd_);
}

absl::Status FileSink::Write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return absl::ErrnoToStatus(errno, path_);
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

StopSignals::StopSignals() {
  const sigset_t set = Signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  fd_ = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

StopSignals::~StopSignals() {
  if (fd_ >= 0) close(fd_);
  const sigset_t set = Signals();
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

bool StopSignals::Wait(int fd, int milliseconds) const {
  pollfd polled[] = {{fd_, POLLIN, 0}, {fd, POLLIN, 0}};
  (void)poll(polled, 2, milliseconds);
  return (polled[0].revents & POLLIN) == 0;
}

}  // namespace rampart::xdpctl

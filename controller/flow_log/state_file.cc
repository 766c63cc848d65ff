// SPDX-License-Identifier: Apache-2.0
#include "controller/flow_log/state_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "controller/base/unique_fd.h"

namespace rampart {
namespace {

constexpr uint64_t kMagic = 0x31474f4c46505200;  // "\0RPFLOG1"
constexpr off_t kSize = 4096;

absl::Status Failed(const std::string& path, const char* what) {
  return absl::ErrnoToStatus(errno,
                             absl::StrCat("flow log ", path, ": ", what));
}

}  // namespace

absl::StatusOr<StateFile> StateFile::Open(const std::string& path) {
  const UniqueFd fd(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  struct stat info;
  if (!fd.valid() || fstat(fd.get(), &info) != 0) return Failed(path, "open");
  if (info.st_size != 0 && info.st_size != kSize)
    return absl::FailedPreconditionError(
        absl::StrCat("flow log ", path, ": is another kind of file"));
  // Its blocks are there from now on: a full disk is no fault of memory.
  if (const int error = posix_fallocate(fd.get(), 0, kSize); error != 0) {
    errno = error;
    return Failed(path, "allocate");
  }
  void* page =
      mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  if (page == MAP_FAILED) return Failed(path, "map");
  StateFile file(static_cast<FlowLogState*>(page));
  if (file->magic != 0 && file->magic != kMagic)
    return absl::FailedPreconditionError(
        absl::StrCat("flow log ", path, ": is another kind of file"));
  file->magic = kMagic;
  return file;
}

StateFile::~StateFile() {
  if (state_ != nullptr) munmap(state_, kSize);
}

}  // namespace rampart

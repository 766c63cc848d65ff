// SPDX-License-Identifier: Apache-2.0
#include "controller/dataplane/shared_array.h"

#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <sys/mman.h>

#include <cerrno>

#include "absl/strings/str_cat.h"

namespace rampart {

absl::StatusOr<SharedMemory> SharedMemory::Of(int fd, size_t value_size) {
  bpf_map_info info = {};
  uint32_t length = sizeof(info);
  if (bpf_obj_get_info_by_fd(fd, &info, &length) != 0)
    return absl::ErrnoToStatus(errno, "map: ask the kernel about it");
  if (info.type != BPF_MAP_TYPE_ARRAY || !(info.map_flags & BPF_F_MMAPABLE) ||
      info.value_size != value_size)
    return absl::FailedPreconditionError(
        absl::StrCat("map ", info.name, ": not a shared array of values of ",
                     value_size, " bytes"));
  SharedMemory memory;
  memory.count_ = info.max_entries;
  memory.bytes_ = memory.count_ * value_size;
  void* data =
      mmap(nullptr, memory.bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (data == MAP_FAILED)
    return absl::ErrnoToStatus(errno,
                               absl::StrCat("map ", info.name, ": mmap"));
  memory.data_ = data;
  return memory;
}

SharedMemory& SharedMemory::operator=(SharedMemory&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  std::swap(count_, other.count_);
  return *this;
}

SharedMemory::~SharedMemory() {
  if (data_ != nullptr) munmap(data_, bytes_);
}

}  // namespace rampart

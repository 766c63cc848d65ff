// SPDX-License-Identifier: Apache-2.0
// A BPF array in the memory of this process (BPF_F_MMAPABLE): reads and writes
// take no system call.
#ifndef RAMPART_CONTROLLER_DATAPLANE_SHARED_ARRAY_H_
#define RAMPART_CONTROLLER_DATAPLANE_SHARED_ARRAY_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace rampart {

// The untyped half: the mapping, ended with this.
class SharedMemory {
 public:
  // `fd` is of an array map of `value_size`. Errors: FailedPrecondition naming
  // the map if it is not; the kernel's.
  static absl::StatusOr<SharedMemory> Of(int fd, size_t value_size);
  SharedMemory(SharedMemory&& other) noexcept { *this = std::move(other); }
  SharedMemory& operator=(SharedMemory&& other) noexcept;
  ~SharedMemory();

  void* data() const { return data_; }
  size_t count() const { return count_; }  // values

 private:
  SharedMemory() = default;
  void* data_ = nullptr;
  size_t bytes_ = 0;
  size_t count_ = 0;
};

// T is a struct of maps/ of whole 64-bit words. The data plane may read and
// write the same words at any time, so each is read and written at once.
template <typename T>
class SharedArray {
 public:
  static_assert(sizeof(T) % sizeof(uint64_t) == 0);

  static absl::StatusOr<SharedArray> Of(int fd) {
    absl::StatusOr<SharedMemory> memory = SharedMemory::Of(fd, sizeof(T));
    if (!memory.ok()) return memory.status();
    return SharedArray(*std::move(memory));
  }

  size_t size() const { return memory_.count(); }
  T* at(size_t index) const { return static_cast<T*>(memory_.data()) + index; }

  T Read(size_t index) const { return ReadHead<T>(index); }
  // What a value begins with.
  template <typename Head>
  Head ReadHead(size_t index) const {
    static_assert(sizeof(Head) <= sizeof(T));
    uint64_t words[sizeof(Head) / sizeof(uint64_t)];
    const auto* from = reinterpret_cast<const uint64_t*>(at(index));
    for (size_t i = 0; i < std::size(words); ++i)
      words[i] = __atomic_load_n(&from[i], __ATOMIC_RELAXED);
    Head head;
    std::memcpy(&head, words, sizeof(head));
    return head;
  }
  void Write(size_t index, const T& value) const {
    uint64_t words[sizeof(T) / sizeof(uint64_t)];
    std::memcpy(words, &value, sizeof(value));
    auto* to = reinterpret_cast<uint64_t*>(at(index));
    for (size_t i = 0; i < std::size(words); ++i)
      __atomic_store_n(&to[i], words[i], __ATOMIC_RELAXED);
  }

 private:
  explicit SharedArray(SharedMemory memory) : memory_(std::move(memory)) {}
  SharedMemory memory_;
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_DATAPLANE_SHARED_ARRAY_H_

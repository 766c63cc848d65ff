// SPDX-License-Identifier: Apache-2.0
// BPF map operations by bpf(2), with errors that name map and operation.
#include "controller/dataplane/map.h"

#include <bpf/bpf.h>

#include <cerrno>

#include "absl/strings/str_cat.h"

namespace rampart {
namespace {

absl::Status MapError(int error, const std::string& map,
                      std::string_view operation) {
  const std::string what = absl::StrCat(
      "map ", map, ": ", absl::string_view(operation.data(), operation.size()));
  // The kernel's "Argument list too long" is a full hash, or an index past the
  // end of an array.
  if (error == E2BIG) {
    return absl::ResourceExhaustedError(
        absl::StrCat(what, ": no room: full, or an index past its end"));
  }
  if (error == ENOMEM) {
    return absl::ResourceExhaustedError(
        absl::StrCat(what, ": no kernel memory"));
  }
  return absl::ErrnoToStatus(error, what);
}

}  // namespace

absl::StatusOr<MapFd> MapFd::Of(UniqueFd fd, size_t key_size,
                                size_t value_size) {
  bpf_map_info info = {};
  uint32_t length = sizeof(info);
  if (bpf_obj_get_info_by_fd(fd.get(), &info, &length) != 0) {
    return absl::ErrnoToStatus(errno, "map: ask the kernel about it");
  }
  if (info.key_size != key_size || info.value_size != value_size) {
    return absl::FailedPreconditionError(
        absl::StrCat("map ", info.name, ": the kernel has keys of ",
                     info.key_size, " and values of ", info.value_size,
                     " bytes, this program ", key_size, " and ", value_size));
  }
  MapFd map;
  map.fd_ = std::move(fd);
  map.name_ = info.name;
  map.max_entries_ = info.max_entries;
  map.key_size_ = info.key_size;
  return map;
}

absl::Status MapFd::Lookup(const void* key, void* value) const {
  if (bpf_map_lookup_elem(fd(), key, value) == 0) return absl::OkStatus();
  return MapError(errno, name_, "get");
}

absl::Status MapFd::Put(const void* key, const void* value,
                        uint64_t flags) const {
  if (bpf_map_update_elem(fd(), key, value, flags) == 0) {
    return absl::OkStatus();
  }
  return MapError(errno, name_, "put");
}

absl::Status MapFd::Delete(const void* key) const {
  if (bpf_map_delete_elem(fd(), key) == 0) return absl::OkStatus();
  return MapError(errno, name_, "delete");
}

absl::StatusOr<uint32_t> MapFd::ReadBatch(std::string& cursor, void* keys,
                                          void* values, uint32_t count) const {
  // A hash map's position is a 32-bit bucket number, an array's is a key.
  std::string next(std::max<size_t>(key_size_, sizeof(uint32_t)), '\0');
  const int result =
      bpf_map_lookup_batch(fd(), cursor.empty() ? nullptr : cursor.data(),
                           next.data(), keys, values, &count, nullptr);
  if (result == 0) {
    cursor = std::move(next);
    return count;
  }
  if (errno != ENOENT) return MapError(errno, name_, "read batch");
  cursor.clear();  // the end
  return count;
}

absl::Status MapFd::DeleteBatch(const void* keys, uint32_t count) const {
  const char* key = static_cast<const char*>(keys);
  while (count > 0) {
    uint32_t done = count;
    if (bpf_map_delete_batch(fd(), key, &done, nullptr) == 0) break;
    if (errno != ENOENT) return MapError(errno, name_, "delete batch");
    ++done;  // the kernel stops at a key that is gone already: step over it
    key += size_t{done} * key_size_;
    count -= done;
  }
  return absl::OkStatus();
}

absl::Status MapFd::PutBatch(const void* keys, const void* values,
                             uint32_t count) const {
  if (count == 0 ||
      bpf_map_update_batch(fd(), keys, values, &count, nullptr) == 0) {
    return absl::OkStatus();
  }
  return MapError(errno, name_, "put batch");
}

}  // namespace rampart

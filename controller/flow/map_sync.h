// SPDX-License-Identifier: Apache-2.0
// Makes a kernel map hold exactly what it should, with the fewest writes.
#ifndef RAMPART_CONTROLLER_FLOW_MAP_SYNC_H_
#define RAMPART_CONTROLLER_FLOW_MAP_SYNC_H_

#include <cstring>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/hash/hash.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "controller/base/status.h"
#include "controller/dataplane/map.h"

namespace rampart {

// A struct of maps/ as its bytes: none of them is padding.
template <typename T>
absl::string_view BytesOf(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof(value)};
}

template <typename T>
struct BytesHash {
  size_t operator()(const T& value) const {
    return absl::Hash<absl::string_view>()(BytesOf(value));
  }
};

template <typename T>
struct BytesEqual {
  bool operator()(const T& a, const T& b) const {
    return std::memcmp(&a, &b, sizeof(T)) == 0;
  }
};

template <typename K, typename V>
using BytesMap = absl::flat_hash_map<K, V, BytesHash<K>, BytesEqual<K>>;

// Puts what is new or changed, then deletes what is stale, so that an entry
// that stays is never missing.
template <typename K, typename V>
absl::Status SyncMap(const Map<K, V>& map,
                     const std::vector<std::pair<K, V>>& wanted) {
  BytesMap<K, V> stale;
  RETURN_IF_ERROR(map.ForEach(
      [&](const K& key, const V& value) { stale.emplace(key, value); }));
  for (const auto& [key, value] : wanted) {
    const auto found = stale.find(key);
    if (found == stale.end() || !BytesEqual<V>()(found->second, value))
      RETURN_IF_ERROR(map.Put(key, value));
    if (found != stale.end()) stale.erase(found);
  }
  for (const auto& entry : stale) {
    const absl::Status status = map.Delete(entry.first);
    if (!status.ok() && !absl::IsNotFound(status)) return status;
  }
  return absl::OkStatus();
}

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_FLOW_MAP_SYNC_H_

// SPDX-License-Identifier: Apache-2.0
// Longest prefix match for the controller's own look-ups.
#ifndef RAMPART_CONTROLLER_COMPILE_PREFIX_TABLE_H_
#define RAMPART_CONTROLLER_COMPILE_PREFIX_TABLE_H_

#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "controller/base/ip.h"

namespace rampart {

// Prefixes of both families, each with a T. A look-up costs one hash look-up
// per prefix length in use in the address's family, so it suits route tables,
// which use few. Pointers returned are valid until the next Insert().
template <typename T>
class PrefixTable {
 public:
  // False, and nothing changes, if `prefix` is there already.
  bool Insert(const Prefix& prefix, T value) {
    if (!entries_.try_emplace(prefix, std::move(value)).second) return false;
    std::vector<int>& lengths = lengths_[prefix.address().is_v4()];
    const auto at = std::lower_bound(lengths.begin(), lengths.end(),
                                     prefix.length(), std::greater<>());
    if (at == lengths.end() || *at != prefix.length())
      lengths.insert(at, prefix.length());
    return true;
  }

  // Of the longest prefix that contains `address`; null if none does.
  const T* Find(const IpAddress& address) const {
    for (const int length : lengths_[address.is_v4()]) {
      const auto it = entries_.find(Prefix(address, length));
      if (it != entries_.end()) return &it->second;
    }
    return nullptr;
  }

  // Of every prefix that contains `address`, longest first.
  std::vector<const T*> FindAll(const IpAddress& address) const {
    std::vector<const T*> found;
    for (const int length : lengths_[address.is_v4()]) {
      const auto it = entries_.find(Prefix(address, length));
      if (it != entries_.end()) found.push_back(&it->second);
    }
    return found;
  }

 private:
  absl::flat_hash_map<Prefix, T> entries_;
  std::vector<int> lengths_[2];  // in use, longest first; [1]: IPv4
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_COMPILE_PREFIX_TABLE_H_

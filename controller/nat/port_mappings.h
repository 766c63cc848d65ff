// SPDX-License-Identifier: Apache-2.0
// The port mappings of one subscriber.
#ifndef RAMPART_CONTROLLER_NAT_PORT_MAPPINGS_H_
#define RAMPART_CONTROLLER_NAT_PORT_MAPPINGS_H_

#include <cstdint>
#include <memory>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "controller/base/endpoint.h"

namespace rampart {

struct PortKey {
  Endpoint remote;  // of a mapping for one remote endpoint, else empty
  uint16_t inside_port = 0;
  uint8_t protocol = 0;
  friend bool operator==(const PortKey&, const PortKey&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const PortKey& k) {
    return H::combine(std::move(h), k.remote, k.inside_port, k.protocol);
  }
};
struct PortMapping {
  uint32_t flows = 0;
  uint16_t outside_port = 0;
  bool open = false;  // by Open()
};

// A table for each subscriber grows in small steps; one for all would stop the
// controller while every mapping is moved. Pointers are valid until the next
// Make().
class PortMappings {
 public:
  PortMapping* Find(const PortKey& key) {
    if (key.remote == Endpoint()) {
      const auto it = for_all_.find(Pack(key));
      return it == for_all_.end() ? nullptr : &it->second;
    }
    if (!dependent_) return nullptr;
    const auto it = dependent_->for_one.find(key);
    return it == dependent_->for_one.end() ? nullptr : &it->second;
  }
  // A mapping that is not there.
  PortMapping& Make(const PortKey& key, uint16_t outside_port) {
    PortMapping& mapping = key.remote == Endpoint() ? for_all_[Pack(key)]
                                                    : dependent().for_one[key];
    mapping.outside_port = outside_port;
    return mapping;
  }
  void Erase(const PortKey& key) {
    if (key.remote == Endpoint())
      for_all_.erase(Pack(key));
    else
      dependent().for_one.erase(key);
  }
  // Has memory ready for Find() and Make() of a mapping for all remotes.
  void Prefetch(const PortKey& key) const { for_all_.prefetch(Pack(key)); }

  // Flows by key, counted.
  void Contact(const PortKey& key, int change) {
    const auto it = dependent().contacts.try_emplace(key).first;
    it->second += change;
    if (it->second == 0) dependent().contacts.erase(it);
  }
  bool HasContact(const PortKey& key) const {
    return dependent_ && dependent_->contacts.contains(key);
  }

  void ForEach(
      absl::FunctionRef<void(const PortKey&, const PortMapping&)> visit) const {
    for (const auto& [packed, mapping] : for_all_)
      visit({{},
             static_cast<uint16_t>(packed),
             static_cast<uint8_t>(packed >> 16)},
            mapping);
    if (!dependent_) return;
    for (const auto& [key, mapping] : dependent_->for_one) visit(key, mapping);
  }

 private:
  // What few pools need.
  struct Dependent {
    absl::flat_hash_map<PortKey, PortMapping> for_one;
    absl::flat_hash_map<PortKey, uint32_t> contacts;
  };

  static uint32_t Pack(const PortKey& key) {
    return uint32_t{key.protocol} << 16 | key.inside_port;
  }
  Dependent& dependent() {
    if (!dependent_) dependent_ = std::make_unique<Dependent>();
    return *dependent_;
  }

  absl::flat_hash_map<uint32_t, PortMapping> for_all_;
  std::unique_ptr<Dependent> dependent_;
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_NAT_PORT_MAPPINGS_H_

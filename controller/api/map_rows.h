// SPDX-License-Identifier: Apache-2.0
// Entries of maps as fields with names.
#ifndef RAMPART_CONTROLLER_API_MAP_ROWS_H_
#define RAMPART_CONTROLLER_API_MAP_ROWS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/types/span.h"
#include "controller/api/json.h"

namespace rampart {

// A map whose key and value are structs of maps/ or integers.
struct MapType {
  std::string_view name;
  std::string_view key;  // C type
  std::string_view value;
  size_t key_size;
  size_t value_size;
  bool array;  // the kernel has every element, used or not
  // The fields of one entry; nothing for an unused element of an array. Keys,
  // cookies and authentication codes are left out, never shown. now: tick.
  std::optional<Json> (*row)(const void* key, const void* value, uint32_t now);
};

// In the order of bpf/maps.h. rp_outcomes is not here: it is per CPU.
absl::Span<const MapType> MapTypes();

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_API_MAP_ROWS_H_

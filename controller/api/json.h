// SPDX-License-Identifier: Apache-2.0
// JSON that keeps its fields in the order they were written in: tables show
// them in that order.
#ifndef RAMPART_CONTROLLER_API_JSON_H_
#define RAMPART_CONTROLLER_API_JSON_H_

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "absl/strings/string_view.h"
#include "controller/api/http.h"

namespace rampart {

using Json = nlohmann::ordered_json;

// {"schema": "xdpctl/v1/<kind>"}: what every answer begins with.
Json Document(std::string_view kind);

// Compact text with a newline. Bytes that are not UTF-8 are replaced: names of
// devices come from the kernel, which does not check them.
std::string ToText(const Json& json);

inline ApiResponse JsonResponse(const Json& json) {
  return {.status = 200, .body = ToText(json), .allow = {}};
}

// Abseil's string_view is not the standard one here.
inline absl::string_view Absl(std::string_view text) {
  return {text.data(), text.size()};
}

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_API_JSON_H_

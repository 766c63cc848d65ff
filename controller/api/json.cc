// SPDX-License-Identifier: Apache-2.0
#include "controller/api/json.h"

#include "absl/strings/str_cat.h"

namespace rampart {

Json Document(std::string_view kind) {
  return {{"schema", absl::StrCat("xdpctl/v1/", Absl(kind))}};
}

std::string ToText(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace rampart

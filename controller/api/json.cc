// SPDX-License-Identifier: Apache-2.0
#include "controller/api/json.h"

namespace rampart {

Json Document(std::string_view kind) {
  return {{"schema", "xdpctl/v1/" + std::string(kind)}};
}

std::string ToText(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace rampart

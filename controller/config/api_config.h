// SPDX-License-Identifier: Apache-2.0
// rampartd.yaml, section api: who may use the API, and over what.
#ifndef RAMPART_CONTROLLER_CONFIG_API_CONFIG_H_
#define RAMPART_CONTROLLER_CONFIG_API_CONFIG_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "controller/model/fields.h"

namespace rampart {

struct ApiConfig {
  std::string socket = "/run/rampart/api.sock";
  std::string write_group;  // beside root, who may change things; "": nobody
  std::string read_group;   // who may only look; "": nobody else
  // TCP with mutual TLS.
  struct Tls {
    std::string listen;  // "": none
    std::string cert;    // PEM files
    std::string key;
    std::string ca;
    std::vector<std::string> writers;  // common names
  } tls;
};

// Reads the keys of the section.
void ReadApi(Fields& fields, ApiConfig& config);

// The section of a rampartd.yaml that ParseEdgeConfig() took. Errors:
// InvalidArgument.
absl::StatusOr<ApiConfig> ParseApiConfig(std::string_view file,
                                         std::string_view text);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_CONFIG_API_CONFIG_H_

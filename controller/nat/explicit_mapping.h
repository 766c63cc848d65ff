// SPDX-License-Identifier: Apache-2.0
// A mapping that a subscriber has asked for, as it survives a restart.
#ifndef RAMPART_CONTROLLER_NAT_EXPLICIT_MAPPING_H_
#define RAMPART_CONTROLLER_NAT_EXPLICIT_MAPPING_H_

#include <array>
#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "controller/base/endpoint.h"
#include "controller/nat/types.h"

namespace rampart {

struct ExplicitMapping {
  std::string pool;
  Subscriber subscriber;
  uint8_t protocol = 0;
  uint16_t inside_port = 0;
  Endpoint remote;  // unset: all remotes
  Endpoint outside;
  std::array<uint8_t, 12> nonce = {};  // RFC 6887 section 11.1
  absl::Time expires;
  friend bool operator==(const ExplicitMapping&,
                         const ExplicitMapping&) = default;
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_NAT_EXPLICIT_MAPPING_H_

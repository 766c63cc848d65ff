// SPDX-License-Identifier: Apache-2.0
// An address and a port.
#ifndef RAMPART_CONTROLLER_BASE_ENDPOINT_H_
#define RAMPART_CONTROLLER_BASE_ENDPOINT_H_

#include <cstdint>
#include <utility>

#include "controller/base/ip.h"

namespace rampart {

struct Endpoint {
  IpAddress address;
  uint16_t port = 0;  // host order; ICMP: identifier; other protocols: 0
  friend bool operator==(const Endpoint&, const Endpoint&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const Endpoint& e) {
    return H::combine(std::move(h), e.address, e.port);
  }
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_BASE_ENDPOINT_H_

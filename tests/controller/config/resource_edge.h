// SPDX-License-Identifier: Apache-2.0
// The edge that resources are read for in these tests.
#ifndef RAMPART_TESTS_CONTROLLER_CONFIG_RESOURCE_EDGE_H_
#define RAMPART_TESTS_CONTROLLER_CONFIG_RESOURCE_EDGE_H_

#include "controller/config/edge_config.h"

namespace rampart {

inline EdgeConfig ResourceEdge() {
  return ParseEdgeConfig("rampartd.yaml", R"(
edge: edge-a
devices:
  - {name: eth0, role: uplink}
  - {name: eth1, role: access}
gue: {addresses: [192.0.2.1]}
nat: {pools: [{name: default, addresses: [198.51.100.1]}]}
)")
      .value();
}

}  // namespace rampart

#endif  // RAMPART_TESTS_CONTROLLER_CONFIG_RESOURCE_EDGE_H_

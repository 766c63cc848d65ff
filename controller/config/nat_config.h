// SPDX-License-Identifier: Apache-2.0
// Section "nat" of rampartd.yaml.
#ifndef RAMPART_CONTROLLER_CONFIG_NAT_CONFIG_H_
#define RAMPART_CONTROLLER_CONFIG_NAT_CONFIG_H_

#include "controller/config/edge_config.h"
#include "controller/model/fields.h"

namespace rampart {

// Reads pools and timeouts. What RFCs advise against goes to config.warnings.
void ReadNat(Fields& fields, EdgeConfig& config);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_CONFIG_NAT_CONFIG_H_

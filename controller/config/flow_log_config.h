// SPDX-License-Identifier: Apache-2.0
// Section "flow_log" of rampartd.yaml.
#ifndef RAMPART_CONTROLLER_CONFIG_FLOW_LOG_CONFIG_H_
#define RAMPART_CONTROLLER_CONFIG_FLOW_LOG_CONFIG_H_

#include "controller/config/edge_config.h"
#include "controller/model/fields.h"

namespace rampart {

// Reads what is under "flow_log", which is there.
void ReadFlowLog(Fields& fields, FlowLogConfig& config);

// "192.0.2.1:9464" or "[2001:db8::1]:9464". example: one for the message.
absl::StatusOr<std::string> ParseAddressPort(std::string_view text,
                                             std::string_view example);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_CONFIG_FLOW_LOG_CONFIG_H_

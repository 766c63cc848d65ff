// SPDX-License-Identifier: Apache-2.0
// How flows are shown, by whichever verb.
#ifndef RAMPART_TOOLS_XDPCTL_FLOW_COLUMNS_H_
#define RAMPART_TOOLS_XDPCTL_FLOW_COLUMNS_H_

#include <vector>

#include "tools/xdpctl/list.h"

namespace rampart::xdpctl {

// Of the rows of the kind "flows".
std::vector<Column> FlowColumns();

// Fields that tell flows apart.
std::vector<std::string> FlowName();

}  // namespace rampart::xdpctl

#endif  // RAMPART_TOOLS_XDPCTL_FLOW_COLUMNS_H_

// SPDX-License-Identifier: Apache-2.0
// How full the maps are, and when they will be.
#ifndef RAMPART_TOOLS_XDPCTL_PRESSURE_H_
#define RAMPART_TOOLS_XDPCTL_PRESSURE_H_

#include <vector>

#include "tools/xdpctl/list.h"

namespace CLI {
class App;
}

namespace rampart::xdpctl {

// Of the rows of MapRates().
std::vector<Column> PressureColumns();

// Adds `pressure` to `map`.
void AddPressure(CLI::App& map, Session& session);

}  // namespace rampart::xdpctl

#endif  // RAMPART_TOOLS_XDPCTL_PRESSURE_H_

// SPDX-License-Identifier: Apache-2.0
// Lists that may be long: with selectors and a limit.
#ifndef RAMPART_TOOLS_XDPCTL_SELECTED_LIST_H_
#define RAMPART_TOOLS_XDPCTL_SELECTED_LIST_H_

#include <string>

#include "tools/xdpctl/list.h"

namespace rampart::xdpctl {

// Adds `list`, also `ls`, with selectors (controller/api/selectors.h).
void AddSelectedList(CLI::App& noun, Session& session, ListCommand command);

// "10.1.0.5:443", "[2001:db8::1]:443", or the address if the port is 0.
std::string EndpointCell(const Json& address, const Json& port);

}  // namespace rampart::xdpctl

#endif  // RAMPART_TOOLS_XDPCTL_SELECTED_LIST_H_

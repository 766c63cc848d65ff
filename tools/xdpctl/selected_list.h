// SPDX-License-Identifier: Apache-2.0
// Lists that may be long: with selectors and a limit.
#ifndef RAMPART_TOOLS_XDPCTL_SELECTED_LIST_H_
#define RAMPART_TOOLS_XDPCTL_SELECTED_LIST_H_

#include <string>
#include <vector>

#include "tools/xdpctl/list.h"

namespace rampart::xdpctl {

// Adds `list`, also `ls`, with selectors (controller/api/selectors.h). Returns
// it.
CLI::App* AddSelectedList(CLI::App& noun, Session& session,
                          ListCommand command);

// The positional selectors of a verb.
void AddSelectors(CLI::App& verb, std::vector<std::string>& words);

}  // namespace rampart::xdpctl

#endif  // RAMPART_TOOLS_XDPCTL_SELECTED_LIST_H_

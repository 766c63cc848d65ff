// SPDX-License-Identifier: Apache-2.0
#ifndef RAMPART_TOOLS_XDPCTL_RUN_H_
#define RAMPART_TOOLS_XDPCTL_RUN_H_

#include <string>
#include <vector>

#include "tools/xdpctl/env.h"

namespace rampart::xdpctl {

// Runs one command line (without the program's name). Returns the exit code.
int Run(Env& env, std::vector<std::string> words);

}  // namespace rampart::xdpctl

#endif  // RAMPART_TOOLS_XDPCTL_RUN_H_

// SPDX-License-Identifier: Apache-2.0
// Where tests have a process die.
#ifndef RAMPART_CONTROLLER_BASE_FAULT_H_
#define RAMPART_CONTROLLER_BASE_FAULT_H_

#include <string_view>

namespace rampart {

// Between two steps that must hold also when nothing comes after the first:
// with RAMPART_FAULT="apply:3" in the environment, the process kills itself
// where it passes the third point called "apply". Costs a look at a constant.
void FaultPoint(std::string_view name);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_BASE_FAULT_H_

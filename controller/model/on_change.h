// SPDX-License-Identifier: Apache-2.0
#ifndef RAMPART_CONTROLLER_MODEL_ON_CHANGE_H_
#define RAMPART_CONTROLLER_MODEL_ON_CHANGE_H_

namespace rampart {

// What becomes of live flows when the configuration changes. Flows whose
// tunnel or vnet is gone, or whose identity is revoked, end in any case.
enum class OnChange {
  kKeep,     // they go on as they were decided
  kRecheck,  // those that policy now refuses end
  kCut,      // those that would be decided otherwise now end
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_MODEL_ON_CHANGE_H_

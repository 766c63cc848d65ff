// SPDX-License-Identifier: Apache-2.0
// What the kernel's driver interfaces say: ethtool and the netdev family.
#ifndef RAMPART_CONTROLLER_PREFLIGHT_FEATURES_H_
#define RAMPART_CONTROLLER_PREFLIGHT_FEATURES_H_

#include "controller/preflight/facts.h"

namespace rampart {

// Fill in what they can; what the driver does not tell stays as it is.
void AddEthtool(DeviceFacts& device);
void AddXdpFeatures(DeviceFacts& device);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_PREFLIGHT_FEATURES_H_

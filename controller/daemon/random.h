// SPDX-License-Identifier: Apache-2.0
// Unpredictable numbers: NAT ports must not be guessed (RFC 6056).
#ifndef RAMPART_CONTROLLER_DAEMON_RANDOM_H_
#define RAMPART_CONTROLLER_DAEMON_RANDOM_H_

#include <cstdint>

namespace rampart {

// Uniform in [0, bound), from the kernel's generator. bound > 0.
uint32_t KernelRandom(uint32_t bound);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_DAEMON_RANDOM_H_

// SPDX-License-Identifier: Apache-2.0
// The edge that all program tests stand on: its devices, its configuration, and
// nothing else in its tables.
#ifndef RAMPART_TESTS_TESTING_SCENE_H_
#define RAMPART_TESTS_TESTING_SCENE_H_

#include <cstdint>

#include "maps/config.h"
#include "tests/testing/edge.h"
#include "tests/testing/programs.h"

namespace rampart::testing {

inline constexpr uint32_t kAccessTunnel = 20;     // of slot kAccess
inline constexpr uint32_t kAccessTunTunnel = 21;  // of slot kAccessTun
inline constexpr uint32_t kVni = 1001;            // realm of both
inline constexpr uint32_t kTenant = 3;

// Empties all tables, sets devices and configuration.
void Reset(const Programs& programs);

// What Reset() sets: it is the middle of kEpoch now.
rp_config DefaultConfig();
// Puts a configuration in force, with the hash of the flow tables.
void SetConfig(const Programs& programs, rp_config config);

void AddAddress(const Programs& programs, const Ip& address, uint32_t use);
void Grant(const Programs& programs, uint32_t tunnel, uint32_t realm);
// Peer, grant of its VNI, and the address it sends to.
void AddTunnel(const Programs& programs, const Tunnel& tunnel);

}  // namespace rampart::testing

#endif  // RAMPART_TESTS_TESTING_SCENE_H_

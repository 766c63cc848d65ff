// SPDX-License-Identifier: Apache-2.0
// The command line of perf_load.
#ifndef RAMPART_PERF_TRAFFIC_LOAD_OPTIONS_H_
#define RAMPART_PERF_TRAFFIC_LOAD_OPTIONS_H_

#include <optional>

#include "perf/traffic/rig.h"
#include "perf/traffic/scene.h"

namespace rampart::perf {

struct LoadOptions {
  Scene scene;
  RigOptions rig;
  double warm_up = 0.3;
  bool all_flows = false;  // warm up until each was sent
  double seconds = 1;
  uint32_t peers = 1;  // that flows come from in turn
};

// Prints help or mistakes itself and sets `exit_code` if there is nothing to
// do.
std::optional<LoadOptions> ParseLoadOptions(int argc, char** argv,
                                            int& exit_code);

}  // namespace rampart::perf

#endif  // RAMPART_PERF_TRAFFIC_LOAD_OPTIONS_H_

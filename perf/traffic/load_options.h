// SPDX-License-Identifier: Apache-2.0
// The command line of perf_load.
#ifndef RAMPART_PERF_TRAFFIC_LOAD_OPTIONS_H_
#define RAMPART_PERF_TRAFFIC_LOAD_OPTIONS_H_

#include <optional>
#include <string>
#include <vector>

#include "perf/traffic/frames.h"
#include "perf/traffic/judge.h"
#include "perf/traffic/rig.h"

namespace rampart::perf {

struct LoadOptions {
  RigOptions rig;
  Leg in, out;
  Inner inner;
  Nat nat;
  bool same = false;  // what arrives is what was sent
  int hops = 1;       // that take one from the TTL
  double warm_up = 0.3;
  double seconds = 1;

  Judge MakeJudge() const;
};

// Prints help or mistakes itself and sets `exit_code` if there is nothing to
// do.
std::optional<LoadOptions> ParseLoadOptions(int argc, char** argv,
                                            int& exit_code);

}  // namespace rampart::perf

#endif  // RAMPART_PERF_TRAFFIC_LOAD_OPTIONS_H_

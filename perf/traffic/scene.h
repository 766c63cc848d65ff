// SPDX-License-Identifier: Apache-2.0
// What passes the device under test, as the programs here are told by their
// command lines: the same flags for whoever sends and whoever forwards.
#ifndef RAMPART_PERF_TRAFFIC_SCENE_H_
#define RAMPART_PERF_TRAFFIC_SCENE_H_

#include <CLI/CLI.hpp>
#include <map>
#include <memory>
#include <string>

#include "perf/traffic/frames.h"
#include "perf/traffic/judge.h"

namespace rampart::perf {

struct Scene {
  Leg in, out;
  Inner inner;  // as sent
  Nat nat;
  uint32_t flows = 1;
  int hops = 1;       // that take one from the TTL
  bool same = false;  // what arrives is what was sent

  Judge MakeJudge() const;
};

// Adds the flags. They fill in `scene` when the command line is parsed, which
// must outlive that.
void AddSceneFlags(CLI::App& app, Scene& scene);

// A flag that takes one of the names in `choices`.
template <typename T>
void AddChoice(CLI::App& app, const std::string& flag, T& value,
               const std::map<std::string, T>& choices,
               const std::string& help) {
  app.add_option(flag, value, help)
      ->transform(CLI::CheckedTransformer(choices))
      ->option_text(CLI::detail::generate_map(choices, true));
}

}  // namespace rampart::perf

#endif  // RAMPART_PERF_TRAFFIC_SCENE_H_

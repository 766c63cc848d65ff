// SPDX-License-Identifier: Apache-2.0
// YAML text as a tree. The only file that includes yaml-cpp.
#ifndef RAMPART_CONTROLLER_CONFIG_YAML_H_
#define RAMPART_CONTROLLER_CONFIG_YAML_H_

#include <cstddef>
#include <string_view>

#include "controller/model/mistakes.h"
#include "controller/model/tree.h"

namespace rampart {

// Ten thousand tenants with a few tunnels, routes and rules each.
inline constexpr size_t kYamlSizeMax = size_t{128} << 20;

// Reads one YAML document that may come from anybody: UTF-8 without control
// characters, at most kYamlSizeMax bytes, kTreeDepthMax deep, and without
// anchors, aliases and tags, so that it means what it shows. Reports what is
// wrong to `mistakes`; the result is then kBroken where nothing could be read.
Tree ParseYaml(std::string_view text, Mistakes& mistakes);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_CONFIG_YAML_H_

// SPDX-License-Identifier: Apache-2.0
// What answers look like besides tables.
#ifndef RAMPART_TOOLS_XDPCTL_OUTPUT_H_
#define RAMPART_TOOLS_XDPCTL_OUTPUT_H_

#include <string>
#include <vector>

#include "controller/api/json.h"

namespace rampart::xdpctl {

enum class Format { kTable, kWide, kName, kJson, kJsonLines, kYaml, kCsv };

// Block style YAML 1.2 that a YAML 1.1 parser reads alike.
std::string ToYaml(const Json& json);

// One record with its line end. RFC 4180 section 2, but that lines end with a
// line feed alone, as everywhere on this system.
std::string ToCsv(const std::vector<std::string>& cells);

}  // namespace rampart::xdpctl

#endif  // RAMPART_TOOLS_XDPCTL_OUTPUT_H_

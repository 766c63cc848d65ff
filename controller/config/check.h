// SPDX-License-Identifier: Apache-2.0
// What resources say about each other and about the edge they are for.
#ifndef RAMPART_CONTROLLER_CONFIG_CHECK_H_
#define RAMPART_CONTROLLER_CONFIG_CHECK_H_

#include "absl/status/status.h"
#include "controller/config/edge_config.h"
#include "controller/model/mistakes.h"
#include "controller/model/resources.h"

namespace rampart {

// Gives a tenant without vnets one that is called "default", makes the only
// vnet of a tenant its default, and names the default vnet in tunnels and
// routes that name none. Reports a second default, and a missing one.
void ResolveDefaultVnets(Resources& resources, Mistakes& mistakes);

// Gives a VNI to each vnet that has none (0): the one that a vnet of its name
// has in `in_force`, else the lowest free one from 2^24.
void GiveVnis(Resources& resources, const Resources& in_force);

// ParseResources() where others are in force: a vnet for which no VNI is
// written keeps the one that it has there.
absl::StatusOr<Resources> ParseResources(std::string_view file,
                                         std::string_view text,
                                         const EdgeConfig& edge,
                                         const Resources& in_force);

// Reports names and numbers that are used twice, references to what does not
// exist, and what does not fit this edge. The default vnets are resolved.
// checked: resources without a mistake on this edge; tenants that nobody has
// edited since are only compared with the others.
void CheckResources(const Resources& resources, const EdgeConfig& edge,
                    Mistakes& mistakes, const Resources* checked = nullptr);

// The same for resources that were stored: rampartd.yaml may have changed
// since. Errors: InvalidArgument, a line per mistake.
absl::Status CheckResources(const Resources& resources, const EdgeConfig& edge);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_CONFIG_CHECK_H_

// SPDX-License-Identifier: Apache-2.0
// What resources say about each other and about the edge they are for.
#ifndef RAMPART_CONTROLLER_CONFIG_CHECK_H_
#define RAMPART_CONTROLLER_CONFIG_CHECK_H_

#include "absl/status/status.h"
#include "controller/config/edge_config.h"
#include "controller/model/mistakes.h"
#include "controller/model/resources.h"

namespace rampart {

// Makes the only vnet of a tenant its default, and names the default vnet in
// tunnels and routes that name none. Reports a second default, a missing one,
// and what needs a vnet where there is none.
void ResolveDefaultVnets(Resources& resources, Mistakes& mistakes);

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

// SPDX-License-Identifier: Apache-2.0
// Resources as rows: what lists show, and what a diff compares.
#ifndef RAMPART_CONTROLLER_API_RESOURCE_ROWS_H_
#define RAMPART_CONTROLLER_API_RESOURCE_ROWS_H_

#include <cstdint>

#include "controller/api/json.h"
#include "controller/model/resources.h"

namespace rampart {

// Arrays with an object per tenant, vnet, ..., in the order of the file. Key
// files are named; keys are not shown.
Json TenantRows(const Resources& resources);
Json VnetRows(const Resources& resources);
Json TunnelRows(const Resources& resources);
Json RouteRows(const Resources& resources);
Json PolicyRows(const Resources& resources);

// The document of one of them; kind is also the name of its rows.
Json ResourceDocument(const char* kind, Json (*rows)(const Resources&),
                      const Resources& resources, uint32_t epoch);

// What differs between two sets of resources: {"added", "changed", "removed"},
// arrays of {"kind", "tenant", "name"}. A route's name is its vnet and CIDR; a
// tunnel whose key file has other contents is changed; rules in another order
// are one change, named "(order)".
Json DiffResources(const Resources& from, const Resources& to);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_API_RESOURCE_ROWS_H_

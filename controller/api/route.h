// SPDX-License-Identifier: Apache-2.0
#ifndef RAMPART_CONTROLLER_API_ROUTE_H_
#define RAMPART_CONTROLLER_API_ROUTE_H_

#include "absl/status/statusor.h"
#include "controller/api/http.h"
#include "controller/api/json.h"
#include "controller/compile/snapshot.h"

namespace rampart {

// The answer of GET /v1/route, with its parameters address and vnet. Errors:
// InvalidArgument, NotFound.
absl::StatusOr<Json> RouteDocument(const Snapshot& snapshot,
                                   const Query& query);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_API_ROUTE_H_

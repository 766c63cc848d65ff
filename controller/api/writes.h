// SPDX-License-Identifier: Apache-2.0
// One object of the resources by its path: read, added, changed, removed.
#ifndef RAMPART_CONTROLLER_API_WRITES_H_
#define RAMPART_CONTROLLER_API_WRITES_H_

#include "absl/status/statusor.h"
#include "controller/api/handlers.h"

namespace rampart {

// T: Tenant, Vnet, Tunnel, Route, PolicyRule. A write is checked with all other
// resources, and is one epoch or nothing; with dry_run=1 it is only checked.
// body: the object as resources.yaml says it, in JSON. Key files are named by
// absolute paths. Errors: as edit.h and CheckResources() say; Aborted if
// another epoch came in between.
template <typename T>
absl::StatusOr<Json> GetObject(const Backend& backend, const ApiCall& call);
template <typename T>
absl::StatusOr<Json> PostObject(Backend& backend, const ApiCall& call);
template <typename T>
absl::StatusOr<Json> PatchObjectAt(Backend& backend, const ApiCall& call);
// The answer says how many flows use the object now.
template <typename T>
absl::StatusOr<Json> DeleteObject(Backend& backend, const ApiCall& call);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_API_WRITES_H_

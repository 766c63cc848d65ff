// SPDX-License-Identifier: Apache-2.0
// The last dropped packets of each reason, and whose they were.
#ifndef RAMPART_CONTROLLER_EXPLAIN_SAMPLES_H_
#define RAMPART_CONTROLLER_EXPLAIN_SAMPLES_H_

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "controller/api/json.h"
#include "controller/compile/snapshot.h"
#include "controller/dataplane/offline.h"

namespace rampart {

// Document of kind "drop-last", newest first, at most `limit`; id: of one
// reason ("RP-POL-002"), "": of all. snapshot may be null. Errors: NotFound if
// there is no such reason.
absl::StatusOr<Json> SamplesDocument(const MapReader& maps,
                                     const Snapshot* snapshot,
                                     const std::string& id, size_t limit);

// Document of kind "drop-tenants": packets dropped by tenant and reason.
absl::StatusOr<Json> TenantDropsDocument(const MapReader& maps,
                                         const Snapshot* snapshot);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_EXPLAIN_SAMPLES_H_

// SPDX-License-Identifier: Apache-2.0
// GET /v1/drops, /v1/maps, /v1/maps/NAME.
#include "controller/api/handlers.h"
#include "controller/api/maps.h"
#include "controller/base/status.h"

namespace rampart {

absl::StatusOr<Json> GetDrops(const Backend& backend, const Query& query) {
  return DropsDocument(backend.maps(), FindParameter(query, "all") == "1");
}

absl::StatusOr<Json> GetMaps(const Backend& backend) {
  return MapListDocument(backend.maps(), backend.clock().Tick());
}

absl::StatusOr<Json> GetMap(const Backend& backend, std::string_view name,
                            const Query& query) {
  ASSIGN_OR_RETURN(const size_t limit, LimitOf(query));
  return MapDumpDocument(backend.maps(), name, limit, backend.clock().Tick());
}

}  // namespace rampart

// SPDX-License-Identifier: Apache-2.0
// POST /v1/explain, what would happen to a packet, and GET /v1/drops/last and
// /v1/drops/tenants, what happened. explain changes nothing, but runs a
// program, so it is for those who may change things.
#include "controller/api/handlers.h"
#include "controller/base/status.h"
#include "controller/explain/document.h"
#include "controller/explain/samples.h"

namespace rampart {

absl::StatusOr<Json> PostExplain(const Backend& backend,
                                 const std::string& body) {
  ASSIGN_OR_RETURN(const ExplainRequest request, ParseExplainRequest(body));
  ASSIGN_OR_RETURN(const auto runner, backend.OpenDryRunner());
  const std::shared_ptr<const Snapshot> snapshot = backend.snapshot();
  return ExplainDocument({.runner = *runner,
                          .maps = backend.maps(),
                          .snapshot = snapshot.get(),
                          .nat = backend.engine().nat(),
                          .now = backend.clock().Tick()},
                         request);
}

absl::StatusOr<Json> GetDropLast(const Backend& backend, const Query& query) {
  ASSIGN_OR_RETURN(const size_t limit, LimitOf(query));
  const std::shared_ptr<const Snapshot> snapshot = backend.snapshot();
  return SamplesDocument(backend.maps(), snapshot.get(),
                         std::string(FindParameter(query, "id")), limit);
}

absl::StatusOr<Json> GetDropTenants(const Backend& backend) {
  const std::shared_ptr<const Snapshot> snapshot = backend.snapshot();
  return TenantDropsDocument(backend.maps(), snapshot.get());
}

}  // namespace rampart

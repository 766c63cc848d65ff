// SPDX-License-Identifier: Apache-2.0
// GET /v1/tenants/{tenant}/usage.
#include "controller/api/counters.h"
#include "controller/api/edit.h"
#include "controller/api/handlers.h"
#include "controller/base/status.h"

namespace rampart {
namespace {

Json PairOf(const rp_counter& counter) {
  return {{"packets", counter.packets}, {"bytes", counter.bytes}};
}

uint64_t NatMappings(const Backend& backend, const Snapshot& snapshot,
                     const Tenant& tenant) {
  uint64_t mappings = 0;
  backend.engine().ForEachNatSession([&](const NatSession& session) {
    mappings += snapshot.FindVnet(session.subscriber.realm).tenant == &tenant;
  });
  return mappings;
}

}  // namespace

absl::StatusOr<Json> GetTenantUsage(const Backend& backend,
                                    const ApiCall& call) {
  const std::shared_ptr<const Snapshot> snapshot = backend.snapshot();
  ASSIGN_OR_RETURN(const Tenant* tenant,
                   FindObject<Tenant>(snapshot->resources(), call.names));
  ASSIGN_OR_RETURN(const Counters counters, ReadCounters(backend));
  Json document = Document("tenant-usage");
  document["tenant"] = tenant->name;
  document["vnets"] = tenant->vnets.size();
  document["tunnels"] = tenant->tunnels.size();
  document["routes"] = tenant->routes.size();
  document["policies"] = tenant->policies.size();
  for (const Counters::Tenant& row : counters.tenants) {
    if (row.name != tenant->name) continue;
    document["flows"] = {{"now", row.flows.flows},
                         {"started", row.flows.started},
                         {"ended", row.flows.ended}};
    document["nat_mappings"] = NatMappings(backend, *snapshot, *tenant);
    document["forwarded"] = PairOf(row.tally.forwarded);
    document["passed"] = PairOf(row.tally.passed);
    document["punted"] = PairOf(row.tally.punted);
    document["dropped"] = PairOf(row.tally.dropped);
  }
  return document;
}

}  // namespace rampart

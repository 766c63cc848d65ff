// SPDX-License-Identifier: Apache-2.0
// Resources as JSON: the keys and values of resources.yaml, and besides "id"
// (given by the store) and "line" where there is one. Keys come in the order
// of the documentation. Secrets of keys are never part of it.
#ifndef RAMPART_CONTROLLER_MODEL_JSON_H_
#define RAMPART_CONTROLLER_MODEL_JSON_H_

#include <nlohmann/json_fwd.hpp>

#include "absl/status/statusor.h"
#include "controller/model/resources.h"

namespace rampart {

nlohmann::ordered_json ToJson(const Vnet& vnet);
nlohmann::ordered_json ToJson(const Tunnel& tunnel);
nlohmann::ordered_json ToJson(const Route& route);
nlohmann::ordered_json ToJson(const PolicyRule& rule);
nlohmann::ordered_json ToJson(const PolicyTest& test);
nlohmann::ordered_json ToJson(const Tenant& tenant);

// The other way round, as strict as resources.yaml. Errors: InvalidArgument
// with all mistakes, a line each.
absl::StatusOr<Vnet> VnetFromJson(const nlohmann::ordered_json& json);
absl::StatusOr<Tunnel> TunnelFromJson(const nlohmann::ordered_json& json);
absl::StatusOr<Route> RouteFromJson(const nlohmann::ordered_json& json);
absl::StatusOr<PolicyRule> PolicyRuleFromJson(
    const nlohmann::ordered_json& json);
absl::StatusOr<Tenant> TenantFromJson(const nlohmann::ordered_json& json);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_MODEL_JSON_H_

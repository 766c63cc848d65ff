// SPDX-License-Identifier: Apache-2.0
// One object among the resources: added, changed, removed. What the whole then
// says is checked elsewhere.
#ifndef RAMPART_CONTROLLER_API_EDIT_H_
#define RAMPART_CONTROLLER_API_EDIT_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controller/api/json.h"
#include "controller/model/resources.h"

namespace rampart {

// How paths name an object: a tenant by {tenant}; a vnet, tunnel or rule by
// {tenant, name}; a route by {tenant, vnet, cidr}.
using Names = std::vector<std::string>;

// T is Tenant, Vnet, Tunnel, Route or PolicyRule below.

// "vnet", and so on.
template <typename T>
std::string_view KindOf();

// Errors: NotFound; InvalidArgument for a CIDR that is none.
template <typename T>
absl::StatusOr<const T*> FindObject(const Resources& resources,
                                    const Names& names);

// Adds what the body says, as resources.yaml would, and returns its names; a
// new default vnet takes the place of the old one, a tenant without vnets gets
// one, and rules go behind the others, or before the rule `before`. names: of
// the tenant; {} for a tenant. Errors: InvalidArgument; AlreadyExists; NotFound
// if there is no such tenant, or no rule `before`.
template <typename T>
absl::StatusOr<Names> AddObject(Resources& resources, const Names& names,
                                const Json& body, const std::string& before);

// Merges the body into the object (RFC 7396): null takes a key away. Errors:
// as FindObject(); InvalidArgument, also for another name.
template <typename T>
absl::Status PatchObject(Resources& resources, const Names& names,
                         const Json& body);

// Errors: as FindObject(); FailedPrecondition for a vnet or tunnel that other
// objects name, and for the default vnet.
template <typename T>
absl::Status RemoveObject(Resources& resources, const Names& names);

// As resources.yaml says it, without "id" and "line".
template <typename T>
Json ObjectToJson(const T& object);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_API_EDIT_H_

// SPDX-License-Identifier: Apache-2.0
// The schema of resources.yaml: one reader per kind of object, for documents
// in YAML and in JSON alike. Checks each value by itself and what the values
// of one object say together; what objects say about each other is checked in
// config/check.h.
#ifndef RAMPART_CONTROLLER_MODEL_READ_H_
#define RAMPART_CONTROLLER_MODEL_READ_H_

#include "controller/model/fields.h"
#include "controller/model/resources.h"

namespace rampart {

// Ids are the store's: a file that a person writes has none.
enum class Ids { kRefused, kAccepted };

// Each reads all fields but leaves Done() to the caller. A vnet that is left
// out stays empty. A value that is wrong keeps its default.
Vnet ReadVnet(Fields& fields);
Tunnel ReadTunnel(Fields& fields, Ids ids);
Route ReadRoute(Fields& fields);
PolicyRule ReadPolicyRule(Fields& fields);
PolicyTest ReadPolicyTest(Fields& fields);
Tenant ReadTenant(Fields& fields, Ids ids);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_MODEL_READ_H_

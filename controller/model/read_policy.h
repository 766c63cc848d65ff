// SPDX-License-Identifier: Apache-2.0
// The part of the schema that is about policy; see read.h.
#ifndef RAMPART_CONTROLLER_MODEL_READ_POLICY_H_
#define RAMPART_CONTROLLER_MODEL_READ_POLICY_H_

#include "controller/model/fields.h"
#include "controller/model/resources.h"

namespace rampart {

// Groups, denials, revoked, policies, tests.
void ReadPolicy(Fields& fields, Tenant& tenant);
// Identities and context.
void ReadWho(Fields& fields, Tunnel& tunnel);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_MODEL_READ_POLICY_H_

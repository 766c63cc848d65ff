// SPDX-License-Identifier: Apache-2.0
// Documents against their schemas.
#ifndef RAMPART_TESTS_CONTROLLER_API_JSON_SCHEMA_H_
#define RAMPART_TESTS_CONTROLLER_API_JSON_SCHEMA_H_

#include <string>

#include "controller/api/json.h"

namespace rampart {

// Where and why `json` does not fit the schema; "" if it does. Stricter than
// JSON Schema: fields that the schema does not name are mistakes, unless the
// object has none at all. Knows what schemas here use: type, const, properties,
// required, items.
std::string Mismatch(const Json& schema, const Json& json,
                     const std::string& where = "document");

// The same for a document, which names its schema itself.
std::string DocumentMismatch(const Json& document);

}  // namespace rampart

#endif  // RAMPART_TESTS_CONTROLLER_API_JSON_SCHEMA_H_

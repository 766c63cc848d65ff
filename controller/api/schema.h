// SPDX-License-Identifier: Apache-2.0
// What is in each kind of document, as JSON Schema. Inside a version fields are
// only added.
#ifndef RAMPART_CONTROLLER_API_SCHEMA_H_
#define RAMPART_CONTROLLER_API_SCHEMA_H_

#include <string_view>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "controller/api/json.h"

namespace rampart {

// fields: a line each, "NAME TYPE DESCRIPTION"; what is inside an object is
// indented by two spaces below it. NAME[] is an array of TYPE, NAME? may be
// missing. TYPE: string, integer, number, boolean, object, and with |null
// behind it if it may be null.
struct DocumentKind {
  std::string_view name;
  std::string_view title;
  std::string_view fields;
};

// Sorted by name.
absl::Span<const DocumentKind> DocumentKinds();

// JSON Schema, draft 2020-12. Errors: NotFound that lists the kinds.
absl::StatusOr<Json> SchemaOf(std::string_view kind);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_API_SCHEMA_H_

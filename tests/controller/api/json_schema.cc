// SPDX-License-Identifier: Apache-2.0
#include "tests/controller/api/json_schema.h"

#include <algorithm>

#include "controller/api/schema.h"

namespace rampart {
namespace {

bool HasType(const Json& json, const std::string& type) {
  if (type == "null") return json.is_null();
  if (type == "string") return json.is_string();
  if (type == "boolean") return json.is_boolean();
  if (type == "integer") return json.is_number_integer();
  if (type == "number") return json.is_number();
  return type == "array" ? json.is_array() : json.is_object();
}

bool HasOneOf(const Json& json, const Json& types) {
  if (types.is_string()) return HasType(json, types.get<std::string>());
  return std::any_of(types.begin(), types.end(), [&](const Json& type) {
    return HasType(json, type.get<std::string>());
  });
}

std::string FieldsMismatch(const Json& schema, const Json& json,
                           const std::string& where) {
  for (const Json& name : schema["required"])
    if (!json.contains(name.get<std::string>()))
      return where + ": " + name.get<std::string>() + " is missing";
  for (const auto& [name, value] : json.items()) {
    if (!schema["properties"].contains(name))
      return where + ": " + name + " is not in the schema";
    const std::string mismatch =
        Mismatch(schema["properties"][name], value, where + "." + name);
    if (!mismatch.empty()) return mismatch;
  }
  return "";
}

}  // namespace

std::string Mismatch(const Json& schema, const Json& json,
                     const std::string& where) {
  if (schema.contains("const"))
    return schema["const"] == json ? "" : where + ": is " + json.dump();
  if (!HasOneOf(json, schema["type"]))
    return where + ": " + json.dump() + " is no " + schema["type"].dump();
  if (json.is_array()) {
    for (size_t i = 0; i < json.size(); ++i) {
      const std::string mismatch = Mismatch(
          schema["items"], json[i], where + "[" + std::to_string(i) + "]");
      if (!mismatch.empty()) return mismatch;
    }
    return "";
  }
  return json.is_object() && schema.contains("properties")
             ? FieldsMismatch(schema, json, where)
             : "";
}

std::string DocumentMismatch(const Json& document) {
  const std::string prefix = "xdpctl/v1/";
  const std::string name = document.value("schema", "");
  if (!name.starts_with(prefix)) return "schema is '" + name + "'";
  const auto schema = SchemaOf(name.substr(prefix.size()));
  if (!schema.ok()) return std::string(schema.status().message());
  return Mismatch(*schema, document);
}

}  // namespace rampart

// SPDX-License-Identifier: Apache-2.0
// What the writers of json.h have in common.
#ifndef RAMPART_CONTROLLER_MODEL_JSON_PARTS_H_
#define RAMPART_CONTROLLER_MODEL_JSON_PARTS_H_

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "controller/model/resources.h"

namespace rampart {

inline constexpr char kLine[] = "line";

template <typename T>
nlohmann::ordered_json Strings(const std::vector<T>& values) {
  nlohmann::ordered_json array = nlohmann::ordered_json::array();
  for (const T& value : values) array.push_back(value.ToString());
  return array;
}

// Sets a key unless its value is what a reader takes for a missing one.
inline void Put(nlohmann::ordered_json& json, const char* key,
                nlohmann::ordered_json value) {
  // empty() of a JSON value is about arrays and objects only.
  if (value.is_string() && value.get_ref<const std::string&>().empty()) return;
  if (value.is_structured() && value.empty()) return;
  if (value == 0 || value == false) return;
  json[key] = std::move(value);
}

inline nlohmann::ordered_json LabelsToJson(const Labels& labels) {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  for (const auto& [key, value] : labels) json[key] = value;
  return json;
}

// As ReadPolicy() and ReadWho() in read_policy.h.
void PutPolicy(nlohmann::ordered_json& json, const Tenant& tenant);
void PutWho(nlohmann::ordered_json& json, const Tunnel& tunnel);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_MODEL_JSON_PARTS_H_

// SPDX-License-Identifier: Apache-2.0
#ifndef RAMPART_CONTROLLER_CONFIG_NAMES_OF_H_
#define RAMPART_CONTROLLER_CONFIG_NAMES_OF_H_

#include <string>
#include <vector>

namespace rampart {

// What there is to choose from, for Suggestion().
template <typename T>
std::vector<std::string> NamesOf(const std::vector<T>& objects) {
  std::vector<std::string> names;
  names.reserve(objects.size());
  for (const T& object : objects) names.push_back(object.name);
  return names;
}

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_CONFIG_NAMES_OF_H_

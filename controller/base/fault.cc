// SPDX-License-Identifier: Apache-2.0
#include "controller/base/fault.h"

#include <csignal>
#include <cstdlib>
#include <string>

namespace rampart {
namespace {

struct Fault {
  std::string name;
  int after = 0;  // points of this name
};

Fault FromEnvironment() {
  const char* text = std::getenv("RAMPART_FAULT");
  const std::string fault = text == nullptr ? "" : text;
  const size_t colon = fault.find(':');
  if (colon == std::string::npos) return {};
  return {fault.substr(0, colon), std::atoi(fault.c_str() + colon + 1)};
}

}  // namespace

void FaultPoint(std::string_view name) {
  static Fault fault = FromEnvironment();
  if (fault.name == name && --fault.after == 0) std::raise(SIGKILL);
}

}  // namespace rampart

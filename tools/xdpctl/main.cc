// SPDX-License-Identifier: Apache-2.0
// xdpctl: shows and steers a Rampart edge.
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <thread>

#include "tools/xdpctl/run.h"

int main(int argc, char** argv) {
  rampart::xdpctl::Env env = {
      .in = std::cin,
      .out = std::cout,
      .err = std::cerr,
      .variable =
          [](const std::string& name) {
            const char* value = std::getenv(name.c_str());
            return std::string(value != nullptr ? value : "");
          },
      .terminal = isatty(STDOUT_FILENO) == 1,
      .wait =
          [](double seconds) {
            std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
            return true;
          }};
  return rampart::xdpctl::Run(env,
                              std::vector<std::string>(argv + 1, argv + argc));
}

// SPDX-License-Identifier: Apache-2.0
// The world outside of xdpctl, so that tests can bring their own.
#ifndef RAMPART_TOOLS_XDPCTL_ENV_H_
#define RAMPART_TOOLS_XDPCTL_ENV_H_

#include <functional>
#include <iosfwd>
#include <string>

namespace rampart::xdpctl {

struct Env {
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
  // The variable's value; "" if it is not set.
  std::function<std::string(const std::string& name)> variable;
  bool terminal = false;  // `out` is one
  // Waits that many seconds. Returns false if there is no more to be done.
  std::function<bool(double seconds)> wait = [](double) { return true; };
};

// Stable: scripts depend on them.
enum ExitCode {
  kOk = 0,
  kError = 1,
  kUsage = 2,  // or conflict
  kNotFound = 3,
  kDenied = 4,    // the answer is "deny" or "would fail"
  kDegraded = 5,  // the answer is complete, the edge is not
  kOffline = 6,   // answered from pins and state file, without the controller
};

}  // namespace rampart::xdpctl

#endif  // RAMPART_TOOLS_XDPCTL_ENV_H_

// SPDX-License-Identifier: Apache-2.0
// A terminal that is drawn anew again and again.
#ifndef RAMPART_TOOLS_XDPCTL_SCREEN_H_
#define RAMPART_TOOLS_XDPCTL_SCREEN_H_

#include <termios.h>

#include <memory>
#include <string>

#include "tools/xdpctl/env.h"

namespace rampart::xdpctl {

// While it lives the alternate screen is shown, without cursor, and keys need
// no return. Everything is as before when it ends, also if a signal ends it:
// SIGINT, SIGTERM and SIGHUP make Wait() return false. Not a terminal: draws
// one page after another. One at a time.
class Screen {
 public:
  explicit Screen(Env& env);
  ~Screen();
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  // In place of what was drawn before, as many lines as fit.
  void Draw(const std::string& page);
  // False if the person has had enough: q, or a signal.
  bool Wait(double seconds);

 private:
  Env& env_;
  bool drawn_ = false;
  std::unique_ptr<termios> before_;  // of stdin; null: not changed
};

}  // namespace rampart::xdpctl

#endif  // RAMPART_TOOLS_XDPCTL_SCREEN_H_

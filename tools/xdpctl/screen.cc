// SPDX-License-Identifier: Apache-2.0
#include "tools/xdpctl/screen.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <ostream>
#include <utility>

namespace rampart::xdpctl {
namespace {

// ECMA-48 and what every terminal of today has of xterm's.
constexpr char kBegin[] = "\x1b[?1049h\x1b[?25l";  // other screen, no cursor
constexpr char kEnd[] = "\x1b[?25h\x1b[?1049l";
constexpr char kHome[] = "\x1b[H";
constexpr char kEndOfLine[] = "\x1b[K\r\n";
constexpr char kEndOfPage[] = "\x1b[J";

constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP};
volatile std::sig_atomic_t stopped = 0;
void Stop(int) { stopped = 1; }

void Handle(void (*handler)(int)) {
  struct sigaction action = {};
  action.sa_handler = handler;  // without SA_RESTART: poll() ends
  for (const int signal : kSignals) sigaction(signal, &action, nullptr);
}

size_t Lines() {
  winsize size = {};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0)
    return 24;
  return size.ws_row;
}

}  // namespace

Screen::Screen(Env& env) : env_(env) {
  if (!env_.terminal) return;
  stopped = 0;
  Handle(Stop);
  termios now;
  if (tcgetattr(STDIN_FILENO, &now) == 0) {
    before_ = std::make_unique<termios>(now);
    now.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    tcsetattr(STDIN_FILENO, TCSANOW, &now);
  }
  env_.out << kBegin << std::flush;
}

Screen::~Screen() {
  if (!env_.terminal) return;
  env_.out << kEnd << std::flush;
  if (before_) tcsetattr(STDIN_FILENO, TCSANOW, before_.get());
  Handle(SIG_DFL);
}

void Screen::Draw(const std::string& page) {
  if (!env_.terminal) {
    env_.out << (std::exchange(drawn_, true) ? "\n" : "") << page << std::flush;
    return;
  }
  env_.out << kHome;
  size_t begin = 0;
  for (size_t line = 1; line < Lines() && begin < page.size(); ++line) {
    const size_t end = std::min(page.find('\n', begin), page.size());
    env_.out << page.substr(begin, end - begin) << kEndOfLine;
    begin = end + 1;
  }
  env_.out << kEndOfPage << std::flush;
}

bool Screen::Wait(double seconds) {
  if (!env_.terminal) return env_.wait(seconds);
  using Clock = std::chrono::steady_clock;
  const auto until = Clock::now() + std::chrono::duration<double>(seconds);
  while (stopped == 0) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        until - Clock::now());
    if (left.count() <= 0) return true;
    pollfd keys = {.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
    if (poll(&keys, 1, static_cast<int>(left.count())) <= 0) continue;
    char key = 'q';  // as good as: nobody is there any more
    if (read(STDIN_FILENO, &key, 1) <= 0 || key == 'q') return false;
  }
  return false;
}

}  // namespace rampart::xdpctl

// SPDX-License-Identifier: Apache-2.0
// unshare(2) and setns(2), because `ip netns exec` hides /sys/fs/bpf.
#include "tests/controller/netlink/network_namespace.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>

namespace rampart {
namespace {

UniqueFd Current() {
  return UniqueFd(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
}

}  // namespace

NetworkNamespace::NetworkNamespace() : outside_(Current()) {
  if (geteuid() != 0 || unshare(CLONE_NEWNET) != 0) return;
  inside_ = Current();
  Shell("ip link set lo up");
}

NetworkNamespace::~NetworkNamespace() {
  if (ok()) setns(outside_.get(), CLONE_NEWNET);
}

std::string NetworkNamespace::path() const {
  return "/proc/" + std::to_string(getpid()) + "/fd/" +
         std::to_string(inside_.get());
}

void NetworkNamespace::In(const std::function<void()>& body) const {
  const UniqueFd before = Current();
  ASSERT_EQ(setns(inside_.get(), CLONE_NEWNET), 0);
  body();
  ASSERT_EQ(setns(before.get(), CLONE_NEWNET), 0);
}

void Shell(const std::string& command) {
  ASSERT_EQ(std::system(command.c_str()), 0) << command;
}

bool Eventually(const std::function<bool()>& condition) {
  const auto deadline =
      std::chrono::steady_clock::now() + std::chrono::seconds(5);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    poll(nullptr, 0, 5);
  }
  return true;
}

}  // namespace rampart

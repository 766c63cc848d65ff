// SPDX-License-Identifier: Apache-2.0
// Network namespaces without names: they end with the process, whatever
// happens to it.
#ifndef RAMPART_TESTS_CONTROLLER_NETLINK_NETWORK_NAMESPACE_H_
#define RAMPART_TESTS_CONTROLLER_NETLINK_NETWORK_NAMESPACE_H_

#include <functional>
#include <string>

#include "controller/base/unique_fd.h"

namespace rampart {

// Makes a namespace, brings its loopback up and moves the calling thread into
// it; back at the end of its life. They may nest.
class NetworkNamespace {
 public:
  NetworkNamespace();
  ~NetworkNamespace();

  // False without the privilege to make one: skip the test.
  bool ok() const { return inside_.valid(); }
  // For `ip link set DEVICE netns PATH`.
  std::string path() const;
  // Runs `body` in this namespace and returns to the caller's.
  void In(const std::function<void()>& body) const;

 private:
  UniqueFd outside_;
  UniqueFd inside_;
};

// Runs a shell command in the current namespace; fails the test if it fails.
void Shell(const std::string& command);

// Tries until `condition` holds or five seconds are over; returns whether.
bool Eventually(const std::function<bool()>& condition);

}  // namespace rampart

#endif  // RAMPART_TESTS_CONTROLLER_NETLINK_NETWORK_NAMESPACE_H_

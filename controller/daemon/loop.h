// SPDX-License-Identifier: Apache-2.0
// The one thread of rampartd: punts, netlink, ticks, signals and the API.
#ifndef RAMPART_CONTROLLER_DAEMON_LOOP_H_
#define RAMPART_CONTROLLER_DAEMON_LOOP_H_

#include <string>

#include "absl/status/status.h"
#include "controller/daemon/edge.h"

namespace rampart {

// Serves a started edge until SIGTERM or SIGINT; SIGHUP is Edge::Reload().
// Makes the folder of `socket`. metrics: where to serve them, "": nowhere.
// Errors: those of ApiServer::Listen() and ListenTcp().
absl::Status RunLoop(Edge& edge, const std::string& socket,
                     const std::string& metrics);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_DAEMON_LOOP_H_

// SPDX-License-Identifier: Apache-2.0
// The one thread of rampartd: punts, netlink, ticks, signals and the API.
#ifndef RAMPART_CONTROLLER_DAEMON_LOOP_H_
#define RAMPART_CONTROLLER_DAEMON_LOOP_H_

#include <string>

#include "absl/status/status.h"
#include "controller/config/api_config.h"
#include "controller/daemon/edge.h"

namespace rampart {

// Serves a started edge until SIGTERM or SIGINT; SIGHUP is Edge::Reload().
// Makes the folder of the API's socket. metrics: where to serve them, "":
// nowhere. Errors: those of ApiServer; NotFound for a group that is not there.
absl::Status RunLoop(Edge& edge, const ApiConfig& api,
                     const std::string& metrics);

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_DAEMON_LOOP_H_

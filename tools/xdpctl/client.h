// SPDX-License-Identifier: Apache-2.0
// One request to the API. client.cc is the one file here that knows Beast.
#ifndef RAMPART_TOOLS_XDPCTL_CLIENT_H_
#define RAMPART_TOOLS_XDPCTL_CLIENT_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace rampart::xdpctl {

struct Reply {
  int status = 0;  // HTTP
  std::string body;
};

// method: of HTTP; target: path and query; if_match: the header, unless empty.
// Errors: Unavailable if nobody
// listens on the socket; Internal if the talk breaks off; DeadlineExceeded.
absl::StatusOr<Reply> Call(const std::string& socket, const std::string& method,
                           const std::string& target, const std::string& body,
                           absl::Duration timeout = absl::Seconds(60),
                           const std::string& if_match = "");

}  // namespace rampart::xdpctl

#endif  // RAMPART_TOOLS_XDPCTL_CLIENT_H_

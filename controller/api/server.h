// SPDX-License-Identifier: Apache-2.0
// HTTP/1.1 on a Unix socket. server.cc is the one file that knows Beast.
#ifndef RAMPART_CONTROLLER_API_SERVER_H_
#define RAMPART_CONTROLLER_API_SERVER_H_

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "controller/api/http.h"

namespace boost::asio {
class io_context;
}

namespace rampart {

// Serves on the thread that runs `io`, so handlers need no locks. Who may
// connect is the socket's file mode (0660); who may write (any method but GET)
// is decided by the peer's uid, which the kernel tells.
class ApiServer {
 public:
  struct Options {
    std::string socket;                // its folder exists
    std::vector<uid_t> writers = {0};  // others get 403
    size_t body_limit = 16 << 20;      // bytes
    size_t header_limit = 16 << 10;    // bytes
    // For one request to arrive and one response to leave.
    absl::Duration timeout = absl::Seconds(30);
    int connections = 512;  // more wait in the backlog
  };

  // Replaces a socket file that nobody listens on. Errors: AlreadyExists if
  // somebody does, or if the path is no socket; Unavailable otherwise.
  static absl::StatusOr<std::unique_ptr<ApiServer>> Listen(
      boost::asio::io_context& io, Options options, ApiHandler handler);

  // Closes every connection and removes the socket file.
  ~ApiServer();

 private:
  struct Impl;
  explicit ApiServer(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;  // shared with the coroutines, which may only
                                // end when `io` runs again
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_API_SERVER_H_

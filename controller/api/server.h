// SPDX-License-Identifier: Apache-2.0
// HTTP/1.1 on a Unix or TCP socket. server.cc is the one file that knows Beast.
#ifndef RAMPART_CONTROLLER_API_SERVER_H_
#define RAMPART_CONTROLLER_API_SERVER_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "controller/api/http.h"
#include "controller/base/unique_fd.h"

namespace boost::asio {
class io_context;
}

namespace rampart {

// Serves on the thread that runs `io`, so handlers need no locks. On the Unix
// socket the peer's uid and groups, which the kernel tells, say what it may do;
// writing is any method but GET. Without groups it takes the socket's owner or
// group (mode 0660) to connect at all.
class ApiServer {
 public:
  struct Options {
    std::string socket;                // its folder exists; not of ListenTcp()
    std::vector<uid_t> writers = {0};  // others get 403; not of ListenTcp()
    // Their members may write, and read; the others get 403.
    std::optional<gid_t> write_group;
    std::optional<gid_t> read_group;
    size_t body_limit = 128 << 20;   // bytes: some 500 000 routes and rules
    size_t header_limit = 16 << 10;  // bytes
    // For one request to arrive and one response to leave.
    absl::Duration timeout = absl::Seconds(30);
    int connections = 512;  // more wait in the backlog
  };

  // Replaces a socket file that nobody listens on. Errors: AlreadyExists if
  // somebody does, or if the path is no socket; Unavailable otherwise.
  static absl::StatusOr<std::unique_ptr<ApiServer>> Listen(
      boost::asio::io_context& io, Options options, ApiHandler handler);

  // The same on a TCP socket, for everybody who can reach it and for reading
  // only: any method but GET gets 405. address: "192.0.2.1:9464" or
  // "[2001:db8::1]:9464". Errors: Unavailable, with the address.
  static absl::StatusOr<std::unique_ptr<ApiServer>> ListenTcp(
      boost::asio::io_context& io, const std::string& address, Options options,
      ApiHandler handler);

  // Files are PEM.
  struct Tls {
    std::string listen;  // as address of ListenTcp()
    std::string cert;    // of this edge, with its chain
    std::string key;
    std::string ca;  // signs the certificates of clients
    // Common names of clients that may write; all others may read.
    std::vector<std::string> writers;
  };
  // On TCP with TLS 1.2 or 1.3, for clients with a certificate of the CA.
  // Errors: InvalidArgument that names the file; Unavailable with the address.
  static absl::StatusOr<std::unique_ptr<ApiServer>> ListenTls(
      boost::asio::io_context& io, const Tls& tls, Options options,
      ApiHandler handler);

  // Closes every connection and removes the socket file.
  ~ApiServer();

 private:
  struct Impl;
  static absl::StatusOr<std::unique_ptr<ApiServer>> Start(
      std::shared_ptr<Impl> impl, int family, UniqueFd fd);
  explicit ApiServer(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;  // shared with the coroutines, which may only
                                // end when `io` runs again
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_API_SERVER_H_

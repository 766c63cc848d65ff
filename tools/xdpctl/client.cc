// SPDX-License-Identifier: Apache-2.0
#include "tools/xdpctl/client.h"

#include <sys/socket.h>
#include <sys/time.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <limits>

#include "absl/strings/str_cat.h"

namespace rampart::xdpctl {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

absl::Status Error(const std::string& socket, const beast::error_code& error,
                   bool connected) {
  const std::string what =
      absl::StrCat("API socket ", socket, ": ", error.message());
  // With SO_RCVTIMEO a blocking read ends so.
  if (error == asio::error::try_again || error == asio::error::would_block)
    return absl::DeadlineExceededError(
        absl::StrCat("API socket ", socket, ": no answer in time"));
  return connected ? absl::InternalError(what) : absl::UnavailableError(what);
}

void LimitWaiting(int fd, absl::Duration timeout) {
  const timeval limit = absl::ToTimeval(timeout);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
}

}  // namespace

absl::StatusOr<Reply> Call(const std::string& socket, const std::string& method,
                           const std::string& target, const std::string& body,
                           absl::Duration timeout,
                           const std::string& if_match) {
  if (socket.size() >= sizeof(sockaddr_un::sun_path))
    return absl::InvalidArgumentError(
        absl::StrCat("API socket ", socket, ": path too long"));
  asio::io_context io;
  asio::local::stream_protocol::socket stream(io);
  beast::error_code error;
  stream.connect(asio::local::stream_protocol::endpoint(socket), error);
  if (error) return Error(socket, error, /*connected=*/false);
  LimitWaiting(stream.native_handle(), timeout);

  http::request<http::string_body> request(http::string_to_verb(method), target,
                                           11);
  request.set(http::field::host, "rampart");
  request.keep_alive(false);
  if (!body.empty()) request.set(http::field::content_type, "application/json");
  if (!if_match.empty()) request.set(http::field::if_match, if_match);
  request.body() = body;
  request.prepare_payload();
  beast::error_code write_error;
  http::write(stream, request, write_error);

  // A server that refuses a request need not have read all of it: its answer
  // is there even if the write failed.
  http::response_parser<http::string_body> response;
  response.body_limit(std::numeric_limits<uint32_t>::max());
  beast::flat_buffer buffer;
  http::read(stream, buffer, response, error);
  if (error) return Error(socket, write_error ? write_error : error, true);
  return Reply{.status = static_cast<int>(response.get().result_int()),
               .body = std::move(response.get().body())};
}

}  // namespace rampart::xdpctl

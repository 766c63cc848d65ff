// SPDX-License-Identifier: Apache-2.0
// A coroutine per connection. Beast and Asio report by error code here; what
// they or a handler throw all the same ends the connection, not the process.
#include "controller/api/server.h"

#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <unordered_set>

#include "absl/strings/str_cat.h"
#include "controller/api/error.h"
#include "controller/base/status.h"
#include "controller/base/unique_fd.h"

namespace rampart {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using Protocol = asio::generic::stream_protocol;
using Stream = beast::basic_stream<Protocol>;
using Request = http::request_parser<http::string_body>;
using Response = http::response<http::string_body>;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

uid_t PeerUid(int fd) {
  ucred peer = {};
  socklen_t size = sizeof(peer);
  // -1 is nobody's uid, so a failure grants nothing.
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
    return static_cast<uid_t>(-1);
  return peer.uid;
}

Response ToHttp(ApiResponse response, bool keep_alive) {
  Response out(static_cast<http::status>(response.status), 11);
  out.set(http::field::content_type, response.content_type);
  if (!response.allow.empty()) out.set(http::field::allow, response.allow);
  out.keep_alive(keep_alive);
  out.body() = std::move(response.body);
  out.prepare_payload();
  return out;
}

ApiResponse BadRequest(const beast::error_code& error) {
  if (error == http::error::body_limit)
    return ErrorResponse(413, "too_large", "body larger than the limit");
  if (error == http::error::header_limit)
    return ErrorResponse(431, "too_large", "header larger than the limit");
  return ErrorResponse(400, "invalid_argument",
                       absl::StrCat("not HTTP/1.1: ", error.message()));
}

// Readies the path for bind(): removes what a killed run left.
absl::Status ClearStale(const std::string& path, const sockaddr_un& address) {
  struct stat info;
  if (lstat(path.c_str(), &info) != 0) return absl::OkStatus();
  if (!S_ISSOCK(info.st_mode))
    return absl::AlreadyExistsError(
        absl::StrCat("API socket ", path, ": exists and is not a socket"));
  const UniqueFd probe(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
  const int result =
      connect(probe.get(), reinterpret_cast<const sockaddr*>(&address),
              sizeof(address));
  if (result == 0 || errno != ECONNREFUSED)
    return absl::AlreadyExistsError(absl::StrCat(
        "API socket ", path, ": another process listens on it; stop it first"));
  unlink(path.c_str());
  return absl::OkStatus();
}

absl::StatusOr<UniqueFd> ListenOn(const std::string& path) {
  sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = {}};
  if (path.empty() || path.size() >= sizeof(address.sun_path))
    return absl::InvalidArgumentError(
        absl::StrCat("API socket ", path, ": the path must have 1 to ",
                     sizeof(address.sun_path) - 1, " bytes"));
  path.copy(address.sun_path, path.size());
  RETURN_IF_ERROR(ClearStale(path, address));
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  // chmod before listen: until then nobody can connect.
  if (!fd.valid() ||
      bind(fd.get(), reinterpret_cast<const sockaddr*>(&address),
           sizeof(address)) != 0 ||
      chmod(path.c_str(), 0660) != 0 || listen(fd.get(), SOMAXCONN) != 0)
    return absl::UnavailableError(
        absl::StrCat("API socket ", path, ": ", strerror(errno)));
  return fd;
}

absl::StatusOr<UniqueFd> ListenOnTcp(const std::string& address, int& family) {
  const auto failed = [&](const char* why) {
    return absl::UnavailableError(
        absl::StrCat("listen on ", address, ": ", why));
  };
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos) return failed("no port");
  std::string host = address.substr(0, colon);
  if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
  addrinfo hints = {};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int error = getaddrinfo(
          host.c_str(), address.substr(colon + 1).c_str(), &hints, &found))
    return failed(gai_strerror(error));
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found,
                                                             freeaddrinfo);
  family = found->ai_family;
  UniqueFd fd(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  if (!fd.valid() ||
      setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
      bind(fd.get(), found->ai_addr, found->ai_addrlen) != 0 ||
      listen(fd.get(), SOMAXCONN) != 0)
    return failed(strerror(errno));
  return fd;
}

}  // namespace

struct ApiServer::Impl : std::enable_shared_from_this<Impl> {
  Impl(asio::io_context& io_context, Options opts, ApiHandler handle)
      : io(io_context),
        options(std::move(opts)),
        handler(std::move(handle)),
        acceptor(io),
        room(io) {}

  asio::io_context& io;
  const Options options;
  const ApiHandler handler;
  asio::basic_socket_acceptor<Protocol> acceptor;
  asio::steady_timer room;  // cancelled when a connection ends
  std::unordered_set<Stream*> streams;
  bool stopped = false;

  std::chrono::nanoseconds timeout() const {
    return absl::ToChronoNanoseconds(options.timeout);
  }
  bool MayWrite(uid_t uid) const {
    return std::find(options.writers.begin(), options.writers.end(), uid) !=
           options.writers.end();
  }

  void Stop();
  asio::awaitable<void> Accept();
  asio::awaitable<void> Serve(Protocol::socket socket);
  asio::awaitable<bool> ServeRequest(Stream& stream, beast::flat_buffer& buffer,
                                     uid_t uid);
  asio::awaitable<beast::error_code> ReadBody(Stream& stream,
                                              beast::flat_buffer& buffer,
                                              Request& request);
  asio::awaitable<bool> Reply(Stream& stream, ApiResponse response,
                              bool keep_alive);
  ApiResponse Handle(http::request<http::string_body> request, uid_t uid) const;
};

void ApiServer::Impl::Stop() {
  stopped = true;
  beast::error_code ignored;
  acceptor.close(ignored);
  room.cancel();
  for (Stream* stream : streams) stream->cancel();
  if (!options.socket.empty()) unlink(options.socket.c_str());
}

// Accepts while there is room. When it cannot (no descriptors left, say), waits
// instead of spinning.
asio::awaitable<void> ApiServer::Impl::Accept() {
  const auto self = shared_from_this();
  while (!stopped) {
    if (streams.size() >= static_cast<size_t>(options.connections)) {
      room.expires_after(timeout());
      co_await room.async_wait(kAwait);
      continue;
    }
    auto [error, socket] = co_await acceptor.async_accept(kAwait);
    if (stopped) break;
    if (error) {
      room.expires_after(std::chrono::milliseconds(100));
      co_await room.async_wait(kAwait);
      continue;
    }
    asio::co_spawn(io, Serve(std::move(socket)), [](std::exception_ptr) {});
  }
}

asio::awaitable<void> ApiServer::Impl::Serve(Protocol::socket socket) {
  const auto self = shared_from_this();
  const uid_t uid = PeerUid(socket.native_handle());
  Stream stream(std::move(socket));
  struct Registered {
    Impl& impl;
    Stream* stream;
    ~Registered() {
      impl.streams.erase(stream);
      if (!impl.stopped) impl.room.cancel();
    }
  } registered{*this, &stream};
  streams.insert(&stream);
  beast::flat_buffer buffer(options.header_limit + options.body_limit);
  while (!stopped && co_await ServeRequest(stream, buffer, uid)) {
  }
  beast::error_code ignored;
  stream.socket().shutdown(Protocol::socket::shutdown_send, ignored);
}

// One request. False when the connection is to end.
asio::awaitable<bool> ApiServer::Impl::ServeRequest(Stream& stream,
                                                    beast::flat_buffer& buffer,
                                                    uid_t uid) {
  Request request;
  request.header_limit(options.header_limit);
  request.body_limit(options.body_limit);
  stream.expires_after(timeout());
  auto [error, size] =
      co_await http::async_read_header(stream, buffer, request, kAwait);
  if (error == http::error::end_of_stream || error == beast::error::timeout ||
      error == asio::error::operation_aborted)
    co_return false;
  if (error) co_return co_await Reply(stream, BadRequest(error), false);

  if (request.get().method() != http::verb::get && options.socket.empty()) {
    ApiResponse response = ErrorResponse(405, "unimplemented", "use GET");
    response.allow = "GET";
    co_return co_await Reply(stream, std::move(response), false);
  }
  // Before the body is read: a reader cannot make the server hold 16 MiB.
  if (request.get().method() != http::verb::get && !MayWrite(uid)) {
    co_return co_await Reply(
        stream,
        ErrorResponse(
            403, "permission_denied",
            absl::StrCat("uid ", uid, " may read only; writing takes root")),
        false);
  }
  error = co_await ReadBody(stream, buffer, request);
  if (error == beast::error::timeout) co_return false;
  if (error) co_return co_await Reply(stream, BadRequest(error), false);
  const bool keep_alive = request.get().keep_alive();
  co_return co_await Reply(stream, Handle(request.release(), uid), keep_alive);
}

asio::awaitable<beast::error_code> ApiServer::Impl::ReadBody(
    Stream& stream, beast::flat_buffer& buffer, Request& request) {
  if (beast::iequals(request.get()[http::field::expect], "100-continue")) {
    http::response<http::empty_body> go_on(http::status::continue_, 11);
    auto [error, size] = co_await http::async_write(stream, go_on, kAwait);
    if (error) co_return error;
  }
  auto [error, size] =
      co_await http::async_read(stream, buffer, request, kAwait);
  co_return error;
}

asio::awaitable<bool> ApiServer::Impl::Reply(Stream& stream,
                                             ApiResponse response,
                                             bool keep_alive) {
  Response out = ToHttp(std::move(response), keep_alive);
  stream.expires_after(timeout());
  auto [error, size] = co_await http::async_write(stream, out, kAwait);
  co_return !error && keep_alive;
}

ApiResponse ApiServer::Impl::Handle(http::request<http::string_body> request,
                                    uid_t uid) const {
  const auto raw = request.target();
  auto target = ParseTarget(std::string_view(raw.data(), raw.size()));
  if (!target.ok()) return ErrorResponse(target.status());
  const auto method = request.method_string();
  try {
    return handler({.method = std::string(method.data(), method.size()),
                    .path = std::move(target->first),
                    .query = std::move(target->second),
                    .body = std::move(request.body()),
                    .uid = uid});
  } catch (const std::exception& e) {
    return ErrorResponse(500, "internal", e.what());
  }
}

absl::StatusOr<std::unique_ptr<ApiServer>> ApiServer::Listen(
    asio::io_context& io, Options options, ApiHandler handler) {
  ASSIGN_OR_RETURN(UniqueFd fd, ListenOn(options.socket));
  return Start(
      std::make_shared<Impl>(io, std::move(options), std::move(handler)),
      AF_UNIX, std::move(fd));
}

absl::StatusOr<std::unique_ptr<ApiServer>> ApiServer::ListenTcp(
    asio::io_context& io, const std::string& address, Options options,
    ApiHandler handler) {
  int family = AF_UNSPEC;
  ASSIGN_OR_RETURN(UniqueFd fd, ListenOnTcp(address, family));
  options.socket.clear();
  return Start(
      std::make_shared<Impl>(io, std::move(options), std::move(handler)),
      family, std::move(fd));
}

absl::StatusOr<std::unique_ptr<ApiServer>> ApiServer::Start(
    std::shared_ptr<Impl> impl, int family, UniqueFd fd) {
  beast::error_code error;
  impl->acceptor.assign(Protocol(family, 0), fd.get(), error);
  if (error)
    return absl::UnavailableError(
        absl::StrCat("API: cannot accept: ", error.message()));
  fd.release();
  asio::co_spawn(impl->io, impl->Accept(), [](std::exception_ptr) {});
  return std::unique_ptr<ApiServer>(new ApiServer(std::move(impl)));
}

ApiServer::ApiServer(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
ApiServer::~ApiServer() { impl_->Stop(); }

}  // namespace rampart

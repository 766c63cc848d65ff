// SPDX-License-Identifier: Apache-2.0
// A coroutine per connection. Beast and Asio report by error code here; what
// they or a handler throw all the same ends the connection, not the process.
#include "controller/api/server.h"

#include <netdb.h>
#include <pwd.h>
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
#include <boost/asio/ssl.hpp>
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

using TlsStream = asio::ssl::stream<Stream>;

// Who is at the other end.
struct Client {
  uid_t uid = static_cast<uid_t>(-1);  // nobody's
  std::string who;
  bool may_read = false;
  bool may_write = false;
};

// "alice (uid 1000)". From the file alone: name services may keep the one
// thread waiting.
std::string NameOf(uid_t uid) {
  const std::unique_ptr<FILE, int (*)(FILE*)> file(fopen("/etc/passwd", "re"),
                                                   fclose);
  while (file != nullptr) {
    const passwd* entry = fgetpwent(file.get());
    if (entry == nullptr) break;
    if (entry->pw_uid == uid)
      return absl::StrCat(entry->pw_name, " (uid ", uid, ")");
  }
  return absl::StrCat("uid ", uid);
}

// All groups of the peer, the first one is its own.
std::vector<gid_t> PeerGroups(int fd, gid_t first) {
  socklen_t size = 0;
  getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, nullptr, &size);
  std::vector<gid_t> groups(size / sizeof(gid_t));
  if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size) != 0)
    groups.clear();
  groups.insert(groups.begin(), first);
  return groups;
}

// A failure grants nothing.
Client UnixClient(int fd, const ApiServer::Options& options) {
  ucred peer = {};
  socklen_t size = sizeof(peer);
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
    return {.who = "nobody"};
  const std::vector<gid_t> groups = PeerGroups(fd, peer.gid);
  const auto in = [&](std::optional<gid_t> group) {
    return group &&
           std::find(groups.begin(), groups.end(), *group) != groups.end();
  };
  Client client = {.uid = peer.uid, .who = NameOf(peer.uid)};
  client.may_write = std::find(options.writers.begin(), options.writers.end(),
                               peer.uid) != options.writers.end() ||
                     in(options.write_group);
  client.may_read = client.may_write || in(options.read_group) ||
                    (!options.write_group && !options.read_group);
  return client;
}

// The common name of the certificate that the handshake has verified.
Client TlsClient(TlsStream& stream, const std::vector<std::string>& writers) {
  const std::unique_ptr<X509, void (*)(X509*)> certificate(
      SSL_get1_peer_certificate(stream.native_handle()), X509_free);
  char name[256] = "";
  if (certificate == nullptr ||
      X509_NAME_get_text_by_NID(X509_get_subject_name(certificate.get()),
                                NID_commonName, name, sizeof(name)) <= 0)
    return {.who = "certificate without a name", .may_read = true};
  return {.who = absl::StrCat("certificate ", name),
          .may_read = true,
          .may_write =
              std::find(writers.begin(), writers.end(), name) != writers.end()};
}

Response ToHttp(ApiResponse response, bool keep_alive) {
  Response out(static_cast<http::status>(response.status), 11);
  out.set(http::field::content_type, response.content_type);
  if (!response.allow.empty()) out.set(http::field::allow, response.allow);
  if (!response.etag.empty()) out.set(http::field::etag, response.etag);
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

// A file has one group: with two, everybody may connect, and is asked for his
// groups then.
bool SetAccess(const std::string& path, const ApiServer::Options& options) {
  const auto& write = options.write_group;
  const auto& read = options.read_group;
  if (write && read && *write != *read) return chmod(path.c_str(), 0666) == 0;
  if ((write || read) &&
      chown(path.c_str(), static_cast<uid_t>(-1), write ? *write : *read) != 0)
    return false;
  return chmod(path.c_str(), 0660) == 0;
}

absl::StatusOr<UniqueFd> ListenOn(const ApiServer::Options& options) {
  const std::string& path = options.socket;
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
      !SetAccess(path, options) || listen(fd.get(), SOMAXCONN) != 0)
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
  std::optional<asio::ssl::context> tls;  // none: no TLS
  std::vector<std::string> tls_writers;
  bool stopped = false;

  std::chrono::nanoseconds timeout() const {
    return absl::ToChronoNanoseconds(options.timeout);
  }

  void Stop();
  asio::awaitable<void> Accept();
  asio::awaitable<void> Serve(Protocol::socket socket);
  asio::awaitable<void> ServeTls(TlsStream& stream);
  // S: Stream or TlsStream.
  template <typename S>
  asio::awaitable<void> ServeAll(S& stream, const Client& client);
  template <typename S>
  asio::awaitable<bool> ServeRequest(S& stream, beast::flat_buffer& buffer,
                                     const Client& client);
  template <typename S>
  asio::awaitable<beast::error_code> ReadBody(S& stream,
                                              beast::flat_buffer& buffer,
                                              Request& request);
  template <typename S>
  asio::awaitable<bool> Reply(S& stream, ApiResponse response, bool keep_alive);
  std::optional<ApiResponse> Refuse(http::verb method,
                                    const Client& client) const;
  ApiResponse Handle(http::request<http::string_body> request,
                     const Client& client) const;
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
  struct Registered {
    Impl& impl;
    Stream* stream;
    Registered(Impl& owner, Stream* added) : impl(owner), stream(added) {
      impl.streams.insert(stream);
    }
    ~Registered() {
      impl.streams.erase(stream);
      if (!impl.stopped) impl.room.cancel();
    }
  };
  if (tls) {
    TlsStream stream(std::move(socket), *tls);
    const Registered registered(*this, &stream.next_layer());
    co_await ServeTls(stream);
    co_return;
  }
  const Client client = options.socket.empty()
                            ? Client{.who = "nobody", .may_read = true}
                            : UnixClient(socket.native_handle(), options);
  Stream stream(std::move(socket));
  const Registered registered(*this, &stream);
  co_await ServeAll(stream, client);
  beast::error_code ignored;
  stream.socket().shutdown(Protocol::socket::shutdown_send, ignored);
}

asio::awaitable<void> ApiServer::Impl::ServeTls(TlsStream& stream) {
  stream.next_layer().expires_after(timeout());
  auto [error] =
      co_await stream.async_handshake(asio::ssl::stream_base::server, kAwait);
  if (error) co_return;
  co_await ServeAll(stream, TlsClient(stream, tls_writers));
  stream.next_layer().expires_after(timeout());
  co_await stream.async_shutdown(kAwait);
}

template <typename S>
asio::awaitable<void> ApiServer::Impl::ServeAll(S& stream,
                                                const Client& client) {
  beast::flat_buffer buffer(options.header_limit + options.body_limit);
  while (!stopped && co_await ServeRequest(stream, buffer, client)) {
  }
}

std::optional<ApiResponse> ApiServer::Impl::Refuse(http::verb method,
                                                   const Client& client) const {
  if (method != http::verb::get && options.socket.empty() && !tls) {
    ApiResponse response = ErrorResponse(405, "unimplemented", "use GET");
    response.allow = "GET";
    return response;
  }
  if (!client.may_read)
    return ErrorResponse(403, "permission_denied",
                         absl::StrCat(client.who,
                                      " may not read; reading takes root, or "
                                      "api.read_group or api.write_group"));
  if (method != http::verb::get && !client.may_write)
    return ErrorResponse(
        403, "permission_denied",
        absl::StrCat(
            client.who, " may read only; writing takes ",
            tls ? "a name in api.tls.writers" : "root, or api.write_group"));
  return std::nullopt;
}

// One request. False when the connection is to end.
template <typename S>
asio::awaitable<bool> ApiServer::Impl::ServeRequest(S& stream,
                                                    beast::flat_buffer& buffer,
                                                    const Client& client) {
  Request request;
  request.header_limit(options.header_limit);
  request.body_limit(options.body_limit);
  beast::get_lowest_layer(stream).expires_after(timeout());
  auto [error, size] =
      co_await http::async_read_header(stream, buffer, request, kAwait);
  if (error == http::error::end_of_stream || error == beast::error::timeout ||
      error == asio::error::operation_aborted)
    co_return false;
  if (error) co_return co_await Reply(stream, BadRequest(error), false);

  // Before the body is read: a reader cannot make the server hold 16 MiB.
  if (auto refusal = Refuse(request.get().method(), client))
    co_return co_await Reply(stream, *std::move(refusal), false);
  error = co_await ReadBody(stream, buffer, request);
  if (error == beast::error::timeout) co_return false;
  if (error) co_return co_await Reply(stream, BadRequest(error), false);
  const bool keep_alive = request.get().keep_alive();
  co_return co_await Reply(stream, Handle(request.release(), client),
                           keep_alive);
}

template <typename S>
asio::awaitable<beast::error_code> ApiServer::Impl::ReadBody(
    S& stream, beast::flat_buffer& buffer, Request& request) {
  if (beast::iequals(request.get()[http::field::expect], "100-continue")) {
    http::response<http::empty_body> go_on(http::status::continue_, 11);
    auto [error, size] = co_await http::async_write(stream, go_on, kAwait);
    if (error) co_return error;
  }
  auto [error, size] =
      co_await http::async_read(stream, buffer, request, kAwait);
  co_return error;
}

template <typename S>
asio::awaitable<bool> ApiServer::Impl::Reply(S& stream, ApiResponse response,
                                             bool keep_alive) {
  Response out = ToHttp(std::move(response), keep_alive);
  beast::get_lowest_layer(stream).expires_after(timeout());
  auto [error, size] = co_await http::async_write(stream, out, kAwait);
  co_return !error && keep_alive;
}

ApiResponse ApiServer::Impl::Handle(http::request<http::string_body> request,
                                    const Client& client) const {
  const auto raw = request.target();
  auto target = ParseTarget(std::string_view(raw.data(), raw.size()));
  if (!target.ok()) return ErrorResponse(target.status());
  const auto method = request.method_string();
  const auto if_match = request[http::field::if_match];
  try {
    return handler({.method = std::string(method.data(), method.size()),
                    .path = std::move(target->first),
                    .query = std::move(target->second),
                    .body = std::move(request.body()),
                    .uid = client.uid,
                    .who = client.who,
                    .if_match = std::string(if_match.data(), if_match.size())});
  } catch (const std::exception& e) {
    return ErrorResponse(500, "internal", e.what());
  }
}

absl::StatusOr<std::unique_ptr<ApiServer>> ApiServer::Listen(
    asio::io_context& io, Options options, ApiHandler handler) {
  ASSIGN_OR_RETURN(UniqueFd fd, ListenOn(options));
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

absl::StatusOr<std::unique_ptr<ApiServer>> ApiServer::ListenTls(
    asio::io_context& io, const Tls& tls, Options options, ApiHandler handler) {
  asio::ssl::context context(asio::ssl::context::tls_server);
  beast::error_code error;
  const auto failed = [&](const std::string& file) {
    return absl::InvalidArgumentError(absl::StrCat(
        "api.tls: ", file, ": ", error.message(), "; write a PEM file"));
  };
  SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION);
  if (context.use_certificate_chain_file(tls.cert, error))
    return failed(tls.cert);
  if (context.use_private_key_file(tls.key, asio::ssl::context::pem, error))
    return failed(tls.key);
  if (context.load_verify_file(tls.ca, error)) return failed(tls.ca);
  // Each connection shows its certificate.
  SSL_CTX_set_session_cache_mode(context.native_handle(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context.native_handle(), 0);
  context.set_verify_mode(asio::ssl::verify_peer |
                          asio::ssl::verify_fail_if_no_peer_cert);
  int family = AF_UNSPEC;
  ASSIGN_OR_RETURN(UniqueFd fd, ListenOnTcp(tls.listen, family));
  options.socket.clear();
  auto impl =
      std::make_shared<Impl>(io, std::move(options), std::move(handler));
  impl->tls = std::move(context);
  impl->tls_writers = tls.writers;
  return Start(std::move(impl), family, std::move(fd));
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

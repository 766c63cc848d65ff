// SPDX-License-Identifier: Apache-2.0
// The server against raw sockets: what a client may send, and what it may not.
#include "controller/api/server.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <functional>
#include <optional>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "controller/base/unique_fd.h"

namespace rampart {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr absl::Duration kDeadline = absl::Seconds(20);

std::string SocketPath(const std::string& name) {
  return absl::StrCat("/tmp/rp-api-", getpid(), "-", name, ".sock");
}

UniqueFd Connect(const std::string& path) {
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = {}};
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  if (connect(fd.get(), reinterpret_cast<sockaddr*>(&address),
              sizeof(address)) != 0)
    fd.reset();
  return fd;
}

// All of `text`, unless the server closes before.
void Send(const UniqueFd& fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t sent = send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;
    text.remove_prefix(static_cast<size_t>(sent));
  }
}

// Reads until `done` says so, the server closes or the deadline.
std::string ReadUntil(const UniqueFd& fd,
                      const std::function<bool(const std::string&)>& done) {
  std::string text;
  const absl::Time deadline = absl::Now() + kDeadline;
  while (!done(text) && absl::Now() < deadline) {
    pollfd waiting = {.fd = fd.get(), .events = POLLIN, .revents = 0};
    if (poll(&waiting, 1, 100) == 0) continue;
    char buffer[65536];
    const ssize_t size = recv(fd.get(), buffer, sizeof(buffer), 0);
    if (size <= 0) return text;
    text.append(buffer, static_cast<size_t>(size));
  }
  return text;
}

std::string ReadAll(const UniqueFd& fd) {
  return ReadUntil(fd, [](const std::string&) { return false; });
}

// A complete answer whose body is `body`.
bool EndsIn(const std::string& text, std::string_view body) {
  return std::string_view(text).ends_with(body);
}

// A server on its own thread that answers method, path and size of the body.
class ServerTest : public ::testing::Test {
 protected:
  ServerTest() { Start({}); }
  ~ServerTest() override { Stop(); }

  void Start(ApiServer::Options options) {
    options.socket = path_;
    if (options.writers == std::vector<uid_t>{0})
      options.writers.push_back(geteuid());
    io_.emplace();
    auto server = ApiServer::Listen(*io_, options, [](const ApiRequest& r) {
      if (r.path == "/throw") throw std::runtime_error("handler broke");
      return ApiResponse{.status = 200,
                         .body = absl::StrCat(r.method, " ", r.path, " ",
                                              r.body.size(), " uid ", r.uid),
                         .allow = {}};
    });
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    thread_ = std::thread([this] { io_->run(); });
  }
  void Stop() {
    if (!thread_.joinable()) return;
    boost::asio::post(*io_, [this] {
      server_.reset();
      io_->stop();
    });
    thread_.join();
    io_.reset();
  }
  void Restart(ApiServer::Options options) {
    Stop();
    Start(std::move(options));
  }

  // The answer to one request on a connection of its own.
  std::string Ask(std::string_view request) const {
    const UniqueFd fd = Connect(path_);
    Send(fd, request);
    return ReadAll(fd);
  }

  const std::string path_ = SocketPath("server");
  std::optional<boost::asio::io_context> io_;
  std::unique_ptr<ApiServer> server_;
  std::thread thread_;
};

TEST_F(ServerTest, AGetIsAnswered) {
  const std::string answer =
      Ask("GET /v1/a%2Fb?x=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("Content-Type: application/json"));
  EXPECT_THAT(answer,
              HasSubstr(absl::StrCat("\r\n\r\nGET /v1/a/b 0 uid ", geteuid())));
}

TEST_F(ServerTest, AConnectionServesRequestAfterRequest) {
  const UniqueFd fd = Connect(path_);
  const std::string body = absl::StrCat("POST /x 5 uid ", geteuid());
  for (int i = 0; i < 3; ++i) {
    Send(fd, "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello");
    EXPECT_TRUE(EndsIn(
        ReadUntil(fd, [&](const std::string& t) { return EndsIn(t, body); }),
        body));
  }
}

TEST_F(ServerTest, TwoRequestsAtOnceGetTwoAnswers) {
  const std::string get = "GET /x HTTP/1.1\r\nHost: x\r\n";
  const std::string answer =
      Ask(get + "\r\n" + get + "Connection: close\r\n\r\n");
  const size_t first = answer.find("HTTP/1.1 200 OK");
  EXPECT_EQ(first, 0u);
  EXPECT_NE(answer.find("HTTP/1.1 200 OK", first + 1), std::string::npos);
}

TEST_F(ServerTest, WhatIsNotHttpIsRefusedAsABadRequest) {
  for (const std::string_view request :
       {"\r\n\r\n\r\n", "hello\r\n\r\n", "GET / HTTP/9.9\r\n\r\n",
        "GET  HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nbroken header\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: many\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "GET /%zz HTTP/1.1\r\nConnection: close\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 this is TLS\r\n\r\n"}) {
    SCOPED_TRACE(std::string(request));
    const std::string answer = Ask(request);
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 400 "));
    EXPECT_THAT(answer, HasSubstr("\"schema\":\"xdpctl/v1/error\""));
  }
}

TEST_F(ServerTest, ABodyOverTheLimitIsRefusedBeforeItIsRead) {
  Restart({.socket = {}, .body_limit = 1000});
  EXPECT_THAT(Ask("POST / HTTP/1.1\r\nContent-Length: 1001\r\n\r\n"),
              StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(
      Ask(absl::StrCat("POST / HTTP/1.1\r\nContent-Length: 1000\r\nConnection: "
                       "close\r\n\r\n",
                       std::string(1000, 'x'))),
      HasSubstr("POST / 1000"));
  EXPECT_THAT(
      Ask(absl::StrCat("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
                       "3e9\r\n", std::string(1001, 'x'), "\r\n0\r\n\r\n")),
      StartsWith("HTTP/1.1 413 "));
}

TEST_F(ServerTest, SixteenMebibytesAreTakenInOneBody) {
  const std::string body(16 << 20, 'x');
  EXPECT_THAT(
      Ask(absl::StrCat("POST / HTTP/1.1\r\nContent-Length: ", body.size(),
                       "\r\nConnection: close\r\n\r\n", body)),
      HasSubstr(absl::StrCat("POST / ", body.size())));
}

TEST_F(ServerTest, AHeaderOverTheLimitIsRefused) {
  EXPECT_THAT(Ask(absl::StrCat("GET / HTTP/1.1\r\nX: ",
                               std::string(17 << 10, 'x'), "\r\n\r\n")),
              StartsWith("HTTP/1.1 431 "));
}

TEST_F(ServerTest, AClientThatExpectsToBeAskedIsAsked) {
  const UniqueFd fd = Connect(path_);
  Send(fd,
       "POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n"
       "Connection: close\r\n\r\n");
  EXPECT_THAT(
      ReadUntil(fd, [](const std::string& t) { return EndsIn(t, "\r\n\r\n"); }),
      StartsWith("HTTP/1.1 100 Continue"));
  Send(fd, "hi");
  EXPECT_THAT(ReadAll(fd), HasSubstr("POST / 2"));
}

TEST_F(ServerTest, ASlowClientIsLetGoAndDisturbsNobody) {
  Restart({.socket = {}, .timeout = absl::Milliseconds(200)});
  const UniqueFd silent = Connect(path_);
  const UniqueFd half = Connect(path_);
  Send(half, "POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\nhalf of");
  EXPECT_THAT(Ask("GET / HTTP/1.1\r\nConnection: close\r\n\r\n"),
              StartsWith("HTTP/1.1 200 "));
  EXPECT_EQ(ReadAll(silent), "");  // ends, so the server closed it
  EXPECT_EQ(ReadAll(half), "");
}

TEST_F(ServerTest, TwoHundredClientsAtOnceAreAllAnswered) {
  std::vector<UniqueFd> clients;
  for (int i = 0; i < 200; ++i) clients.push_back(Connect(path_));
  for (int i = 0; i < 200; ++i)
    Send(clients[i],
         absl::StrCat("GET /", i, " HTTP/1.1\r\nConnection: close\r\n\r\n"));
  for (int i = 0; i < 200; ++i)
    EXPECT_THAT(ReadAll(clients[i]), HasSubstr(absl::StrCat("GET /", i, " ")));
}

TEST_F(ServerTest, ClientsOverTheLimitWaitForTheirTurn) {
  Restart({.socket = {}, .connections = 2});
  std::vector<UniqueFd> clients;
  for (int i = 0; i < 10; ++i) {
    clients.push_back(Connect(path_));
    Send(clients[i], "GET / HTTP/1.1\r\nConnection: close\r\n\r\n");
  }
  for (const UniqueFd& client : clients)
    EXPECT_THAT(ReadAll(client), StartsWith("HTTP/1.1 200 "));
}

TEST_F(ServerTest, AHandlerThatThrowsIsAnErrorAndNotTheEnd) {
  EXPECT_THAT(Ask("GET /throw HTTP/1.1\r\nConnection: close\r\n\r\n"),
              StartsWith("HTTP/1.1 500 "));
  EXPECT_THAT(Ask("GET / HTTP/1.1\r\nConnection: close\r\n\r\n"),
              StartsWith("HTTP/1.1 200 "));
}

TEST_F(ServerTest, WhoIsNotAWriterMayOnlyRead) {
  Restart({.socket = {}, .writers = {geteuid() + 1}});
  const std::string refused =
      Ask("POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n");
  EXPECT_THAT(refused, StartsWith("HTTP/1.1 403 "));
  EXPECT_THAT(refused, HasSubstr("may read only"));
  EXPECT_THAT(Ask("GET / HTTP/1.1\r\nConnection: close\r\n\r\n"),
              StartsWith("HTTP/1.1 200 "));
}

TEST_F(ServerTest, TheKernelTellsWhoAsksAndNotTheClient) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root: it becomes another user";
  ASSERT_EQ(chmod(path_.c_str(), 0666), 0);
  std::string refused;
  std::thread([&] {
    // Of this thread only, so not through glibc, which does it for all.
    syscall(SYS_setresuid, 65534, 65534, 65534);
    refused = Ask("POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
  }).join();
  EXPECT_THAT(refused, StartsWith("HTTP/1.1 403 "));
  EXPECT_THAT(refused, HasSubstr("uid 65534"));
}

TEST_F(ServerTest, OnlyOwnerAndGroupMayConnect) {
  struct stat info;
  ASSERT_EQ(stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0660u);
}

TEST_F(ServerTest, ALiveSocketIsNotTakenOver) {
  boost::asio::io_context io;
  const auto second = ApiServer::Listen(io, {.socket = path_}, {});
  EXPECT_EQ(second.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(Ask("GET / HTTP/1.1\r\nConnection: close\r\n\r\n"),
              StartsWith("HTTP/1.1 200 "));
}

TEST_F(ServerTest, StoppingRemovesTheSocketAndClosesConnections) {
  const UniqueFd idle = Connect(path_);
  Send(idle, "GET / HTTP/1.1\r\n\r\n");
  ReadUntil(idle, [](const std::string& t) { return !t.empty(); });
  Stop();
  EXPECT_NE(access(path_.c_str(), F_OK), 0);
  EXPECT_EQ(ReadAll(idle), "");
}

TEST(ServerSocketTest, AStaleSocketIsReplaced) {
  const std::string path = SocketPath("stale");
  {
    const UniqueFd fd(socket(AF_UNIX, SOCK_STREAM, 0));
    sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = {}};
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    ASSERT_EQ(
        bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)),
        0);
  }
  boost::asio::io_context io;
  EXPECT_TRUE(ApiServer::Listen(io, {.socket = path}, {}).ok());
  unlink(path.c_str());
}

TEST(ServerSocketTest, WhatIsNoSocketIsLeftAlone) {
  const std::string path = SocketPath("file");
  { const UniqueFd fd(open(path.c_str(), O_CREAT | O_RDWR, 0600)); }
  boost::asio::io_context io;
  const auto server = ApiServer::Listen(io, {.socket = path}, {});
  EXPECT_EQ(server.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(access(path.c_str(), F_OK), 0);
  unlink(path.c_str());
}

TEST(ServerSocketTest, APathThatIsTooLongOrNowhereIsAnError) {
  boost::asio::io_context io;
  const std::string missing = SocketPath("missing") + "/x.sock";
  EXPECT_EQ(ApiServer::Listen(io, {.socket = std::string(200, 'x')}, {})
                .status()
                .code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ApiServer::Listen(io, {.socket = missing}, {}).status().code(),
            absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace rampart

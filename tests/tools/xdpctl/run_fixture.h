// SPDX-License-Identifier: Apache-2.0
// xdpctl with a server that answers from a table.
#ifndef RAMPART_TESTS_TOOLS_XDPCTL_RUN_FIXTURE_H_
#define RAMPART_TESTS_TOOLS_XDPCTL_RUN_FIXTURE_H_

#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "controller/api/error.h"
#include "controller/api/json.h"
#include "controller/api/server.h"
#include "tools/xdpctl/run.h"

namespace rampart::xdpctl {

struct Result {
  int code;
  std::string out;
  std::string err;
};

class RunTest : public ::testing::Test {
 protected:
  RunTest() {
    auto server = ApiServer::Listen(
        io_, {.socket = socket_, .writers = {0, geteuid()}},
        [this](const ApiRequest& request) { return Answer(request); });
    EXPECT_TRUE(server.ok()) << server.status();
    if (server.ok()) server_ = *std::move(server);
    thread_ = std::thread([this] { io_.run(); });
  }
  ~RunTest() override {
    boost::asio::post(io_, [this] {
      server_.reset();
      io_.stop();
    });
    thread_.join();
  }

  ApiResponse Answer(const ApiRequest& request) {
    const std::lock_guard lock(mutex_);
    last_ = request;
    const auto it = answers_.find(request.path);
    if (it == answers_.end())
      return ErrorResponse(absl::NotFoundError("no such path"));
    return it->second;
  }
  void On(const std::string& path, const std::string& json) {
    answers_[path] = {.status = 200, .body = json, .allow = {}};
  }
  void Fail(const std::string& path, const absl::Status& status) {
    answers_[path] = ErrorResponse(status);
  }
  Result Run(const std::string& line, const std::string& input = "") {
    return RunWords(absl::StrSplit(line, ' ', absl::SkipEmpty()), input);
  }
  Result RunWords(std::vector<std::string> words,
                  const std::string& input = "") {
    std::istringstream in(input);
    std::ostringstream out, err;
    Env env = {.in = in,
               .out = out,
               .err = err,
               .variable =
                   [this](const std::string& name) {
                     if (name == "RAMPART_STATE")
                       return std::string("/nonexistent.db");
                     return name == "RAMPART_SOCKET" ? variable_ : "";
                   },
               .terminal = terminal_,
               .wait = wait_};
    const int code = xdpctl::Run(env, std::move(words));
    return {code, out.str(), err.str()};
  }
  std::string LastTarget() {
    const std::lock_guard lock(mutex_);
    return FormatTarget(last_.path, last_.query);
  }

  const std::string socket_ =
      absl::StrCat("/tmp/rp-xdpctl-", getpid(), ".sock");
  std::string variable_ = socket_;
  bool terminal_ = false;
  std::function<bool(double)> wait_ = [](double) { return true; };
  std::map<std::string, ApiResponse> answers_;
  std::mutex mutex_;
  ApiRequest last_;
  boost::asio::io_context io_;
  std::unique_ptr<ApiServer> server_;
  std::thread thread_;
};

}  // namespace rampart::xdpctl

#endif  // RAMPART_TESTS_TOOLS_XDPCTL_RUN_FIXTURE_H_

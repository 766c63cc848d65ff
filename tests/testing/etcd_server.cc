// SPDX-License-Identifier: Apache-2.0
#include "tests/testing/etcd_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <thread>

namespace rampart {
namespace {

int Number() {
  static int number = 0;
  return ++number;
}

int FreePort() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  EXPECT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
  close(fd);
  return ntohs(address.sin_port);
}

bool Says(const std::string& log, const std::string& words) {
  std::ifstream file(log);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  return text.find(words) != std::string::npos;
}

}  // namespace

bool EtcdServer::IsInstalled() {
  return std::filesystem::exists("/usr/bin/etcd") &&
         std::filesystem::exists("/usr/bin/etcdctl");
}

EtcdServer::EtcdServer(std::string scheme, std::vector<std::string> arguments)
    : scheme_(std::move(scheme)),
      arguments_(std::move(arguments)),
      folder_(std::filesystem::temp_directory_path() /
              ("rampart-etcd-" + std::to_string(getpid()) + "-" +
               std::to_string(Number()))),
      endpoint_("127.0.0.1:" + std::to_string(FreePort())),
      peer_("http://127.0.0.1:" + std::to_string(FreePort())) {
  std::filesystem::create_directories(folder_);
}

EtcdServer::~EtcdServer() {
  Kill();
  std::filesystem::remove_all(folder_);
}

void EtcdServer::Start() {
  const std::string url = scheme_ + "://" + endpoint_;
  std::vector<std::string> words = {"etcd",
                                    "--name=t",
                                    "--data-dir=" + (folder_ / "data").string(),
                                    "--listen-client-urls=" + url,
                                    "--advertise-client-urls=" + url,
                                    "--listen-peer-urls=" + peer_,
                                    "--initial-advertise-peer-urls=" + peer_,
                                    "--initial-cluster=t=" + peer_};
  words.insert(words.end(), arguments_.begin(), arguments_.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const std::string log = (folder_ / "log").string();
  std::filesystem::remove(log);
  pid_ = fork();
  ASSERT_GE(pid_, 0);
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int fd = open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    dup2(fd, 1);
    dup2(fd, 2);
    execv("/usr/bin/etcd", argv.data());
    _exit(127);
  }
  const auto deadline =
      std::chrono::steady_clock::now() + std::chrono::seconds(60);
  // It listens before it answers.
  while (!Says(log, "ready to serve client requests")) {
    ASSERT_EQ(waitpid(pid_, nullptr, WNOHANG), 0) << Shell("tail " + log);
    ASSERT_LT(std::chrono::steady_clock::now(), deadline);
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

void EtcdServer::Kill() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

void EtcdServer::Erase() { std::filesystem::remove_all(folder_ / "data"); }
void EtcdServer::Freeze() { kill(pid_, SIGSTOP); }
void EtcdServer::Thaw() { kill(pid_, SIGCONT); }

std::string EtcdServer::Ctl(const std::string& arguments) const {
  return Shell("ETCDCTL_API=3 etcdctl --endpoints=" + scheme_ + "://" +
               endpoint_ + " " + arguments);
}

std::string Shell(const std::string& command) {
  std::FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  std::string output;
  char buffer[4096];
  size_t size;
  while ((size = std::fread(buffer, 1, sizeof(buffer), pipe)) > 0)
    output.append(buffer, size);
  EXPECT_EQ(pclose(pipe), 0) << command << ": " << output;
  return output;
}

}  // namespace rampart

// SPDX-License-Identifier: Apache-2.0
// A real etcd for a test: its own folder, ports nobody has, gone with it.
#ifndef RAMPART_TESTS_TESTING_ETCD_SERVER_H_
#define RAMPART_TESTS_TESTING_ETCD_SERVER_H_

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

namespace rampart {

class EtcdServer {
 public:
  // Whether Debian's etcd-server and etcd-client are there.
  static bool IsInstalled();

  // arguments: more of them for etcd. client_scheme: "http" or "https".
  explicit EtcdServer(std::string scheme = "http",
                      std::vector<std::string> arguments = {});
  ~EtcdServer();

  // Returns when it answers.
  void Start();
  void Kill();  // -9
  // Its data, too.
  void Erase();
  void Freeze();  // keeps its connections and says nothing
  void Thaw();

  const std::string& endpoint() const { return endpoint_; }
  const std::filesystem::path& folder() const { return folder_; }
  // Runs etcdctl; its output. Fails the test if it fails.
  std::string Ctl(const std::string& arguments) const;

 private:
  const std::string scheme_;
  const std::vector<std::string> arguments_;
  std::filesystem::path folder_;
  std::string endpoint_;
  std::string peer_;
  pid_t pid_ = -1;
};

// The output of a shell command; fails the test if it fails.
std::string Shell(const std::string& command);

}  // namespace rampart

#endif  // RAMPART_TESTS_TESTING_ETCD_SERVER_H_

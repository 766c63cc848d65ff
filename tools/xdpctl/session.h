// SPDX-License-Identifier: Apache-2.0
// One run of xdpctl: its options, and how commands ask and answer.
#ifndef RAMPART_TOOLS_XDPCTL_SESSION_H_
#define RAMPART_TOOLS_XDPCTL_SESSION_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "controller/api/http.h"
#include "controller/api/json.h"
#include "controller/dataplane/offline.h"
#include "tools/xdpctl/command.h"
#include "tools/xdpctl/env.h"
#include "tools/xdpctl/output.h"
#include "tools/xdpctl/table.h"

namespace rampart::xdpctl {

class Offline;
struct ListCommand;

struct Options {
  std::string socket = "/run/rampart/api.sock";
  std::string output = "table";
  bool json = false;  // the same as output json
  bool pretty = false;
  bool no_headers = false;
  bool numeric = false;
  std::string columns;         // with commas; "": those of the command
  std::string sort;            // a column or field; '-' in front: descending
  std::string color = "auto";  // or always, never
  double watch = 0;            // seconds between rounds; 0: once
  uint32_t rounds = 0;         // 0: for ever
  bool offline = false;
  std::string batch;  // a file of command lines
  bool keep_going = false;
  std::string edge;
  std::string bpffs = "/sys/fs/bpf";
  std::string config = "/etc/rampart/rampartd.yaml";
  std::string state;                           // "": what `config` says
  absl::Duration timeout = absl::Seconds(60);  // of one answer
};

class Session {
 public:
  explicit Session(Env& environment);
  ~Session();

  Env& env;
  Options options;
  // What is known about the commands, by their CLI::App.
  std::map<const CLI::App*, Command> commands;
  // Lists by what completion calls their names: TENANT, POOL.
  std::map<std::string, std::shared_ptr<const ListCommand>> lists;
  // The command that the words chose; Run() runs it.
  const Command* chosen = nullptr;
  // Exit code of the command that ran; an error is told on stderr.
  absl::StatusOr<int> result = kOk;

  // Errors: what the API says, as a Status: InvalidArgument, NotFound,
  // FailedPrecondition (conflict), PermissionDenied, Internal; Unavailable only
  // if nobody listens on the socket. Without a controller the answer is made
  // from the pins and the state file where these have it (offline.h): that is
  // said on stderr, and the exit code is kOffline.
  absl::StatusOr<Json> Get(std::string_view path, const Query& query = {});
  // As Get(), for what is nice to have: says nothing and leaves the exit code.
  absl::StatusOr<Json> Peek(std::string_view path);
  absl::StatusOr<Json> Post(std::string_view path, const Json& body);
  // Get(), but without a controller what `read` makes of the pins.
  absl::StatusOr<Json> GetOrRead(
      std::string_view path, const Query& query,
      absl::FunctionRef<absl::StatusOr<Json>(const MapReader&)> read);
  // Whether an answer came from elsewhere than the controller.
  bool answered_offline() const { return answered_offline_; }

  Format format() const;
  bool color() const;
  // The document as -o says; as a table it is what `print` prints.
  void Print(const Json& document, absl::FunctionRef<void()> print);
  void Print(const Table& table);
  // Says on stderr that the list was cut, if it was.
  void NoteTruncation(const Json& document, const Json& rows);
  void Note(std::string_view text);

 private:
  absl::StatusOr<Json> AskController(std::string_view path, const Query& query);
  const Offline& offline();
  // Says where answers come from now.
  void NoteOffline(const absl::Status& why);

  std::unique_ptr<Offline> offline_;
  bool answered_offline_ = false;
};

}  // namespace rampart::xdpctl

#endif  // RAMPART_TOOLS_XDPCTL_SESSION_H_

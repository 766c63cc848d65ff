// SPDX-License-Identifier: Apache-2.0
#include "controller/daemon/loop.h"

#include <grp.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <filesystem>
#include <memory>
#include <optional>

#include "absl/strings/str_cat.h"
#include "controller/api/handlers.h"
#include "controller/api/server.h"
#include "controller/base/status.h"
#include "controller/base/text.h"
#include "controller/daemon/flow_log_parts.h"
#include "controller/daemon/nat_alarm.h"
#include "controller/metrics/metrics.h"

namespace rampart {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

// Punts handled before other work gets its turn: about a millisecond.
constexpr int kPuntBudget = 256;

// Whoever reaches the port of the metrics can have no more than this.
const ApiServer::Options kMetrics = {.body_limit = 1,
                                     .header_limit = 8 << 10,
                                     .timeout = absl::Seconds(5),
                                     .connections = 8};

// How long the NAT log keeps blocks that were released.
constexpr absl::Duration kLogKept = absl::Hours(400 * 24);

// An error that comes back ten times a second is told once, and again when it
// changes or every minute.
class ErrorLog {
 public:
  explicit ErrorLog(const Clock& clock) : clock_(clock) {}
  void Tell(const absl::Status& status) {
    if (status.ok()) return;
    const absl::Time now = clock_.Now();
    if (status == last_ && now - told_ < absl::Minutes(1)) return;
    last_ = status;
    told_ = now;
    spdlog::error(
        "{}", std::string(status.message().data(), status.message().size()));
  }

 private:
  const Clock& clock_;
  absl::Status last_;
  absl::Time told_ = absl::InfinitePast();
};

class Loop {
 public:
  explicit Loop(Edge& edge)
      : edge_(edge),
        punts_(io_, edge.data_plane().punt_fd()),
        netlink_(io_, edge.underlay().fd()),
        log_(io_, edge.block_log()->fd()),
        fleet_(io_),
        tick_(io_),
        signals_(io_, SIGTERM, SIGINT, SIGHUP),
        errors_(edge.clock()) {}
  ~Loop() {
    // The descriptors belong to the edge.
    punts_.release();
    netlink_.release();
    log_.release();
    if (fleet_.is_open()) fleet_.release();
  }

  absl::Status Run(const ApiConfig& api, const std::string& metrics);

 private:
  void WaitForPunts();
  void HandlePunts();
  void WaitForNetlink();
  void WaitForLog();
  void WaitForFleet();
  void WaitForTick();
  void PruneLog();
  void TellRefusals();
  void TellPeers();
  void EndWatches();
  void WaitForSignal();

  Edge& edge_;
  asio::io_context io_{1};
  asio::posix::stream_descriptor punts_;
  asio::posix::stream_descriptor netlink_;
  asio::posix::stream_descriptor log_;
  asio::posix::stream_descriptor fleet_;  // closed: no other edge
  asio::steady_timer tick_;
  absl::Time pruned_ = absl::InfinitePast();
  NatAlarm nat_alarm_;
  SinkAlarm sink_alarm_;
  absl::Time checked_ = absl::InfinitePast();
  absl::Time watches_ended_ = absl::InfinitePast();
  asio::signal_set signals_;
  ErrorLog errors_;
};

// The group of this name; nothing for "".
absl::StatusOr<std::optional<gid_t>> FindGroup(const char* key,
                                               const std::string& name) {
  if (name.empty()) return std::optional<gid_t>();
  const group* found = getgrnam(name.c_str());
  if (found == nullptr)
    return absl::NotFoundError(
        absl::StrCat("api.", key, ": there is no group ", Quoted(name),
                     " here; add it (groupadd --system), or name another"));
  return std::optional<gid_t>(found->gr_gid);
}

absl::Status Loop::Run(const ApiConfig& api, const std::string& metrics) {
  ApiServer::Options options = {.socket = api.socket,
                                .writers = {0, geteuid()}};
  ASSIGN_OR_RETURN(options.write_group,
                   FindGroup("write_group", api.write_group));
  ASSIGN_OR_RETURN(options.read_group, FindGroup("read_group", api.read_group));
  ASSIGN_OR_RETURN(const std::unique_ptr<ApiServer> server,
                   ApiServer::Listen(io_, options, MakeApi(edge_)));
  std::unique_ptr<ApiServer> remote;
  if (!api.tls.listen.empty()) {
    ASSIGN_OR_RETURN(remote, ApiServer::ListenTls(io_,
                                                  {.listen = api.tls.listen,
                                                   .cert = api.tls.cert,
                                                   .key = api.tls.key,
                                                   .ca = api.tls.ca,
                                                   .writers = api.tls.writers},
                                                  {}, MakeApi(edge_)));
    spdlog::info("serving on https://{}", api.tls.listen);
  }
  std::unique_ptr<ApiServer> scrapes;
  if (!metrics.empty()) {
    ASSIGN_OR_RETURN(scrapes, ApiServer::ListenTcp(io_, metrics, kMetrics,
                                                   MakeMetrics(edge_)));
    spdlog::info("metrics on http://{}/metrics", metrics);
  }
  WaitForPunts();
  WaitForNetlink();
  WaitForLog();
  if (edge_.fleet() != nullptr) {
    fleet_.assign(edge_.fleet()->fd());
    WaitForFleet();
  }
  WaitForTick();
  WaitForSignal();
  spdlog::info("serving on {}", api.socket);
  io_.run();
  return absl::OkStatus();
}

void Loop::WaitForPunts() {
  punts_.async_wait(punts_.wait_read, [this](error_code error) {
    if (!error) HandlePunts();
  });
}

void Loop::HandlePunts() {
  const absl::StatusOr<int> handled = edge_.engine().ProcessPunts(kPuntBudget);
  errors_.Tell(handled.status());
  if (handled.ok() && *handled >= kPuntBudget)
    asio::post(io_, [this] { HandlePunts(); });
  else
    WaitForPunts();
}

void Loop::WaitForNetlink() {
  netlink_.async_wait(netlink_.wait_read, [this](error_code error) {
    if (error) return;
    errors_.Tell(edge_.underlay().Process());
    WaitForNetlink();
  });
}

void Loop::WaitForLog() {
  log_.async_wait(log_.wait_read, [this](error_code error) {
    if (error) return;
    edge_.engine().OnLogged();
    errors_.Tell(edge_.block_log()->status());
    WaitForLog();
  });
}

void Loop::WaitForFleet() {
  fleet_.async_wait(fleet_.wait_read, [this](error_code error) {
    if (error) return;
    errors_.Tell(edge_.FollowFleet());
    WaitForFleet();
  });
}

void Loop::WaitForTick() {
  tick_.expires_after(absl::ToChronoNanoseconds(kEngineTick));
  tick_.async_wait([this](error_code error) {
    if (error) return;
    errors_.Tell(edge_.engine().OnTick());
    errors_.Tell(edge_.OnTick());
    if (edge_.flow_log() != nullptr) edge_.flow_log()->Flush();
    PruneLog();
    TellRefusals();
    TellPeers();
    EndWatches();
    WaitForTick();
  });
}

void Loop::PruneLog() {
  const absl::Time now = edge_.clock().Now();
  if (now - pruned_ < absl::Hours(1)) return;
  pruned_ = now;
  edge_.block_log()->Prune(now - kLogKept);
}

void Loop::TellRefusals() {
  const absl::Time now = edge_.clock().Now();
  const NatAllocator* nat = edge_.engine().nat();
  if (nat == nullptr || now - checked_ < kNatAlarmInterval) return;
  checked_ = now;
  for (const std::string& line : nat_alarm_.Check(nat->Use()))
    spdlog::warn("{}", line);
  if (edge_.flow_log() == nullptr) return;
  for (const std::string& line :
       sink_alarm_.Check(edge_.flow_log()->statistics()))
    spdlog::warn("{}", line);
}

void Loop::TellPeers() {
  const std::shared_ptr<const Snapshot> snapshot = edge_.snapshot();
  for (const PeerChange& change : edge_.engine().TakePeerChanges()) {
    const Snapshot::TunnelRef ref = snapshot->FindTunnel(change.tunnel);
    if (ref.tunnel == nullptr || change.peer >= ref.tunnel->peers.size())
      continue;
    const std::string who = absl::StrCat(
        "tunnel ", ref.tenant->name, "/", ref.tunnel->name, ": peer ",
        ref.tunnel->peers[change.peer].remote.ToString());
    if (change.view.state == PeerState::kUp)
      spdlog::info("{} is up", who);
    else
      spdlog::warn("{} is down: no answer in {} rounds of probes", who,
                   ref.tunnel->probe.failures);
  }
}

// Of traces and captures that were killed; every packet pays for them.
void Loop::EndWatches() {
  const absl::Time now = edge_.clock().Now();
  if (now - watches_ended_ < absl::Seconds(1)) return;
  watches_ended_ = now;
  errors_.Tell(edge_.EndLeftWatches());
}

void Loop::WaitForSignal() {
  signals_.async_wait([this](error_code error, int signal) {
    if (error) return;
    if (signal != SIGHUP) {
      spdlog::info("stopping; the data plane goes on");
      io_.stop();
      return;
    }
    const absl::Status status = edge_.Reload();
    if (!status.ok()) errors_.Tell(status);
    WaitForSignal();
  });
}

absl::Status MakeFolderOf(const std::string& socket) {
  const std::filesystem::path folder =
      std::filesystem::path(socket).parent_path();
  std::error_code error;
  if (folder.empty() || std::filesystem::is_directory(folder, error))
    return absl::OkStatus();
  std::filesystem::create_directories(folder, error);
  if (error)
    return absl::UnavailableError(
        absl::StrCat("folder ", folder.string(), ": ", error.message()));
  return absl::OkStatus();
}

}  // namespace

absl::Status RunLoop(Edge& edge, const ApiConfig& api,
                     const std::string& metrics) {
  RETURN_IF_ERROR(MakeFolderOf(api.socket));
  try {
    return Loop(edge).Run(api, metrics);
  } catch (const std::exception& e) {  // Asio: no descriptors, no memory
    return absl::InternalError(absl::StrCat("event loop: ", e.what()));
  }
}

}  // namespace rampart

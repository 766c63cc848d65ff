// SPDX-License-Identifier: Apache-2.0
#include "controller/daemon/edge.h"

#include <spdlog/spdlog.h>

#include <functional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "controller/api/flow_accounts.h"
#include "controller/base/fault.h"
#include "controller/base/status.h"
#include "controller/config/check.h"
#include "controller/config/secrets.h"
#include "controller/daemon/flow_log_parts.h"
#include "controller/daemon/open_store.h"
#include "controller/daemon/random.h"
#include "controller/flow_log/history_query.h"
#include "controller/flow_log/log_hooks.h"
#include "controller/policy/policy_hooks.h"

namespace rampart {
namespace {

constexpr absl::Duration kRetry = absl::Seconds(5);

// Policy needs no keys of peers.
PastSnapshots PastOf(StateStore& store, const EdgeConfig& config) {
  return
      [&store, config](uint32_t epoch,
                       const Snapshot& now) -> std::shared_ptr<const Snapshot> {
        absl::StatusOr<StoredResources> past = store.LoadEpoch(epoch);
        if (!past.ok()) return nullptr;
        return std::make_shared<const Snapshot>(
            config, std::move(past->resources), epoch, &now);
      };
}

}  // namespace

absl::StatusOr<Edge::Parts> Edge::OpenParts(const EdgeConfig& config,
                                            const std::string& bpffs) {
  Parts parts;
  parts.clock = &Clock::Real();
  parts.bpffs = bpffs;
  ASSIGN_OR_RETURN(OpenedStore opened, OpenStore(config));
  parts.store = std::move(opened.store);
  parts.fleet = opened.fleet;
  ASSIGN_OR_RETURN(parts.block_log,
                   BlockLog::Open({.path = BlockLogPath(StatePath(config))}));
  // The data plane gives up devices that are gone, with what they counted.
  if (const auto left = OpenPinnedMaps(bpffs, config.edge); left.ok())
    parts.counters =
        (*left)->ReadCounters().value_or(std::vector<DeviceCounters>());
  ASSIGN_OR_RETURN(parts.data_plane,
                   DataPlane::Open({.edge = config.edge,
                                    .bpffs = bpffs,
                                    .flow_capacity = config.flow_capacity,
                                    .store_id = parts.store->store_id()}));
  ASSIGN_OR_RETURN(parts.ledger,
                   Ledger::Open(bpffs, config.edge, *parts.data_plane));
  if (!parts.ledger->why_not().empty())
    spdlog::warn("losses behind verdicts are not counted: {}",
                 parts.ledger->why_not());
  ASSIGN_OR_RETURN(parts.maps, OpenPinnedMaps(bpffs, config.edge));
  ASSIGN_OR_RETURN(parts.underlay, OpenUnderlay());
  ASSIGN_OR_RETURN(parts.flow_log, OpenFlowLog(config, *parts.clock));
  parts.policy = std::make_unique<PolicyHooks>(
      [](const std::string& line) { spdlog::info("{}", line); });
  if (parts.flow_log != nullptr)
    parts.hooks = std::make_unique<LogHooks>(*parts.policy, *parts.flow_log,
                                             config.flow_log.update_interval);
  ASSIGN_OR_RETURN(parts.engine,
                   MakeEngine({.data_plane = *parts.data_plane,
                               .underlay = *parts.underlay,
                               .hooks = parts.hooks != nullptr ? *parts.hooks
                                                               : *parts.policy,
                               .clock = *parts.clock,
                               .random = &KernelRandom,
                               .block_log = parts.block_log.get(),
                               .past = PastOf(*parts.store, config)}));
  return parts;
}

// Peers without their key are down, the others work.
void Edge::Complete(Resources& resources) const {
  for (const absl::Status& status :
       {LoadSecrets(resources), CheckResources(resources, config_)})
    for (absl::string_view line :
         absl::StrSplit(status.message(), '\n', absl::SkipEmpty()))
      spdlog::warn("{}", std::string(line));
}

// What was on probation when an earlier run ended may be over by now, and is
// not put in force again.
absl::StatusOr<StoredResources> Edge::LoadStored() {
  ASSIGN_OR_RETURN(StoredResources stored, parts_.store->Load());
  const std::optional<Probation>& probation = parts_.store->probation();
  if (probation && probation->deadline <= parts_.clock->Now()) {
    ASSIGN_OR_RETURN(Change change, Reversal(*probation));
    EpochNote note = NoteOf(change);
    note.from = stored.epoch;
    spdlog::warn("{}", change.what);
    auto reverted = parts_.store->Replace(std::move(change.resources), note);
    // Another edge may have done it just now; else OnTick() tries again.
    if (reverted.ok() || parts_.fleet == nullptr) return reverted;
    ASSIGN_OR_RETURN(stored, parts_.store->Load());
  }
  Complete(stored.resources);
  return stored;
}

Edge::Edge(EdgeConfig config, Parts parts)
    : config_(std::move(config)),
      parts_(std::move(parts)),
      devices_(*parts_.data_plane, *parts_.underlay, *parts_.maps),
      started_(parts_.clock->Now()) {}

absl::Status Edge::Start() {
  parts_.underlay->SetListener(
      {.on_link =
           [this](uint32_t) {
             if (!snapshot_) return;
             const std::vector<DeviceCounters> before = Counters();
             devices_.Follow(WantedDevices(config_, snapshot_->resources()));
             CountGone(before);
             KeepBooks();
             parts_.engine->OnUnderlayChange();
           },
       .on_address = [this](uint32_t) { parts_.engine->OnUnderlayChange(); },
       .on_route = [this] { parts_.engine->OnUnderlayChange(); },
       .on_neighbour =
           [this](uint32_t, const IpAddress&) {
             parts_.engine->OnUnderlayChange();
           }});
  ASSIGN_OR_RETURN(StoredResources stored, LoadStored());
  BeginFlowLog();
  RETURN_IF_ERROR(PutInForce(std::move(stored), /*strict=*/false));
  RETURN_IF_ERROR(ContinueFlowLog());
  const Engine::Statistics statistics = parts_.engine->statistics();
  spdlog::info("edge {}: epoch {}, {} tenants, {}; {} flows adopted",
               config_.edge, snapshot_->epoch(),
               snapshot_->resources().tenants.size(),
               adopted() ? "data plane adopted" : "new data plane",
               statistics.flows_adopted);
  RETURN_IF_ERROR(
      parts_.data_plane->OpenPuntPath(PuntDeviceName(config_.edge)));
  if (adopted()) CountGone(parts_.counters);
  return absl::OkStatus();
}

std::string Edge::flow_history() const {
  return FlowHistoryPath(StatePath(config_));
}

// What a log counts is of one data plane.
void Edge::BeginFlowLog() {
  if (parts_.flow_log != nullptr && !adopted())
    parts_.flow_log->BeginCounting(0);
}

std::vector<DeviceCounters> Edge::Counters() const {
  return parts_.maps->ReadCounters().value_or(std::vector<DeviceCounters>());
}

void Edge::CountGone(const std::vector<DeviceCounters>& before) {
  if (parts_.flow_log != nullptr)
    parts_.flow_log->CountGone(PacketsGone(before, Counters()));
}

// A log that begins later takes what was forwarded before for given.
absl::Status Edge::ContinueFlowLog() {
  FlowLog* log = parts_.flow_log.get();
  if (log == nullptr || !adopted() || !log->is_new()) return absl::OkStatus();
  log->BeginCounting(0);
  ASSIGN_OR_RETURN(const FlowAccounts accounts, ReadFlowAccounts(*this));
  log->BeginCounting(
      static_cast<uint64_t>(accounts.devices.packets - accounts.live.packets));
  return absl::OkStatus();
}

absl::Status Edge::PutInForce(StoredResources stored, bool strict) {
  const std::vector<WantedDevice> wanted =
      WantedDevices(config_, stored.resources);
  RETURN_IF_ERROR(devices_.Attach(wanted, strict));
  KeepBooks();
  FaultPoint("apply");
  auto snapshot = std::make_shared<const Snapshot>(
      config_, std::move(stored.resources), stored.epoch, snapshot_.get());
  if (parts_.flow_log != nullptr) parts_.flow_log->Use(*snapshot);
  RETURN_IF_ERROR(parts_.engine->Apply(snapshot, stored.on_change));
  snapshot_ = std::move(snapshot);
  if (parts_.fleet != nullptr) parts_.fleet->InForce(snapshot_->epoch());
  FaultPoint("apply");
  const std::vector<DeviceCounters> before = Counters();
  const absl::Status detached = devices_.DetachOthers(wanted);
  CountGone(before);
  return detached;
}

void Edge::KeepBooks() {
  if (parts_.ledger == nullptr) return;
  const absl::Status status = parts_.ledger->Follow();
  if (!status.ok()) spdlog::error("ledger: {}", std::string(status.message()));
}

absl::Status Edge::MayApply(const Change& change) const {
  if (change.if_epoch && *change.if_epoch != snapshot_->epoch())
    return absl::AbortedError(absl::StrCat(
        "apply: epoch ", *change.if_epoch, " was to be changed, and ",
        snapshot_->epoch(), " is in force; look at it, then try again"));
  const std::optional<Probation>& probation = parts_.store->probation();
  if (!probation || change.ends_probation) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "apply: epoch ", probation->epoch, " is on probation until ",
      absl::FormatTime(absl::RFC3339_sec, probation->deadline,
                       absl::UTCTimeZone()),
      "; confirm it, or go back to epoch ", probation->back_to, ", first"));
}

EpochNote Edge::NoteOf(const Change& change) const {
  EpochNote note = {.from = snapshot_ ? snapshot_->epoch() : 0,
                    .time = parts_.clock->Now(),
                    .who = change.who,
                    .what = change.what,
                    .comment = change.comment,
                    .on_change = change.on_change};
  if (change.confirm) note.confirm_by = note.time + *change.confirm;
  return note;
}

absl::Status Edge::GoBack(Resources resources, const EpochNote& note) {
  ASSIGN_OR_RETURN(StoredResources stored,
                   parts_.store->Replace(std::move(resources), note));
  return PutInForce(std::move(stored), /*strict=*/false);
}

absl::StatusOr<uint32_t> Edge::Apply(Change change) {
  RETURN_IF_ERROR(MayApply(change));
  const std::shared_ptr<const Snapshot> old = snapshot_;
  EpochNote note = NoteOf(change);
  FaultPoint("apply");
  ASSIGN_OR_RETURN(StoredResources stored,
                   parts_.store->Replace(std::move(change.resources), note));
  FaultPoint("apply");
  const uint32_t epoch = stored.epoch;
  const absl::Status applied = PutInForce(std::move(stored), /*strict=*/true);
  if (applied.ok()) {
    spdlog::info("epoch {} is in force: {}, by {}", epoch, note.what, note.who);
    return epoch;
  }
  note = {.from = epoch,
          .time = parts_.clock->Now(),
          .who = note.who,
          .what = absl::StrCat("take back epoch ", epoch),
          .comment = std::string(applied.message())};
  const absl::Status back = GoBack(old->resources(), note);
  const std::string text = absl::StrCat(
      "apply: ", applied.message(),
      back.ok() ? "; nothing was changed"
                : absl::StrCat("; and going back failed: ", back.message()));
  spdlog::error("{}", text);
  return absl::Status(applied.code(), text);
}

absl::StatusOr<Change> Edge::Reversal(const Probation& probation) const {
  ASSIGN_OR_RETURN(StoredResources before,
                   parts_.store->LoadEpoch(probation.back_to));
  Complete(before.resources);
  return Change{
      .resources = std::move(before.resources),
      .who = "rampartd",
      .what = absl::StrCat("back to epoch ", probation.back_to,
                           ": nobody confirmed epoch ", probation.epoch)};
}

absl::Status Edge::FollowFleet() {
  TellHealth();
  std::optional<StoredResources> stored = parts_.fleet->Take();
  return stored ? Catch(*std::move(stored)) : absl::OkStatus();
}

// What does not fit this edge now may fit later.
absl::Status Edge::Catch(StoredResources stored) {
  const uint32_t epoch = stored.epoch;
  Complete(stored.resources);
  const absl::Status status = PutInForce(std::move(stored), /*strict=*/false);
  behind_ = absl::OkStatus();
  if (status.ok()) {
    spdlog::info("epoch {} of the fleet is in force", epoch);
    return status;
  }
  catch_next_ = parts_.clock->Now() + kRetry;
  behind_ = absl::Status(status.code(), absl::StrCat("epoch ", epoch,
                                                     " of the fleet: cannot be "
                                                     "put in force here: ",
                                                     status.message()));
  return behind_;
}

void Edge::TellHealth() {
  const absl::Status reached = parts_.fleet->health().reached;
  if (reached.ok() && !told_.ok())
    spdlog::info("state store {}: reached again", config_.state);
  if (!reached.ok() && told_.ok())
    spdlog::warn("state store {}: {}; going on with epoch {}", config_.state,
                 std::string(reached.message()), snapshot_->epoch());
  told_ = reached;
}

absl::Status Edge::OnTick() {
  const std::optional<Probation>& probation = parts_.store->probation();
  const absl::Time now = parts_.clock->Now();
  if (!behind_.ok() && now >= catch_next_) {
    ASSIGN_OR_RETURN(StoredResources stored, parts_.store->Load());
    RETURN_IF_ERROR(Catch(std::move(stored)));
  }
  if (!probation || now < probation->deadline || now < revert_next_)
    return absl::OkStatus();
  revert_next_ = now + kRetry;
  ASSIGN_OR_RETURN(Change change, Reversal(*probation));
  spdlog::warn("{}", change.what);
  return GoBack(std::move(change.resources), NoteOf(change));
}

absl::Status Edge::Reload() {
  ASSIGN_OR_RETURN(StoredResources stored, LoadStored());
  RETURN_IF_ERROR(PutInForce(std::move(stored), /*strict=*/false));
  spdlog::info("key files read again; epoch {}", snapshot_->epoch());
  return absl::OkStatus();
}

std::string BlockLogPath(std::string path) {
  constexpr std::string_view kSuffix = ".db";
  if (path.ends_with(kSuffix)) path.resize(path.size() - kSuffix.size());
  return path + ".nat.db";
}

std::string PuntDeviceName(const std::string& edge) {
  constexpr size_t kRoom = 15 - 3;
  if (edge.size() <= kRoom) return absl::StrCat("rp-", edge);
  return absl::StrFormat("rp-%.7s-%04x", edge,
                         std::hash<std::string>()(edge) & 0xffff);
}

}  // namespace rampart

// SPDX-License-Identifier: Apache-2.0
#include "controller/store/etcd/etcd_store.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <thread>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "controller/base/status.h"
#include "controller/base/unique_fd.h"
#include "controller/store/copy.h"
#include "controller/store/etcd/epochs.h"
#include "controller/store/ids.h"

namespace rampart {
namespace {

using Version = std::shared_ptr<const FleetVersion>;

// Epochs between two sweeps by an edge that writes.
constexpr uint32_t kSweepEvery = 50;

OnChange Strictest(OnChange a, OnChange b) { return std::max(a, b); }
static_assert(OnChange::kKeep < OnChange::kRecheck &&
              OnChange::kRecheck < OnChange::kCut);

class EtcdStore final : public FleetStore {
 public:
  static absl::StatusOr<std::unique_ptr<FleetStore>> Open(
      EtcdStoreOptions options);
  ~EtcdStore() override;

  absl::StatusOr<StoredResources> Load() override;
  absl::StatusOr<StoredResources> Replace(Resources resources,
                                          const EpochNote& note) override;
  absl::StatusOr<StoredResources> Preview(Resources resources) override;
  absl::StatusOr<std::vector<EpochRecord>> History(int limit) override;
  absl::StatusOr<StoredResources> LoadEpoch(uint32_t epoch) override;
  const std::optional<Probation>& probation() const override {
    return seen_->record.probation;
  }
  absl::Status Confirm(uint32_t epoch) override;
  uint64_t store_id() const override { return store_id_; }

  int fd() const override { return event_.get(); }
  std::optional<StoredResources> Take() override;
  FleetHealth health() const override;
  void InForce(uint32_t epoch) override;
  absl::StatusOr<std::vector<FleetEdge>> Edges() override;

 private:
  EtcdStore(EtcdStoreOptions options, StateCopy copy, UniqueFd event)
      : options_(std::move(options)),
        keys_{options_.prefix},
        client_(options_.etcd),
        epochs_(client_, keys_, options_.edge),
        copy_(std::move(copy)),
        event_(std::move(event)),
        started_(absl::Now()) {}
  absl::Status Begin();
  absl::Status BeginFromCopy(const absl::Status& why);

  // Of the caller's thread.
  absl::Status CheckReached() const;
  absl::Status CheckBase(uint32_t from);
  void See(Version version);

  // Of the thread.
  void Run();
  absl::Status Follow();
  absl::Status CheckNewest(const FleetVersion& known,
                           const FleetVersion& newest) const;
  absl::StatusOr<OnChange> StrictestSince(const FleetVersion& known,
                                          const FleetVersion& newest);
  absl::Status WriteCopy();
  absl::Status Register();
  void Publish(const absl::Status& reached, const absl::Status& copied);
  void WaitForChange(bool reached);
  Version Known() const {
    const absl::MutexLock lock(&mutex_);
    return known_;
  }

  const EtcdStoreOptions options_;
  const FleetKeys keys_;
  EtcdClient client_;
  EtcdEpochs epochs_;
  StateCopy copy_;  // of the thread, once it runs
  const UniqueFd event_;
  const absl::Time started_;
  uint64_t store_id_ = 0;

  // Of the caller: the epoch that he knows.
  Version seen_;
  Ids ids_;

  // Of the thread.
  Version copied_;
  Version told_;
  int64_t lease_ = 0;
  absl::Time lease_kept_;
  uint32_t registered_ = 0;
  uint32_t swept_ = 0;

  mutable absl::Mutex mutex_;
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  Version known_ ABSL_GUARDED_BY(mutex_);                         // the newest
  OnChange on_change_ ABSL_GUARDED_BY(mutex_) = OnChange::kKeep;  // since seen_
  FleetHealth health_ ABSL_GUARDED_BY(mutex_);
  uint32_t in_force_ ABSL_GUARDED_BY(mutex_) = 0;
  uint32_t written_ ABSL_GUARDED_BY(mutex_) = 0;  // epochs, by this edge
  std::unique_ptr<EtcdClient::Watch> watch_ ABSL_GUARDED_BY(mutex_);

  std::thread thread_;  // last: uses all of the above
};

absl::StatusOr<std::unique_ptr<FleetStore>> EtcdStore::Open(
    EtcdStoreOptions options) {
  ASSIGN_OR_RETURN(StateCopy copy, StateCopy::Open(options.copy, options.url));
  UniqueFd event(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!event.valid()) return absl::ErrnoToStatus(errno, "state store: eventfd");
  auto store = absl::WrapUnique(
      new EtcdStore(std::move(options), std::move(copy), std::move(event)));
  RETURN_IF_ERROR(store->Begin());
  store->thread_ = std::thread([raw = store.get()] { raw->Run(); });
  return store;
}

absl::Status EtcdStore::Begin() {
  absl::StatusOr<Version> newest = epochs_.Newest(nullptr);
  if (absl::IsNotFound(newest.status())) {
    RETURN_IF_ERROR(epochs_.Begin());
    newest = epochs_.Newest(nullptr);
  }
  if (!newest.ok()) {
    RETURN_IF_ERROR(BeginFromCopy(newest.status()));
  } else {
    ASSIGN_OR_RETURN(const auto content, copy_.Read());
    const absl::MutexLock lock(&mutex_);
    known_ = *std::move(newest);
    store_id_ = known_->record.store_id;
    health_.as_of = absl::Now();
    if (content && content->store_id != store_id_)
      return absl::FailedPreconditionError(absl::StrCat(
          "state store ", options_.url, ": is not the one that the local copy ",
          options_.copy,
          " is of; if etcd was set up anew, run rampartd --detach and remove "
          "the copy"));
    if (content && content->stored.epoch > known_->record.epoch.epoch)
      return absl::FailedPreconditionError(absl::StrCat(
          "state store ", options_.url, ": has epoch ",
          known_->record.epoch.epoch, ", and the local copy ", options_.copy,
          " has ", content->stored.epoch,
          " already; if etcd was restored from a backup, run rampartd --detach "
          "and remove the copy"));
  }
  See(Known());
  return absl::OkStatus();
}

absl::Status EtcdStore::BeginFromCopy(const absl::Status& why) {
  ASSIGN_OR_RETURN(const auto content, copy_.Read());
  if (!content)
    return absl::Status(
        why.code(),
        absl::StrCat("state store ", options_.url, ": ", why.message(),
                     "; and the local copy ", options_.copy, " is empty"));
  store_id_ = content->store_id;
  const absl::MutexLock lock(&mutex_);
  known_ = std::make_shared<const FleetVersion>(
      VersionOf(content->store_id, content->stored));
  health_.reached = why;
  health_.as_of = absl::InfinitePast();
  return absl::OkStatus();
}

EtcdStore::~EtcdStore() {
  {
    const absl::MutexLock lock(&mutex_);
    stop_ = true;
    if (watch_) watch_->Cancel();
  }
  if (thread_.joinable()) thread_.join();
}

// --- of the caller ---

void EtcdStore::See(Version version) {
  CollectIds(*version, seen_.get(), ids_);
  seen_ = std::move(version);
}

absl::Status EtcdStore::CheckReached() const {
  const FleetHealth now = health();
  if (now.reached.ok()) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat("state store ", options_.url, ": ", now.reached.message(),
                   "; nothing was changed, the edge goes on with epoch ",
                   seen_->record.epoch.epoch));
}

// Knows what others did to the epoch that the caller knows: confirmed it, or
// answered again after a start from the copy.
absl::Status EtcdStore::CheckBase(uint32_t from) {
  const Version known = Known();
  if (known->revision > seen_->revision &&
      known->record.epoch.epoch == seen_->record.epoch.epoch)
    See(known);
  const uint32_t epoch = seen_->record.epoch.epoch;
  if (from != epoch)
    return absl::AbortedError(
        absl::StrCat("epoch ", from, " was to be changed, and ", epoch,
                     " is in force; look at it, then try again"));
  return absl::OkStatus();
}

absl::StatusOr<StoredResources> EtcdStore::Load() {
  Take();
  return seen_->stored();
}

absl::StatusOr<StoredResources> EtcdStore::Preview(Resources resources) {
  const StoredResources now = seen_->stored();
  ASSIGN_OR_RETURN(const std::vector<NewId> given,
                   AssignIds(resources, now.resources, ids_));
  TakeBack(given, ids_);
  return StoredResources{.epoch = now.epoch + 1,
                         .resources = std::move(resources)};
}

absl::StatusOr<StoredResources> EtcdStore::Replace(Resources resources,
                                                   const EpochNote& note) {
  RETURN_IF_ERROR(CheckReached());
  RETURN_IF_ERROR(CheckBase(note.from));
  ASSIGN_OR_RETURN(const std::vector<NewId> given,
                   AssignIds(resources, seen_->stored().resources, ids_));
  absl::StatusOr<Version> written = epochs_.Write(*seen_, resources, note);
  if (!written.ok()) {
    TakeBack(given, ids_);
    return written.status();
  }
  seen_ = *std::move(written);
  {
    const absl::MutexLock lock(&mutex_);
    if (known_->revision < seen_->revision) {
      known_ = seen_;
      on_change_ = OnChange::kKeep;
    }
    ++written_;
  }
  return StoredResources{.epoch = seen_->record.epoch.epoch,
                         .resources = std::move(resources),
                         .on_change = note.on_change};
}

absl::Status EtcdStore::Confirm(uint32_t epoch) {
  const auto waiting = probation();
  if (!waiting || waiting->epoch != epoch)
    return absl::FailedPreconditionError(
        absl::StrCat("epoch ", epoch, ": waits for no confirmation; it is ",
                     epoch == seen_->record.epoch.epoch ? "in force to stay"
                                                        : "not in force"));
  RETURN_IF_ERROR(CheckReached());
  RETURN_IF_ERROR(CheckBase(epoch));
  ASSIGN_OR_RETURN(seen_, epochs_.Confirm(*seen_));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<EpochRecord>> EtcdStore::History(int limit) {
  RETURN_IF_ERROR(CheckReached());
  ASSIGN_OR_RETURN(std::vector<FleetRecord> records, epochs_.Records(limit));
  std::vector<EpochRecord> history;
  history.reserve(records.size());
  for (FleetRecord& record : records)
    history.push_back(std::move(record.epoch));
  return history;
}

absl::StatusOr<StoredResources> EtcdStore::LoadEpoch(uint32_t epoch) {
  if (epoch == 0) return StoredResources();
  if (epoch == seen_->record.epoch.epoch) return seen_->stored();
  RETURN_IF_ERROR(CheckReached());
  ASSIGN_OR_RETURN(const FleetVersion version, epochs_.Read(epoch, *seen_));
  return version.stored();
}

std::optional<StoredResources> EtcdStore::Take() {
  eventfd_t count;
  eventfd_read(event_.get(), &count);  // fails if it is quiet already
  const uint32_t epoch = seen_->record.epoch.epoch;
  OnChange on_change;
  {
    const absl::MutexLock lock(&mutex_);
    on_change = std::exchange(on_change_, OnChange::kKeep);
    if (known_->revision <= seen_->revision) return std::nullopt;
  }
  See(Known());
  if (seen_->record.epoch.epoch == epoch) return std::nullopt;
  StoredResources stored = seen_->stored();
  stored.on_change = Strictest(stored.on_change, on_change);
  return stored;
}

FleetHealth EtcdStore::health() const {
  const absl::MutexLock lock(&mutex_);
  return health_;
}

void EtcdStore::InForce(uint32_t epoch) {
  const absl::MutexLock lock(&mutex_);
  in_force_ = epoch;
}

absl::StatusOr<std::vector<FleetEdge>> EtcdStore::Edges() {
  RETURN_IF_ERROR(CheckReached());
  ASSIGN_OR_RETURN(const std::vector<EtcdValue> values,
                   client_.List(keys_.Edges(), {}));
  std::vector<FleetEdge> edges;
  for (const EtcdValue& value : values) {
    ASSIGN_OR_RETURN(FleetEdge edge, EdgeFromText(value.value));
    edges.push_back(std::move(edge));
  }
  return edges;
}

// --- of the thread ---

void EtcdStore::Run() {
  for (;;) {
    const absl::Status reached = Follow();
    const absl::Status copied = WriteCopy();
    Publish(reached, copied);
    WaitForChange(reached.ok());
    const absl::MutexLock lock(&mutex_);
    if (stop_) break;
  }
  if (lease_ != 0 && health().reached.ok())
    client_.RevokeLease(lease_).IgnoreError();
}

absl::Status EtcdStore::Follow() {
  const Version known = Known();
  ASSIGN_OR_RETURN(const Version newest, epochs_.Newest(known));
  RETURN_IF_ERROR(CheckNewest(*known, *newest));
  if (newest != known) {
    ASSIGN_OR_RETURN(const OnChange on_change, StrictestSince(*known, *newest));
    const absl::MutexLock lock(&mutex_);
    if (newest->revision > known_->revision) {
      known_ = newest;
      on_change_ = Strictest(on_change_, on_change);
    }
  }
  return Register();
}

// known: of before it was read; the caller may have written since.
absl::Status EtcdStore::CheckNewest(const FleetVersion& known,
                                    const FleetVersion& newest) const {
  if (newest.record.store_id != store_id_)
    return absl::FailedPreconditionError(
        "etcd: holds the state of another fleet now; to join it, run rampartd "
        "--detach and remove the local copy");
  const uint32_t epoch = known.record.epoch.epoch;
  if (newest.record.epoch.epoch < epoch)
    return absl::FailedPreconditionError(absl::StrCat(
        "etcd: went back from epoch ", epoch, " to ", newest.record.epoch.epoch,
        "; if it was restored from a backup, run rampartd --detach and remove "
        "the local copy"));
  return absl::OkStatus();
}

absl::StatusOr<OnChange> EtcdStore::StrictestSince(const FleetVersion& known,
                                                   const FleetVersion& newest) {
  OnChange strictest = OnChange::kKeep;
  const uint32_t last = newest.record.epoch.epoch;
  const uint32_t first = std::max(known.record.epoch.epoch + 1,
                                  last - std::min<uint32_t>(last, kEpochsKept));
  ASSIGN_OR_RETURN(const std::vector<FleetRecord> records,
                   epochs_.Records(first, last));
  for (const FleetRecord& record : records)
    strictest = Strictest(strictest, record.epoch.on_change);
  return strictest;
}

absl::Status EtcdStore::WriteCopy() {
  const Version known = Known();
  if (copied_ == known) return absl::OkStatus();
  RETURN_IF_ERROR(copy_.Write(store_id_, known->stored()));
  copied_ = known;
  return absl::OkStatus();
}

absl::Status EtcdStore::Register() {
  uint32_t epoch;
  uint32_t written;
  {
    const absl::MutexLock lock(&mutex_);
    epoch = in_force_;
    written = written_;
  }
  if (written >= swept_ + kSweepEvery) {
    RETURN_IF_ERROR(epochs_.Sweep());
    swept_ = written;
  }
  const absl::Time now = absl::Now();
  if (lease_ != 0 && now - lease_kept_ > options_.lease / 3) {
    const absl::Status kept = client_.KeepLease(lease_);
    if (absl::IsNotFound(kept))
      lease_ = 0;
    else if (!kept.ok())
      return kept;
    lease_kept_ = now;
  }
  if (lease_ != 0 && registered_ == epoch) return absl::OkStatus();
  if (lease_ == 0) {
    ASSIGN_OR_RETURN(lease_, client_.GrantLease(options_.lease));
    lease_kept_ = now;
  }
  RETURN_IF_ERROR(
      client_
          .Commit({.puts = {{keys_.Edges() + options_.edge,
                             EdgeToText({.name = options_.edge,
                                         .api = options_.api,
                                         .version = options_.version,
                                         .epoch = epoch,
                                         .started = started_}),
                             lease_}}})
          .status());
  registered_ = epoch;
  return absl::OkStatus();
}

void EtcdStore::Publish(const absl::Status& reached,
                        const absl::Status& copied) {
  const absl::MutexLock lock(&mutex_);
  const bool news =
      health_.reached != reached || health_.copy != copied || told_ != known_;
  health_.reached = reached;
  health_.copy = copied;
  if (reached.ok()) health_.as_of = absl::Now();
  told_ = known_;
  if (news) eventfd_write(event_.get(), 1);
}

void EtcdStore::WaitForChange(bool reached) {
  EtcdClient::Watch* watch = nullptr;
  {
    const absl::MutexLock lock(&mutex_);
    if (!reached) watch_.reset();
    if (reached && !watch_ && !stop_)
      watch_ = client_.WatchKey(keys_.Head(), known_->revision + 1);
    watch = watch_.get();
    if (watch == nullptr) {
      mutex_.AwaitWithTimeout(absl::Condition(&stop_), options_.poll);
      return;
    }
  }
  // Only this thread takes it away.
  const absl::StatusOr<bool> changed = watch->Wait(absl::Now() + options_.poll);
  if (changed.ok()) return;
  const absl::MutexLock lock(&mutex_);
  watch_.reset();
  mutex_.AwaitWithTimeout(absl::Condition(&stop_), options_.poll / 10);
}

}  // namespace

absl::StatusOr<std::unique_ptr<FleetStore>> OpenEtcdStore(
    EtcdStoreOptions options) {
  return EtcdStore::Open(std::move(options));
}

}  // namespace rampart

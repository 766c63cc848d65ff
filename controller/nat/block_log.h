// SPDX-License-Identifier: Apache-2.0
// Who had which block of external ports when, on disk before the block is used
// (RFC 6888 REQ-12 to REQ-14: a record per block, and no destinations); and the
// mappings that subscribers have asked for.
#ifndef RAMPART_CONTROLLER_NAT_BLOCK_LOG_H_
#define RAMPART_CONTROLLER_NAT_BLOCK_LOG_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <variant>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "controller/base/ip.h"
#include "controller/base/unique_fd.h"
#include "controller/nat/explicit_mapping.h"
#include "controller/store/sqlite.h"

namespace rampart {

// The fields of RFC 8158 sections 5.7.1 and 5.7.2, and names for people: a
// name may belong to another VNI later.
struct NatBlock {
  std::string tenant;
  std::string vnet;
  uint32_t vni = 0;
  IpAddress inside;
  std::string pool;
  IpAddress outside;
  uint16_t first = 0;  // port, host order
  uint16_t last = 0;
  friend bool operator==(const NatBlock&, const NatBlock&) = default;
};

struct BlockRecord {
  bool granted = false;  // RFC 8158 natEvent 16; else released: 17
  absl::Time time;
  NatBlock block;
};

struct MappingRecord {
  bool kept = false;  // else it is over
  ExplicitMapping mapping;
};

// From a grant to its release.
struct BlockTenure {
  NatBlock block;
  absl::Time granted;
  absl::Time released;  // InfiniteFuture(): not yet
};

// Records are written by a thread of the log, all that wait in one transaction
// of the file, so that many blocks cost one write to the disk. All calls are
// for one thread; none but the readers touches the disk.
class BlockLog {
 public:
  struct Options {
    std::string path;  // made if missing, for its owner only
    absl::Duration retry = absl::Seconds(1);  // after a write that failed
    size_t waiting = 100000;                  // records, at most
  };
  // Errors: those of Sqlite::Open() and Sqlite::UseSchema().
  static absl::StatusOr<std::unique_ptr<BlockLog>> Open(Options options);
  // Writes what waits, unless the disk refuses it.
  ~BlockLog();

  using Record = std::variant<BlockRecord, MappingRecord>;
  // The record's number: 1, 2, 3, ... Not durable before Committed() says so.
  // What ends is always taken: there is no more of it than of what begins.
  // Errors: Unavailable for a beginning while Options::waiting records wait.
  absl::StatusOr<uint64_t> Append(Record record);

  // Readable when Committed() or status() has changed.
  int fd() const { return event_.get(); }
  // The number of the last durable record; fd() is quiet afterwards.
  uint64_t Committed();
  // Why the last write failed; it is tried again until it succeeds, and
  // nothing is committed meanwhile.
  absl::Status status() const;

  // Deletes what was released before `time`, in small pieces, later.
  void Prune(absl::Time time);

  // Who had the port at any moment from `from` to `to`, latest first. More
  // than one if it changed hands meanwhile, or if the clock was set back.
  absl::StatusOr<std::vector<BlockTenure>> Whois(const IpAddress& outside,
                                                 uint16_t port, absl::Time from,
                                                 absl::Time to);
  // What a new run must know of the one before: the blocks not released, and
  // the mappings that are not over.
  absl::StatusOr<std::vector<BlockTenure>> OpenBlocks();
  absl::StatusOr<std::vector<ExplicitMapping>> Mappings();
  // Since when no mapping was lost; now, if nothing is known. For the start:
  // waits for the disk.
  absl::StatusOr<absl::Time> Epoch(absl::Time now);
  absl::Status BeginEpoch(absl::Time now);

 private:
  BlockLog(Options options, Sqlite writer, Sqlite reader, UniqueFd event);
  absl::StatusOr<std::vector<BlockTenure>> ReadBlocks(
      std::string_view condition, std::initializer_list<Sqlite::Value> values);
  template <typename T>
  absl::StatusOr<std::vector<T>> Read(
      std::string_view sql, std::initializer_list<Sqlite::Value> values,
      absl::StatusOr<T> (*convert)(const Sqlite::Row&));

  // Of the thread.
  void Run();
  bool HasWork() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return stop_ || !waiting_.empty() || prune_before_ > absl::InfinitePast();
  }
  bool Written(const absl::Status& status)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Write(absl::Time prune_before, bool& pruned);
  absl::Status WriteRecord(const BlockRecord& record);
  absl::Status WriteRecord(const MappingRecord& record);

  const Options options_;
  Sqlite writer_;              // of the thread
  std::vector<Record> batch_;  // of the thread: being written
  Sqlite reader_;
  const UniqueFd event_;

  mutable absl::Mutex mutex_;
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Time prune_before_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  std::vector<Record> waiting_ ABSL_GUARDED_BY(mutex_);
  uint64_t appended_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t committed_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);

  std::thread thread_;  // last: uses all of the above
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_NAT_BLOCK_LOG_H_

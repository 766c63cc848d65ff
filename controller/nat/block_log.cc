// SPDX-License-Identifier: Apache-2.0
#include "controller/nat/block_log.h"

#include <fcntl.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "controller/base/status.h"
#include "controller/base/text.h"

namespace rampart {
namespace {

constexpr Sqlite::Schema kSchema = {.application_id = 0x52504e4c,  // "RPNL"
                                    .version = 1};

// A row is a tenure; times are microseconds of Unix time. `widths` has every
// last - first that ever was: a look-up by port needs no row that begins
// further below than the widest.
constexpr char kBlocks[] =
    "CREATE TABLE blocks (outside TEXT NOT NULL, first INTEGER NOT NULL,"
    " last INTEGER NOT NULL, granted INTEGER NOT NULL, released INTEGER,"
    " pool TEXT NOT NULL, tenant TEXT NOT NULL, vnet TEXT NOT NULL,"
    " vni INTEGER NOT NULL, inside TEXT NOT NULL) STRICT";
constexpr char kMappings[] =
    "CREATE TABLE mappings (vni INTEGER, inside TEXT, protocol INTEGER,"
    " inside_port INTEGER, remote TEXT, remote_port INTEGER,"
    " pool TEXT NOT NULL, outside TEXT NOT NULL, outside_port INTEGER NOT NULL,"
    " nonce TEXT NOT NULL, expires INTEGER NOT NULL,"
    " PRIMARY KEY (vni, inside, protocol, inside_port, remote, remote_port))"
    " STRICT, WITHOUT ROWID";
constexpr char kEpoch[] =
    "CREATE TABLE epoch (one INTEGER PRIMARY KEY CHECK (one = 1),"
    " began INTEGER NOT NULL) STRICT";
constexpr const char* kTables[] = {
    kBlocks,
    kMappings,
    kEpoch,
    "CREATE INDEX by_port ON blocks (outside, first, granted)",
    "CREATE INDEX unended ON blocks (outside, first) WHERE released IS NULL",
    "CREATE INDEX ended ON blocks (released) WHERE released IS NOT NULL",
    "CREATE TABLE widths (width INTEGER PRIMARY KEY) STRICT",
};

// A port has one owner at a time, so a grant ends whatever overlaps it: such
// as a block of a pool that has been laid out anew since. The clock may have
// been set back.
constexpr std::string_view kRelease =
    "UPDATE blocks SET released = max(granted, ?4) WHERE outside = ?1"
    " AND first <= ?3 AND last >= ?2 AND released IS NULL"
    " AND first >= ?2 - (SELECT max(width) FROM widths)";
constexpr std::string_view kGrant =
    "INSERT INTO blocks VALUES (?, ?, ?, ?, NULL, ?, ?, ?, ?, ?)";
constexpr std::string_view kWidth = "INSERT OR IGNORE INTO widths VALUES (?)";
// Few enough that a grant which comes meanwhile waits some milliseconds.
constexpr std::string_view kPrune =
    "DELETE FROM blocks WHERE rowid IN"
    " (SELECT rowid FROM blocks WHERE released < ? LIMIT ?)";
constexpr int64_t kPrunedAtOnce = 1000;

constexpr std::string_view kKeepMapping =
    "INSERT OR REPLACE INTO mappings VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
constexpr std::string_view kEndMapping =
    "DELETE FROM mappings WHERE vni = ? AND inside = ? AND protocol = ?"
    " AND inside_port = ? AND remote = ? AND remote_port = ?";
constexpr std::string_view kSelectMappings =
    "SELECT vni, inside, protocol, inside_port, remote, remote_port, pool,"
    " outside, outside_port, nonce, expires FROM mappings";

constexpr std::string_view kSelect =
    "SELECT outside, first, last, granted, released, pool, tenant, vnet, vni,"
    " inside FROM blocks WHERE ";
constexpr std::string_view kHeldBetween =
    "outside = ?1 AND first <= ?2 AND last >= ?2"
    " AND first >= ?2 - (SELECT max(width) FROM widths)"
    " AND granted <= ?4 AND (released IS NULL OR released >= ?3)"
    " ORDER BY granted DESC, rowid DESC";

absl::StatusOr<BlockTenure> ToTenure(const Sqlite::Row& row) {
  ASSIGN_OR_RETURN(const IpAddress outside, IpAddress::Parse(row.Text(0)));
  ASSIGN_OR_RETURN(const IpAddress inside, IpAddress::Parse(row.Text(9)));
  return BlockTenure{.block = {.tenant = std::string(row.Text(6)),
                               .vnet = std::string(row.Text(7)),
                               .vni = static_cast<uint32_t>(row.Integer(8)),
                               .inside = inside,
                               .pool = std::string(row.Text(5)),
                               .outside = outside,
                               .first = static_cast<uint16_t>(row.Integer(1)),
                               .last = static_cast<uint16_t>(row.Integer(2))},
                     .granted = absl::FromUnixMicros(row.Integer(3)),
                     .released = row.IsNull(4)
                                     ? absl::InfiniteFuture()
                                     : absl::FromUnixMicros(row.Integer(4))};
}

absl::StatusOr<ExplicitMapping> ToMapping(const Sqlite::Row& row) {
  ASSIGN_OR_RETURN(const IpAddress inside, IpAddress::Parse(row.Text(1)));
  ASSIGN_OR_RETURN(const IpAddress remote, IpAddress::Parse(row.Text(4)));
  ASSIGN_OR_RETURN(const IpAddress outside, IpAddress::Parse(row.Text(7)));
  const auto port = [&](int column) {
    return static_cast<uint16_t>(row.Integer(column));
  };
  ExplicitMapping mapping = {
      .pool = std::string(row.Text(6)),
      .subscriber = {static_cast<uint32_t>(row.Integer(0)), inside},
      .protocol = static_cast<uint8_t>(row.Integer(2)),
      .inside_port = port(3),
      .remote = {remote, port(5)},
      .outside = {outside, port(8)},
      .expires = absl::FromUnixMicros(row.Integer(10))};
  const std::string nonce = absl::HexStringToBytes(Abseil(row.Text(9)));
  if (nonce.size() != mapping.nonce.size())
    return absl::DataLossError("a nonce has 12 bytes");
  std::copy(nonce.begin(), nonce.end(), mapping.nonce.begin());
  return mapping;
}

// What allows something new, and may be refused.
bool Begins(const BlockRecord& record) { return record.granted; }
bool Begins(const MappingRecord& record) { return record.kept; }

// SQLite would make the file readable for everybody, and its companions take
// the mode of the file.
absl::Status MakePrivate(const std::string& path) {
  const UniqueFd file(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (file.valid()) return absl::OkStatus();
  return absl::ErrnoToStatus(errno, absl::StrCat("NAT log ", path, ": open"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<BlockLog>> BlockLog::Open(Options options) {
  RETURN_IF_ERROR(MakePrivate(options.path));
  ASSIGN_OR_RETURN(Sqlite writer, Sqlite::Open(options.path));
  RETURN_IF_ERROR(writer.UseSchema(kSchema, [&]() -> absl::Status {
    for (const char* table : kTables) RETURN_IF_ERROR(writer.Run(table));
    return absl::OkStatus();
  }));
  ASSIGN_OR_RETURN(Sqlite reader, Sqlite::Open(options.path));
  UniqueFd event(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!event.valid()) return absl::ErrnoToStatus(errno, "NAT log: eventfd");
  return absl::WrapUnique(new BlockLog(std::move(options), std::move(writer),
                                       std::move(reader), std::move(event)));
}

BlockLog::BlockLog(Options options, Sqlite writer, Sqlite reader,
                   UniqueFd event)
    : options_(std::move(options)),
      writer_(std::move(writer)),
      reader_(std::move(reader)),
      event_(std::move(event)),
      thread_([this] { Run(); }) {}

BlockLog::~BlockLog() {
  {
    const absl::MutexLock lock(&mutex_);
    stop_ = true;
  }
  thread_.join();
}

absl::StatusOr<uint64_t> BlockLog::Append(Record record) {
  const bool begins =
      std::visit([](const auto& any) { return Begins(any); }, record);
  const absl::MutexLock lock(&mutex_);
  if (begins && appended_ - committed_ >= options_.waiting)
    return absl::UnavailableError(absl::StrCat("NAT log ", options_.path, ": ",
                                               appended_ - committed_,
                                               " records wait to be written"));
  waiting_.push_back(std::move(record));
  return ++appended_;
}

uint64_t BlockLog::Committed() {
  eventfd_t count;
  eventfd_read(event_.get(), &count);  // fails if it is quiet already
  const absl::MutexLock lock(&mutex_);
  return committed_;
}

absl::Status BlockLog::status() const {
  const absl::MutexLock lock(&mutex_);
  return status_;
}

void BlockLog::Prune(absl::Time time) {
  const absl::MutexLock lock(&mutex_);
  prune_before_ = time;
}

void BlockLog::Run() {
  mutex_.Lock();
  for (;;) {
    mutex_.Await(absl::Condition(this, &BlockLog::HasWork));
    if (stop_ && waiting_.empty()) break;
    batch_.swap(waiting_);
    absl::Status status;
    do {
      const absl::Time prune_before = prune_before_;
      bool pruned = false;
      mutex_.Unlock();
      status = Write(prune_before, pruned);
      mutex_.Lock();
      if (pruned && prune_before_ == prune_before)
        prune_before_ = absl::InfinitePast();
    } while (!Written(status) && !stop_);
    if (!status.ok()) break;
  }
  mutex_.Unlock();
}

// Tells how a write went, and after a failure waits. Returns if it went well.
bool BlockLog::Written(const absl::Status& status) {
  if (status.ok()) {
    committed_ += batch_.size();
    batch_.clear();
  }
  status_ = status;
  eventfd_write(event_.get(), 1);
  if (!status.ok())
    mutex_.AwaitWithTimeout(absl::Condition(&stop_), options_.retry);
  return status.ok();
}

absl::Status BlockLog::Write(absl::Time prune_before, bool& pruned) {
  return writer_.Write([&]() -> absl::Status {
    for (const Record& record : batch_)
      RETURN_IF_ERROR(std::visit(
          [this](const auto& any) { return WriteRecord(any); }, record));
    if (prune_before == absl::InfinitePast()) return absl::OkStatus();
    RETURN_IF_ERROR(
        writer_.Run(kPrune, {absl::ToUnixMicros(prune_before), kPrunedAtOnce}));
    ASSIGN_OR_RETURN(const int64_t rows,
                     writer_.QueryInteger("SELECT changes()"));
    pruned = rows < kPrunedAtOnce;
    return absl::OkStatus();
  });
}

absl::Status BlockLog::WriteRecord(const BlockRecord& record) {
  const NatBlock& block = record.block;
  const std::string outside = block.outside.ToString();
  const int64_t time = absl::ToUnixMicros(record.time);
  RETURN_IF_ERROR(
      writer_.Run(kRelease, {outside, block.first, block.last, time}));
  if (!record.granted) return absl::OkStatus();
  RETURN_IF_ERROR(writer_.Run(kWidth, {block.last - block.first}));
  const std::string inside = block.inside.ToString();
  return writer_.Run(
      kGrant, {outside, block.first, block.last, time, block.pool, block.tenant,
               block.vnet, block.vni, inside});
}

absl::Status BlockLog::WriteRecord(const MappingRecord& record) {
  const ExplicitMapping& mapping = record.mapping;
  const std::string inside = mapping.subscriber.address.ToString();
  const std::string remote = mapping.remote.address.ToString();
  if (!record.kept)
    return writer_.Run(kEndMapping,
                       {mapping.subscriber.realm, inside, mapping.protocol,
                        mapping.inside_port, remote, mapping.remote.port});
  const std::string outside = mapping.outside.address.ToString();
  const std::string nonce = absl::BytesToHexString(
      {reinterpret_cast<const char*>(mapping.nonce.data()),
       mapping.nonce.size()});
  return writer_.Run(
      kKeepMapping,
      {mapping.subscriber.realm, inside, mapping.protocol, mapping.inside_port,
       remote, mapping.remote.port, mapping.pool, outside, mapping.outside.port,
       nonce, absl::ToUnixMicros(mapping.expires)});
}

absl::StatusOr<std::vector<BlockTenure>> BlockLog::Whois(
    const IpAddress& outside, uint16_t port, absl::Time from, absl::Time to) {
  return ReadBlocks(kHeldBetween,
                    {outside.ToString(), port, absl::ToUnixMicros(from),
                     absl::ToUnixMicros(to)});
}

absl::StatusOr<std::vector<BlockTenure>> BlockLog::OpenBlocks() {
  return ReadBlocks("released IS NULL", {});
}

absl::StatusOr<std::vector<ExplicitMapping>> BlockLog::Mappings() {
  return Read<ExplicitMapping>(kSelectMappings, {}, &ToMapping);
}

absl::StatusOr<std::vector<BlockTenure>> BlockLog::ReadBlocks(
    std::string_view condition, std::initializer_list<Sqlite::Value> values) {
  return Read<BlockTenure>(std::string(kSelect).append(condition), values,
                           &ToTenure);
}

template <typename T>
absl::StatusOr<std::vector<T>> BlockLog::Read(
    std::string_view sql, std::initializer_list<Sqlite::Value> values,
    absl::StatusOr<T> (*convert)(const Sqlite::Row&)) {
  std::vector<T> all;
  absl::Status status;
  RETURN_IF_ERROR(reader_.Query(sql, values, [&](const Sqlite::Row& row) {
    absl::StatusOr<T> one = convert(row);
    if (one.ok())
      all.push_back(*std::move(one));
    else
      status.Update(one.status());
  }));
  if (!status.ok())
    return absl::DataLossError(
        absl::StrCat("NAT log ", options_.path, ": row: ", status.message()));
  return all;
}

absl::StatusOr<absl::Time> BlockLog::Epoch(absl::Time now) {
  RETURN_IF_ERROR(reader_.Run("INSERT OR IGNORE INTO epoch VALUES (1, ?)",
                              {absl::ToUnixMicros(now)}));
  ASSIGN_OR_RETURN(const int64_t began,
                   reader_.QueryInteger("SELECT began FROM epoch"));
  return absl::FromUnixMicros(began);
}

absl::Status BlockLog::BeginEpoch(absl::Time now) {
  return reader_.Run("INSERT OR REPLACE INTO epoch VALUES (1, ?)",
                     {absl::ToUnixMicros(now)});
}

}  // namespace rampart

// SPDX-License-Identifier: Apache-2.0
#include "controller/nat/block_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>

#include "absl/strings/str_cat.h"

namespace rampart {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

IpAddress Ip(std::string_view text) { return IpAddress::Parse(text).value(); }
absl::Time At(int64_t seconds) { return absl::FromUnixSeconds(seconds); }

NatBlock Block(std::string_view inside, std::string_view outside,
               uint16_t first, uint16_t last) {
  return {.tenant = "acme",
          .vnet = "main",
          .vni = 1001,
          .inside = Ip(inside),
          .pool = "default",
          .outside = Ip(outside),
          .first = first,
          .last = last};
}

BlockRecord Granted(int64_t seconds, NatBlock block) {
  return {.granted = true, .time = At(seconds), .block = std::move(block)};
}
BlockRecord Released(int64_t seconds, NatBlock block) {
  return {.granted = false, .time = At(seconds), .block = std::move(block)};
}

// Waits until the log says that something has changed.
void AwaitNews(BlockLog& log) {
  pollfd poll_fd = {.fd = log.fd(), .events = POLLIN, .revents = 0};
  ASSERT_EQ(poll(&poll_fd, 1, 10000), 1) << "nothing in 10 s";
}

void AwaitCommitted(BlockLog& log, uint64_t number) {
  while (log.Committed() < number) ASSERT_NO_FATAL_FAILURE(AwaitNews(log));
}

// Another program that has the file open.
class Intruder {
 public:
  explicit Intruder(const std::string& path) {
    EXPECT_EQ(sqlite3_open(path.c_str(), &database_), SQLITE_OK);
    sqlite3_busy_timeout(database_, 10000);
  }
  ~Intruder() { sqlite3_close(database_); }
  void Run(const std::string& sql) {
    char* error = nullptr;
    EXPECT_EQ(sqlite3_exec(database_, sql.c_str(), nullptr, nullptr, &error),
              SQLITE_OK)
        << error;
  }

 private:
  sqlite3* database_ = nullptr;
};

class BlockLogTest : public testing::Test {
 protected:
  BlockLogTest()
      : folder_(
            absl::StrCat(testing::TempDir(), "/block_log_test-", getpid())) {
    std::filesystem::create_directories(folder_);
    path_ = folder_ / "state.nat.db";
    Open();
  }
  ~BlockLogTest() override {
    log_.reset();
    std::filesystem::remove_all(folder_);
  }

  void Open(size_t waiting = 100000) {
    log_.reset();
    auto log = BlockLog::Open(
        {.path = path_, .retry = absl::Milliseconds(5), .waiting = waiting});
    ASSERT_TRUE(log.ok()) << log.status();
    log_ = *std::move(log);
  }
  void Append(const std::vector<BlockRecord>& records) {
    uint64_t last = 0;
    for (const BlockRecord& record : records)
      last = log_->Append(record).value();
    AwaitCommitted(*log_, last);
  }
  // Inside addresses of those who had the port then.
  std::vector<std::string> Who(std::string_view outside, uint16_t port,
                               absl::Time from, absl::Time to) {
    const std::vector<BlockTenure> tenures =
        log_->Whois(Ip(outside), port, from, to).value();
    std::vector<std::string> insides;
    insides.reserve(tenures.size());
    for (const BlockTenure& tenure : tenures)
      insides.push_back(tenure.block.inside.ToString());
    return insides;
  }
  std::vector<std::string> Who(std::string_view outside, uint16_t port,
                               int64_t seconds) {
    return Who(outside, port, At(seconds), At(seconds));
  }

  std::filesystem::path folder_;
  std::string path_;
  std::unique_ptr<BlockLog> log_;
};

TEST_F(BlockLogTest, AGrantIsOnDiskWhenItIsCommitted) {
  const NatBlock block = Block("10.1.0.5", "203.0.113.1", 1024, 1535);
  EXPECT_EQ(log_->Append(Granted(100, block)).value(), 1u);
  AwaitCommitted(*log_, 1);
  auto other = BlockLog::Open({.path = path_}).value();
  const std::vector<BlockTenure> open = other->OpenBlocks().value();
  ASSERT_THAT(open, SizeIs(1));
  EXPECT_EQ(open[0].block, block);
  EXPECT_EQ(open[0].granted, At(100));
  EXPECT_EQ(open[0].released, absl::InfiniteFuture());
}

TEST_F(BlockLogTest, WhoisKnowsWhoHadAPortWhen) {
  for (const char* outside : {"203.0.113.1", "2001:db8::1"}) {
    SCOPED_TRACE(outside);
    const NatBlock before = Block("10.1.0.5", outside, 1024, 1535);
    NatBlock after = Block("fd00::5", outside, 1024, 1535);
    after.tenant = "globex";
    Append({Granted(100, before), Released(200, before), Granted(320, after),
            Granted(100, Block("10.1.0.6", outside, 1536, 2047))});
    EXPECT_THAT(Who(outside, 1024, 99), IsEmpty());
    EXPECT_THAT(Who(outside, 1024, 100), ElementsAre("10.1.0.5"));
    EXPECT_THAT(Who(outside, 1535, 200), ElementsAre("10.1.0.5"));
    EXPECT_THAT(Who(outside, 1535, 201), IsEmpty()) << "it rests";
    EXPECT_THAT(Who(outside, 1100, 1000), ElementsAre("fd00::5"));
    EXPECT_THAT(Who(outside, 1100, At(150), At(400)),
                ElementsAre("fd00::5", "10.1.0.5"));
    EXPECT_THAT(Who(outside, 1536, 150), ElementsAre("10.1.0.6"));
    EXPECT_THAT(Who(outside, 1023, 150), IsEmpty());
    EXPECT_THAT(Who("203.0.113.2", 1024, 150), IsEmpty());
  }
}

TEST_F(BlockLogTest, APartOfASecondCounts) {
  BlockRecord granted = Granted(100, Block("10.1.0.5", "192.0.2.1", 1, 9));
  granted.time += absl::Microseconds(300001);
  Append({granted});
  EXPECT_THAT(
      Who("192.0.2.1", 5, At(100), At(100) + absl::Microseconds(300000)),
      IsEmpty());
  EXPECT_THAT(
      Who("192.0.2.1", 5, At(100), At(100) + absl::Microseconds(300001)),
      ElementsAre("10.1.0.5"));
}

TEST_F(BlockLogTest, AGrantEndsWhateverOverlapsIt) {
  Append({Granted(100, Block("10.1.0.1", "192.0.2.1", 1000, 1999)),
          Granted(100, Block("10.1.0.2", "192.0.2.1", 2000, 2999)),
          Granted(200, Block("10.1.0.3", "192.0.2.1", 1500, 2499)),
          Granted(200, Block("10.1.0.4", "192.0.2.2", 1500, 2499))});
  EXPECT_THAT(Who("192.0.2.1", 1000, 300), IsEmpty());
  EXPECT_THAT(Who("192.0.2.1", 1500, 300), ElementsAre("10.1.0.3"));
  EXPECT_THAT(Who("192.0.2.1", 2999, 300), IsEmpty());
  EXPECT_THAT(log_->OpenBlocks().value(), SizeIs(2));
}

// After a step back, wall-clock time names a moment twice.
TEST_F(BlockLogTest, AClockThatIsSetBackHidesNobody) {
  const NatBlock first = Block("10.1.0.1", "192.0.2.1", 1000, 1999);
  Append({Granted(1000, first), Released(900, first),
          Granted(910, Block("10.1.0.2", "192.0.2.1", 1000, 1999))});
  EXPECT_THAT(Who("192.0.2.1", 1000, 1000),
              ElementsAre("10.1.0.1", "10.1.0.2"));
}

TEST_F(BlockLogTest, ANewRunLearnsWhichBlocksAreOpen) {
  const NatBlock kept = Block("10.1.0.1", "192.0.2.1", 1000, 1999);
  const NatBlock over = Block("fd00::2", "2001:db8::1", 2000, 2999);
  for (const NatBlock& block : {kept, over})
    log_->Append(Granted(100, block)).value();
  log_->Append(Released(200, over)).value();
  Open();  // the log that goes writes what waits
  EXPECT_EQ(log_->Committed(), 0u) << "numbers begin anew";
  const auto open = log_->OpenBlocks().value();
  ASSERT_THAT(open, SizeIs(1));
  EXPECT_EQ(open[0].block, kept);
}

ExplicitMapping Mapping(std::string_view inside, uint16_t port) {
  return {.pool = "default",
          .subscriber = {1001, Ip(inside)},
          .protocol = 6,
          .inside_port = port,
          .outside = {Ip("192.0.2.1"), 40000},
          .nonce = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 255},
          .expires = At(1000) + absl::Microseconds(1)};
}

TEST_F(BlockLogTest, ANewRunLearnsWhichMappingsWereAskedFor) {
  ExplicitMapping renewed = Mapping("10.1.0.1", 80);
  ExplicitMapping peer = Mapping("fd00::1", 81);
  peer.remote = {Ip("2001:db8::9"), 443};
  const ExplicitMapping over = Mapping("10.1.0.1", 82);
  for (const ExplicitMapping& mapping : {renewed, peer, over})
    log_->Append(MappingRecord{.kept = true, .mapping = mapping}).value();
  renewed.expires = At(2000);
  log_->Append(MappingRecord{.kept = true, .mapping = renewed}).value();
  log_->Append(MappingRecord{.kept = false, .mapping = over}).value();
  Open();
  EXPECT_THAT(log_->Mappings().value(),
              testing::UnorderedElementsAre(renewed, peer));
}

TEST_F(BlockLogTest, TheEpochOfMappingsGoesOnUntilItBeginsAnew) {
  EXPECT_EQ(log_->Epoch(At(100)).value(), At(100));
  Open();
  EXPECT_EQ(log_->Epoch(At(200)).value(), At(100));
  EXPECT_TRUE(log_->BeginEpoch(At(300)).ok());
  EXPECT_EQ(log_->Epoch(At(400)).value(), At(300));
}

TEST_F(BlockLogTest, WhatIsTooOldIsPrunedAndNothingElse) {
  std::vector<BlockRecord> records;
  for (int i = 0; i < 2500; ++i) {  // more than are deleted at once
    const NatBlock block = Block("10.1.0.1", "192.0.2.1", 1000, 1999);
    records.push_back(Granted(100 + i, block));
    records.push_back(Released(100 + i, block));
  }
  records.push_back(Granted(50, Block("10.1.0.2", "192.0.2.1", 2000, 2999)));
  Append(records);
  log_->Prune(At(100 + 2400));
  const absl::Time deadline = absl::Now() + absl::Seconds(10);
  const auto left = [&] {
    return log_->Whois(Ip("192.0.2.1"), 1000, At(0), At(9999)).value().size();
  };
  while (left() > 100) {
    ASSERT_LT(absl::Now(), deadline);
    AwaitNews(*log_);
    log_->Committed();
  }
  EXPECT_EQ(left(), 100u);
  EXPECT_THAT(log_->OpenBlocks().value(), SizeIs(1)) << "open, however old";
}

TEST_F(BlockLogTest, AFullQueueRefusesGrantsAndTakesReleases) {
  Open(3);
  Intruder intruder(path_);
  intruder.Run("BEGIN IMMEDIATE");  // nobody else can write
  const NatBlock block = Block("10.1.0.1", "192.0.2.1", 1000, 1999);
  for (int i = 0; i < 3; ++i)
    EXPECT_TRUE(log_->Append(Granted(100, block)).ok());
  const auto refused = log_->Append(Granted(100, block));
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(refused.status().message()),
              HasSubstr("3 records wait"));
  EXPECT_EQ(log_->Append(Released(200, block)).value(), 4u);
  EXPECT_EQ(log_->Committed(), 0u);
  intruder.Run("COMMIT");
  AwaitCommitted(*log_, 4);
  EXPECT_TRUE(log_->Append(Granted(300, block)).ok());
}

TEST_F(BlockLogTest, AWriteThatFailsIsToldAndTriedAgain) {
  Intruder intruder(path_);
  intruder.Run("ALTER TABLE blocks RENAME TO hidden");
  const NatBlock block = Block("10.1.0.1", "192.0.2.1", 1000, 1999);
  ASSERT_TRUE(log_->Append(Granted(100, block)).ok());
  AwaitNews(*log_);
  EXPECT_THAT(std::string(log_->status().message()),
              HasSubstr("no such table: blocks"));
  ASSERT_TRUE(log_->Append(Released(200, block)).ok());
  EXPECT_EQ(log_->Committed(), 0u);
  intruder.Run("ALTER TABLE hidden RENAME TO blocks");
  AwaitCommitted(*log_, 2);
  EXPECT_TRUE(log_->status().ok()) << log_->status();
  EXPECT_THAT(Who("192.0.2.1", 1000, 150), ElementsAre("10.1.0.1"));
  EXPECT_THAT(log_->OpenBlocks().value(), IsEmpty());
}

TEST_F(BlockLogTest, ALogThatCannotBeWrittenCanStillBeClosed) {
  Intruder intruder(path_);
  intruder.Run("DROP TABLE blocks");
  ASSERT_TRUE(
      log_->Append(Granted(1, Block("10.1.0.1", "192.0.2.1", 1, 2))).ok());
  AwaitNews(*log_);
  log_.reset();
}

TEST_F(BlockLogTest, TheFileIsForItsOwnerOnly) {
  for (const char* suffix : {"", "-wal", "-shm"}) {
    struct stat file = {};
    ASSERT_EQ(stat((path_ + suffix).c_str(), &file), 0) << suffix;
    EXPECT_EQ(file.st_mode & 0777, 0600u) << suffix;
  }
}

TEST_F(BlockLogTest, AnotherProgramsFileIsRefused) {
  const std::string other = folder_ / "other.db";
  Intruder(other).Run("CREATE TABLE x (y)");
  EXPECT_EQ(BlockLog::Open({.path = other}).status().code(),
            absl::StatusCode::kFailedPrecondition);
  std::ofstream(folder_ / "text") << std::string(1000, 'x');
  EXPECT_FALSE(BlockLog::Open({.path = folder_ / "text"}).ok());
  EXPECT_FALSE(BlockLog::Open({.path = folder_ / "none" / "x"}).ok());
}

// A process appends blocks 0, 1, 2, ... and tells which are committed.
[[noreturn]] void AppendUntilKilled(const std::string& path, int news) {
  auto log = BlockLog::Open({.path = path}).value();
  for (uint32_t i = 0;; ++i) {
    NatBlock block = Block("10.1.0.1", "192.0.2.1", 1000, 1999);
    block.outside = IpAddress::V4(htobe32(i));
    if (!log->Append(Granted(100, block)).ok()) --i;
    const uint64_t committed = log->Committed();
    if (write(news, &committed, sizeof(committed)) < 0) _exit(1);
  }
}

TEST_F(BlockLogTest, WhatIsCommittedSurvivesAKill) {
  log_.reset();
  for (int round = 0; round < 5; ++round) {
    const std::string path = absl::StrCat(path_, round);
    int news[2];
    ASSERT_EQ(pipe(news), 0);
    const pid_t child = fork();
    if (child == 0) AppendUntilKilled(path, news[1]);
    close(news[1]);
    uint64_t committed = 0;
    while (committed < 20u + 100u * round)
      ASSERT_EQ(read(news[0], &committed, sizeof(committed)), 8);
    kill(child, SIGKILL);
    for (uint64_t more; read(news[0], &more, sizeof(more)) == 8;)
      committed = more;
    close(news[0]);
    waitpid(child, nullptr, 0);
    const std::vector<BlockTenure> open =
        BlockLog::Open({.path = path}).value()->OpenBlocks().value();
    std::vector<IpAddress> kept;
    kept.reserve(open.size());
    for (const BlockTenure& tenure : open) kept.push_back(tenure.block.outside);
    std::sort(kept.begin(), kept.end());
    ASSERT_GE(kept.size(), committed);
    for (size_t i = 0; i < kept.size(); ++i)  // and nothing is left out
      EXPECT_EQ(kept[i], IpAddress::V4(htobe32(i)));
  }
}

// Random histories of blocks of mixed sizes, against a list of them all.
TEST_F(BlockLogTest, WhoisAgreesWithAListOfAllTenures) {
  std::mt19937 random(1);
  std::vector<BlockTenure> all;
  for (int second = 0; second < 600; ++second) {
    const uint16_t width = 1u << random() % 10;
    const uint16_t first = random() % (2048 / width) * width;
    const NatBlock block = Block(absl::StrCat("10.1.0.", random() % 250),
                                 random() % 2 == 0 ? "192.0.2.1" : "fd00::1",
                                 first, first + width - 1);
    const bool granted = random() % 3 != 0;
    for (BlockTenure& tenure : all)
      if (tenure.released == absl::InfiniteFuture() &&
          tenure.block.outside == block.outside &&
          tenure.block.first <= block.last && tenure.block.last >= block.first)
        tenure.released = At(second);
    if (granted) all.push_back({block, At(second), absl::InfiniteFuture()});
    log_->Append(
            BlockRecord{.granted = granted, .time = At(second), .block = block})
        .value();
  }
  AwaitCommitted(*log_, 600);
  for (int query = 0; query < 2000; ++query) {
    const char* outside = query % 2 == 0 ? "192.0.2.1" : "fd00::1";
    const uint16_t port = random() % 2100;
    const absl::Time from = At(random() % 610);
    const absl::Time to = from + absl::Seconds(random() % 20);
    std::vector<std::string> expected;
    for (auto tenure = all.rbegin(); tenure != all.rend(); ++tenure)
      if (tenure->block.outside == Ip(outside) && tenure->block.first <= port &&
          port <= tenure->block.last && tenure->granted <= to &&
          tenure->released >= from)
        expected.push_back(tenure->block.inside.ToString());
    ASSERT_EQ(Who(outside, port, from, to), expected) << outside << port;
  }
}

}  // namespace
}  // namespace rampart

// SPDX-License-Identifier: Apache-2.0
#include "controller/flow_log/flow_log.h"

#include <sys/wait.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "controller/flow_log/json_sink.h"
#include "tests/controller/flow_log/log_fixture.h"

namespace rampart {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using Line = nlohmann::ordered_json;

std::vector<Line> ReadLines(const std::string& path) {
  std::vector<Line> lines;
  std::ifstream in(path);
  for (std::string text; std::getline(in, text);)
    lines.push_back(Line::parse(text));
  return lines;
}

TEST_F(FlowLogTest, ARecordTellsAllOfAFlow) {
  for (const Family family : {Family::kV4, Family::kV6}) {
    const std::string path = Path(family == Family::kV4 ? "4" : "6");
    OpenWith(JsonSink::Open({.path = path}).value());
    log_->Start(LogFlow(1234, family));
    log_->End(LogEnd(1234, family));
    log_.reset();
    const std::vector<Line> lines = ReadLines(path);
    // The second file does not have what is in the first.
    ASSERT_THAT(lines, SizeIs(family == Family::kV4 ? 2 : 3));
    const bool v4 = family == Family::kV4;
    const Line& start = lines[lines.size() - 2];
    EXPECT_EQ(start["event"], "START");
    EXPECT_EQ(start["time"], "2023-11-14T22:13:20.000000Z");
    EXPECT_EQ(start["tenant"], "acme");
    EXPECT_EQ(start["vnet"], "main");
    EXPECT_EQ(start["vni"], 1001);
    EXPECT_TRUE(start["identity"].is_null());
    EXPECT_EQ(start["on_ramp"], "fra");
    EXPECT_EQ(start["off_ramp"], "internet");
    EXPECT_EQ(start["rule"], "web");
    EXPECT_EQ(start["rule_at"], "resources.yaml:7");
    EXPECT_EQ(start["layer"], "ip");
    EXPECT_EQ(start["proto"], "tcp");
    EXPECT_EQ(start["src"], v4 ? "10.1.0.5" : "fd00:1::5");
    EXPECT_EQ(start["sport"], 1234);
    EXPECT_EQ(start["to_src"], v4 ? "203.0.113.1" : "2001:db8:203::1");
    EXPECT_EQ(start["to_sport"], 40000);
    EXPECT_EQ(start["nat"], "source");
    const Line& end = lines.back();
    EXPECT_EQ(end["seq"], start["seq"].get<int>() + 1);
    EXPECT_EQ(end["flow"], start["flow"]);
    EXPECT_EQ(end["event"], "END");
    EXPECT_EQ(end["reason"], "fin");
    EXPECT_EQ(end["packets"], 1234);
    EXPECT_EQ(end["bytes"], 123400);
    EXPECT_EQ(end["reverse_packets"], 2468);
    EXPECT_EQ(end["reverse_bytes"], 1234000);
    EXPECT_EQ(end["duration_ms"], 10066);  // 600 ticks
    EXPECT_EQ(end["adopted"], 0);
  }
}

TEST_F(FlowLogTest, ARefusalIsOneRecordWithItsReason) {
  const auto memory = std::make_shared<MemorySink::Memory>();
  OpenWith(std::make_unique<MemorySink>(memory));
  FlowState flow = LogFlow(1);
  flow.rule = {};
  log_->Deny(flow, RP_DROP_POLICY_DEFAULT);
  log_.reset();
  const absl::MutexLock lock(&memory->mutex);
  ASSERT_THAT(memory->kept, SizeIs(1));
  EXPECT_EQ(EventName(memory->kept[0].event), "DENY");
  EXPECT_EQ(ReasonName(memory->kept[0]), "RP-POL-002");
}

TEST_F(FlowLogTest, AFlowOfAnEarlierRunSaysSo) {
  const auto memory = std::make_shared<MemorySink::Memory>();
  OpenWith(std::make_unique<MemorySink>(memory));
  FlowEnd old = LogEnd(1);
  old.start = 999;
  log_->End(old);
  log_.reset();
  const absl::MutexLock lock(&memory->mutex);
  EXPECT_TRUE(memory->kept.at(0).adopted);
}

TEST_F(FlowLogTest, NamesOfWhatIsGoneStay) {
  const auto memory = std::make_shared<MemorySink::Memory>();
  const std::string path = Path("f");
  OpenWith(JsonSink::Open({.path = path}).value());
  Resources other = LogResources();
  other.tenants[0].Edit().id = 2;
  other.tenants[0].Edit().name = "globex";  // and its vnet gets the VNI
  other.tenants[0].Edit().tunnels = {{.id = 9, .name = "new", .vnet = "main"}};
  log_->Use(Snapshot(EdgeConfig(), other, 4));
  log_->End(LogEnd(1));
  log_.reset();
  const std::vector<Line> lines = ReadLines(path);
  EXPECT_EQ(lines.at(0)["tenant"], "acme");
  EXPECT_EQ(lines.at(0)["vnet"], "main");
  EXPECT_EQ(lines.at(0)["on_ramp"], "fra");
}

// A million flows while a sink stands still, as it does for a minute when its
// disk is gone: what it does not get is declared, to the last one.
TEST_F(FlowLogTest, NothingIsMissingUndeclared) {
  constexpr uint64_t kFlows = 1'000'000;
  const auto slow = std::make_shared<MemorySink::Memory>();
  const auto quick = std::make_shared<MemorySink::Memory>();
  slow->Pause(true);
  std::vector<std::unique_ptr<FlowSink>> sinks;
  sinks.push_back(std::make_unique<MemorySink>(slow));
  sinks.push_back(std::make_unique<MemorySink>(quick));
  Open(std::move(sinks), 100'000);
  for (uint32_t i = 0; i < kFlows; ++i) {
    log_->Start(LogFlow(i));
    log_->End(LogEnd(i));
    if (i % 10'000 == 0) {  // as slow as the quick sink is
      log_->Flush();
      ASSERT_TRUE(quick->AwaitSeen(2 * uint64_t{i}));
    }
  }
  log_->Flush();
  EXPECT_EQ(slow->seen(), 0u);
  ASSERT_TRUE(quick->AwaitSeen(2 * kFlows)) << "one sink stops another";
  slow->Pause(false);
  ASSERT_TRUE(slow->AwaitSeen(2 * kFlows));
  log_.reset();
  for (const auto& memory : {slow, quick}) {
    const absl::MutexLock lock(&memory->mutex);
    EXPECT_EQ(memory->records + memory->missing, 2 * kFlows);
    EXPECT_TRUE(memory->in_order);
    EXPECT_EQ(memory->last, 2 * kFlows);
  }
  const absl::MutexLock lock(&slow->mutex);
  EXPECT_GT(slow->missing, kFlows);
  EXPECT_GE(slow->records, 99'000u);
  const absl::MutexLock other(&quick->mutex);
  EXPECT_EQ(quick->missing, 0u);
}

TEST_F(FlowLogTest, AfterAGapRecordsGoOn) {
  const auto memory = std::make_shared<MemorySink::Memory>();
  memory->Pause(true);
  std::vector<std::unique_ptr<FlowSink>> sinks;
  sinks.push_back(std::make_unique<MemorySink>(memory));
  Open(std::move(sinks), 1024);
  for (uint32_t i = 0; i < 10'000; ++i) log_->Start(LogFlow(i));
  log_->Flush();
  memory->Pause(false);
  ASSERT_TRUE(memory->AwaitSeen(10'000));
  log_->Start(LogFlow(7));
  log_.reset();
  const absl::MutexLock lock(&memory->mutex);
  EXPECT_FALSE(memory->gaps.empty());
  EXPECT_EQ(memory->last, 10'001u);
  EXPECT_TRUE(memory->in_order);
}

TEST_F(FlowLogTest, ASinkThatFailsIsTriedAgain) {
  const auto memory = std::make_shared<MemorySink::Memory>();
  {
    const absl::MutexLock lock(&memory->mutex);
    memory->broken = true;
  }
  OpenWith(std::make_unique<MemorySink>(memory));
  log_->Start(LogFlow(1));
  log_->Flush();
  const auto deadline = absl::Now() + absl::Seconds(10);
  while (log_->statistics().at(0).status.ok() && absl::Now() < deadline) {
  }
  EXPECT_THAT(log_->statistics().at(0).status.ToString(), HasSubstr("broken"));
  {
    const absl::MutexLock lock(&memory->mutex);
    memory->broken = false;
  }
  EXPECT_TRUE(memory->AwaitSeen(1));
}

// The counters of the log are those of its records, whatever ends how.
TEST_F(FlowLogTest, TheLogsTotalsAreTheSumOfItsRecords) {
  const auto memory = std::make_shared<MemorySink::Memory>();
  OpenWith(std::make_unique<MemorySink>(memory));
  uint64_t packets = 0, bytes = 0;
  for (uint32_t i = 0; i < 50; ++i) {
    log_->Start(LogFlow(i));
    log_->Update(LogEnd(i));  // counts nothing
    log_->End(LogEnd(i));
    packets += 3 * uint64_t{i};
    bytes += 1100 * uint64_t{i};
  }
  EXPECT_EQ(log_->state().ended_flows, 50u);
  EXPECT_EQ(log_->state().ended_packets, packets);
  EXPECT_EQ(log_->state().ended_bytes, bytes);
  OpenWith(std::make_unique<MemorySink>(memory));
  EXPECT_EQ(log_->state().ended_packets, packets) << "another run";
  log_->BeginCounting(5);
  EXPECT_EQ(log_->state().ended_packets, 0u);
  EXPECT_EQ(log_->state().before_packets, 5u);
}

// Killed with records in memory: the numbers go on, and those are declared.
TEST_F(FlowLogTest, AKilledRunsRecordsAreDeclaredByTheNext) {
  const std::string path = Path("flows.jsonl");
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    OpenWith(JsonSink::Open({.path = path}).value());
    for (uint32_t i = 0; i < 1024; ++i) log_->Start(LogFlow(i));
    while (ReadLines(path).size() < 1024) {
    }
    for (uint32_t i = 0; i < 100; ++i) log_->Start(LogFlow(i));  // in memory
    kill(getpid(), SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  std::ofstream(path, std::ios::app) << "{\"seq\":1025,\"ti";  // half a line
  OpenWith(JsonSink::Open({.path = path}).value());
  log_->Start(LogFlow(1));
  log_.reset();
  const std::vector<Line> lines = ReadLines(path);
  ASSERT_THAT(lines, SizeIs(1026));
  EXPECT_EQ(lines[1023]["seq"], 1024);
  EXPECT_EQ(lines[1024]["event"], "GAP");
  EXPECT_EQ(lines[1024]["first"], 1025);
  EXPECT_EQ(lines[1024]["seq"], 1124);
  EXPECT_EQ(lines[1024]["count"], 100);
  EXPECT_EQ(lines[1025]["seq"], 1125);
}

// Also if the run had brought none there; but not what is in a file that
// somebody has taken away.
TEST_F(FlowLogTest, AnEmptyFileIsNoProofThatNothingIsMissing) {
  const std::string path = Path("flows.jsonl");
  uint64_t written = 0;
  {
    auto state = StateFile::Open(Path("state")).value();
    state->sequence = 5;
  }
  OpenWith(JsonSink::Open({.path = path, .written = &written}).value());
  log_.reset();
  const std::vector<Line> lines = ReadLines(path);
  ASSERT_THAT(lines, SizeIs(1));
  EXPECT_EQ(lines[0]["count"], 5);
  std::filesystem::remove(path);
  OpenWith(JsonSink::Open({.path = path, .written = &written}).value());
  log_.reset();
  EXPECT_THAT(ReadLines(path), IsEmpty());
}

TEST_F(FlowLogTest, FilesAreRotatedAndTheOldestGo) {
  const std::string path = Path("flows.jsonl");
  OpenWith(
      JsonSink::Open({.path = path, .rotate_size = 100'000, .rotate_keep = 2})
          .value());
  for (uint32_t i = 0; i < 4096; ++i) log_->Start(LogFlow(i));
  log_.reset();
  EXPECT_TRUE(std::filesystem::exists(path + ".1"));
  EXPECT_TRUE(std::filesystem::exists(path + ".2"));
  EXPECT_FALSE(std::filesystem::exists(path + ".3"));
  const std::vector<Line> older = ReadLines(path + ".1");
  const std::vector<Line> lines = ReadLines(path);
  EXPECT_EQ(lines.at(0)["seq"], older.back()["seq"].get<int>() + 1);
  EXPECT_EQ(lines.back()["seq"], 4096);
  // The number goes on although the file is new and empty.
  std::filesystem::rename(path, path + ".1");
  EXPECT_EQ(JsonSink::Open({.path = path}).value()->last(), 4096u);
}

TEST_F(FlowLogTest, AFileThatWasMovedAwayIsMadeAnew) {
  const std::string path = Path("flows.jsonl");
  OpenWith(JsonSink::Open({.path = path}).value());
  log_->Start(LogFlow(1));
  log_->Flush();
  while (ReadLines(path).empty()) {
  }
  std::filesystem::rename(path, path + "-moved");
  log_->Start(LogFlow(2));
  log_.reset();
  EXPECT_THAT(ReadLines(path), SizeIs(1));
  EXPECT_THAT(ReadLines(path + "-moved"), SizeIs(1));
}

}  // namespace
}  // namespace rampart

// SPDX-License-Identifier: Apache-2.0
#include "controller/flow_log/history.h"

#include <sqlite3.h>

#include <fstream>

#include "controller/flow_log/history_query.h"
#include "tests/controller/flow_log/log_fixture.h"

namespace rampart {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr absl::Duration kPatience = absl::Seconds(10);

class HistoryTest : public FlowLogTest {
 protected:
  HistoryTest() : path_(Path("state.flows.db")) {}

  std::unique_ptr<FlowSink> Sink(HistorySink::Options options = {}) {
    options.path = path_;
    options.linger = absl::ZeroDuration();
    return HistorySink::Open(options).value();
  }
  // A START and an END of each, in a run of its own.
  void Log(uint32_t first, uint32_t last, Family family = Family::kV4) {
    OpenWith(Sink());
    for (uint32_t i = first; i <= last; ++i) {
      log_->Start(LogFlow(i, family));
      log_->End(LogEnd(i, family));
    }
    log_.reset();
  }
  absl::StatusOr<Json> Ask(const Query& query) {
    return HistoryDocument(path_, query, clock_.now, kPatience);
  }
  // Sequence numbers of the records that the parameters choose.
  std::vector<int> Numbers(const Query& query) {
    const auto document = Ask(query);
    EXPECT_TRUE(document.ok()) << document.status();
    std::vector<int> numbers;
    for (const Json& row : (*document)["records"])
      numbers.push_back(row["seq"]);
    return numbers;
  }
  absl::Status Fails(const Query& query) { return Ask(query).status(); }
  // As somebody who can write the file may.
  void Tamper(const std::string& sql) {
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open(path_.c_str(), &database), SQLITE_OK);
    char* error = nullptr;
    EXPECT_EQ(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, &error),
              SQLITE_OK)
        << error;
    EXPECT_GT(sqlite3_changes(database), 0) << sql;
    sqlite3_close(database);
  }
  std::vector<std::string> Findings() {
    const auto report = VerifyHistory(path_);
    EXPECT_TRUE(report.ok()) << report.status();
    return report->findings;
  }

  const std::string path_;
};

TEST_F(HistoryTest, SelectorsChooseRecords) {
  Log(1, 3);
  Log(4, 4, Family::kV6);
  EXPECT_THAT(Numbers({}), ElementsAre(1, 2, 3, 4, 5, 6, 7, 8));
  EXPECT_THAT(Numbers({{"limit", "2"}}), ElementsAre(7, 8)) << "the newest";
  EXPECT_THAT(Numbers({{"after", "3"}, {"limit", "2"}}), ElementsAre(4, 5));
  EXPECT_THAT(Numbers({{"src", "fd00::/16"}}), ElementsAre(7, 8));
  EXPECT_THAT(Numbers({{"src", "10.0.0.0/8"}, {"sport", "2"}}),
              ElementsAre(3, 4));
  EXPECT_THAT(Numbers({{"event", "END"}, {"not-sport", "2"}}),
              ElementsAre(2, 6, 8));
  EXPECT_THAT(Numbers({{"tunnel", "fra"}, {"tenant", "acme"}}), SizeIs(8));
  EXPECT_THAT(Numbers({{"tenant", "globex"}}), IsEmpty());
}

TEST_F(HistoryTest, TimesChooseRecords) {
  Log(1, 1);
  clock_.now += absl::Hours(48);
  Log(2, 2);
  EXPECT_THAT(Numbers({{"last", "1d"}}), ElementsAre(3, 4));
  EXPECT_THAT(Numbers({{"last", "7d"}}), SizeIs(4));
  EXPECT_THAT(Numbers({{"until", "2023-11-15T00:00:00Z"}}), ElementsAre(1, 2));
  EXPECT_THAT(Numbers({{"since", "2023-11-15T01:00:00+01:00"}}),
              ElementsAre(3, 4));
}

TEST_F(HistoryTest, AFlowIsFoundByItsId) {
  Log(1, 3);
  const auto document = Ask({{"after", "2"}, {"limit", "1"}});
  const std::string id = (*document)["records"][0]["flow"];
  EXPECT_THAT(Numbers({{"flow", id}}), ElementsAre(3, 4));
}

TEST_F(HistoryTest, StatementsReadAndDoNothingElse) {
  Log(1, 3);
  const auto document = Ask(
      {{"sql", "SELECT event, sum(packets) AS p FROM records GROUP BY event"}});
  ASSERT_TRUE(document.ok()) << document.status();
  EXPECT_EQ((*document)["rows"].dump(),
            R"([{"event":"END","p":6},{"event":"START","p":0}])");
  for (const char* sql :
       {"DELETE FROM records", "PRAGMA query_only=OFF",
        "ATTACH DATABASE '/tmp/x' AS x", "SELECT load_extension('x')",
        "UPDATE records SET bytes = 0", "nonsense", " "})
    EXPECT_TRUE(absl::IsInvalidArgument(Fails({{"sql", sql}}))) << sql;
  EXPECT_THAT(Findings(), IsEmpty());
}

TEST_F(HistoryTest, AStatementThatDoesNotEndIsEnded) {
  Log(1, 1);
  Sqlite file =
      Sqlite::OpenToRead(path_, absl::Now() + absl::Milliseconds(20)).value();
  file.OnlyRead();
  EXPECT_TRUE(absl::IsDeadlineExceeded(
      file.Run("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n)"
               " SELECT count(*) FROM n")));
}

TEST_F(HistoryTest, MistakesAreToldInALine) {
  Log(1, 1);
  EXPECT_THAT(Fails({{"last", "x"}}).message(), HasSubstr("7d"));
  EXPECT_THAT(Fails({{"since", "x"}}).message(), HasSubstr("2026-"));
  EXPECT_THAT(Fails({{"event", "x"}}).message(), HasSubstr("START"));
  EXPECT_THAT(Fails({{"colour", "red"}}).message(), HasSubstr("colour"));
  EXPECT_TRUE(absl::IsNotFound(
      HistoryDocument(Path("none"), {}, clock_.now, kPatience).status()));
  std::ofstream(Path("text")) << "no database, but long enough for a header "
                                 "of one hundred bytes, which SQLite reads "
                                 "before anything else";
  EXPECT_TRUE(absl::IsFailedPrecondition(
      HistoryDocument(Path("text"), {}, clock_.now, kPatience).status()));
}

TEST_F(HistoryTest, AnEditedRecordIsNamed) {
  Log(1, 50);
  Log(51, 60);
  EXPECT_THAT(Findings(), IsEmpty());
  Tamper("UPDATE records SET bytes = bytes - 1 WHERE seq = 42");
  EXPECT_THAT(Findings(),
              ElementsAre("record 42: changed after it was written"));
  Tamper("UPDATE records SET bytes = bytes + 1 WHERE seq = 42");
  EXPECT_THAT(Findings(), IsEmpty());
}

TEST_F(HistoryTest, ARecordEditedWithItsHashIsFoundByItsBatch) {
  Log(1, 5);
  const auto row = Ask({{"sql", "SELECT hash FROM records WHERE seq = 4"}});
  Tamper("UPDATE records SET hash = '0123456789abcdef' WHERE seq = 4");
  EXPECT_THAT(Findings(), ElementsAre(HasSubstr("record 4")));
  // One who knows how it is computed.
  Tamper("DELETE FROM records WHERE seq = 4");
  Tamper(
      "INSERT INTO records SELECT 4, time, event, flow, tenant, vnet, vni,"
      " identity, on_ramp, off_ramp, rule, rule_at, layer, proto, src,"
      " sport, dst, dport, to_src, to_sport, to_dst, to_dport, nat, epoch,"
      " adopted, duration_ms, packets, bytes, reverse_packets,"
      " reverse_bytes, reason, first, count, 'x' FROM records WHERE seq=2");
  FlowRow forged;
  Sqlite file =
      Sqlite::OpenToRead(path_, absl::Now() + absl::Seconds(10)).value();
  ASSERT_TRUE(file.Query("SELECT * FROM records WHERE seq = 4",
                         [&](const Sqlite::Row& cells) {
                           for (int i = 0; i < cells.columns() - 1; ++i) {
                             if (cells.IsInteger(i))
                               forged[i] = cells.Integer(i);
                             else if (!cells.IsNull(i))
                               forged[i] = std::string(cells.Text(i));
                           }
                         })
                  .ok());
  Tamper(absl::StrCat("UPDATE records SET hash = '", RowHash(RowDigest(forged)),
                      "' WHERE seq = 4"));
  EXPECT_THAT(Findings(), ElementsAre("batch 1-10: a record and its hash were "
                                      "changed"));
}

TEST_F(HistoryTest, ARecordThatWasTakenOutIsNamed) {
  Log(1, 5);
  Tamper("DELETE FROM records WHERE seq = 4");
  EXPECT_THAT(Findings(),
              ElementsAre("records 4 to 4: missing, and no gap says so"));
}

TEST_F(HistoryTest, ABatchThatWasTakenOutIsFound) {
  Log(1, 2);
  Log(3, 4);
  Log(5, 6);
  Tamper("DELETE FROM records WHERE seq BETWEEN 5 AND 8");
  Tamper("DELETE FROM batches WHERE first = 5");
  EXPECT_THAT(Findings(),
              ElementsAre("batch 9-12: does not follow the batch before it",
                          "records 5 to 8: missing, and no gap says so"));
}

TEST_F(HistoryTest, GapsAreRowsOfTheChain) {
  Log(1, 2);
  // The state file knows of more than the history has.
  auto state = StateFile::Open(Path("state")).value();
  state->sequence += 10;
  Log(3, 3);
  EXPECT_THAT(Numbers({{"event", "GAP"}}), ElementsAre(14));
  const auto report = VerifyHistory(path_).value();
  EXPECT_THAT(report.findings, IsEmpty());
  EXPECT_EQ(report.missing, 10u);
  EXPECT_EQ(report.last, 16u);
  EXPECT_EQ(report.records, 7u);
}

TEST_F(HistoryTest, OldBatchesGoAndTheChainStays) {
  for (uint32_t run = 0; run < 5; ++run) {
    OpenWith(Sink({.keep = absl::Hours(30)}));
    log_->Start(LogFlow(run));
    log_.reset();
    clock_.now += absl::Hours(24);
  }
  EXPECT_THAT(Numbers({}), ElementsAre(4, 5));
  EXPECT_THAT(Findings(), IsEmpty());
}

TEST_F(HistoryTest, TheFileIsBounded) {
  constexpr uint64_t kSize = 1 << 20;
  OpenWith(Sink({.size = kSize}));
  for (uint32_t i = 0; i < 30'000; ++i) {
    log_->Start(LogFlow(i));
    if (i % 2048 == 0) {
      log_->Flush();
      while (log_->statistics().at(0).waiting > 0) {
      }
    }
  }
  log_.reset();
  EXPECT_LT(Numbers({{"limit", "100000"}}).size(), 10'000u);
  EXPECT_EQ(Numbers({{"limit", "1"}}), std::vector<int>{30'000});
  EXPECT_LT(std::filesystem::file_size(path_), 4 * kSize);
  EXPECT_THAT(Findings(), IsEmpty());
}

}  // namespace
}  // namespace rampart

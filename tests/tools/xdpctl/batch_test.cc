// SPDX-License-Identifier: Apache-2.0
// Many command lines from one file.
#include "tools/xdpctl/batch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/tools/xdpctl/run_fixture.h"

namespace rampart::xdpctl {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(SplitWordsTest, SplitsAsShellsDo) {
  EXPECT_THAT(*SplitWords("flow list  dport 53\t# names"),
              ElementsAre("flow", "list", "dport", "53"));
  EXPECT_THAT(
      *SplitWords(R"(a "b c" 'd "e' f\ g h"i"j "" k#l "m\"n")"),
      ElementsAre("a", "b c", "d \"e", "f g", "hij", "", "k#l", "m\"n"));
  EXPECT_THAT(*SplitWords("  # nothing"), IsEmpty());
  EXPECT_FALSE(SplitWords("a 'b").ok());
}

class BatchTest : public RunTest {
 protected:
  BatchTest() {
    On("/v1/tenants", R"({"tenants":[{"name":"acme"}]})");
    On("/v1/status", R"({"degraded":["x"]})");
  }
};

TEST_F(BatchTest, RunsEveryLineWithTheOptionsInFront) {
  const Result result =
      Run("-b - -o name", "# all\ntenant list\n\ntenant show acme\n");
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.out, "acme\nacme\n");
}

TEST_F(BatchTest, StopsAtTheFirstFailureUnlessToldNotTo) {
  const std::string lines = "tenant show x\nroute lost\ntenant list -o name\n";
  const Result stopped = Run("-b -", lines);
  EXPECT_EQ(stopped.code, 3);
  EXPECT_THAT(stopped.out, IsEmpty());
  EXPECT_THAT(stopped.err, HasSubstr("\n<stdin>:1: ended with exit code 3\n"));
  const Result all = Run("--keep-going --batch=-", lines);
  EXPECT_EQ(all.code, 3);
  EXPECT_EQ(all.out, "acme\n");
  EXPECT_THAT(all.err, HasSubstr("<stdin>:2: ended with exit code 2"));
}

TEST_F(BatchTest, ADegradedEdgeIsNoFailure) {
  const Result result = Run("-b -", "status\ntenant list -o name\n");
  EXPECT_EQ(result.code, 5);
  EXPECT_THAT(result.out, HasSubstr("acme\n"));
}

TEST_F(BatchTest, MistakesNameTheLineOrTheFile) {
  EXPECT_EQ(Run("-b -", "\ntenant 'list\n").err,
            "<stdin>:2: a quote without its end\n");
  const Result missing = Run("-b /nonexistent");
  EXPECT_EQ(missing.code, 3);
  EXPECT_EQ(missing.err,
            "xdpctl: batch: /nonexistent: No such file or directory\n");
}

}  // namespace
}  // namespace rampart::xdpctl

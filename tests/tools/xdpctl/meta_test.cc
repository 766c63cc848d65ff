// SPDX-License-Identifier: Apache-2.0
// Help, examples, completion: xdpctl about itself.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/tools/xdpctl/run_fixture.h"

namespace rampart::xdpctl {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class MetaTest : public RunTest {
 protected:
  // Completions of the last word, without what they mean.
  std::vector<std::string> Complete(std::vector<std::string> words) {
    words.insert(words.begin(), {"__complete", "--"});
    std::vector<std::string> found;
    for (const absl::string_view line : absl::StrSplit(
             RunWords(std::move(words)).out, '\n', absl::SkipEmpty()))
      found.emplace_back(line.substr(0, line.find('\t')));
    return found;
  }
};

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

TEST_F(MetaTest, HelpAndTheHelpOptionSayTheSame) {
  EXPECT_EQ(
      Run("help route get").out,
      "xdpctl route get: Which way an address goes, and why not another\n"
      "\n"
      "Usage: xdpctl route get [OPTIONS] address\n"
      "\n"
      "The first line is the route that wins. `lost` are those that it "
      "beats, `also`\n"
      "those of the tenant's other vnets.\n"
      "\n"
      "Options:\n"
      "  -h, --help              Say how to use the command, and exit\n"
      "  address                 IPv4 or IPv6 address\n"
      "  --vnet VNET             frankfurt, or acme/frankfurt where names "
      "are used\n"
      "                          twice; without it the default vnet\n"
      "\n"
      "Example:\n"
      "  xdpctl route get 10.1.2.3\n"
      "\n"
      "Exit codes:\n"
      "  0                       done\n"
      "  1                       error: not allowed, no answer, a bug\n"
      "  2                       usage, mistakes in a file, conflict\n"
      "  3                       nothing routes there\n"
      "\n"
      "xdpctl --help shows the options that all commands have.\n");
  EXPECT_EQ(Run("route get --help").out, Run("he ro g").out);
  EXPECT_EQ(Run("--help").out, Run("help").out);
  EXPECT_THAT(Run("help").out, HasSubstr("Commands:\n  status"));
  EXPECT_THAT(Run("help").out, Not(HasSubstr("__complete")));
  EXPECT_EQ(Run("help route nonsense").code, 2);
  EXPECT_EQ(Run("help status nonsense").code, 2);
}

// The words of a line as a shell sees them, up to where its output goes.
std::vector<std::string> ShellWords(std::string_view line) {
  std::vector<std::string> words = {""};
  bool quoted = false;
  for (const char c : line.substr(0, line.find_first_of("|>"))) {
    if (c == '"')
      quoted = !quoted;
    else if (c == ' ' && !quoted)
      words.emplace_back();
    else
      words.back() += c;
  }
  std::erase(words, "");
  return words;
}

TEST_F(MetaTest, EveryExampleRuns) {
  const Result all = Run("examples");
  EXPECT_EQ(all.code, 0);
  int examples = 0;
  for (const absl::string_view line :
       absl::StrSplit(all.out, '\n', absl::SkipEmpty())) {
    if (line[0] == '#') continue;
    std::vector<std::string> words =
        ShellWords(std::string_view(line.data(), line.size()));
    ASSERT_EQ(words[0], "xdpctl");
    words[0] = "--bpffs=/nowhere";
    const Result result = RunWords(words);
    // Files and answers are not there; the words must be understood.
    EXPECT_NE(result.code, 2) << line << ": " << result.err;
    ++examples;
  }
  EXPECT_GT(examples, 20);
}

TEST_F(MetaTest, ExamplesAreFoundByWords) {
  const Result found = Run("examples TOP port");
  EXPECT_THAT(found.out, HasSubstr("# The subscribers with the most ports\n"
                                   "xdpctl nat port top 5\n"));
  EXPECT_THAT(found.out, Not(HasSubstr("apply")));
  EXPECT_EQ(Run("examples no such thing anywhere").code, 3);
}

TEST_F(MetaTest, CommandsAndOptionsAreCompleted) {
  EXPECT_THAT(Complete({"v"}), ElementsAre("vnet"));
  EXPECT_THAT(Complete({"nat", ""}),
              UnorderedElementsAre("pool", "port", "session", "whois"));
  EXPECT_THAT(Complete({"ten", "li"}), ElementsAre("list"));
  EXPECT_THAT(Complete({"flow", "list", "--li"}), ElementsAre("--limit"));
  EXPECT_THAT(Complete({"flow", "list", "--col"}),
              ElementsAre("--columns", "--color"));
  EXPECT_THAT(Complete({"-o", "js"}), ElementsAre("json", "jsonl"));
  EXPECT_THAT(Complete({"tenant", "list", "--color", "a"}),
              ElementsAre("auto", "always"));
  EXPECT_THAT(Complete({"completion", ""}), ElementsAre("bash", "zsh", "fish"));
  EXPECT_THAT(Complete({"map", "dump", "rp_flows"}),
              ElementsAre("rp_flows4", "rp_flows6"));
  EXPECT_THAT(Complete({"apply", "-f", ""}), IsEmpty());
}

TEST_F(MetaTest, NamesAreCompletedAsTheControllerHasThem) {
  On("/v1/vnets",
     R"({"vnets":[{"tenant":"acme","name":"fra"},{"tenant":"globex",)"
     R"("name":"main"}]})");
  EXPECT_THAT(Complete({"vnet", "show", ""}),
              ElementsAre("acme/fra", "globex/main"));
  EXPECT_THAT(Complete({"vnet", "show", "f"}), ElementsAre("fra"));
  EXPECT_THAT(Complete({"route", "get", "::1", "--vnet", "glo"}),
              ElementsAre("globex/main"));
  EXPECT_THAT(Complete({"flow", "list", "not", "vnet", "ac"}),
              ElementsAre("acme/fra"));
}

TEST_F(MetaTest, SelectorsAreCompleted) {
  EXPECT_THAT(Complete({"flow", "list", "s"}),
              ElementsAre("src", "sport", "state"));
  EXPECT_THAT(Complete({"flow", "list", "proto", "u"}), ElementsAre("udp"));
  EXPECT_THAT(Complete({"flow", "list", "proto", "udp", "n"}),
              ElementsAre("nat", "not"));
  EXPECT_THAT(Complete({"flow", "list", "not", "st"}), ElementsAre("state"));
  EXPECT_THAT(Complete({"flow", "list", "--limit", "5", "state", "EST"}),
              ElementsAre("ESTABLISHED"));
}

TEST_F(MetaTest, CompletionWithoutAControllerIsSilent) {
  variable_ = "/nowhere.sock";
  const Result result = RunWords(
      {"--bpffs", "/nonexistent", "__complete", "--", "vnet", "show", ""});
  EXPECT_EQ(result.code, 0);
  EXPECT_EQ(result.out, "");
}

}  // namespace
}  // namespace rampart::xdpctl

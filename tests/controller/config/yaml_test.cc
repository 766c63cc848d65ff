// SPDX-License-Identifier: Apache-2.0
#include "controller/config/yaml.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "absl/strings/str_cat.h"

namespace rampart {
namespace {

using testing::HasSubstr;

// What is reported about `text`; empty if it is fine.
std::string Report(std::string_view text) {
  Mistakes mistakes("f");
  ParseYaml(text, mistakes);
  return std::string(mistakes.ToStatus().message());
}

TEST(YamlTest, TreeKnowsTheLineOfEveryKeyAndValue) {
  Mistakes mistakes("f");
  const Tree tree = ParseYaml(
      "# comment\n"
      "a: 1\n"
      "b:\n"
      "  - x\n"
      "  - {c: 'it''s', c: \"2\"}\n",
      mistakes);
  ASSERT_EQ(mistakes.count(), 0u) << mistakes.ToStatus();
  ASSERT_EQ(tree.kind, Tree::Kind::kMap);
  ASSERT_EQ(tree.children.size(), 2u);
  EXPECT_EQ(tree.children[0].key, "a");
  EXPECT_EQ(tree.children[0].text, "1");
  EXPECT_EQ(tree.children[0].line, 2);
  const Tree& list = tree.children[1];
  EXPECT_EQ(list.kind, Tree::Kind::kList);
  EXPECT_EQ(list.key_line, 3);
  ASSERT_EQ(list.children.size(), 2u);
  EXPECT_EQ(list.children[0].line, 4);
  const Tree& map = list.children[1];
  ASSERT_EQ(map.children.size(), 2u);  // keys that repeat are both there
  EXPECT_EQ(map.children[0].text, "it's");
  EXPECT_EQ(map.children[1].key, "c");
  EXPECT_EQ(map.children[1].line, 5);
}

TEST(YamlTest, ByteOrderMarkAndCarriageReturnsAreFine) {
  EXPECT_EQ(Report("\xef\xbb\xbf"
                   "a: \"\xc3\xbc\"\r\nb: 2\r\n"),
            "");
}

struct Case {
  const char* text;
  const char* report;
};

class YamlMistakeTest : public testing::TestWithParam<Case> {};

TEST_P(YamlMistakeTest, IsReportedWithItsLine) {
  EXPECT_EQ(Report(GetParam().text), GetParam().report);
}

constexpr char kEmpty[] = "f:1: is empty; write at least one key: value";
constexpr char kAnchor[] =
    "anchors (&) and aliases (*) are not accepted; write the value out where "
    "it is needed";

INSTANTIATE_TEST_SUITE_P(
    All, YamlMistakeTest,
    testing::Values(
        Case{"", kEmpty}, Case{"\n  \n", kEmpty}, Case{"# only this\n", kEmpty},
        Case{"---\n", kEmpty}, Case{"~\n", kEmpty},
        Case{"a: 1\n---\nb: 2\n",
             "f:1: a second document follows (\"---\"); one file holds one"},
        Case{"a: 1\nb: [1, 2\nc: 3\n",
             "f:3: not YAML: end of sequence flow not found (column 2); "
             "correct indentation, quotes or brackets"},
        Case{"a: b: c\n",
             "f:1: not YAML: illegal map value (column 5); correct "
             "indentation, quotes or brackets"},
        Case{"a:\n\t- x\n",
             "f:2: not YAML: illegal block entry (column 2); correct "
             "indentation, quotes or brackets"},
        Case{"a: 1\nb: 'x\nc: 2\n",
             "f:2: not YAML: closing quote is missing (column 4); correct "
             "indentation, quotes or brackets"},
        Case{"b: \"x\\\"\nc: 2\n",
             "f:1: not YAML: closing quote is missing (column 4); correct "
             "indentation, quotes or brackets"},
        Case{"a: !!int 3\n",
             "f:1: tag \"tag:yaml.org,2002:int\" is not accepted; leave it "
             "out"},
        Case{"? [a]\n: 1\n",
             "f:1: a key is not a single value; write key: value"}));

TEST(YamlTest, EveryAnchorAndAliasIsReported) {
  EXPECT_EQ(Report("a: &x 1\nb: *x\nc: *x\n"), std::string("f:1: ") + kAnchor +
                                                   "\nf:2: " + kAnchor +
                                                   "\nf:3: " + kAnchor);
}

TEST(YamlTest, AliasesThatMultiplyCostNothing) {
  std::string text = "a0: &a0 [x, x]\n";
  for (int i = 1; i < 60; ++i)
    absl::StrAppend(&text, "a", i, ": &a", i, " [*a", i - 1, ", *a", i - 1,
                    ", *a", i - 1, "]\n");
  EXPECT_THAT(Report(text), HasSubstr(kAnchor));
}

TEST(YamlTest, DeepNestingIsRefused) {
  for (const std::string piece : {"[", "{a: ", "- ", "? ", "{"}) {
    std::string text;
    for (int i = 0; i < 100000; ++i) text += piece;
    EXPECT_THAT(Report(text), HasSubstr("nested too deep")) << piece;
  }
  std::string text;
  for (int i = 0; i < 1000; ++i) text += std::string(i, ' ') + "a:\n";
  EXPECT_THAT(Report(text), HasSubstr("f:17: not YAML: nested too deep"));
}

TEST(YamlTest, FileThatIsTooBigIsRefused) {
  EXPECT_EQ(Report(std::string(kYamlSizeMax + 1, 'a')),
            "f: has 134217729 bytes; write at most 134217728");
}

TEST(YamlTest, WhatIsNotTextIsRefusedWithItsLine) {
  constexpr char kNotText[] =
      "is not UTF-8 text, or has control characters; write plain YAML";
  EXPECT_EQ(Report(std::string_view("a: 1\nb: \0\n", 10)),
            std::string("f:2: ") + kNotText);
  EXPECT_EQ(Report("\x7f"
                   "ELF\x02\x01\x01"),
            std::string("f:1: ") + kNotText);
  EXPECT_EQ(Report("a: 1\nb: \x1b[31m\n"), std::string("f:2: ") + kNotText);
  EXPECT_EQ(Report("a: \xff\n"), std::string("f:1: ") + kNotText);
  // UTF-16, which yaml-cpp would read by itself.
  EXPECT_EQ(Report(std::string_view("\xff\xfe"
                                    "a\0:\0 \0b\0",
                                    10)),
            std::string("f:1: ") + kNotText);
}

// Whatever it is, it ends, and it is a tree or a report of lines in order.
TEST(YamlTest, RandomTextNeverDoesHarm) {
  constexpr std::string_view kAlphabet = "ab:-[]{},#&*!|>'\"%@`?\n\n  ~0\t.<=";
  std::mt19937 random(20240611);
  for (int round = 0; round < 50000; ++round) {
    std::string text(random() % 40, ' ');
    for (char& c : text) c = kAlphabet[random() % kAlphabet.size()];
    Mistakes mistakes("f");
    const Tree tree = ParseYaml(text, mistakes);
    if (mistakes.count() == 0)
      EXPECT_NE(tree.kind, Tree::Kind::kBroken) << text;
    else
      EXPECT_THAT(std::string(mistakes.ToStatus().message()),
                  testing::StartsWith("f:"))
          << text;
  }
}

}  // namespace
}  // namespace rampart

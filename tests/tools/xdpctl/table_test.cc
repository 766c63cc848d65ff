// SPDX-License-Identifier: Apache-2.0
#include "tools/xdpctl/table.h"

#include <gtest/gtest.h>

#include <sstream>

namespace rampart::xdpctl {
namespace {

std::string Print(const Table& table, bool headers = true) {
  std::ostringstream out;
  table.Print(out, headers);
  return out.str();
}

TEST(TableTest, NumbersGoRightAndWordsLeft) {
  Table table({"NAME", "COUNT", "WHY"});
  table.Add({"a", "5", "x"});
  table.Add({"longer", "12345678", ""});
  EXPECT_EQ(Print(table),
            "NAME       COUNT  WHY\n"
            "a              5  x\n"
            "longer  12345678  -\n");
}

TEST(TableTest, AColumnOfGapsIsNoColumnOfNumbers) {
  Table table({"NUMBERS", "GAPS"});
  table.Add({"5", ""});
  table.Add({"", ""});
  EXPECT_EQ(Print(table),
            "NUMBERS  GAPS\n"
            "      5  -\n"
            "      -  -\n");
}

TEST(TableTest, WithoutHeadersOnlyRowsArePrinted) {
  Table table({"A LONG HEADER", "B"});
  table.Add({"a", "b"});
  EXPECT_EQ(Print(table, false), "a  b\n");
  EXPECT_EQ(Print(Table({"A"}), false), "");
}

TEST(TableTest, ControlCharactersDoNotReachTheTerminal) {
  Table table({"COMMENT"});
  table.Add({"a\x1b[2Jb\nc"});
  EXPECT_EQ(Print(table, false), "a?[2Jb?c\n");
}

TEST(TableTest, ColumnsAreCountedInCharacters) {
  Table table({"A", "B"});
  table.Add({"Zürich", "x"});
  table.Add({"London", "y"});
  EXPECT_EQ(Print(table, false), "Zürich  x\nLondon  y\n");
}

TEST(CellTest, ValuesBecomeText) {
  EXPECT_EQ(Cell("x"), "x");
  EXPECT_EQ(Cell(true), "yes");
  EXPECT_EQ(Cell(nullptr), "");
  EXPECT_EQ(Cell(12), "12");
  EXPECT_EQ(Cell(1.55), "1.6");
  EXPECT_EQ(Cell(Json::array({"a", "b"})), "a,b");
  EXPECT_EQ(Cell(Json{{"vnet", "x"}, {"ports", {"80", "443"}}}),
            "vnet x ports 80,443");
}

TEST(CellTest, MissingFieldsAreNull) {
  EXPECT_TRUE(At(Json::object(), "x").is_null());
  EXPECT_TRUE(At(Json(5), "x").is_null());
  EXPECT_TRUE(At(Json{{"x", {1}}}, "x", 1).is_null());
  EXPECT_EQ(At(Json{{"x", {1}}}, "x", 0), 1);
}

TEST(HumanTest, BytesAndSecondsAreRounded) {
  EXPECT_EQ(HumanBytes(1023), "1023");
  EXPECT_EQ(HumanBytes(1536), "1.5K");
  EXPECT_EQ(HumanBytes(uint64_t{5} << 40), "5.0T");
  EXPECT_EQ(HumanSeconds(1.23), "1.2s");
  EXPECT_EQ(HumanSeconds(250), "4m10s");
  EXPECT_EQ(HumanSeconds(7440), "2h04m");
  EXPECT_EQ(HumanSeconds(90000), "1d01h");
  EXPECT_EQ(HumanSeconds(Json()), "");
}

}  // namespace
}  // namespace rampart::xdpctl

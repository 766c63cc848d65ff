// SPDX-License-Identifier: Apache-2.0
// Which columns, which order of rows.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tools/xdpctl/rows.h"
#include "tools/xdpctl/table.h"

namespace rampart::xdpctl {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::vector<Column> kColumns = {
    {"NAME", "name"},
    {"BYTES", "bytes",
     [](const Json& row) { return HumanBytes(row["bytes"]); }},
    {"BOTH", "", [](const Json& row) { return Cell(row["name"]) + "!"; }},
    {"NOTE", "note", nullptr, /*wide=*/true}};

std::vector<std::string> Headers(const std::string& names, bool wide) {
  std::vector<std::string> headers;
  const auto columns = ChooseColumns(kColumns, names, wide);
  for (const Column& column : *columns) headers.push_back(column.header);
  return headers;
}

std::vector<std::string> Sorted(const std::string& field,
                                std::initializer_list<Json> values,
                                const std::string& key) {
  Json rows = Json::array();
  for (const Json& value : values) rows.push_back({{field, value}});
  EXPECT_EQ(SortRows(rows, kColumns, key), absl::OkStatus());
  std::vector<std::string> order;
  for (const Json& row : rows) order.push_back(row[field].dump());
  return order;
}

TEST(ColumnsTest, AreChosenByNameInAnyOrder) {
  EXPECT_THAT(Headers("", false), ElementsAre("NAME", "BYTES", "BOTH"));
  EXPECT_THAT(Headers("", true), ElementsAre("NAME", "BYTES", "BOTH", "NOTE"));
  EXPECT_THAT(Headers("note,na", false), ElementsAre("NOTE", "NAME"));
}

TEST(ColumnsTest, MistakesListTheChoices) {
  const auto status = ChooseColumns(kColumns, "name,b", false).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(),
            "--columns: 'b' is no column; there are BYTES, BOTH");
  Json rows = Json::array();
  EXPECT_EQ(SortRows(rows, kColumns, "-x").message(),
            "--sort: 'x' is no column; there are NAME, BYTES, BOTH, NOTE");
}

TEST(CellOfTest, ExactIsTheField) {
  const Json row = {{"name", "a"}, {"bytes", 2048}};
  EXPECT_EQ(CellOf(kColumns[1], row, false), "2.0K");
  EXPECT_EQ(CellOf(kColumns[1], row, true), "2048");
  EXPECT_EQ(CellOf(kColumns[2], row, true), "a!");
}

TEST(SortTest, NumbersAreNumbersAlsoWithinText) {
  EXPECT_THAT(Sorted("bytes", {10, 9, 100}, "bytes"),
              ElementsAre("9", "10", "100"));
  EXPECT_THAT(Sorted("bytes", {10, 9, 100}, "-BYTES"),
              ElementsAre("100", "10", "9"));
  EXPECT_THAT(Sorted("name", {"10.10.0.1", "10.2.0.1", "10.02.0.0"}, "NAME"),
              ElementsAre("\"10.02.0.0\"", "\"10.2.0.1\"", "\"10.10.0.1\""));
  EXPECT_THAT(Sorted("name", {"eth10", "eth9", nullptr}, "name"),
              ElementsAre("null", "\"eth9\"", "\"eth10\""));
}

TEST(SortTest, CountersOfBothDirectionsAddUp) {
  EXPECT_THAT(Sorted("bytes", {{5, 5}, {1, 2}, {0, 9}}, "bytes"),
              ElementsAre("[1,2]", "[0,9]", "[5,5]"));
}

TEST(SortTest, AFieldThatIsNoColumnWillDo) {
  EXPECT_THAT(Sorted("hidden", {2, 1}, "hidden"), ElementsAre("1", "2"));
}

}  // namespace
}  // namespace rampart::xdpctl

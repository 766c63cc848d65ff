// SPDX-License-Identifier: Apache-2.0
// The documentation says what the code says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "maps/outcomes.h"

namespace {

std::string Read(const std::string& path) {
  std::ifstream file(std::string(RAMPART_SOURCE_DIR) + "/" + path);
  EXPECT_TRUE(file.good()) << path;
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<std::string> RowsWith(const std::string& text,
                                  const std::string& start) {
  std::vector<std::string> rows;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);)
    if (line.rfind(start, 0) == 0) rows.push_back(line);
  return rows;
}

TEST(ReadmeTest, TheTableOfDropReasonsIsTheListInTheCode) {
  const std::vector<std::string> expected = {
#define X(symbol, value, id, help) "| " id " | `" #symbol "` | " help " |",
      RP_DROP_REASONS(X)
#undef X
  };
  EXPECT_EQ(RowsWith(Read("bpf/README.md"), "| RP-"), expected);
}

TEST(ReadmeTest, EveryMapHasARow) {
  const std::string readme = Read("maps/README.md");
  std::istringstream lines(Read("bpf/maps.h"));
  int maps = 0;
  for (std::string line; std::getline(lines, line);) {
    const size_t end = line.find(" SEC(\".maps\")");
    if (end == std::string::npos) continue;
    const std::string name = line.substr(2, end - 2);
    EXPECT_THAT(readme, testing::HasSubstr("`" + name + "`"));
    ++maps;
  }
  EXPECT_GT(maps, 10);
}

}  // namespace

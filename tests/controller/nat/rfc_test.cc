// SPDX-License-Identifier: Apache-2.0
// controller/nat/RFC.md lists every requirement, and only tests that exist.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

const fs::path kSource = RAMPART_SOURCE_DIR;

std::string Read(const fs::path& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file.good()) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

struct Row {
  std::string rfc, requirement, level, met;
  std::vector<std::string> tests;
};

std::vector<std::string> AllMatches(const std::string& text,
                                    const std::string& pattern) {
  const std::regex regex(pattern);
  std::vector<std::string> found;
  for (std::sregex_iterator it(text.begin(), text.end(), regex), end; it != end;
       ++it)
    found.push_back((*it)[1]);
  return found;
}

std::vector<Row> Rows() {
  const std::regex heading("## RFC ([0-9]+):.*");
  const std::regex row(
      R"(\| (REQ-\d+[a-e]?|\d+(?:\.\d)?) \| (\w+) \| [^|]+ \| ([^|]+) \|(.*)\|)");
  std::vector<Row> rows;
  std::string rfc;
  std::istringstream lines(Read(kSource / "controller/nat/RFC.md"));
  std::smatch match;
  for (std::string line; std::getline(lines, line);) {
    if (std::regex_match(line, match, heading)) {
      rfc = match[1];
    } else if (std::regex_match(line, match, row)) {
      rows.push_back({rfc, match[1], match[2], match[3],
                      AllMatches(match[4], "`([^`]+)`")});
    } else if (!rfc.empty() && !line.empty()) {
      // The two lines that begin a table.
      EXPECT_TRUE(line.rfind("| requirement |", 0) == 0 ||
                  line.rfind("|---", 0) == 0)
          << "not a row: " << line;
    }
  }
  return rows;
}

// As RFC.md names them.
std::set<std::string> ExistingTests() {
  std::set<std::string> names;
  for (const auto& entry :
       fs::recursive_directory_iterator(kSource / "tests")) {
    const fs::path& path = entry.path();
    if (path.extension() == ".cc") {
      const std::regex test(R"(TEST(?:_F|_P)?\((\w+),\s*(\w+)\))");
      const std::string text = Read(path);
      for (std::sregex_iterator it(text.begin(), text.end(), test), end;
           it != end; ++it)
        names.insert((*it)[1].str() + "." + (*it)[2].str());
    } else if (path.extension() == ".py") {
      for (const auto& name : AllMatches(Read(path), R"(def (test_\w+)\()"))
        names.insert(path.filename().string() + "::" + name);
    }
  }
  return names;
}

bool Begins(const std::string& text, const std::string& start) {
  return text.rfind(start, 0) == 0;
}

TEST(NatRfcTest, EveryRequirementHasARow) {
  std::map<std::string, std::set<std::string>> rows;
  for (const Row& row : Rows())
    EXPECT_TRUE(rows[row.rfc].insert(row.requirement).second)
        << "twice: " << row.rfc << " " << row.requirement;
  const std::pair<const char*, int> last[] = {
      {"4787", 14}, {"5382", 10}, {"5508", 11}, {"6888", 15}};
  for (const auto& [rfc, count] : last) {
    for (int i = 1; i <= count; ++i) {
      const std::string name = "REQ-" + std::to_string(i);
      EXPECT_TRUE(rows[rfc].count(name) || rows[rfc].count(name + "a"))
          << rfc << " " << name;
    }
  }
  for (const char* section : {"2", "2.1", "2.2", "3", "4", "5", "6", "7", "7.1",
                              "8", "9", "10", "11", "12"})
    EXPECT_TRUE(rows["7857"].count(section)) << section;
}

TEST(NatRfcTest, EveryTestNamedExists) {
  const std::set<std::string> existing = ExistingTests();
  for (const Row& row : Rows())
    for (const std::string& test : row.tests)
      EXPECT_TRUE(existing.count(test))
          << row.rfc << " " << row.requirement << ": no test " << test;
}

TEST(NatRfcTest, WhatIsMetIsTestedAndNoMustIsOpen) {
  const std::set<std::string> levels = {"MUST", "SHOULD", "REC", "MAY"};
  for (const Row& row : Rows()) {
    SCOPED_TRACE(row.rfc + " " + row.requirement);
    EXPECT_TRUE(levels.count(row.level)) << row.level;
    const bool yes = Begins(row.met, "yes");
    EXPECT_TRUE(yes || Begins(row.met, "no: ") || Begins(row.met, "n/a: ") ||
                Begins(row.met, "partly: "))
        << row.met;
    EXPECT_TRUE(row.level != "MUST" || yes || Begins(row.met, "n/a: "));
    EXPECT_TRUE(!row.tests.empty() || Begins(row.met, "no: ") ||
                Begins(row.met, "n/a: "));
  }
}

}  // namespace

// SPDX-License-Identifier: Apache-2.0
// Every drop reason is provoked by a test: its name stands in the sources of
// the program tests, or, for reasons that only the controller gives, in those
// of the controller or end-to-end tests.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>

#include "maps/outcomes.h"

namespace rampart {
namespace {

namespace fs = std::filesystem;

bool IsSource(const fs::path& path) {
  for (const char* extension : {".cc", ".py", ".sh", ""})
    if (path.extension() == extension) return true;
  return false;
}

// The reasons named below `folder`, as RP_DROP_X or by id.
void AddNamed(const fs::path& folder, std::set<std::string>& named) {
  static const std::regex comment("//[^\n]*");
  static const std::regex name("RP_DROP_[A-Z0-9_]+|RP-[A-Z]{3}-[0-9]{3}");
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file() || !IsSource(entry.path())) continue;
    std::ifstream stream(entry.path());
    std::string text{std::istreambuf_iterator<char>(stream), {}};
    text = std::regex_replace(text, comment, "");
    for (std::sregex_iterator it(text.begin(), text.end(), name), end;
         it != end; ++it)
      named.insert(it->str());
  }
}

TEST(CoverageTest, EveryDropReasonIsProvokedByATest) {
  const fs::path tests = fs::path(RAMPART_SOURCE_DIR) / "tests";
  std::set<std::string> named;
  for (const char* folder : {"bpf", "controller", "e2e"})
    AddNamed(tests / folder, named);
#define X(symbol, value, id, help)                                \
  EXPECT_TRUE(named.count("RP_DROP_" #symbol) || named.count(id)) \
      << "no test provokes " id " " #symbol ": " help;
  RP_DROP_REASONS(X)
#undef X
}

}  // namespace
}  // namespace rampart

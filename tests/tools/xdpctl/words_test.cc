// SPDX-License-Identifier: Apache-2.0
#include "tools/xdpctl/words.h"

#include <gtest/gtest.h>

#include <string>

namespace rampart::xdpctl {
namespace {

TEST(DashesTest, TypographicOnesBecomeOptions) {
  struct Case {
    const char* typed;
    const char* meant;
  };
  for (const Case& c : std::initializer_list<Case>{
           {"—-default", "--default"},
           {"–default", "--default"},
           {"—json", "--json"},
           {"––json", "--json"},
           {"-–json", "--json"},
           {"–j", "-j"},
           {"−o", "-o"},
           {"—", "-"},
       }) {
    std::string word = c.typed;
    EXPECT_TRUE(FixDashes(word)) << c.typed;
    EXPECT_EQ(word, c.meant);
  }
}

TEST(DashesTest, OtherWordsStay) {
  for (const char* typed :
       {"--default", "-j", "-", "--", "", "a–b", "10.0.0.0/8", "Zürich"}) {
    std::string word = typed;
    EXPECT_FALSE(FixDashes(word)) << typed;
    EXPECT_EQ(word, typed);
  }
}

}  // namespace
}  // namespace rampart::xdpctl

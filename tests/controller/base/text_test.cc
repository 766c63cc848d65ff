// SPDX-License-Identifier: Apache-2.0
#include "controller/base/text.h"

#include <gtest/gtest.h>

namespace rampart {
namespace {

TEST(TextTest, QuotedTextStaysOnOneLine) {
  EXPECT_EQ(Quoted("plain"), "\"plain\"");
  EXPECT_EQ(Quoted("a\nb\"c\\"), "\"a\\nb\\\"c\\\\\"");
  EXPECT_EQ(Quoted("Zürich"), "\"Zürich\"");
  EXPECT_EQ(Quoted("\xff\x1b[31m"), "\"\\xff\\x1b[31m\"");
  EXPECT_EQ(Quoted(std::string_view("\0", 1)), "\"\\x00\"");
}

TEST(TextTest, QuotedTextIsCutBetweenCharacters) {
  EXPECT_EQ(Quoted(std::string(64, 'a')), "\"" + std::string(64, 'a') + "\"");
  EXPECT_EQ(Quoted(std::string(65, 'a')),
            "\"" + std::string(64, 'a') + "...\"");
  EXPECT_EQ(Quoted(std::string(63, 'a') + "üü"),
            "\"" + std::string(63, 'a') + "...\"");
}

TEST(TextTest, MalformedUtf8IsRecognised) {  // RFC 3629 section 4
  for (const char* good : {"", "a", "ü", "€", "\xf0\x9f\x99\x82",
                           "\xed\x9f\xbf", "\xf4\x8f\xbf\xbf"})
    EXPECT_TRUE(IsUtf8(good)) << Quoted(good);
  for (const char* bad :
       {"\x80", "\xc3", "\xc0\xaf", "\xc1\xbf", "\xe0\x80\xaf", "\xed\xa0\x80",
        "\xf0\x80\x80\xaf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff",
        "a\xe2\x82"})
    EXPECT_FALSE(IsUtf8(bad)) << Quoted(bad);
}

}  // namespace
}  // namespace rampart

// SPDX-License-Identifier: Apache-2.0
#include "controller/api/selectors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_split.h"

namespace rampart {
namespace {

using ::testing::HasSubstr;

IpAddress Ip(const char* text) { return *IpAddress::Parse(text); }

const Selectable kTcp = {.source = Ip("10.1.0.5"),
                         .destination = Ip("10.2.0.9"),
                         .source_port = 1234,
                         .destination_port = 443,
                         .protocol = 6,
                         .tenant = "acme",
                         .vnet = "frankfurt",
                         .on_ramp = "fra",
                         .off_ramp = "syd",
                         .state = "ESTABLISHED",
                         .rule = "web",
                         .nat = Ip("203.0.113.1")};
const Selectable kPing6 = {.source = Ip("2001:db8:1::5"),
                           .destination = Ip("2001:db8:2::9"),
                           .source_port = 77,
                           .destination_port = 0,
                           .protocol = 58,
                           .tenant = "globex",
                           .vnet = "frankfurt",
                           .on_ramp = "hq",
                           .off_ramp = "internet",
                           .state = "REPLIED",
                           .rule = {},
                           .nat = {}};

absl::StatusOr<Selectors> FromWords(const std::string& line) {
  const std::vector<std::string> words =
      absl::StrSplit(line, ' ', absl::SkipEmpty());
  const auto query = SelectorWords(words);
  if (!query.ok()) return query.status();
  return Selectors::Parse(*query, {});
}

TEST(SelectorsTest, ChooseTheFlowsTheySay) {
  struct Case {
    const char* words;
    bool tcp;
    bool ping6;
  };
  for (const Case& c : std::initializer_list<Case>{
           {"", true, true},
           {"src 10.1.0.0/16", true, false},
           {"src 10.1.0.5", true, false},
           {"src 10.1.0.6", false, false},
           {"src 2001:db8::/32", false, true},
           {"dst ::/0", false, true},
           {"dst 0.0.0.0/0", true, false},
           {"sport 1234 dport 443", true, false},
           {"dport 443 sport 1234", true, false},
           {"sport 1234 dport 80", false, false},
           {"proto tcp", true, false},
           {"proto TCP", true, false},
           {"proto 6", true, false},
           {"proto icmp", false, true},
           {"proto icmpv6", false, true},
           {"vnet frankfurt", true, true},
           {"vnet acme/frankfurt", true, false},
           {"vnet globex/sydney", false, false},
           {"tenant globex", false, true},
           {"tunnel fra", true, false},
           {"tunnel syd", true, false},
           {"tunnel internet", false, true},
           {"state established", true, false},
           {"to 10.2.0.0/16", true, false},
           {"dport 400-443", true, false},
           {"dport 0-400", false, true},
           {"not sport 1000-2000", false, true},
           {"rule web", true, false},
           {"not rule web", false, true},
           {"nat 203.0.113.0/24", true, false},
           {"nat ::/0", false, false},
           {"not nat 203.0.113.1", false, true},
           {"not proto tcp", false, true},
           {"not src 10.0.0.0/8 not src 2001:db8::/32", false, false},
           {"tenant acme not dport 80", true, false},
           {"pr tcp ten acme", true, false},
       }) {
    SCOPED_TRACE(c.words);
    const auto selectors = FromWords(c.words);
    ASSERT_TRUE(selectors.ok()) << selectors.status();
    EXPECT_EQ(selectors->Match(kTcp), c.tcp);
    EXPECT_EQ(selectors->Match(kPing6), c.ping6);
  }
}

TEST(SelectorsTest, MistakesSayWhatIsWrongAndWhatWouldBeRight) {
  struct Case {
    const char* words;
    const char* what;
  };
  for (const Case& c : std::initializer_list<Case>{
           {"colour red", "'colour': unknown; there are src, dst, sport"},
           {"s 1", "'s': ambiguous; it could be src, sport, state"},
           {"src", "'src': its value is missing"},
           {"not", "'not' must be followed by"},
           {"src 10.1", "10.1"},
           {"src 10.1.2.3/16", "10.1.0.0/16"},
           {"sport http", "'http' is not a port"},
           {"dport 65536", "'65536' is not a port"},
           {"proto xyz", "protocol 'xyz'"},
           {"proto 256", "protocol '256'"},
           {"not not src 1.2.3.4", "'not': unknown"},
       }) {
    SCOPED_TRACE(c.words);
    const absl::Status status = FromWords(c.words).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.what));
  }
}

TEST(SelectorsTest, OtherParametersOfTheUrlAreSkipped) {
  const std::string_view other[] = {"limit"};
  EXPECT_TRUE(Selectors::Parse({{"limit", "5"}, {"proto", "tcp"}}, other).ok());
  EXPECT_FALSE(Selectors::Parse({{"limits", "5"}}, other).ok());
}

TEST(SelectorsTest, AnEmptyNameIsRefused) {
  EXPECT_FALSE(Selectors::Parse({{"tenant", ""}}, {}).ok());
}

}  // namespace
}  // namespace rampart

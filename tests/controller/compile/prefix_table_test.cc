// SPDX-License-Identifier: Apache-2.0
#include "controller/compile/prefix_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <vector>

#include "tests/oracle/prefix_oracle.h"

namespace rampart {
namespace {

Prefix Cidr(std::string_view text) { return Prefix::Parse(text).value(); }
IpAddress Ip(std::string_view text) { return IpAddress::Parse(text).value(); }

TEST(PrefixTableTest, TheLongestPrefixWinsInEachFamily) {
  PrefixTable<int> table;
  EXPECT_TRUE(table.Insert(Cidr("10.1.0.0/16"), 16));
  EXPECT_TRUE(table.Insert(Cidr("0.0.0.0/0"), 1));
  EXPECT_TRUE(table.Insert(Cidr("10.1.2.3/32"), 32));
  EXPECT_TRUE(table.Insert(Cidr("::/0"), 2));
  EXPECT_TRUE(table.Insert(Cidr("2001:db8::/32"), 33));
  EXPECT_FALSE(table.Insert(Cidr("10.1.0.0/16"), 99));
  const struct {
    const char* address;
    int expected;
  } cases[] = {
      {"10.1.2.3", 32},    {"10.1.2.4", 16},   {"10.2.0.1", 1},
      {"2001:db8::1", 33}, {"2001:db9::1", 2}, {"255.255.255.255", 1},
      {"ffff::ffff", 2},
  };
  for (const auto& c : cases)
    EXPECT_EQ(*table.Find(Ip(c.address)), c.expected) << c.address;
}

TEST(PrefixTableTest, AnEmptyFamilyHasNothing) {
  PrefixTable<int> table;
  table.Insert(Cidr("0.0.0.0/0"), 1);
  EXPECT_EQ(table.Find(Ip("2001:db8::1")), nullptr);
  EXPECT_TRUE(table.FindAll(Ip("2001:db8::1")).empty());
}

// Addresses with few different bits, so that prefixes nest deeply.
IpAddress RandomAddress(std::mt19937& random) {
  uint8_t bytes[16] = {};
  for (uint8_t& byte : bytes) byte = random() % 4 == 0 ? random() % 4 << 6 : 0;
  uint32_t v4;
  std::memcpy(&v4, bytes, 4);
  return random() % 2 ? IpAddress::V4(v4) : IpAddress::V6(bytes);
}

TEST(PrefixTableTest, AgreesWithALinearScanBitByBit) {
  std::mt19937 random(7);
  PrefixTable<Prefix> table;
  std::vector<Prefix> all;
  for (int i = 0; i < 400; ++i) {
    const IpAddress address = RandomAddress(random);
    const Prefix prefix(address, random() % (address.bits() + 1));
    if (table.Insert(prefix, prefix)) all.push_back(prefix);
  }
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
    return a.length() > b.length();
  });
  int found = 0;
  for (int i = 0; i < 2000; ++i) {
    const IpAddress address = RandomAddress(random);
    std::vector<Prefix> expected, actual;
    for (const Prefix& prefix : all)
      if (oracle::Contains(prefix, address)) expected.push_back(prefix);
    for (const Prefix* prefix : table.FindAll(address))
      actual.push_back(*prefix);
    ASSERT_EQ(actual, expected) << address.ToString();
    const Prefix* longest = table.Find(address);
    ASSERT_EQ(longest == nullptr, expected.empty());
    if (longest != nullptr) {
      ASSERT_EQ(*longest, expected.front());
    }
    found += static_cast<int>(expected.size());
  }
  EXPECT_GT(found, 2000);
}

}  // namespace
}  // namespace rampart
